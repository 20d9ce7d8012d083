# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Model cards, rendered from what training measured and recorded in a Hub folder, and from nothing else."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from safetensors import safe_open

from ..configuration_ast_va import ASTVAConfig
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..hub.folder import CARD_FILE, PLACEHOLDER_REPO_ID, WEIGHTS_FILE
from ..hub.protocol import load_protocol
from ..metrics import DIMENSIONS

TEMPLATE = Path(__file__).with_name("card_template.md")
RESULTS_FILE = "all_results.json"
CROSS_VALIDATION_FILE = "cross_validation.json"
TRAINING_FIT_FILE = "train_results.json"
TASK = {"task_type": "audio-classification", "task_name": "Music emotion regression (valence, arousal)"}
TAGS = [
    "audio",
    "music",
    "emotion",
    "valence",
    "arousal",
    "music-emotion-recognition",
    "audio-spectrogram-transformer",
]
METRIC_NAMES = {"ccc": "CCC", "r2": "R2", "pearson_r": "Pearson r", "rmse": "RMSE"}
UNITS = {"song": "test_song_", "segment": "test_"}  # prefixes of the metrics


def write_model_card(
    folder: str | PathLike[str], repo_id: str = PLACEHOLDER_REPO_ID, path: str | PathLike[str] | None = None
) -> None:
    """
    Render the card of a Hub folder and write it there, or to another file.

    Args:
        folder, repo_id: as for [`render_model_card`].
        path: the file; None is the folder's `README.md`, the card that the Hub shows.
    """
    path = Path(folder) / CARD_FILE if path is None else Path(path)
    path.write_text(render_model_card(folder, repo_id), encoding="utf-8")


def render_model_card(folder: str | PathLike[str], repo_id: str = PLACEHOLDER_REPO_ID) -> str:
    """
    The card of a Hub folder, with metadata: `model-index` holds the test metrics as they were measured.

    What was not recorded is said to be so: a converted checkpoint has neither `protocol.json` nor `all_results.json`.

    Args:
        folder: with weights and settings, as [`save_hub_folder`] writes them.
        repo_id: address that the examples use; publishing replaces the default by the real one.
    """
    folder = Path(folder)
    protocol = load_protocol(folder)
    measured = folder / RESULTS_FILE
    results = json.loads(measured.read_text(encoding="utf-8")) if measured.is_file() else {}
    evaluated = folder / CROSS_VALIDATION_FILE
    cross_validation = json.loads(evaluated.read_text(encoding="utf-8")) if evaluated.is_file() else {}
    if cross_validation:
        results = cross_validated_results(cross_validation)
    config = ASTVAConfig.from_pretrained(folder)
    feature_extractor = ASTVAFeatureExtractor.from_pretrained(folder)
    name = repo_id.split("/")[-1]
    card = ModelCard.from_template(
        card_data(protocol, results, name),
        template_path=str(TEMPLATE),
        name=name,
        repo_id=repo_id,
        protocol=protocol,
        metric_names=list(METRIC_NAMES.values()),
        results=result_rows(results),
        cross_validation=cross_validation,
        systems=system_rows(cross_validation),
        training_fit=training_fit(folder / TRAINING_FIT_FILE),
        audit=audit_rows(protocol),
        num_parameters=f"{count_parameters(folder / WEIGHTS_FILE):,}",
        pooler_size=config.pooler_size,
        has_descriptors=config.descriptor_hidden_size > 0,
        lowest=config.label_range[0],
        highest=config.label_range[1],
        midpoint=f"{config.label_midpoint:g}",
        sampling_rate=feature_extractor.sampling_rate,
        segment_seconds=f"{feature_extractor.segment_seconds:g}",
        segment_samples=round(feature_extractor.segment_seconds * feature_extractor.sampling_rate),
    )
    return card.content


def card_data(protocol: Mapping[str, Any], results: Mapping[str, float], name: str) -> ModelCardData:
    """What the Hub reads of a model: task, library, licence, ancestors and results."""
    base_model = protocol.get("base_model")
    eval_results = evaluation_results(protocol, results)
    return ModelCardData(
        license=protocol.get("license", "unknown"),
        library_name="transformers",
        pipeline_tag="audio-classification",
        tags=TAGS,
        base_model=base_model if base_model and is_hub_id(base_model) else None,
        model_name=name if eval_results else None,
        eval_results=eval_results or None,
    )


