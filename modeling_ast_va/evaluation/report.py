# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The report of several systems: every metric with its interval, per song, per subset of the data, and per segment."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..audio_ast_va import RATING_SCALE
from ..formatting import format_interval, format_table
from ..hub.files import REPORT_FILE, write_json
from ..metrics import DIMENSIONS, evaluate_predictions
from .confidence import CONFIDENCE, bootstrap_intervals
from .tables import predictions, ratings, table_of_songs

SHOWN = {"ccc": "CCC", "pearson_r": "r", "r2": "R2", "rmse": "RMSE", "mae": "MAE"}
PREFIXES = {**{dimension: f"{dimension}_" for dimension in DIMENSIONS}, "mean": ""}  # of metrics, by what they are of
ERRORS = ("rmse", "mae")  # metrics in rating points

Metric = dict[str, float | None]  # value, low and high; over folds also fold_mean and fold_std
Report = dict[str, dict[str, Any]]  # by unit
Tables = Mapping[str, pd.DataFrame]  # by system


def evaluate_system(songs: pd.DataFrame, segments: pd.DataFrame | None = None) -> Report:
    """
    Evaluate the predictions of one system, per song, per song of each subset of the data, and per segment.

    Args:
        songs, segments: tables of songs and of segments; those of out-of-fold predictions have a column `fold`.

    Returns:
        For `"song"`, `"song SUBSET"` of each subset with a name, and `"segment"`: `num_rows`, `num_groups` (of one
        artist or recording) and `metrics`, which maps names such as `valence_ccc` to `value`, the bounds `low` and
        `high` of its interval (None if there is only one group), and over folds `fold_mean` and `fold_std` (of a
        sample: n - 1).
    """
    subsets = [subset for subset in songs["subset"].unique().tolist() if subset]
    tables = {"song": songs} | {f"song {subset}": songs[songs["subset"] == subset] for subset in subsets}
    if segments is not None:
        tables["segment"] = segments
    return {unit: _evaluate_unit(table) for unit, table in tables.items()}


def _evaluate_unit(table: pd.DataFrame) -> dict[str, Any]:
    metrics = evaluate_table(table)
    if "fold" in table and table["fold"].nunique() > 1:
        folds = [evaluate_predictions(ratings(fold), predictions(fold)) for _, fold in table.groupby("fold")]
        for name, metric in metrics.items():
            of_folds = [fold[name] for fold in folds]
            metric |= {"fold_mean": float(np.mean(of_folds)), "fold_std": float(np.std(of_folds, ddof=1))}
    return {"num_rows": len(table), "num_groups": table["group"].nunique(), "metrics": metrics}


def evaluate_table(table: pd.DataFrame, other: pd.DataFrame | None = None) -> dict[str, Metric]:
    """Every metric of the predictions of a table, with its interval; minus those of another system, if it is given."""
    references, predicted = ratings(table), predictions(table)
    others = None if other is None else predictions(other)
    values = evaluate_predictions(references, predicted)
    if others is not None:
        other_values = evaluate_predictions(references, others)
        values = {name: value - other_values[name] for name, value in values.items()}
    intervals = bootstrap_intervals(references, predicted, table["group"].tolist(), others)
    bounds = {name: intervals.get(name, (None, None)) for name in values}
    return {name: {"value": value, "low": bounds[name][0], "high": bounds[name][1]} for name, value in values.items()}


def format_report(systems: Mapping[str, Report]) -> str:
    """The reports of several systems as text: a table for each unit, with three rows for each system."""
    units = sorted({unit for report in systems.values() for unit in report}, key=_place_of_unit)
    by_unit = {unit: {name: report[unit] for name, report in systems.items() if unit in report} for unit in units}
    return "\n\n".join(_format_unit(unit, reports) for unit, reports in by_unit.items())


def _place_of_unit(unit: str) -> tuple[bool, bool, int, str]:
    """Songs come first, then their subsets, of which "2-1000" is before "1001-2000", and segments last."""
    return unit != "song", unit == "segment", len(unit), unit


