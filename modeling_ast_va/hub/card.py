# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Model cards, rendered only from what was measured and recorded in a Hub folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import jinja2
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from huggingface_hub.utils import validate_repo_id
from markupsafe import Markup
from safetensors import safe_open

from ..configuration_ast_va import ASTVAConfig
from ..data.splits import SPLITS
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..formatting import fence_of, markdown_code, markdown_text, single_line
from ..metrics import DIMENSIONS
from .card_tables import METRIC_NAMES, audit_table, course_table, intervals_table, metrics_table, systems_table
from .files import (
    CARD_FILE,
    CROSS_VALIDATION_FILE,
    PROTOCOL_FILE,
    RESULTS_FILE,
    TRAINING_FIT_FILE,
    WEIGHTS_FILE,
    check_repo_id,
    read_json_object,
)
from .folder import PLACEHOLDER_REPO_ID, load_settings, naming
from .protocol import label_range_of, load_protocol, release_commands

TEMPLATE = Path(__file__).with_name("card_template.md")
RECORDS = {"results": RESULTS_FILE, "cross_validation": CROSS_VALIDATION_FILE, "training_fit": TRAINING_FIT_FILE}
TASK = {"task_type": "audio-classification", "task_name": "Music emotion regression (valence, arousal)"}
TAGS = ["audio", "music", "emotion", "valence", "arousal", "music-emotion-recognition", "audio-spectrogram-transformer"]
UNITS = {"song": "test_song_", "segment": "test_"}  # prefixes of the metrics
# Rows of tables, and the prefixes of their metrics.
TEST_ROWS = {f"{name}, per {unit}": f"{prefix}{name}_" for unit, prefix in UNITS.items() for name in DIMENSIONS}
TRAINING_ROWS = {name: f"train_song_{name}_" for name in DIMENSIONS}


def write_model_card(folder: str | PathLike[str], repo_id: str = PLACEHOLDER_REPO_ID) -> None:
    """Write the card of a Hub folder, `README.md`, as [`render_model_card`] renders it."""
    (Path(folder) / CARD_FILE).write_text(render_model_card(folder, repo_id), encoding="utf-8")


def render_model_card(folder: str | PathLike[str], repo_id: str = PLACEHOLDER_REPO_ID) -> str:
    """
    Render the card of a Hub folder, with metadata: `model-index` contains the test metrics as they were measured.

    The card states what was not recorded: a converted checkpoint has neither `protocol.json` nor `all_results.json`.

    Args:
        folder: with weights and settings, as [`save_hub_folder`] writes them.
        repo_id: address in the examples; publishing replaces the default.
    """
    check_repo_id(repo_id)
    folder = Path(folder)
    protocol = load_protocol(folder)
    records = {
        name: read_json_object(folder / file) if (folder / file).is_file() else {} for name, file in RECORDS.items()
    }
    settings = load_settings(folder)
    with naming(folder / WEIGHTS_FILE, "weights"):
        num_parameters = count_parameters(folder / WEIGHTS_FILE)
    try:
        return _render(repo_id, *settings, num_parameters, protocol, records)
    except (LookupError, TypeError, AttributeError, ValueError, jinja2.TemplateError) as error:
        names = ", ".join((PROTOCOL_FILE, *RECORDS.values()))
        got = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"Expected {names} in {folder} as training and evaluation write them, but got {got}"
        ) from error


