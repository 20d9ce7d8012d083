# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Hub folders: save a model with its feature extractor, pipeline and code; check such a folder; publish it."""

from __future__ import annotations

import glob
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import torch
import yaml
from huggingface_hub import CommitInfo, HfApi, ModelCard, get_token
from huggingface_hub.errors import HfHubHTTPError, StrictDataclassError
from safetensors import SafetensorError

from ..configuration_ast_va import ASTVAConfig
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..modeling_ast_va import HEADS, ASTVAForRegression, ASTVAModel
from ..pipeline_ast_va import CUSTOM_PIPELINES, check_weights
from .files import (
    CARD_FILE,
    CODE_FILES,
    CONFIG_FILE,
    EXTRACTOR_FILE,
    ONNX_FILE,
    REQUIRED_FILES,
    WEIGHTS_FILE,
    check_repo_id,
    check_revision,
    read_json_object,
    require_files,
)

# Measurements and plots are published too. Everything else stays: optimizer states and other pickles, logs, earlier
# checkpoints.
OPTIONAL_FILES = ("*.json", "*.csv", "*.png", "LICENSE", ONNX_FILE)
ENTRY_POINTS = {
    CONFIG_FILE: {"AutoConfig", "AutoModel", "AutoModelForAudioClassification", *CUSTOM_PIPELINES},
    EXTRACTOR_FILE: {"AutoFeatureExtractor"},
}
# What the libraries raise for damaged files, found by damaging files at random.
LOAD_ERRORS = (
    *(RuntimeError, OSError, SafetensorError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError),
    StrictDataclassError,
)
HTTP_ERROR = HfHubHTTPError.__bases__[0]  # of httpx or httpx2, whichever the library uses
CARD_FIELDS = ("license", "library_name", "pipeline_tag")
PLACEHOLDER_REPO_ID = "your-name/ast-va"  # in the card of a model that is not published yet


def save_hub_folder(
    model: ASTVAForRegression, feature_extractor: ASTVAFeatureExtractor, directory: str | PathLike[str]
) -> None:
    """
    Save everything of a Hub repository except its card: weights (safetensors), settings, and the code.

    Args:
        model: saved in its own precision.
        feature_extractor: of the model; a ValueError if it does not fit.
        directory: created if it does not exist; files of the same names are replaced.
    """
    model.config.check_fit(feature_extractor)
    model.save_pretrained(directory)
    feature_extractor.save_pretrained(directory)


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
        ValueError: as for [`check_hub_folder`], for names that the Hub does not accept, and without a token.
        ConnectionError: if the Hub cannot be reached, or refuses.
    """
    check_repo_id(repo_id)
    check_revision(revision)
    folder = Path(folder)
    names = check_hub_folder(folder)
    print(f"{len(names)} files of {folder} for {repo_id}:")
    print("\n".join(f"{(folder / name).stat().st_size:>14,} bytes  {name}" for name in names))
    published = {name.split("/")[0] for name in names}
    left_out = sorted(entry.name for entry in folder.iterdir() if entry.name not in published)
    print(f"Left out: {', '.join(left_out) or 'nothing'}")
    if dry_run:
        return None
    try:
        return _upload(folder, names, repo_id, private, revision, commit_message, require_token(token))
    except HTTP_ERROR as error:
        raise ConnectionError(f"Expected to publish {folder} on the Hub, but got: {error}") from error


def _upload(
    folder: Path,
    names: Sequence[str],
    repo_id: str,
    private: bool | None,
    revision: str | None,
    commit_message: str,
    token: str,
) -> CommitInfo:
    api = HfApi(token=token)
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
        Sorted names of the files that are published, relative to the folder. None of them is a pickle.
    """
    folder = Path(folder)
    require_files(folder, *REQUIRED_FILES)
    for name, expected in ENTRY_POINTS.items():
        settings = read_json_object(folder / name)
        named = [settings.get(key) for key in ("auto_map", "custom_pipelines")]
        missing = sorted(expected - {entry for one in named if isinstance(one, dict) for entry in one})
        if missing:
            raise ValueError(f"Expected the code of {', '.join(missing)} in {folder / name}, but it names none.")
    load_model(folder)
    _check_card(folder / CARD_FILE)
    optional = {
        path.relative_to(folder).as_posix()
        for pattern in OPTIONAL_FILES
        for path in folder.glob(pattern)
        if path.is_file()
    }
    names = sorted(optional.union(REQUIRED_FILES))
    if links := [name for name in names if (folder / name).is_symlink()]:
        raise ValueError(f"Expected files to publish in {folder}, but got symbolic links: {', '.join(links)}.")
    for name in names:
        if name.endswith(".json"):
            read_json_object(folder / name)
    return names


