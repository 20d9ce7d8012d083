# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
The dynamic evaluation: the predicted course of songs against annotations of their moments, which are from -1 to 1.

Predictions on 1-9 are mapped by `(x - 5) / 4`, and also by a linear mapping of each dimension, because the raters of
songs and those of moments used their scales in different ways. Whatever is fitted is fitted to songs of other folds,
which share no artist with those of the fold.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..audio_ast_va import RATING_SCALE
from ..data.folds import assign_folds
from ..formatting import format_table
from ..metrics import DIMENSIONS, evaluate_predictions, pearson_r, root_mean_squared_error
from .baselines import CONSTANT
from .calibration import NUM_MAPPING_FOLDS, fit_linear_mapping
from .confidence import CONFIDENCE, bootstrap_intervals, mean_interval
from .frames import DYNAMIC
from .report import Metric, Section, format_metric
from .tables import PREDICTED, predictions, with_predictions

HELD, COURSE, MAPPED = "song's rating, held still", "model's course", ", linear mapping"
SONG_METRICS = {"pearson_r": pearson_r, "rmse": root_mean_squared_error}  # of a song; the mean over songs is reported
SHOWN = (("song", "pearson_r"), ("song", "rmse"), ("frame", "ccc"), ("frame", "rmse"))
TITLES = ("r of songs", "RMSE of songs", "CCC of all moments", "RMSE")

Array = NDArray[np.float64]


def course_section(
    frames: pd.DataFrame, songs: pd.DataFrame, baselines: Mapping[str, Array] = MappingProxyType({})
) -> Section:
    """The part of a report on the course: arguments as for [`predict_course`], and predictions of baselines by name."""
    report = evaluate_course(frames, predict_course(frames, songs) | dict(baselines))
    return Section(report, format_course(report))


def with_folds(frames: pd.DataFrame) -> pd.DataFrame:
    """A table of frames with a column `fold`: its own, or else one of at most five by group, and 0 for one group."""
    if "fold" in frames:
        return frames
    group_of = dict(zip(frames["song_id"], frames["group"]))
    num_folds = min(NUM_MAPPING_FOLDS, len(set(group_of.values())))
    fold_of = assign_folds(group_of, num_folds) if num_folds > 1 else dict.fromkeys(group_of, 0)
    return frames.assign(fold=frames["song_id"].map(fold_of))


def predict_course(frames: pd.DataFrame, songs: pd.DataFrame) -> dict[str, Array]:
    """
    Predict the moments of a table of frames with a column `fold` by the model and by simple systems.

    Args:
        songs: predictions of the songs (see [`table_of_songs`]) by the same model.

    Returns:
        Predictions from -1 to 1, `(n, 2)`, by system; without those that are fitted if there is only one fold.

    Raises:
        ValueError: for frames of a song that has no prediction.
    """
    rating_of = songs.set_index("song_id")[list(PREDICTED)]
    if unknown := sorted(set(frames["song_id"]) - set(rating_of.index)):
        raise ValueError(f"Expected predictions of all songs with frames, but got none of {unknown}.")
    systems = {}
    if frames["fold"].nunique() > 1:
        systems[CONSTANT] = _map_folds(frames, np.zeros((len(frames), 2)))
    for name, predicted in ((HELD, rating_of.loc[frames["song_id"]].to_numpy()), (COURSE, predictions(frames))):
        low, high = RATING_SCALE
        systems[name] = (2 * predicted - low - high) / (high - low)
        if CONSTANT in systems:
            systems[name + MAPPED] = _map_folds(frames, predicted)
    return systems


def _map_folds(frames: pd.DataFrame, predicted: Array) -> Array:
    """Map predictions linearly to annotations, those of each fold as is best for the others."""
    table = with_predictions(frames.assign(**dict(zip(DIMENSIONS, annotations(frames).T))), predicted)
    mapped = np.empty_like(predicted, dtype=np.float64)
    for fold in table["fold"].unique():
        of_fold = (table["fold"] == fold).to_numpy()
        gain, offset = fit_linear_mapping(table[~of_fold])
        mapped[of_fold] = gain * predicted[of_fold] + offset
    return mapped


def annotations(frames: pd.DataFrame) -> Array:
    """The annotations of a table of frames, `(n, 2)`."""
    return frames[list(DYNAMIC)].to_numpy(dtype=np.float64)


def evaluate_course(frames: pd.DataFrame, systems: Mapping[str, Array]) -> dict[str, Any]:
    """
    Evaluate predictions of the moments of a table of frames, as MediaEval 2015 did, song by song, and all together.

    Returns:
        `num_songs`, `num_groups`, `num_frames`, and `systems`: for each of them, `song` maps names such as
        `valence_pearson_r` to the mean over songs of the metric of their moments, and `frame` to the metric of all
        moments, both with the bounds of their intervals over artists as in [`evaluate_system`].

    Source:
        A. Aljanaki, Y.-H. Yang, M. Soleymani, "Developing a benchmark for emotional analysis of music", PLoS ONE 12(3),
        2017.
    """
    annotated = annotations(frames)
    rows_of_songs = [np.asarray(rows) for rows in frames.reset_index(drop=True).groupby("song_id").indices.values()]
    groups = frames["group"].tolist()
    groups_of_songs = [groups[rows[0]] for rows in rows_of_songs]
    report: dict[str, Any] = {}
    for name, predicted in systems.items():
        of_songs: dict[str, Metric] = {}
        for column, dimension in enumerate(DIMENSIONS):
            for metric, compute in SONG_METRICS.items():
                values = [compute(annotated[rows, column], predicted[rows, column]) for rows in rows_of_songs]
                mean, bounds = float(np.mean(values)), mean_interval(values, groups_of_songs)
                of_songs[f"{dimension}_{metric}"] = _metric(mean, bounds)
        bounds_of, of_all = (
            bootstrap_intervals(annotated, predicted, groups),
            evaluate_predictions(annotated, predicted),
        )
        of_frames = {metric: _metric(value, bounds_of.get(metric)) for metric, value in of_all.items()}
        report[name] = {"song": of_songs, "frame": of_frames}
    counts = {"num_songs": len(rows_of_songs), "num_groups": len(set(groups)), "num_frames": len(frames)}
    return counts | {"systems": report}


def _metric(value: float, bounds: tuple[float, float] | None) -> Metric:
    low, high = bounds or (None, None)
    return {"value": value, "low": low, "high": high}


def format_course(report: Mapping[str, Any]) -> str:
    """The result of [`evaluate_course`] as text: two rows for each system."""
    rows = [
        [
            name if dimension == DIMENSIONS[0] else "",
            dimension,
            *(format_metric(metrics[unit][f"{dimension}_{metric}"]) for unit, metric in SHOWN),
        ]
        for name, metrics in report["systems"].items()
        for dimension in DIMENSIONS
    ]
    title = (
        f"Course: {report['num_frames']} moments of {report['num_songs']} songs of {report['num_groups']} artists, on "
        f"-1 to 1; value [{CONFIDENCE:.0%} interval over artists]"
    )
    return f"{title}\n{format_table(['system', '', *TITLES], rows)}"