def evaluation_results(protocol: Mapping[str, Any], results: Mapping[str, float]) -> list[EvalResult]:
    """Every test metric that was measured, per song and per segment, with the data that it was measured on."""
    name = protocol.get("dataset", "unknown")
    trained_on_all = protocol.get("split_by") == "none"  # then they are of the folds of its recipe
    dataset = {
        "dataset_type": name.lower().replace(" ", "-"),
        "dataset_name": name,
        "dataset_split": "cross-validation" if trained_on_all else "test",
        "dataset_args": {key: protocol[key] for key in ("labels", "split_by", "segment_seconds") if key in protocol},
    }
    return [
        EvalResult(
            **TASK,
            **dataset,
            metric_type=metric,
            metric_name=f"{dimension.capitalize()} {metric_name}, per {unit}",
            metric_value=results[f"{prefix}{dimension}_{metric}"],
        )
        for unit, prefix in UNITS.items()
        for dimension in DIMENSIONS
        for metric, metric_name in METRIC_NAMES.items()
        if f"{prefix}{dimension}_{metric}" in results
    ]


def own_reports(cross_validation: Mapping[str, Any]) -> dict[str, Any]:
    """What was found of the recipe itself, then of the baselines, which have no segments; by name."""
    systems = cross_validation.get("systems", {})
    ours = [name for name, report in systems.items() if "segment" in report]
    first = [name for name in ours if name.endswith("calibrated")]  # as released
    return {name: systems[name] for name in dict.fromkeys([*first, *ours, *systems])}


def cross_validated_results(cross_validation: Mapping[str, Any]) -> dict[str, float]:
    """Out-of-fold metrics of the recipe, under the names of a test split's metrics."""
    report = next(iter(own_reports(cross_validation).values()))
    return {
        f"{prefix}{name}": metric["value"]
        for unit, prefix in UNITS.items()
        for name, metric in report[unit]["metrics"].items()
    }


def system_rows(cross_validation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of the card's table of the recipe beside others, per song: values with their confidence intervals."""
    return [
        {"label": f"{system}, {name}", "values": [format_interval(metrics[f"{name}_{key}"]) for key in METRIC_NAMES]}
        for system, report in own_reports(cross_validation).items()
        for metrics in [report["song"]["metrics"]]
        for name in DIMENSIONS
    ]


def training_fit(path: Path) -> list[dict[str, Any]]:
    """Rows of the card's table of the songs that the model was trained on, as evaluation found them; or none."""
    results = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return [
        {"label": name, "values": [format_number(results[f"train_song_{name}_{key}"]) for key in METRIC_NAMES]}
        for name in DIMENSIONS
        if f"train_song_{name}_ccc" in results  # else they are the loss and speed of training
    ]


def result_rows(results: Mapping[str, float]) -> list[dict[str, Any]]:
    """Rows of the card's table of test metrics; none where nothing was measured."""
    rows = []
    for unit, prefix in UNITS.items():
        for dimension in DIMENSIONS:
            values = [results.get(f"{prefix}{dimension}_{metric}") for metric in METRIC_NAMES]
            if any(value is not None for value in values):
                rows.append({"label": f"{dimension}, per {unit}", "values": list(map(format_number, values))})
    return rows


def audit_rows(protocol: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of the card's table of the label audit, as `audit_labels` measured it."""
    correlations = ("valence_valence", "valence_arousal", "arousal_arousal", "arousal_valence")
    return [
        {
            "songs": f"{row['first_id']} to {row['last_id']}",
            "num_songs": row["num_songs"],
            "correlations": [format_number(row[name]) for name in correlations],
            "verdict": row["verdict"],
        }
        for row in protocol.get("label_audit", [])
    ]


def format_number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def format_interval(metric: Mapping[str, float | None]) -> str:
    """A value with the bounds of its interval, where it has one."""
    if metric["low"] is None:
        return format_number(metric["value"])
    return f"{format_number(metric['value'])} [{format_number(metric['low'])}, {format_number(metric['high'])}]"


def is_hub_id(name: str) -> bool:
    """Whether a model can be an address on the Hub: `owner/name`, and not a folder here."""
    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return "/" in name and not Path(name).exists()


def count_parameters(weights: Path) -> int:
    """Numbers in a safetensors file, from its header alone."""
    with safe_open(weights, framework="np") as tensors:
        return sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
