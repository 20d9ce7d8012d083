# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Metrics of predicted valence and arousal, for each of the two and as their mean, per segment and per song.

Conventions
    Ratings and predictions are arrays (n, 2), column 0 valence and column 1 arousal, in rating points on the 1-9
    scale; a row is a segment or a song. The metrics of one dimension take two arrays (n,), references first.
    Moments are population moments: divided by n.
    The mean over both dimensions is that of their two values, for RMSE too (the mean of the two roots, not the root of
    the mean). So the MSE's mean is the training loss.
    Nothing is NaN: an undefined value would leave training without a best checkpoint, in silence. Where a side is
    constant, Pearson's r is 0.0, and each function says what it returns.

Units
    MSE: squared rating points. RMSE, MAE: rating points. R2, Pearson's r, CCC: none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .audio_ast_va import aggregate_segments
from .ccc.concordance import concordance_correlation_coefficient, validate

if TYPE_CHECKING:
    from transformers import EvalPrediction


DIMENSIONS = ("valence", "arousal")


def validate_ratings(references: ArrayLike, predictions: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ratings and predictions of both dimensions as float64 arrays, refusing what cannot be evaluated.

    Args:
        references: the ratings, in rating points.
        predictions: what was predicted for them, in the same order.

    Shape:
        references, predictions: (n, 2), n >= 1

    Raises:
        ValueError: for another or a differing shape, for no rows, and for NaN or infinite values.
    """
    references, predictions = np.asarray(references, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    if references.shape != predictions.shape or references.shape[1:] != (len(DIMENSIONS),):
        raise ValueError(
            "references and predictions must both have the shape (n, 2), columns valence and arousal, "
            f"got {references.shape} and {predictions.shape}"
        )
    validate(references.ravel(), predictions.ravel())
    return references, predictions


def mean_squared_error(references: ArrayLike, predictions: ArrayLike) -> float:
    """Return the mean of the squared errors of one dimension, in squared rating points."""
    references, predictions = validate(references, predictions)
    return float(np.mean((predictions - references) ** 2))


def root_mean_squared_error(references: ArrayLike, predictions: ArrayLike) -> float:
    """Return the root of the mean squared error of one dimension, in rating points."""
    return float(np.sqrt(mean_squared_error(references, predictions)))


def mean_absolute_error(references: ArrayLike, predictions: ArrayLike) -> float:
    """Return the mean size of the errors of one dimension, in rating points."""
    references, predictions = validate(references, predictions)
    return float(np.mean(np.abs(predictions - references)))


def r2_score(references: ArrayLike, predictions: ArrayLike) -> float:
    """Return the share of the references' variance that predictions explain: 1 - MSE / var(references).

    Always predicting the references' mean scores 0, worse is negative. Constant references have no variance to
    explain: 1.0 where every prediction meets them, else 0.0 (as scikit-learn's `r2_score`).
    """
    references, predictions = validate(references, predictions)
    if np.ptp(references) == 0:
        return float(np.array_equal(references, predictions))
    return 1 - mean_squared_error(references, predictions) / float(np.var(references))


def pearson_r(references: ArrayLike, predictions: ArrayLike) -> float:
    """Return the linear correlation of one dimension, blind to shift and scale; 0.0 where either side is constant."""
    references, predictions = validate(references, predictions)
    if np.ptp(references) == 0 or np.ptp(predictions) == 0:
        return 0.0
    return float(np.corrcoef(references, predictions)[0, 1])


METRICS: dict[str, Callable[[ArrayLike, ArrayLike], float]] = {
    "mse": mean_squared_error,
    "rmse": root_mean_squared_error,
    "mae": mean_absolute_error,
    "r2": r2_score,
    "pearson_r": pearson_r,
    "ccc": concordance_correlation_coefficient,
}


def evaluate_predictions(references: ArrayLike, predictions: ArrayLike) -> dict[str, float]:
    """Return every metric for valence, for arousal and as their mean: `valence_ccc`, `arousal_ccc`, `ccc`, and so on.

    Args:
        references: the ratings, in rating points.
        predictions: what was predicted for them, in the same order.

    Shape:
        references, predictions: (n, 2), n >= 1

    Raises:
        ValueError: as `validate_ratings`.
    """
    references, predictions = validate_ratings(references, predictions)
    results = {}
    for name, metric in METRICS.items():
        values = [metric(references[:, i], predictions[:, i]) for i in range(len(DIMENSIONS))]
        results.update({f"{dimension}_{name}": value for dimension, value in zip(DIMENSIONS, values)})
        results[name] = sum(values) / len(values)
    return results


class SongPredictions(NamedTuple):
    """What was predicted for each song; row i of every array belongs to the i-th song, in the order of their ids."""

    song_ids: NDArray  # (num_songs,)
    references: NDArray[np.float64]  # (num_songs, 2), rating points
    predictions: NDArray[np.float64]  # (num_songs, 2), duration-weighted mean over the song's segments
    prediction_stds: NDArray[np.float64]  # (num_songs, 2), duration-weighted population std over the song's segments
    num_segments: NDArray[np.int64]  # (num_songs,)


def songs_from_segments(
    song_ids: ArrayLike, references: ArrayLike, predictions: ArrayLike, durations: ArrayLike | None = None
) -> SongPredictions:
    """Aggregate the predictions of segments to one per song, the thing that was rated.

    Args:
        song_ids: the song of each segment, in any order.
        references: the ratings of each segment's song, in rating points.
        predictions: what was predicted for each segment, in rating points.
        durations: of the segments, in seconds: their weights. None: every segment weighs the same.

    Shape:
        song_ids, durations: (n,)
        references, predictions: (n, 2), n >= 1

    Raises:
        ValueError: as `validate_ratings`; where the lengths differ; for a duration that is not above 0; where the
            segments of one song have different ratings.
    """
    references, predictions = validate_ratings(references, predictions)
    song_ids = np.asarray(song_ids)
    durations = np.ones(len(references)) if durations is None else np.asarray(durations, dtype=np.float64)
    for name, values in (("song_ids", song_ids), ("durations", durations)):
        if values.shape != (len(references),):
            raise ValueError(f"expected one of {name} for each of {len(references)} segments, got shape {values.shape}")
    if not (np.isfinite(durations) & (durations > 0)).all():
        raise ValueError(f"expected durations above 0 seconds, got {durations.min()} to {durations.max()}")

    ids, first_rows, song_indices, num_segments = np.unique(
        song_ids, return_index=True, return_inverse=True, return_counts=True
    )
    differing = np.any(references != references[first_rows][song_indices], axis=1)
    if differing.any():
        row = int(np.argmax(differing))
        raise ValueError(
            f"expected one rating per song, got {references[first_rows[song_indices[row]]].tolist()} "
            f"and {references[row].tolist()} for segments of song {song_ids[row]}"
        )
    rows_by_song = np.split(np.argsort(song_indices, kind="stable"), np.cumsum(num_segments)[:-1])
    means, stds = zip(*(aggregate_segments(predictions[rows], durations[rows]) for rows in rows_by_song))
    return SongPredictions(ids, references[first_rows], np.stack(means), np.stack(stds), num_segments)


def song_metrics(
    song_ids: ArrayLike, references: ArrayLike, predictions: ArrayLike, durations: ArrayLike | None = None
) -> dict[str, float]:
    """Return every metric per song: `song_valence_ccc`, `song_arousal_ccc`, `song_ccc`, and so on.

    Args, Shape, Raises: as `songs_from_segments`.
    """
    songs = songs_from_segments(song_ids, references, predictions, durations)
    results = evaluate_predictions(songs.references, songs.predictions)
    return {f"song_{name}": value for name, value in results.items()}


def compute_metrics(
    eval_prediction: EvalPrediction, song_ids: ArrayLike | None = None, durations: ArrayLike | None = None
) -> dict[str, float]:
    """Return the metrics per segment, and per song where the songs are known, as `Trainer(compute_metrics=...)` asks.

    The trainer passes predictions only, so bind the rest to it: `functools.partial(compute_metrics, song_ids=...)`.

    Args:
        eval_prediction: labels, and logits or a tuple that begins with the logits, in rating points.
        song_ids: the song of each segment, in the order of the evaluated dataset.
        durations: of the segments, in seconds: their weights within a song. None: every segment weighs the same.

    Shape:
        eval_prediction.label_ids, logits: (n, 2)
        song_ids, durations: (n,)

    Raises:
        ValueError: as `songs_from_segments`.
    """
    logits = eval_prediction.predictions
    if isinstance(logits, tuple):
        logits = logits[0]
    results = evaluate_predictions(eval_prediction.label_ids, logits)
    if song_ids is not None:
        results.update(song_metrics(song_ids, eval_prediction.label_ids, logits, durations))
    return results