def format_errors(systems: Mapping[str, Report], label_range: Sequence[float]) -> str:
    """The errors of songs on the scale of the ratings as text; empty if it is the scale of the predictions."""
    scale = points_of(label_range)
    if scale == 1:
        return ""
    rows = []
    for name, report in systems.items():
        for dimension, prefix in PREFIXES.items():
            metrics = [report["song"]["metrics"][prefix + error] for error in ERRORS]
            scaled = [{key: value and value * scale for key, value in metric.items()} for metric in metrics]
            rows.append([name if dimension == DIMENSIONS[0] else "", dimension, *map(format_metric, scaled)])
    low, high = label_range
    title = f"Per song, on the scale of the ratings, {low:g} to {high:g}; the other metrics are the same on both scales"
    return f"{title}\n{format_table(['system', '', *(SHOWN[error] for error in ERRORS)], rows)}"


def points_of(label_range: Sequence[float]) -> float:
    """The size of a point of the 1-9 scale on another scale of ratings."""
    low, high = label_range
    return (high - low) / (RATING_SCALE[1] - RATING_SCALE[0])


def format_comparison(name: str, comparison: Mapping[str, Mapping[str, Metric]]) -> str:
    """The metrics of the system of this name minus those of each other system as text: a row for each other system."""
    cccs = [f"{prefix}ccc" for prefix in PREFIXES.values()]
    rows = [[other, *(format_metric(metrics[ccc]) for ccc in cccs)] for other, metrics in comparison.items()]
    title = f"Per song, CCC of {name} minus that of the others; value [{CONFIDENCE:.0%} interval over artists]"
    return f"{title}\n{format_table(['system', *PREFIXES], rows)}"


def _format_unit(unit: str, reports: Mapping[str, dict[str, Any]]) -> str:
    first = next(iter(reports.values()))
    over_folds = "fold_mean" in first["metrics"]["ccc"]
    title = (
        f"Per {unit}: {first['num_rows']} {'segments' if unit == 'segment' else 'songs'} of {first['num_groups']} "
        f"artists; value [{CONFIDENCE:.0%} interval over artists]{'; mean ± std over folds' if over_folds else ''}"
    )
    rows = []
    for name, report in reports.items():
        for dimension, prefix in PREFIXES.items():
            metrics = [report["metrics"][prefix + metric] for metric in SHOWN]
            folds = [f"{metrics[0]['fold_mean']:.3f} ± {metrics[0]['fold_std']:.3f}"] if over_folds else []
            rows.append([name if dimension == DIMENSIONS[0] else "", dimension, *map(format_metric, metrics), *folds])
    header = ["system", "", *SHOWN.values(), *(["CCC over folds"] if over_folds else [])]
    return f"{title}\n{format_table(header, rows)}"


def format_metric(metric: Metric) -> str:
    """A metric with the bounds of its interval as text."""
    return format_interval(metric["value"], metric["low"], metric["high"])


class Section(NamedTuple):
    """A further part of a report: its content in `report.json`, and as text."""

    content: Any
    text: str


def publish_report(
    segments: Tables,
    baselines: Tables,
    protocol: Mapping[str, Any],
    output_dir: str | Path,
    sections: Mapping[str, Section] = MappingProxyType({}),
) -> dict[str, Report]:
    """
    Evaluate systems and baselines, print the report, and write it as `report.json`.

    Args:
        segments: tables of segments; the last system is compared with the baselines.
        baselines: tables of the same songs.
        protocol: how the songs were split, and the `label_range` of their ratings.
        sections: further parts, by their names in `report.json`.

    Returns:
        For each system and baseline the result of [`evaluate_system`].
    """
    songs = {name: table_of_songs(table) for name, table in segments.items()}
    systems = {name: evaluate_system(songs[name], table) for name, table in segments.items()}
    systems |= {name: evaluate_system(table) for name, table in baselines.items()}
    report: dict[str, Any] = {"protocol": dict(protocol), "systems": systems}
    print(format_report(systems))
    if errors := format_errors(systems, protocol.get("label_range", RATING_SCALE)):
        print(f"\n{errors}")
    if segments and baselines:
        last = list(segments)[-1]
        report["comparison"] = {name: evaluate_table(songs[last], table) for name, table in baselines.items()}
        print(f"\n{format_comparison(last, report['comparison'])}")
    for name, section in sections.items():
        report[name] = section.content
        print(f"\n{section.text}")
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    write_json(Path(output_dir) / REPORT_FILE, report)
    print(f"\nThe report is in {output_dir}")
    return systems
