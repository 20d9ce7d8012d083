# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Releases: a trained model as a small Hub folder, with the cross-validation of its recipe as its results."""

from __future__ import annotations

import json
import shutil
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from ..evaluation.calibration import Calibration, calibrate_model
from ..evaluation.model import REPORT_FILE
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..hub.card import CROSS_VALIDATION_FILE, RESULTS_FILE, write_model_card
from ..hub.folder import PLACEHOLDER_REPO_ID, WEIGHTS_FILE, check_hub_folder, save_hub_folder
from ..hub.protocol import PROTOCOL_FILE
from ..modeling_ast_va import ASTVAForRegression

PLOTS = ("predictions.png", "residuals.png", "valence_arousal_plane.png")


def release_model(
    model: str | PathLike[str],
    output: str | PathLike[str],
    cross_validation: str | PathLike[str] | None = None,
    repo_id: str = PLACEHOLDER_REPO_ID,
) -> None:
    """
    Write a trained model as a complete Hub folder with weights in half precision, half the size.

    They load as single precision, as the settings say, so that a CPU computes with them as with any others.

    Args:
        model: the folder that training left.
        output: the new folder.
        cross_validation: folder of the evaluation of the same recipe over folds: it calibrates the model, and gives the
            card the only results that a model can have that was trained on all songs. Without it the card keeps those
            of the model's own test split.
        repo_id: address that the card's examples use.

    Raises:
        ValueError: `output` exists and is not empty, `model` has no protocol, or there is no evaluation in
            `cross_validation`.
    """
    model, output = Path(model), Path(output)
    if output.is_dir() and any(output.iterdir()):
        raise ValueError(f"Expected a new folder for the release, but {str(output)!r} is not empty.")
    if not (model / PROTOCOL_FILE).is_file():
        raise ValueError(f"{str(model)!r} is no folder that training left: it has no {PROTOCOL_FILE}.")
    if cross_validation is not None and not (Path(cross_validation) / REPORT_FILE).is_file():
        raise ValueError(f"{str(cross_validation)!r} is no evaluation over folds: it has no {REPORT_FILE}.")
    network = ASTVAForRegression.from_pretrained(model)
    feature_extractor = ASTVAFeatureExtractor.from_pretrained(model)
    if cross_validation is not None:
        report = json.loads((Path(cross_validation) / REPORT_FILE).read_text(encoding="utf-8"))
        calibration = report["protocol"].get("calibration")
        if calibration is None:
            raise ValueError(
                f"{str(cross_validation)!r} holds no calibration: it is of several seeds, or of baselines."
            )
        calibrate_model(network, Calibration(np.array(calibration["gain"]), np.array(calibration["offset"])))
    save_hub_folder(network, feature_extractor, output)
    halve_weights(output / WEIGHTS_FILE)
    shutil.copy(model / PROTOCOL_FILE, output)
    if cross_validation is not None:
        shutil.copy(Path(cross_validation) / REPORT_FILE, output / CROSS_VALIDATION_FILE)
    elif (model / RESULTS_FILE).is_file():  # of a test split
        shutil.copy(model / RESULTS_FILE, output)
    measured = model if cross_validation is None else Path(cross_validation)
    for name in PLOTS:
        if (measured / name).is_file():
            shutil.copy(measured / name, output)
    write_model_card(output, repo_id)
    check_hub_folder(output)


def halve_weights(path: Path) -> None:
    """Rewrite a safetensors file with its floating-point numbers in half precision; ValueError where one overflows."""
    tensors = load_file(path)
    halved = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    overflown = [name for name, tensor in halved.items() if not torch.isfinite(tensor).all()]
    if overflown:
        raise ValueError(f"These weights do not fit half precision: {', '.join(overflown)}.")
    save_file(halved, path, metadata={"format": "pt"})
