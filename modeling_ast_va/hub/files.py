# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The files of a model folder: their names, and how its JSON files are read and written."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

CARD_FILE = "README.md"
CONFIG_FILE = "config.json"
EXTRACTOR_FILE = "preprocessor_config.json"
WEIGHTS_FILE = "model.safetensors"
ONNX_FILE = "onnx/model.onnx"  # the model for onnxruntime, where libraries for it look
HASHED_FILES = {"model_sha256": WEIGHTS_FILE, "config_sha256": CONFIG_FILE, "preprocessor_sha256": EXTRACTOR_FILE}
CODE_FILES = tuple(sorted(path.name for path in Path(__file__).parents[1].glob("*_ast_va.py")))
REQUIRED_FILES = (CARD_FILE, CONFIG_FILE, EXTRACTOR_FILE, WEIGHTS_FILE, *CODE_FILES)
PROTOCOL_FILE = "protocol.json"  # how a model was trained and tested
RESULTS_FILE = "all_results.json"  # every metric of a training run, written by the Trainer
REPORT_FILE = "report.json"  # every metric with its interval, of an evaluation
CROSS_VALIDATION_FILE = "cross_validation.json"  # the report of the folds of a released recipe
TRAINING_FIT_FILE = "training_fit.json"  # metrics of a released model on the songs that it was trained on
SONG_PREDICTIONS_FILE = "predictions.csv"
SEGMENT_PREDICTIONS_FILE = "segment_predictions.csv"
FRAME_PREDICTIONS_FILE = "frame_predictions.csv"  # of songs with dynamic annotations
LOSS_PLOT_FILE = "loss_curves.png"
INTERVALS_PLOT_FILE = "intervals.png"
EVALUATION_PLOT_FILES = ("predictions.png", "residuals.png", "valence_arousal_plane.png", INTERVALS_PLOT_FILE)
MAX_REPO_ID = 96  # characters
FORBIDDEN = re.compile(r"^[-/.@]|[/.]$|//|\.\.|/\.|\.lock(/|$)|@\{")  # in names of branches
MODEL_TYPE, AST_MODEL_TYPE = "ast_va", "audio-spectrogram-transformer"
ENCODER = "ASTVAModel"  # the architecture without a head


def file_sha256(path: str | PathLike[str]) -> str:
    """SHA-256 of the content of a file, in hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def read_json(path: str | PathLike[str]) -> Any:
    """The content of a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def read_json_object(path: str | PathLike[str]) -> dict[str, Any]:
    """The content of a JSON file that is an object; a ValueError names the file."""
    try:
        content = read_json(path)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"Expected a JSON file in {str(path)!r}, but got: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"Expected a JSON object in {str(path)!r}, but got a {type(content).__name__}.")
    return content


def check_model(name: str | PathLike[str], *model_types: str, needs_head: bool = True) -> None:
    """
    Check that a name is a folder with the settings of a model, or can be an address on the Hub (ValueError).

    Args:
        model_types: types of models that are accepted; by default, that of this package.
        needs_head: whether an encoder of this package, which predicts no ratings, is refused.
    """
    folder, expected = Path(name), f"Expected a folder or Hub id of a model, but got {str(name)!r}"
    if not folder.exists():
        if not re.fullmatch(r"\w[\w.-]*/[\w.-]+", str(name), re.ASCII):
            raise ValueError(f"{expected}, which is no folder.")
        return
    if not (folder / CONFIG_FILE).is_file():
        raise ValueError(f"{expected}, which has no {CONFIG_FILE}.")
    config = read_json_object(folder / CONFIG_FILE)
    model_type = config.get("model_type")
    if model_type not in (model_types or (MODEL_TYPE,)):
        wanted = " or ".join(map(repr, model_types or (MODEL_TYPE,)))
        raise ValueError(f"Expected model_type {wanted} in {str(folder / CONFIG_FILE)!r}, but got {model_type!r}.")
    if needs_head and config.get("architectures") == [ENCODER]:
        raise ValueError(f"{expected}, an encoder without ratings: train --init_from gives it a head.")


def check_repo_id(repo_id: str) -> None:
    """Check that the Hub accepts the name of a repository (ValueError)."""
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise ValueError(f"Expected repo_id 'owner/name' or 'name' as the Hub accepts it, but got: {error}") from error
    if not repo_id.isascii() or len(repo_id) > MAX_REPO_ID:
        expected = f"letters of ASCII and at most {MAX_REPO_ID} characters"
        raise ValueError(f"Expected repo_id of {expected}, but got {repo_id[:MAX_REPO_ID]!r}.")


def check_revision(revision: str | None) -> None:
    """Check that a name can be that of a branch, by the rules of `git check-ref-format` (ValueError)."""
    if revision is not None and (
        not re.fullmatch(r"[\w./+@-]{1,250}", revision, re.ASCII) or FORBIDDEN.search(revision)
    ):
        raise ValueError(f"Expected the name of a branch as git accepts it, but got {revision[:250]!r}.")


def require_files(folder: Path, *names: str) -> None:
    """Raise a ValueError for files that are not in a folder."""
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"Expected a complete Hub folder, but {folder} has no {', '.join(missing)}.")


def write_json(path: str | PathLike[str], content: Any) -> None:
    """Write readable JSON with sorted keys, all or nothing. NaN and infinity, which JSON does not have, become null."""
    path = Path(path)
    part = path.with_name(f"{path.name}.part")
    text = json.dumps(without_nan(content), indent=2, sort_keys=True, allow_nan=False)
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(path)


def without_nan(content: Any) -> Any:
    """The content of a JSON file with None in place of numbers that are NaN or infinite."""
    if isinstance(content, Mapping):
        return {name: without_nan(value) for name, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [without_nan(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