def save_encoder(encoder: ASTVAModel, feature_extractor: ASTVAFeatureExtractor, directory: str | PathLike[str]) -> None:
    """Save an encoder without a head, as [`save_hub_folder`] saves a model."""
    encoder.config.check_fit(feature_extractor)
    for name in ("auto_map", "custom_pipelines"):  # of the model that it was part of
        if hasattr(encoder.config, name):
            delattr(encoder.config, name)
    encoder.save_pretrained(directory)
    feature_extractor.save_pretrained(directory)


def load_model(
    model: str | PathLike[str], dtype: str | torch.dtype = "auto", *, needs_head: bool = True
) -> tuple[ASTVAForRegression, ASTVAFeatureExtractor]:
    """
    Load a model and its feature extractor from a folder or a Hub id; a ValueError names the file that is damaged.

    Args:
        dtype: precision of the weights; "auto" is that of the file.
        needs_head: whether a saved encoder, which has no head, is an error; else the head is new.
    """
    folder = Path(model)
    if folder.is_dir():
        require_files(folder, WEIGHTS_FILE)
    config, feature_extractor = load_settings(model)
    with naming(folder / WEIGHTS_FILE, "all weights of the model"):
        network, info = ASTVAForRegression.from_pretrained(
            model, config=config, dtype=dtype, use_safetensors=True, output_loading_info=True
        )
        if missing := sorted(key for key in info["missing_keys"] if needs_head or not key.startswith(HEADS)):
            raise ValueError(f"none of {', '.join(missing)}.")
        check_weights(network)
    return network, feature_extractor


def load_settings(model: str | PathLike[str]) -> tuple[ASTVAConfig, ASTVAFeatureExtractor]:
    """Load the settings of a model and of its feature extractor, as [`load_model`] does."""
    folder = Path(model)
    if folder.is_dir():
        require_files(folder, CONFIG_FILE, EXTRACTOR_FILE)
        for name in (CONFIG_FILE, EXTRACTOR_FILE):
            read_json_object(folder / name)
    with naming(folder / CONFIG_FILE, "settings of a model"):
        config = ASTVAConfig.from_pretrained(model)
    with naming(folder / EXTRACTOR_FILE, "settings of a feature extractor"):
        feature_extractor = ASTVAFeatureExtractor.from_pretrained(model)
    with naming(folder, "settings that fit each other"):
        config.check_fit(feature_extractor)
    return config, feature_extractor


@contextmanager
def naming(path: Path, expected: str) -> Iterator[None]:
    """Turn what the libraries raise for damaged files into a ValueError with the name of the file."""
    try:
        yield
    except LOAD_ERRORS as error:
        raise ValueError(f"Expected {expected} in {path}, but got {error}") from error


def _check_card(path: Path) -> None:
    try:
        data = ModelCard.load(path).data
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"Expected valid metadata in {path}, but got {error}") from error
    missing = [field for field in CARD_FIELDS if not data.get(field)]
    if missing:
        fields = ", ".join(CARD_FIELDS)
        raise ValueError(f"Expected {fields} in the metadata of {path}, but got no {', '.join(missing)}.")
