# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Releases: a trained model as a small Hub folder, with the cross-validation of its recipe as its results."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file

from ..data.dataset import load_segments, split_dataset
from ..evaluation.calibration import Calibration, calibrate_model
from ..evaluation.loop import evaluate_rows, predict_rows
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..hub.card import write_model_card
from ..hub.files import (
    CONFIG_FILE,
    CROSS_VALIDATION_FILE,
    EVALUATION_PLOT_FILES,
    EXTRACTOR_FILE,
    PROTOCOL_FILE,
    REPORT_FILE,
    RESULTS_FILE,
    TRAINING_FIT_FILE,
    WEIGHTS_FILE,
    read_json,
    write_json,
)
from ..hub.folder import PLACEHOLDER_REPO_ID, check_hub_folder, copy_code, require_files, save_hub_folder
from ..hub.protocol import load_protocol, trained_split, unsplit_fingerprint
from ..modeling_ast_va import ASTVAForRegression

BATCH_SIZE = 32


def release_model(
    model: str | Path,
    output: str | Path,
    cross_validation: str | Path | None = None,
    repo_id: str = PLACEHOLDER_REPO_ID,
    data_dir: str | Path | None = None,
    num_proc: int | None = None,
    cache_dir: str | Path | None = None,
) -> None:
    """
    Write a trained model as a complete Hub folder with weights in half precision, half the size.

    The weights load as single precision, as the settings say, so that a CPU computes with them as with any others.

    Args:
        model: folder that training wrote.
        output: the new folder.
        cross_validation: folder of the evaluation of the same recipe over folds. The model is calibrated with it, and
            its results are those of the card, since a model that is trained on all songs has none. Without it, the card
            has the results of the model's own test split.
        repo_id: address in the examples of the card.
        data_dir: the training data; with them, the card also has the results on the songs of the training split.
        num_proc, cache_dir: as for [`load_segments`].

    Raises:
        ValueError: for an `output` that is not empty, a `model` without protocol, a `cross_validation` that does not
            fit it, and data that are not the training data.
    """
    model, output = Path(model), Path(output)
    if output.is_dir() and any(output.iterdir()):
        raise ValueError(f"Expected a new folder for the release, but {str(output)!r} is not empty.")
    if not (model / PROTOCOL_FILE).is_file():
        raise ValueError(f"Expected a folder that training wrote, but {str(model)!r} has no {PROTOCOL_FILE}.")
    calibration = None if cross_validation is None else read_calibration(Path(cross_validation), model)
    rows = None if data_dir is None else load_training_rows(model, data_dir, num_proc=num_proc, cache_dir=cache_dir)
    network = ASTVAForRegression.from_pretrained(model)
    if calibration is not None:
        calibrate_model(network, calibration)
    save_hub_folder(network, ASTVAFeatureExtractor.from_pretrained(model), output)
    halve_weights(output / WEIGHTS_FILE)
    copy_records(model, output, None if cross_validation is None else Path(cross_validation))
    if rows is not None:
        write_json(output / TRAINING_FIT_FILE, measure_training_fit(output, rows))
    write_model_card(output, repo_id)
    check_hub_folder(output)


def refresh_release(folder: str | Path, repo_id: str = PLACEHOLDER_REPO_ID) -> None:
    """
    Rewrite the code and the card of a released folder after this package has changed; weights and settings stay.

    Args:
        folder: as [`release_model`] writes it.
        repo_id: address in the examples of the card.

    Raises:
        ValueError: for a folder that is not complete or does not load.
    """
    require_files(Path(folder), CONFIG_FILE, EXTRACTOR_FILE, WEIGHTS_FILE)
    copy_code(folder)
    write_model_card(folder, repo_id)
    check_hub_folder(folder)


def read_calibration(cross_validation: Path, model: Path) -> Calibration:
    """The calibration over all folds; ValueError if there is none, or if `model` was not trained on all songs."""
    if not (cross_validation / REPORT_FILE).is_file():
        raise ValueError(f"Expected an evaluation over folds, but {str(cross_validation)!r} has no {REPORT_FILE}.")
    split_by = load_protocol(model).get("split_by")
    if split_by != "none":
        raise ValueError(f"Expected a model with split_by='none' beside a cross-validation, but got {split_by!r}.")
    calibration = read_json(cross_validation / REPORT_FILE)["protocol"].get("calibration")
    if calibration is None:
        raise ValueError(
            f"Expected a calibration in {str(cross_validation)!r}, but got an evaluation of several seeds or baselines."
        )
    return Calibration(np.array(calibration["gain"]), np.array(calibration["offset"]))


def load_training_rows(
    model: Path, data_dir: str | Path, *, num_proc: int | None, cache_dir: str | Path | None
) -> Dataset:
    """The segments that a model was trained on; ValueError for other data than its protocol states."""
    protocol = load_protocol(model)
    labels, split = trained_split(protocol)
    feature_extractor = ASTVAFeatureExtractor.from_pretrained(model)
    rows = load_segments(
        data_dir,
        labels=labels,
        segment_seconds=feature_extractor.segment_seconds,
        segment_hop_seconds=protocol.get("segment_hop_seconds"),
        feature_extractor=feature_extractor,
        num_proc=num_proc,
        cache_dir=cache_dir,
    ).rows
    found, expected = unsplit_fingerprint({"all": rows}), protocol.get("data_fingerprint")
    if found != expected:
        raise ValueError(f"Expected the training data (SHA-256 {expected}), but got {found} in {str(data_dir)!r}.")
    return split_dataset(rows, split)["train"]


def measure_training_fit(folder: Path, rows: Dataset) -> dict[str, Any]:
    """Metrics of a released model on its training segments, with names such as `train_song_valence_ccc`."""
    network, feature_extractor = (kind.from_pretrained(folder) for kind in (ASTVAForRegression, ASTVAFeatureExtractor))
    metrics, _ = evaluate_rows(rows, predict_rows(network, feature_extractor, rows, BATCH_SIZE), "train")
    return metrics


def copy_records(model: Path, output: Path, cross_validation: Path | None) -> None:
    """Copy the protocol, and results and plots of the cross-validation or else of the model's own test split."""
    shutil.copy(model / PROTOCOL_FILE, output)
    if cross_validation is not None:
        shutil.copy(cross_validation / REPORT_FILE, output / CROSS_VALIDATION_FILE)
    elif (model / RESULTS_FILE).is_file():
        shutil.copy(model / RESULTS_FILE, output)
    for name in EVALUATION_PLOT_FILES:
        plot = (cross_validation or model) / name
        if plot.is_file():
            shutil.copy(plot, output)


def halve_weights(path: Path) -> None:
    """Rewrite a safetensors file with its floating-point numbers in half precision; ValueError for an overflow."""
    tensors = load_file(path)
    halved = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    overflown = [name for name, tensor in halved.items() if not torch.isfinite(tensor).all()]
    if overflown:
        raise ValueError(f"Expected weights that fit half precision, but got overflows in {', '.join(overflown)}.")
    save_file(halved, path, metadata={"format": "pt"})
