# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The report of several systems: every metric with its interval, per song, per range of song ids, and per segment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..data.song_ids import ID_RANGES, id_range_of
from ..formatting import format_interval, format_table
from ..hub.files import REPORT_FILE, write_json
from ..metrics import DIMENSIONS, evaluate_predictions
from .confidence import CONFIDENCE, bootstrap_intervals
from .tables import predictions, ratings, table_of_songs

SHOWN = {"ccc": "CCC", "pearson_r": "r", "r2": "R2", "rmse": "RMSE", "mae": "MAE"}
PREFIXES = {**{dimension: f"{dimension}_" for dimension in DIMENSIONS}, "mean": ""}  # of metrics, by what they are of
UNITS = ("song", *(f"song {ids}" for ids in ID_RANGES), "segment")

Metric = dict[str, float | None]  # value, low and high; over folds also fold_mean and fold_std
Report = dict[str, dict[str, Any]]  # by unit
Tables = Mapping[str, pd.DataFrame]  # by system


def evaluate_system(songs: pd.DataFrame, segments: pd.DataFrame | None = None) -> Report:
    """
    Evaluate the predictions of one system, per song, per song of each range of ids, and per segment.

    Args:
        songs, segments: tables of songs and of segments; those of out-of-fold predictions have a column `fold`.

    Returns:
        For each of `UNITS` that has rows: `num_rows`, `num_groups` (of one artist or recording) and `metrics`, which
        maps names such as `valence_ccc` to `value`, the bounds `low` and `high` of its interval (None if there is only
        one group), and over folds `fold_mean` and `fold_std` (of a sample: n - 1).
    """
    ranges = id_range_of(songs["song_id"])
    tables = {"song": songs} | {f"song {ids}": songs[ranges == index] for index, ids in enumerate(ID_RANGES)}
    if segments is not None:
        tables["segment"] = segments
    return {unit: _evaluate_unit(table) for unit, table in tables.items() if len(table)}


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
    by_unit = {unit: {name: report[unit] for name, report in systems.items() if unit in report} for unit in UNITS}
    return "\n\n".join(_format_unit(unit, reports) for unit, reports in by_unit.items() if reports)


def format_comparison(name: str, comparison: Mapping[str, Mapping[str, Metric]]) -> str:
    """The metrics of the system of this name minus those of each other system as text: a row for each other system."""
    cccs = [f"{prefix}ccc" for prefix in PREFIXES.values()]
    rows = [[other, *(_format_metric(metrics[ccc]) for ccc in cccs)] for other, metrics in comparison.items()]
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
            rows.append([name if dimension == DIMENSIONS[0] else "", dimension, *map(_format_metric, metrics), *folds])
    header = ["system", "", *SHOWN.values(), *(["CCC over folds"] if over_folds else [])]
    return f"{title}\n{format_table(header, rows)}"


def _format_metric(metric: Metric) -> str:
    return format_interval(metric["value"], metric["low"], metric["high"])


def publish_report(
    segments: Tables, baselines: Tables, protocol: Mapping[str, Any], output_dir: str | Path
) -> dict[str, Report]:
    """
    Evaluate systems and baselines, print the report, and write it as `report.json`.

    Args:
        segments: tables of segments; the last system is compared with the baselines.
        baselines: tables of the same songs.
        protocol: how the songs were split.

    Returns:
        For each system and baseline the result of [`evaluate_system`].
    """
    songs = {name: table_of_songs(table) for name, table in segments.items()}
    systems = {name: evaluate_system(songs[name], table) for name, table in segments.items()}
    systems |= {name: evaluate_system(table) for name, table in baselines.items()}
    report: dict[str, Any] = {"protocol": dict(protocol), "systems": systems}
    print(format_report(systems))
    if segments and baselines:
        last = list(segments)[-1]
        report["comparison"] = {name: evaluate_table(songs[last], table) for name, table in baselines.items()}
        print(f"\n{format_comparison(last, report['comparison'])}")
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    write_json(Path(output_dir) / REPORT_FILE, report)
    print(f"\nThe report is in {output_dir}")
    return systems