def _render(
    repo_id: str,
    config: ASTVAConfig,
    feature_extractor: ASTVAFeatureExtractor,
    num_parameters: int,
    protocol: dict[str, Any],
    records: dict[str, dict[str, Any]],
) -> str:
    results, cross_validation, training_fit = (records[name] for name in RECORDS)
    name = repo_id.split("/")[-1]
    systems = ordered_systems(cross_validation)
    if systems:  # the first is the released one
        released = next(iter(systems.values()))
        metrics = {prefix: released[unit]["metrics"] for unit, prefix in UNITS.items()}
        results = {prefix + name: one["value"] for prefix in metrics for name, one in metrics[prefix].items()}
    metadata = card_data(protocol, results, name)
    commands = release_commands(protocol, cross_validation, name) if cross_validation else [protocol.get("command")]
    content = (
        escaping_environment()
        .from_string(TEMPLATE.read_text(encoding="utf-8"))
        .render(
            card_data=Markup(metadata.to_yaml()),
            license=metadata.license,
            name=name,
            repo_id=Markup(repo_id),
            config=config,
            feature_extractor=feature_extractor,
            num_parameters=num_parameters,
            protocol=protocol,
            splits=SPLITS,
            rating_scale=None if label_range_of(protocol) == list(config.label_range) else label_range_of(protocol),
            cross_validation=cross_validation,
            results=Markup(metrics_table("", results, TEST_ROWS)),
            systems=Markup(systems_table(systems)),
            training_fit=Markup(metrics_table("per song", training_fit, TRAINING_ROWS)),
            intervals=Markup(intervals_table(cross_validation.get("intervals", {}))),
            course=Markup(course_table(cross_validation.get("course", {}))),
            audit=Markup(audit_table(protocol.get("label_audit", []))),
            commands=Markup("\n".join(map(str, commands))),
            fence=Markup(fence_of("\n".join(map(str, commands)))),
        )
    )
    return ModelCard(content).content


def escaping_environment() -> jinja2.Environment:
    """Templates that escape text of the records where they show it, except for Markup, which the package makes."""
    environment = jinja2.Environment(finalize=_escaped)
    environment.filters["code"] = lambda text: Markup(markdown_code(text))
    return environment


def _escaped(value: Any) -> Any:
    return value if isinstance(value, (Markup, jinja2.Undefined)) else markdown_text(value)


def card_data(protocol: Mapping[str, Any], results: Mapping[str, float], name: str) -> ModelCardData:
    """The metadata that the Hub reads: task, library, licence, base model and results."""
    base_model = protocol.get("base_model")
    eval_results = evaluation_results(protocol, results)
    return ModelCardData(
        license=single_line(protocol.get("license", "unknown")),
        library_name="transformers",
        pipeline_tag="audio-classification",
        tags=TAGS,
        base_model=base_model if base_model and is_hub_id(base_model) else None,
        model_name=name if eval_results else None,
        eval_results=eval_results or None,
    )


def evaluation_results(protocol: Mapping[str, Any], results: Mapping[str, float]) -> list[EvalResult]:
    """Every test metric that was measured, per song and per segment, with its data."""
    name = single_line(protocol.get("dataset", "unknown"))
    common = TASK | {
        "dataset_type": name.lower().replace(" ", "-"),
        "dataset_name": name,
        # If all songs are used for training, the results are those of the folds.
        "dataset_split": "cross-validation" if protocol.get("split_by") == "none" else "test",
        "dataset_args": {
            key: protocol[key] if isinstance(protocol[key], (int, float)) else single_line(protocol[key])
            for key in ("labels", "split_by", "segment_seconds")
            if protocol.get(key) is not None
        },
    }
    return [
        EvalResult(
            **common,
            metric_type=metric,
            metric_name=f"{dimension.capitalize()} {metric_name}, per {unit}",
            metric_value=results[key],
        )
        for unit, prefix in UNITS.items()
        for dimension in DIMENSIONS
        for metric, metric_name in METRIC_NAMES.items()
        if (key := f"{prefix}{dimension}_{metric}") in results
    ]


def ordered_systems(cross_validation: Mapping[str, Any]) -> dict[str, Any]:
    """Reports by name: the calibrated model, which is released, then the model, then the baselines."""
    systems = cross_validation.get("systems", {})
    ours = [name for name, report in systems.items() if "segment" in report]  # baselines have no segments
    calibrated = [name for name in ours if name.endswith("calibrated")]
    return {name: systems[name] for name in dict.fromkeys([*calibrated, *ours, *systems])}


def is_hub_id(name: str) -> bool:
    """Whether the name of a model can be an address on the Hub, `owner/name`, and is no local folder."""
    try:
        validate_repo_id(name)
    except ValueError:
        return False
    return "/" in name and not Path(name).exists()


def count_parameters(weights: Path) -> int:
    """The number of parameters in a safetensors file, from its header."""
    with safe_open(weights, framework="np") as tensors:
        return sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
