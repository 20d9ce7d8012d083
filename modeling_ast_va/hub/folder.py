# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Hub folders: a model with its feature extractor, pipeline, code and card; written, checked and published."""

from __future__ import annotations

import glob
import json
from os import PathLike
from pathlib import Path

import yaml
from huggingface_hub import CommitInfo, HfApi, ModelCard, get_token
from safetensors import SafetensorError
from transformers.dynamic_module_utils import custom_object_save

from ..configuration_ast_va import ASTVAConfig
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..modeling_ast_va import ASTVAForRegression
from ..pipeline_ast_va import MusicEmotionPipeline

CONFIG_FILE, EXTRACTOR_FILE, WEIGHTS_FILE = "config.json", "preprocessor_config.json", "model.safetensors"
CARD_FILE = "README.md"
CODE_FILES = (
    "audio_ast_va.py",
    "configuration_ast_va.py",
    "descriptors_ast_va.py",
    "feature_extraction_ast_va.py",
    "modeling_ast_va.py",
    "pipeline_ast_va.py",
)
REQUIRED_FILES = (CARD_FILE, CONFIG_FILE, EXTRACTOR_FILE, WEIGHTS_FILE, *CODE_FILES)
# Measurements and plots go too. Everything else stays: optimizer states and other pickles, logs, earlier checkpoints.
OPTIONAL_FILES = ("*.json", "*.csv", "*.png", "LICENSE")
CUSTOM_PIPELINES = {
    "music-emotion": {
        "impl": "pipeline_ast_va.MusicEmotionPipeline",
        "pt": ["AutoModelForAudioClassification"],
        "type": "audio",
    }
}
ENTRY_POINTS = {
    CONFIG_FILE: {"AutoConfig", "AutoModel", "AutoModelForAudioClassification", *CUSTOM_PIPELINES},
    EXTRACTOR_FILE: {"AutoFeatureExtractor"},
}
CARD_FIELDS = ("license", "library_name", "pipeline_tag")
PLACEHOLDER_REPO_ID = "your-name/ast-va"  # in a card that was written before its model had an address


def save_hub_folder(
    model: ASTVAForRegression, feature_extractor: ASTVAFeatureExtractor, directory: str | PathLike[str]
) -> None:
    """
    Write a complete Hub repository, but for its card: weights (safetensors), settings, and the code of all parts.

    Every writer of a model goes through here: `model.save_pretrained` alone leaves out feature extractor and pipeline.
    The model stays on its device and in its mode.

    Args:
        model: what is saved, in its own precision.
        feature_extractor: the one whose log-mels the model was trained on.
        directory: created where it is missing; files of the same names are replaced.

    Raises:
        ValueError: when the feature extractor's spectrograms do not fit the model; the message names both shapes.
    """
    check_shapes(model.config, feature_extractor)
    # What `Pipeline.save_pretrained` does, without building a pipeline, which would move the model to a device.
    model.config.custom_pipelines = CUSTOM_PIPELINES
    model.save_pretrained(directory)
    feature_extractor.save_pretrained(directory)
    custom_object_save(MusicEmotionPipeline, directory)


def push_folder(
    folder: str | PathLike[str],
    repo_id: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    commit_message: str = "Upload model, code and card",
    token: str | None = None,
    dry_run: bool = False,
) -> CommitInfo | None:
    """
    Publish a Hub folder in one commit, after checking that it is complete and loads; lists what goes.

    Args:
        folder: as training, conversion or [`save_hub_folder`] and [`write_model_card`] leave it.
        repo_id: address on the Hub, `"owner/name"`, or `"name"` for one's own; created where it is missing.
        private: whether a new repository is private; None is the owner's default.
        revision: branch, created where it is missing; None is the main branch.
        commit_message: first line of the commit.
        token: with write access; None is the one of `hf auth login` or `HF_TOKEN`.
        dry_run: only check and list.

    Returns:
        The commit, or None after a dry run.

    Raises:
        ValueError: for a folder that is not complete or does not load, and without a token.
        HfHubHTTPError: when the Hub refuses.
    """
    folder = Path(folder)
    names = check_hub_folder(folder)
    print(f"{len(names)} files of {folder} for {repo_id}:")
    print("\n".join(f"{(folder / name).stat().st_size:>14,} bytes  {name}" for name in names))
    left_out = sorted(entry.name for entry in folder.iterdir() if entry.name not in names)
    print(f"Left out: {', '.join(left_out) or 'nothing'}")
    if dry_run:
        return None
    api = HfApi(token=require_token(token))
    repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
    if revision is not None:
        api.create_branch(repo_id, branch=revision, exist_ok=True)
    fill_in_address(folder / CARD_FILE, repo_id)
    commit = api.upload_folder(
        repo_id=repo_id,
        folder_path=folder,
        allow_patterns=[glob.escape(name) for name in names],
        revision=revision,
        commit_message=commit_message,
    )
    print(f"Published: {commit.commit_url}")
    return commit


