# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Hub folders: save a model with its feature extractor, pipeline and code; check such a folder; publish it."""

from __future__ import annotations

import glob
import shutil
from os import PathLike
from pathlib import Path

import yaml
from huggingface_hub import CommitInfo, HfApi, ModelCard, get_token
from safetensors import SafetensorError

from ..configuration_ast_va import ASTVAConfig
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..modeling_ast_va import ASTVAForRegression
from ..settings import check_fit
from .files import CARD_FILE, CODE_FILES, CONFIG_FILE, EXTRACTOR_FILE, REQUIRED_FILES, WEIGHTS_FILE, read_json

# Measurements and plots are published too. Everything else stays: optimizer states and other pickles, logs, earlier
# checkpoints.
OPTIONAL_FILES = ("*.json", "*.csv", "*.png", "LICENSE")
PIPELINE = {"impl": "pipeline_ast_va.MusicEmotionPipeline", "pt": ["AutoModelForAudioClassification"], "type": "audio"}
CUSTOM_PIPELINES = {"music-emotion": PIPELINE}
ENTRY_POINTS = {
    CONFIG_FILE: {"AutoConfig", "AutoModel", "AutoModelForAudioClassification", *CUSTOM_PIPELINES},
    EXTRACTOR_FILE: {"AutoFeatureExtractor"},
}
CARD_FIELDS = ("license", "library_name", "pipeline_tag")
PLACEHOLDER_REPO_ID = "your-name/ast-va"  # in the card of a model that is not published yet


def save_hub_folder(
    model: ASTVAForRegression, feature_extractor: ASTVAFeatureExtractor, directory: str | PathLike[str]
) -> None:
    """
    Save everything of a Hub repository except its card: weights (safetensors), settings, and the code.

    `model.save_pretrained` alone leaves out feature extractor and pipeline. Device and mode of the model do not change.

    Args:
        model: saved in its own precision.
        feature_extractor: of the model; a ValueError if it does not fit.
        directory: created if it does not exist; files of the same names are replaced.
    """
    check_fit(model.config, feature_extractor)
    # As `Pipeline.save_pretrained` does it, without a pipeline, which would move the model to a device.
    model.config.custom_pipelines = CUSTOM_PIPELINES
    model.save_pretrained(directory)
    feature_extractor.save_pretrained(directory)
    copy_code(directory)


def copy_code(directory: str | PathLike[str]) -> None:
    """Copy the code of model, feature extractor and pipeline from this package into a folder."""
    for name in CODE_FILES:
        shutil.copyfile(Path(__file__).parents[1] / name, Path(directory) / name)


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
    Publish a Hub folder in one commit, after a check that it is complete and loads; print the files.

    Args:
        folder: with a card, as training and conversion leave it.
        repo_id: address on the Hub, `"owner/name"`, or `"name"` for one's own; created if it does not exist.
        private: whether a new repository is private; None is the owner's default.
        revision: branch, created if it does not exist; None is the main branch.
        token: with write access; None is the one of `hf auth login` or `HF_TOKEN`.
        dry_run: only check and print.

    Returns:
        The commit; None after a dry run.

    Raises:
        ValueError: as for [`check_hub_folder`], and without a token.
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
    card = folder / CARD_FILE
    card.write_text(card.read_text(encoding="utf-8").replace(PLACEHOLDER_REPO_ID, repo_id), encoding="utf-8")
    patterns = [glob.escape(name) for name in names]
    commit = api.upload_folder(
        repo_id=repo_id, folder_path=folder, allow_patterns=patterns, revision=revision, commit_message=commit_message
    )
    print(f"Published: {commit.commit_url}")
    return commit


def require_token(token: str | None = None) -> str:
    """The given token, or that of `hf auth login` or `HF_TOKEN`; ValueError if there is none."""
    token = token or get_token()
    if token is None:
        raise ValueError("Expected a token with write access, but got none: run `hf auth login`, or set HF_TOKEN.")
    return token


def check_hub_folder(folder: str | PathLike[str]) -> list[str]:
    """
    Check that a folder is a complete Hub repository whose model loads; a ValueError names what is wrong.

    Returns:
        Sorted names of the files that are published, all at the top of the folder. None of them is a pickle.
    """
    folder = Path(folder)
    require_files(folder, *REQUIRED_FILES)
    for name, expected in ENTRY_POINTS.items():
        settings = read_json(folder / name)
        missing = sorted(expected - {*settings.get("auto_map", {}), *settings.get("custom_pipelines", {})})
        if missing:
            raise ValueError(f"Expected the code of {', '.join(missing)} in {folder / name}, but it names none.")
    check_fit(ASTVAConfig.from_pretrained(folder), ASTVAFeatureExtractor.from_pretrained(folder))
    _check_weights(folder)
    _check_card(folder / CARD_FILE)
    optional = {path.name for pattern in OPTIONAL_FILES for path in folder.glob(pattern) if path.is_file()}
    return sorted(optional.union(REQUIRED_FILES))


def require_files(folder: Path, *names: str) -> None:
    """Raise a ValueError for files that are not in a folder."""
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"Expected a complete Hub folder, but {folder} has no {', '.join(missing)}.")


def _check_weights(folder: Path) -> None:
    expected = f"Expected all weights of the model in {folder / WEIGHTS_FILE}"
    try:
        _, info = ASTVAForRegression.from_pretrained(folder, output_loading_info=True)
    except (RuntimeError, OSError, SafetensorError) as error:
        raise ValueError(f"{expected}, but got {error}") from error
    if info["missing_keys"]:
        raise ValueError(f"{expected}, but got none of {', '.join(sorted(info['missing_keys']))}.")


def _check_card(path: Path) -> None:
    try:
        data = ModelCard.load(path).data
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"Expected valid metadata in {path}, but got {error}") from error
    missing = [field for field in CARD_FIELDS if not data.get(field)]
    if missing:
        fields = ", ".join(CARD_FIELDS)
        raise ValueError(f"Expected {fields} in the metadata of {path}, but got no {', '.join(missing)}.")
