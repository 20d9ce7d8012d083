# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Metrics of predicted valence and arousal: of each of the two and their mean, per segment and per song.

Ratings and predictions are arrays `(n, 2)` in rating points of the 1-9 scale, column 0 valence and column 1 arousal; a
row is a segment or a song. Metrics of one dimension take two arrays `(n,)`, references first. MSE is in squared rating
points, RMSE and MAE in rating points; the others have no unit. Moments are population moments: divided by n. The mean
over both dimensions is the mean of their two values, for RMSE too (not the root of the mean).

Nothing is NaN, because a NaN metric would leave training without a best checkpoint and without an error. Where the
references or the predictions are constant, Pearson's r is 0.0; R2 and CCC are 1.0 if the predictions equal the
references. Otherwise CCC is 0.0, and so is R2 of constant references (as scikit-learn's `r2_score`).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .audio_ast_va import DIMENSIONS as DIMENSIONS
from .audio_ast_va import aggregate_segments
from .ccc.concordance import Moments, concordance, divide, moments, validate
from .ccc.concordance import concordance_correlation_coefficient as concordance_correlation_coefficient

if TYPE_CHECKING:
    from transformers import EvalPrediction

Array = NDArray[np.float64]


def _pearson_r(m: Moments) -> Array:
    scale = np.sqrt(m.reference_variance) * np.sqrt(m.prediction_variance)
    return np.clip(divide(m.covariance, scale, scale > 0, 0.0), -1, 1)


# The formula of every metric, elementwise on moments.
METRICS: dict[str, Callable[[Moments], Array]] = {
    "mse": lambda m: m.mean_squared_error,
    "rmse": lambda m: np.sqrt(m.mean_squared_error),
    "mae": lambda m: m.mean_absolute_error,
    # The share of the references' variance that predictions explain; negative if worse than predicting their mean.
    "r2": lambda m: 1 - divide(m.mean_squared_error, m.reference_variance, m.reference_variance > 0, ~m.equal),
    "pearson_r": _pearson_r,
    "ccc": concordance,
}


def pearson_r(references: ArrayLike, predictions: ArrayLike) -> float:
    """The linear correlation of one dimension, which ignores shift and scale; 0.0 where either side is constant."""
    return float(_pearson_r(moments(*validate(references, predictions))))


def root_mean_squared_error(references: ArrayLike, predictions: ArrayLike) -> float:
    """The root of the mean squared error of one dimension, in rating points."""
    return float(METRICS["rmse"](moments(*validate(references, predictions))))


def validate_ratings(references: ArrayLike, predictions: ArrayLike) -> tuple[Array, Array]:
    """
    Convert ratings and predictions of both dimensions, `(n, 2)` with n >= 1, to float64 arrays.

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
    """Every metric of [`evaluate_predictions`], elementwise on moments: `(2, ...)` for each, to metrics `(...)`."""
    results: dict[str, Array] = {}
    for name, formula in METRICS.items():
        values = formula(m)
        results |= {f"{dimension}_{name}": value for dimension, value in zip(DIMENSIONS, values)}
        results[name] = np.mean(values, axis=0)
    return results


def evaluate_predictions(references: ArrayLike, predictions: ArrayLike) -> dict[str, float]:
    """
    Every metric of valence, of arousal and their mean: `valence_ccc`, `arousal_ccc`, `ccc`, and so on.

    Raises:
        ValueError: as for [`validate_ratings`].
    """
    references, predictions = validate_ratings(references, predictions)
    return {name: float(value) for name, value in evaluate_moments(moments(references.T, predictions.T)).items()}


class SongPredictions(NamedTuple):
    """Predictions of songs; row i of every array belongs to the i-th song, in ascending order of ids."""

    song_ids: NDArray  # (num_songs,)
    references: Array  # (num_songs, 2), rating points
    predictions: Array  # (num_songs, 2), weighted mean over the song's segments
    prediction_stds: Array  # (num_songs, 2), weighted population std over the song's segments
    num_segments: NDArray[np.int64]  # (num_songs,)


def songs_from_segments(
    song_ids: ArrayLike, references: ArrayLike, predictions: ArrayLike, weights: ArrayLike | None = None
) -> SongPredictions:
    """
    Aggregate the predictions of segments to one prediction for each song.

    Args:
        song_ids: the song of each segment, in any order, `(n,)`.
        references, predictions: the ratings of its song, and the prediction for the segment, `(n, 2)`.
        weights: of the segments, such as their `weight_seconds`, `(n,)`. None: all have the same weight.

    Raises:
        ValueError: as for [`validate_ratings`]; for different lengths, a weight that is not above 0, and different
            ratings for segments of one song.
    """
    references, predictions = validate_ratings(references, predictions)
    song_ids = np.asarray(song_ids)
    weights = np.ones(len(references)) if weights is None else np.asarray(weights, dtype=np.float64)
    for name, values in (("song_ids", song_ids), ("weights", weights)):
        if values.shape != (len(references),):
            raise ValueError(f"Expected {name} of {len(references)} segments, but got the shape {values.shape}.")
    if not (np.isfinite(weights) & (weights > 0)).all():
        raise ValueError(f"Expected weights above 0, but got {weights.min()} to {weights.max()}.")
    ids, first, indices, counts = np.unique(song_ids, return_index=True, return_inverse=True, return_counts=True)
    of_songs = references[first]
    differing = np.any(references != of_songs[indices], axis=1)
    if differing.any():
        row = int(np.argmax(differing))
        got = f"{of_songs[indices[row]].tolist()} and {references[row].tolist()}"
        raise ValueError(f"Expected one rating for each song, but got {got} for segments of song {song_ids[row]}.")
    rows_by_song = np.split(np.argsort(indices, kind="stable"), np.cumsum(counts)[:-1])
    means, stds = zip(*(aggregate_segments(predictions[rows], weights[rows]) for rows in rows_by_song))
    return SongPredictions(ids, of_songs, np.stack(means), np.stack(stds), counts)


def compute_metrics(
    eval_prediction: "EvalPrediction", song_ids: ArrayLike | None = None, weights: ArrayLike | None = None
) -> dict[str, float]:
    """
    The metrics per segment (`valence_ccc`, ...), and per song (`song_valence_ccc`, ...) where `song_ids` are given.

    Use it as `Trainer(compute_metrics=functools.partial(compute_metrics, song_ids=...))`.

    Args:
        eval_prediction: labels `(n, 2)`, and logits `(n, 2)` or a tuple that starts with the logits, in rating points.
        song_ids, weights: of the segments in the order of the evaluated dataset, as for [`songs_from_segments`].

    Raises:
        ValueError: as for [`songs_from_segments`].
    """
    labels, logits = eval_prediction.label_ids, eval_prediction.predictions
    logits = logits[0] if isinstance(logits, tuple) else logits
    results = evaluate_predictions(labels, logits)
    if song_ids is not None:
        songs = songs_from_segments(song_ids, labels, logits, weights)
        of_songs = evaluate_predictions(songs.references, songs.predictions)
        results |= {f"song_{name}": value for name, value in of_songs.items()}
    return results
