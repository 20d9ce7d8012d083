# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The files of a model folder: their names, and how its JSON files are read and written."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

CARD_FILE = "README.md"
CONFIG_FILE = "config.json"
EXTRACTOR_FILE = "preprocessor_config.json"
WEIGHTS_FILE = "model.safetensors"
CODE = ("audio", "configuration", "descriptors", "feature_extraction", "modeling", "pipeline")
CODE_FILES = tuple(f"{name}_ast_va.py" for name in CODE)
REQUIRED_FILES = (CARD_FILE, CONFIG_FILE, EXTRACTOR_FILE, WEIGHTS_FILE, *CODE_FILES)
PROTOCOL_FILE = "protocol.json"  # how a model was trained and tested
RESULTS_FILE = "all_results.json"  # every metric of a training run, written by the Trainer
REPORT_FILE = "report.json"  # every metric with its interval, of an evaluation
CROSS_VALIDATION_FILE = "cross_validation.json"  # the report of the folds of a released recipe
TRAINING_FIT_FILE = "training_fit.json"  # metrics of a released model on the songs that it was trained on
SONG_PREDICTIONS_FILE = "predictions.csv"
SEGMENT_PREDICTIONS_FILE = "segment_predictions.csv"
LOSS_PLOT_FILE = "loss_curves.png"
EVALUATION_PLOT_FILES = ("predictions.png", "residuals.png", "valence_arousal_plane.png")


def read_json(path: str | PathLike[str]) -> Any:
    """The content of a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_json(path: str | PathLike[str], content: Any) -> None:
    """Write readable JSON with sorted keys."""
    Path(path).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