def require_token(token: str | None = None) -> str:
    """The given token, or that of `hf auth login` or `HF_TOKEN`; ValueError where there is none."""
    token = token or get_token()
    if token is None:
        raise ValueError("Publishing needs a token with write access: run `hf auth login`, or set HF_TOKEN.")
    return token


def check_hub_folder(folder: str | PathLike[str]) -> list[str]:
    """
    Check that a folder is a complete Hub repository whose model loads, and name the files that are published.

    Returns:
        Names of files at the top of the folder, sorted. Never a pickle.

    Raises:
        ValueError: names what is missing or does not fit.
    """
    folder = Path(folder)
    missing = [name for name in REQUIRED_FILES if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"{folder} is not a complete Hub folder: it lacks {', '.join(missing)}.")
    for name, expected in ENTRY_POINTS.items():
        settings = json.loads((folder / name).read_text(encoding="utf-8"))
        lacking = expected - {*settings.get("auto_map", {}), *settings.get("custom_pipelines", {})}
        if lacking:
            raise ValueError(f"{folder / name} does not say where the code of {', '.join(sorted(lacking))} is.")
    config = ASTVAConfig.from_pretrained(folder)
    check_shapes(config, ASTVAFeatureExtractor.from_pretrained(folder))
    check_weights(folder)
    check_card(folder / CARD_FILE)
    optional = {path.name for pattern in OPTIONAL_FILES for path in folder.glob(pattern) if path.is_file()}
    return sorted(optional.union(REQUIRED_FILES))


def check_shapes(config: ASTVAConfig, feature_extractor: ASTVAFeatureExtractor) -> None:
    """Refuse a feature extractor whose spectrograms have another shape than the model expects (ValueError)."""
    expected = (config.max_length, config.num_mel_bins)
    offered = (feature_extractor.max_length, feature_extractor.num_mel_bins)
    if offered != expected:
        raise ValueError(
            f"The model expects spectrograms of (max_length, num_mel_bins) = {expected}, "
            f"but the feature extractor makes {offered}."
        )


def check_weights(folder: Path) -> None:
    """Refuse weights that cannot be read or are not exactly those of the model (ValueError)."""
    try:
        _, info = ASTVAForRegression.from_pretrained(folder, output_loading_info=True)
    except (RuntimeError, OSError, SafetensorError) as error:
        raise ValueError(f"{folder / WEIGHTS_FILE} cannot be loaded: {error}") from error
    if info["missing_keys"]:
        raise ValueError(f"{folder / WEIGHTS_FILE} lacks {', '.join(sorted(info['missing_keys']))}.")


def check_card(path: Path) -> None:
    """Refuse a card whose metadata the Hub could not read, or that lacks what the Hub shows (ValueError)."""
    try:
        data = ModelCard.load(path).data
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"The metadata of {path} cannot be read: {error}") from error
    lacking = [field for field in CARD_FIELDS if not data.get(field)]
    if lacking:
        raise ValueError(f"The metadata of {path} lacks {', '.join(lacking)}.")


def fill_in_address(card: Path, repo_id: str) -> None:
    """Put the address of the model into a card that was written before there was one."""
    content = card.read_text(encoding="utf-8")
    if PLACEHOLDER_REPO_ID in content:
        card.write_text(content.replace(PLACEHOLDER_REPO_ID, repo_id), encoding="utf-8")
