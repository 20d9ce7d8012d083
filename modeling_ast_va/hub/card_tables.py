# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The tables of model cards, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..formatting import format_interval, format_number, format_table, markdown_text
from ..metrics import DIMENSIONS

METRIC_NAMES = {"ccc": "CCC", "r2": "R2", "pearson_r": "Pearson r", "rmse": "RMSE"}
AUDIT_COLUMNS = ("valence_valence", "valence_arousal", "arousal_arousal", "arousal_valence")  # correlations
COURSE_METRICS = {  # by unit and name
    "r of a song": ("song", "pearson_r"),
    "RMSE of a song": ("song", "rmse"),
    "CCC of all moments": ("frame", "ccc"),
    "RMSE of all moments": ("frame", "rmse"),
}


def systems_table(systems: Mapping[str, Any]) -> str:
    """Metrics per song of all systems of a cross-validation, with their intervals."""
    rows = []
    for system, report in systems.items():
        for dimension in DIMENSIONS:
            metrics = [report["song"]["metrics"][f"{dimension}_{metric}"] for metric in METRIC_NAMES]
            intervals = [format_interval(metric["value"], metric["low"], metric["high"]) for metric in metrics]
            rows.append([f"{markdown_text(system)}, {dimension}", *intervals])
    return format_table(["per song", *METRIC_NAMES.values()], rows, markdown=True)


def metrics_table(title: str, results: Mapping[str, float], prefixes: Mapping[str, str]) -> str:
    """A row of metrics for each label with its prefix; empty if none of them was measured."""
    rows = [
        [label, *(format_number(results.get(f"{prefix}{metric}")) for metric in METRIC_NAMES)]
        for label, prefix in prefixes.items()
        if any(f"{prefix}{metric}" in results for metric in METRIC_NAMES)
    ]
    return format_table([title, *METRIC_NAMES.values()], rows, markdown=True) if rows else ""


def audit_table(audit: list[dict[str, Any]]) -> str:
    """The table of the label audit; empty if there was none."""
    rows = []
    for row in audit:
        correlations = [format_number(row[name]) for name in AUDIT_COLUMNS]
        songs = markdown_text(f"{row['first_id']} to {row['last_id']}")
        rows.append([songs, markdown_text(row["num_songs"]), *correlations, markdown_text(row["verdict"])])
    titles = [name.replace("_", " with ") for name in AUDIT_COLUMNS]
    return format_table(["songs", "n", *titles, "columns are"], rows, markdown=True) if rows else ""


def intervals_table(intervals: Mapping[str, Any]) -> str:
    """Coverage and width of the intervals of a cross-validation; empty if it has none."""
    rows = []
    for dimension in DIMENSIONS if intervals else ():
        of = intervals[dimension]
        shares = [f"{share:.1%}" for share in (*of["coverage"].values(), *of["coverage_of_thirds"])]
        widths = [format_number(of[name]) for name in ("mean_width", "constant_mean_width", "rater_std_r")]
        rows.append([dimension, *shares, *widths])
    if not rows:
        return ""
    levels = [f"{float(level):.0%}" for level in intervals[DIMENSIONS[0]]["coverage"]]
    titles = [*levels, "low third", "middle third", "high third", "mean width", "constant width", "r of raters' spread"]
    return format_table(["coverage", *titles], rows, markdown=True)


def course_table(course: Mapping[str, Any]) -> str:
    """Metrics of the course of a cross-validation and of simple systems; empty if it has none."""
    rows = []
    for name, report in course.get("systems", {}).items():
        for dimension in DIMENSIONS:
            metrics = [report[unit][f"{dimension}_{metric}"] for unit, metric in COURSE_METRICS.values()]
            intervals = [format_interval(metric["value"], metric["low"], metric["high"]) for metric in metrics]
            rows.append([f"{markdown_text(name)}, {dimension}", *intervals])
    return format_table(["course", *COURSE_METRICS], rows, markdown=True) if rows else ""
