# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Releases: a trained model as a small Hub folder, with the cross-validation of its recipe as its results."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file

from ..data.dataset import load_segments, split_dataset
from ..data.sources import DataSource
from ..evaluation.calibration import Calibration, calibrate_model
from ..evaluation.intervals import Uncertainty
from ..evaluation.loop import evaluate_rows, predict_rows
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..hub import files
from ..hub.card import write_model_card
from ..hub.encoder_card import write_encoder_card
from ..hub.folder import check_hub_folder, copy_code, load_model, load_settings, save_encoder, save_hub_folder
from ..hub.pretraining import is_of_encoder
from ..hub.protocol import load_protocol, trained_split, unsplit_fingerprint
from ..modeling_ast_va import ASTVAModel

BATCH_SIZE = 32


def release_model(
    model: str | Path,
    output: str | Path,
    cross_validation: str | Path | None = None,
    source: DataSource | None = None,
    num_proc: int | None = None,
    cache_dir: str | Path | None = None,
) -> None:
    """
    Write a trained model as a complete Hub folder with weights in half precision, which load as single precision.

    Args:
        model: folder that training wrote.
        output: the new folder.
        cross_validation: folder of the evaluation of the same recipe over folds. The model is calibrated with it, and
            its results are those of the card, since a model that is trained on all songs has none. Without it, the card
            has the results of the model's own test split.
        source: the training data; with them, the card also has the results on the songs of the training split.
        num_proc, cache_dir: as for [`load_segments`].

    Raises:
        ValueError: for an `output` that is not empty, a `model` without protocol, a `cross_validation` that does not
            fit it, and data that are not the training data.
    """
    model, output = Path(model), Path(output)
    if output.is_dir() and any(output.iterdir()):
        raise ValueError(f"Expected a new folder for the release, but {str(output)!r} is not empty.")
    if not (model / files.PROTOCOL_FILE).is_file():
        raise ValueError(f"Expected a folder that training wrote, but {str(model)!r} has no {files.PROTOCOL_FILE}.")
    if is_of_encoder(load_protocol(model)):
        return release_encoder(model, output, with_data=cross_validation is not None or source is not None)
    network, feature_extractor = load_model(model)
    if cross_validation is not None:
        calibrate_model(network, *read_calibration(Path(cross_validation), model))
    rows = None if source is None else load_training_rows(model, source, num_proc=num_proc, cache_dir=cache_dir)
    save_hub_folder(network, feature_extractor, output)
    halve_weights(output / files.WEIGHTS_FILE)
    copy_records(model, output, cross_validation)
    if rows is not None:
        released, _ = load_model(output)
        metrics, _ = evaluate_rows(rows, predict_rows(released, feature_extractor, rows, BATCH_SIZE), "train")
        files.write_json(output / files.TRAINING_FIT_FILE, metrics)
    write_model_card(output)
    check_hub_folder(output)


def release_encoder(model: Path, output: Path, *, with_data: bool) -> None:
    """Write a pre-trained encoder as [`release_model`] writes a model; ValueError for data or a cross-validation."""
    if with_data:
        raise ValueError(f"Expected neither data nor a cross-validation for the encoder in {str(model)!r}.")
    _, feature_extractor = load_settings(model)
    save_encoder(ASTVAModel.from_pretrained(model, dtype=torch.float32), feature_extractor, output)
    halve_weights(output / files.WEIGHTS_FILE)
    for name in (files.PROTOCOL_FILE, files.RESULTS_FILE, files.LOSS_PLOT_FILE):
        shutil.copy(model / name, output)
    write_encoder_card(output, output.name)


def refresh_release(folder: str | Path) -> None:
    """Rewrite the code and the card of a released folder after this package has changed; weights and settings stay."""
    if is_of_encoder(load_protocol(folder)):
        ASTVAModel.from_pretrained(folder)
        copy_code(folder)
        return write_encoder_card(folder, Path(folder).absolute().name)
    load_model(folder)
    copy_code(folder)
    write_model_card(folder)
    check_hub_folder(folder)


def read_calibration(cross_validation: Path, model: Path) -> tuple[Calibration, Uncertainty | None]:
    """
    The calibration over all folds, and the uncertainty of models that predict spreads.

    Raises:
        ValueError: if there is no calibration, or if `model` was not trained on all songs.
    """
    report = cross_validation / files.REPORT_FILE
    if not report.is_file():
        raise ValueError(f"Expected an evaluation over folds, but {str(cross_validation)!r} has no {report.name}.")
    split_by = load_protocol(model).get("split_by")
    if split_by != "none":
        raise ValueError(f"Expected a model with split_by='none' beside a cross-validation, but got {split_by!r}.")
    protocol = files.read_json_object(report).get("protocol", {})
    calibration, spreads = protocol.get("calibration"), protocol.get("uncertainty")
    if calibration is None:
        raise ValueError(f"Expected a calibration in {report}, but got an evaluation of several seeds or baselines.")
    uncertainty = None
    if spreads is not None:
        scale, exponent, quantiles = (np.array(spreads[name]) for name in Uncertainty._fields[:3])
        uncertainty = Uncertainty(scale, exponent, quantiles, spreads["error_correlation"])
    return Calibration(np.array(calibration["gain"]), np.array(calibration["offset"])), uncertainty


def load_training_rows(model: Path, source: DataSource, **options: Any) -> Dataset:
    """The segments that a model was trained on; ValueError for other data than its protocol states."""
    feature_extractor, protocol = ASTVAFeatureExtractor.from_pretrained(model), load_protocol(model)
    labels, split = trained_split(protocol)
    songs = replace(source, labels=source.labels or labels).read()
    options["segment_hop_seconds"] = protocol.get("segment_hop_seconds")
    rows = load_segments(songs, feature_extractor=feature_extractor, **options).rows
    found, expected = unsplit_fingerprint({"all": rows}), protocol.get("data_fingerprint")
    if found != expected:
        raise ValueError(f"Expected the training data (SHA-256 {expected}), but got {found} in {songs.dataset}.")
    return split_dataset(rows, split)["train"]


def copy_records(model: Path, output: Path, cross_validation: str | Path | None) -> None:
    """Copy the protocol, and results and plots of the cross-validation or else of the model's own test split."""
    shutil.copy(model / files.PROTOCOL_FILE, output)
    copies = dict(zip(files.EVALUATION_PLOT_FILES, files.EVALUATION_PLOT_FILES))
    if cross_validation is None:
        copies[files.RESULTS_FILE] = files.RESULTS_FILE
    else:
        copies[files.REPORT_FILE] = files.CROSS_VALIDATION_FILE
    for name, new_name in copies.items():
        source = Path(cross_validation or model) / name
        if source.is_file():
            shutil.copy(source, output / new_name)


def halve_weights(path: Path) -> None:
    """Rewrite a safetensors file with its floating-point numbers in half precision; ValueError for an overflow."""
    tensors = load_file(path)
    halved = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    overflown = [name for name, tensor in halved.items() if not torch.isfinite(tensor).all()]
    if overflown:
        raise ValueError(f"Expected weights that fit half precision, but got overflows in {', '.join(overflown)}.")
    save_file(halved, path, metadata={"format": "pt"})
