# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Systems side by side: every metric with its confidence interval, over songs, ranges of song ids, and segments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..data.folds import ID_RANGES, id_ranges
from ..evaluation.confidence import CONFIDENCE, bootstrap_intervals, difference_intervals
from ..evaluation.tables import groups, predictions, ratings
from ..metrics import DIMENSIONS, evaluate_predictions

SHOWN = {"ccc": "CCC", "pearson_r": "r", "r2": "R2", "rmse": "RMSE", "mae": "MAE"}
METRIC_WIDTH = len("-0.000 [-0.000, -0.000]")
UNITS = ("song", *(f"song {ids}" for ids in ID_RANGES), "segment")

Metric = dict[str, float | None]  # value, low and high; over folds also fold_mean and fold_std
Report = dict[str, dict[str, Any]]  # by unit


def judge(songs: pd.DataFrame, segments: pd.DataFrame | None = None) -> Report:
    """Judge the predictions of one system, per song, per song of each range of ids, and per segment.

    Args:
        songs, segments: as `table_of_songs` and `table_of_segments` give them; with a column `fold` where they are
            out-of-fold predictions.

    Returns:
        For each of `UNITS` that has rows: `num_rows`, `num_groups` (artists, or rather what `song_groups` joins) and
        `metrics`, which maps names such as `valence_ccc` to `value`, the bounds `low` and `high` of its interval
        (None where there is one group only), and over folds `fold_mean` and `fold_std` (of a sample: n - 1).
    """
    tables = {"song": songs}
    ranges = id_ranges(songs["song_id"])
    tables |= {f"song {ids}": songs[ranges == index] for index, ids in enumerate(ID_RANGES)}
    if segments is not None:
        tables["segment"] = segments
    return {unit: _judge_table(table) for unit, table in tables.items() if len(table)}


def _judge_table(table: pd.DataFrame) -> dict[str, Any]:
    row_groups = groups(table)
    values = evaluate_predictions(ratings(table), predictions(table))
    intervals = bootstrap_intervals(ratings(table), predictions(table), row_groups)
    metrics: dict[str, Metric] = {}
    for name, value in values.items():
        low, high = intervals.get(name, (None, None))
        metrics[name] = {"value": value, "low": low, "high": high}
    if "fold" in table and table["fold"].nunique() > 1:
        folds = [evaluate_predictions(ratings(fold), predictions(fold)) for _, fold in table.groupby("fold")]
        for name, metric in metrics.items():
            of_folds = [fold[name] for fold in folds]
            metric |= {"fold_mean": float(np.mean(of_folds)), "fold_std": float(np.std(of_folds, ddof=1))}
    return {"num_rows": len(table), "num_groups": len(set(row_groups)), "metrics": metrics}


def compare(songs: pd.DataFrame, others: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, Metric]]:
    """By how much the metrics of one system are higher than those of each other one, per song.

    Args:
        songs: predictions of the one.
        others: predictions of the others for the same songs, in the same order.
    """
    references, ours, row_groups = ratings(songs), predictions(songs), groups(songs)
    our_values = evaluate_predictions(references, ours)
    comparison = {}
    for name, table in others.items():
        their_values = evaluate_predictions(references, predictions(table))
        intervals = difference_intervals(references, ours, predictions(table), row_groups)
        metrics: dict[str, Metric] = {}
        for metric, value in our_values.items():
            low, high = intervals.get(metric, (None, None))
            metrics[metric] = {"value": value - their_values[metric], "low": low, "high": high}
        comparison[name] = metrics
    return comparison


def format_report(systems: Mapping[str, Report]) -> str:
    """Write what `judge` says of several systems as text: a table for each unit, the systems below each other."""
    blocks = []
    for unit in UNITS:
        reports = {name: report[unit] for name, report in systems.items() if unit in report}
        if reports:
            blocks.append(_format_unit(unit, reports))
    return "\n\n".join(blocks)


def format_comparison(name: str, comparison: Mapping[str, Mapping[str, Metric]]) -> str:
    """Write what `compare` says of the system of this name as text: a row for each other system."""
    width = max(map(len, comparison))
    columns = [*(f"{dimension}_ccc" for dimension in DIMENSIONS), "ccc"]
    lines = [
        f"Per song, CCC of {name} minus that of the others; value [{CONFIDENCE:.0%} interval over artists, same draws]",
        f"{'':<{width}}" + "".join(f"  {label:<{METRIC_WIDTH}}" for label in (*DIMENSIONS, "mean")),
    ]
    for other, metrics in comparison.items():
        cells = "".join(f"  {_format_metric(metrics[column]):<{METRIC_WIDTH}}" for column in columns)
        lines.append(f"{other:<{width}}{cells}")
    return "\n".join(line.rstrip() for line in lines)


def _format_unit(unit: str, reports: Mapping[str, dict[str, Any]]) -> str:
    first = next(iter(reports.values()))
    over_folds = "fold_mean" in first["metrics"]["ccc"]
    width = max(len("system"), *map(len, reports))
    title = (
        f"Per {unit}: {first['num_rows']} {'segments' if unit == 'segment' else 'songs'} of {first['num_groups']} "
        f"artists; value [{CONFIDENCE:.0%} interval over artists]{'; mean ± std over folds' if over_folds else ''}"
    )
    header = f"{'system':<{width}}  {'':<7}" + "".join(f"  {label:<{METRIC_WIDTH}}" for label in SHOWN.values())
    lines = [title, header + ("  CCC over folds" if over_folds else "")]
    for name, report in reports.items():
        for dimension, prefix in (*((name, f"{name}_") for name in DIMENSIONS), ("mean", "")):
            metrics = [report["metrics"][prefix + metric] for metric in SHOWN]
            line = f"{name:<{width}}  {dimension:<7}" + "".join(
                f"  {_format_metric(metric):<{METRIC_WIDTH}}" for metric in metrics
            )
            ccc = metrics[0]
            lines.append(line + (f"  {ccc['fold_mean']:.3f} ± {ccc['fold_std']:.3f}" if "fold_mean" in ccc else ""))
            name = ""
    return "\n".join(line.rstrip() for line in lines)


def _format_metric(metric: Metric) -> str:
    interval = "" if metric["low"] is None else f" [{metric['low']:.3f}, {metric['high']:.3f}]"
    return f"{metric['value']:.3f}{interval}"
