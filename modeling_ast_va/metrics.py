# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Metrics of predicted valence and arousal: of each of the two and their mean, per segment and per song.

Conventions
    Ratings and predictions are arrays `(n, 2)`, column 0 valence and column 1 arousal, in rating points on the 1-9
    scale; a row is a segment or a song. Metrics of one dimension take two arrays `(n,)`, references first.
    Moments are population moments: divided by n.
    The mean over both dimensions is the mean of their two values, for RMSE too (the mean of the two roots, not the
    root of the mean).
    Nothing is NaN, because a NaN metric would leave training without a best checkpoint and without an error. Where
    the references or the predictions are constant, Pearson's r is 0.0; R2 and CCC are 1.0 if the predictions equal the
    references. Otherwise CCC is 0.0, and so is R2 of constant references (as scikit-learn's `r2_score`).

Units
    MSE: squared rating points. RMSE, MAE: rating points. R2, Pearson's r, CCC: none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .audio_ast_va import aggregate_segments
from .ccc.concordance import Moments, concordance, divide, moments, validate
from .ccc.concordance import concordance_correlation_coefficient as concordance_correlation_coefficient

if TYPE_CHECKING:
    from transformers import EvalPrediction

DIMENSIONS = ("valence", "arousal")

Array = NDArray[np.float64]


def _r2(m: Moments) -> Array:
    """The share of the references' variance that predictions explain; negative if worse than predicting their mean."""
    return 1 - divide(m.mean_squared_error, m.reference_variance, m.reference_variance > 0, ~m.equal)


def _pearson_r(m: Moments) -> Array:
    """The linear correlation, which ignores shift and scale."""
    scale = np.sqrt(m.reference_variance) * np.sqrt(m.prediction_variance)
    return np.clip(divide(m.covariance, scale, scale > 0, 0.0), -1, 1)


# The formula of every metric, elementwise on moments.
METRICS: dict[str, Callable[[Moments], Array]] = {
    "mse": lambda m: m.mean_squared_error,
    "rmse": lambda m: np.sqrt(m.mean_squared_error),
    "mae": lambda m: m.mean_absolute_error,
    "r2": _r2,
    "pearson_r": _pearson_r,
    "ccc": concordance,
}


def pearson_r(references: ArrayLike, predictions: ArrayLike) -> float:
    """The linear correlation of one dimension, which ignores shift and scale; 0.0 where either side is constant."""
    return float(METRICS["pearson_r"](moments(*validate(references, predictions))))


def root_mean_squared_error(references: ArrayLike, predictions: ArrayLike) -> float:
    """The root of the mean squared error of one dimension, in rating points."""
    return float(METRICS["rmse"](moments(*validate(references, predictions))))


def validate_ratings(references: ArrayLike, predictions: ArrayLike) -> tuple[Array, Array]:
    """
    Convert ratings and predictions of both dimensions to float64 arrays.

    Shape:
        references, predictions: `(n, 2)`, n >= 1

    Raises:
        ValueError: for another shape, different shapes, no rows, and NaN or infinite values.
    """
    references, predictions = np.asarray(references, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    if references.shape != predictions.shape or references.shape[1:] != (len(DIMENSIONS),):
        raise ValueError(
            "Expected references and predictions of one shape (n, 2), columns valence and arousal, "
            f"but got {references.shape} and {predictions.shape}."
        )
    validate(references.ravel(), predictions.ravel())
    return references, predictions


def evaluate_moments(m: Moments) -> dict[str, Array]:
    """
    Every metric of valence, of arousal and their mean: `valence_ccc`, `arousal_ccc`, `ccc`, and so on.

    Shape:
        each moment: `(2, ...)`; each metric: `(...)`
    """
    results = {}
    for name, formula in METRICS.items():
        values = formula(m)
        results.update({f"{dimension}_{name}": value for dimension, value in zip(DIMENSIONS, values)})
        results[name] = np.mean(values, axis=0)
    return results


def evaluate_predictions(references: ArrayLike, predictions: ArrayLike) -> dict[str, float]:
    """
    Every metric of valence, of arousal and their mean: `valence_ccc`, `arousal_ccc`, `ccc`, and so on.

    Args:
        references: the ratings, in rating points.
        predictions: the values predicted for them, in the same order.

    Shape:
        references, predictions: `(n, 2)`, n >= 1

    Raises:
        ValueError: as for [`validate_ratings`].
    """
    references, predictions = validate_ratings(references, predictions)
    return {name: float(value) for name, value in evaluate_moments(moments(references.T, predictions.T)).items()}


class SongPredictions(NamedTuple):
    """Predictions of songs; row i of every array belongs to the i-th song, in ascending order of ids."""

    song_ids: NDArray  # (num_songs,)
    references: Array  # (num_songs, 2), rating points
    predictions: Array  # (num_songs, 2), duration-weighted mean over the song's segments
    prediction_stds: Array  # (num_songs, 2), duration-weighted population std over the song's segments
    num_segments: NDArray[np.int64]  # (num_songs,)


def songs_from_segments(
    song_ids: ArrayLike, references: ArrayLike, predictions: ArrayLike, durations: ArrayLike | None = None
) -> SongPredictions:
    """
    Aggregate the predictions of segments to one prediction for each song.

    Args:
        song_ids: the song of each segment, in any order.
        references: the ratings of each segment's song, in rating points.
        predictions: the values predicted for each segment, in rating points.
        durations: of the segments, in seconds: their weights. None: all segments have the same weight.

    Shape:
        song_ids, durations: `(n,)`; references, predictions: `(n, 2)`, n >= 1

    Raises:
        ValueError: as for [`validate_ratings`]; for different lengths, a duration that is not above 0, and different
            ratings for segments of one song.
    """
    references, predictions = validate_ratings(references, predictions)
    song_ids = np.asarray(song_ids)
    durations = np.ones(len(references)) if durations is None else np.asarray(durations, dtype=np.float64)
    for name, values in (("song_ids", song_ids), ("durations", durations)):
        if values.shape != (len(references),):
            raise ValueError(f"Expected {name} of {len(references)} segments, but got the shape {values.shape}.")
    if not (np.isfinite(durations) & (durations > 0)).all():
        raise ValueError(f"Expected durations above 0 seconds, but got {durations.min()} to {durations.max()}.")

    ids, first_rows, song_indices, num_segments = np.unique(
        song_ids, return_index=True, return_inverse=True, return_counts=True
    )
    differing = np.any(references != references[first_rows][song_indices], axis=1)
    if differing.any():
        row = int(np.argmax(differing))
        raise ValueError(
            f"Expected one rating for each song, but got {references[first_rows[song_indices[row]]].tolist()} "
            f"and {references[row].tolist()} for segments of song {song_ids[row]}."
        )
    rows_by_song = np.split(np.argsort(song_indices, kind="stable"), np.cumsum(num_segments)[:-1])
    means, stds = zip(*(aggregate_segments(predictions[rows], durations[rows]) for rows in rows_by_song))
    return SongPredictions(ids, references[first_rows], np.stack(means), np.stack(stds), num_segments)


def compute_metrics(
    eval_prediction: EvalPrediction, song_ids: ArrayLike | None = None, durations: ArrayLike | None = None
) -> dict[str, float]:
    """
    The metrics per segment, and per song where `song_ids` are given, in the form of `Trainer(compute_metrics=...)`.

    The trainer passes predictions only; bind the other arguments: `functools.partial(compute_metrics, song_ids=...)`.

    Args:
        eval_prediction: labels, and logits or a tuple that starts with the logits, in rating points.
        song_ids: the song of each segment, in the order of the evaluated dataset.
        durations: of the segments, in seconds: their weights within a song. None: all segments have the same weight.

    Shape:
        eval_prediction.label_ids, logits: `(n, 2)`; song_ids, durations: `(n,)`

    Returns:
        `valence_ccc`, `song_valence_ccc`, and so on.

    Raises:
        ValueError: as for [`songs_from_segments`].
    """
    logits = eval_prediction.predictions
    if isinstance(logits, tuple):
        logits = logits[0]
    results = evaluate_predictions(eval_prediction.label_ids, logits)
    if song_ids is not None:
        songs = songs_from_segments(song_ids, eval_prediction.label_ids, logits, durations)
        of_songs = evaluate_predictions(songs.references, songs.predictions)
        results |= {f"song_{name}": value for name, value in of_songs.items()}
    return results
