# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Confidence intervals of metrics: a bootstrap over artists, since songs of one artist are not independent.

Drawing songs one by one would take ten songs of one album for ten witnesses, and give intervals too narrow. So whole
groups are drawn, as many as there are, with replacement, and each brings all its songs: the cluster bootstrap.
Intervals are percentiles of the metric over the draws. They say how far a number may move with other songs and artists
of the same kind; how far it moves when the model is trained again they do not say.

Source: B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall, 1993, chapters 8 and 13.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..metrics import DIMENSIONS, METRICS, validate_ratings

CONFIDENCE = 0.95
NUM_RESAMPLES = 2000
SEED = 0

Array = NDArray[np.float64]


def bootstrap_intervals(
    references: ArrayLike,
    predictions: ArrayLike,
    groups: Sequence[int],
    *,
    num_resamples: int = NUM_RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = SEED,
) -> dict[str, tuple[float, float]]:
    """Return the interval of every metric of `evaluate_predictions`, by its name; empty where there is one group only.

    Args:
        references, predictions: in rating points, as for `evaluate_predictions`.
        groups: the group of each row, such as `song_groups` numbers; rows of a group are drawn together.
        num_resamples: draws.
        confidence: share of the draws that lie within the interval, between 0 and 1.
        seed: of the draws.

    Shape:
        references, predictions: (n, 2), n >= 1
        groups: (n,)

    Raises:
        ValueError: as `validate_ratings`; where the lengths differ; for a confidence that is not between 0 and 1.
    """
    resampled = resample_metrics(references, predictions, groups, num_resamples=num_resamples, seed=seed)
    return _intervals(resampled, confidence)


def difference_intervals(
    references: ArrayLike,
    predictions: ArrayLike,
    other_predictions: ArrayLike,
    groups: Sequence[int],
    *,
    num_resamples: int = NUM_RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = SEED,
) -> dict[str, tuple[float, float]]:
    """Return the interval of how much higher every metric is than with other predictions for the same rows.

    Both are judged on the same draws, so that what makes some songs hard for both falls out.

    Args, Shape, Raises: as `bootstrap_intervals`.
    """
    options = {"num_resamples": num_resamples, "seed": seed}
    ours, theirs = (
        resample_metrics(references, rated, groups, **options) for rated in (predictions, other_predictions)
    )
    return _intervals({name: ours[name] - theirs[name] for name in ours}, confidence)


def resample_metrics(
    references: ArrayLike, predictions: ArrayLike, groups: Sequence[int], *, num_resamples: int, seed: int
) -> dict[str, Array]:
    """Return every metric of `evaluate_predictions` on each draw of groups, none where there is one group only.

    Shape:
        references, predictions: (n, 2), n >= 1
        groups: (n,)
        each returned: (num_resamples,)
    """
    references, predictions = validate_ratings(references, predictions)
    if len(groups) != len(references):
        raise ValueError(f"expected a group for each of {len(references)} rows, got {len(groups)}")
    _, group_indices = np.unique(np.asarray(groups), return_inverse=True)
    num_groups = int(group_indices.max()) + 1
    if num_groups < 2:
        return {}
    shares = np.full(num_groups, 1 / num_groups)
    draws = np.random.default_rng(seed).multinomial(num_groups, shares, size=num_resamples)  # how often each was drawn
    by_dimension = [
        _resampled_metrics(references[:, i], predictions[:, i], group_indices, draws) for i in range(len(DIMENSIONS))
    ]
    resampled = {}
    for name in METRICS:
        values = [metrics[name] for metrics in by_dimension]
        resampled.update({f"{dimension}_{name}": value for dimension, value in zip(DIMENSIONS, values)})
        resampled[name] = np.mean(values, axis=0)
    return resampled


def _intervals(resampled: dict[str, Array], confidence: float) -> dict[str, tuple[float, float]]:
    if not 0 < confidence < 1:
        raise ValueError(f"expected a confidence between 0 and 1, got {confidence}")
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    bounds = {name: np.quantile(values, tails) for name, values in resampled.items()}
    return {name: (float(low), float(high)) for name, (low, high) in bounds.items()}


def _resampled_metrics(
    references: Array, predictions: Array, group_indices: NDArray[np.int64], draws: NDArray[np.int64]
) -> dict[str, Array]:
    """Every metric of one dimension, for each draw: (num_resamples,).

    All of them follow from sums over rows, and a draw's sums from those of its groups: one matrix product. Deviations
    from the mean of all references keep the sums of squares small, so that little is lost where they are subtracted.
    """
    x, y = references - references.mean(), predictions - references.mean()
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y, np.abs(y - x)])  # (terms, n)
    sums = np.stack([np.bincount(group_indices, weights=term) for term in terms], axis=1)  # (groups, terms)
    count, *totals = (draws @ sums).T
    mean_x, mean_y, square_x, square_y, product, mae = (total / count for total in totals)
    variance_x = _without_rounding(square_x - mean_x**2, square_x)
    variance_y = _without_rounding(square_y - mean_y**2, square_y)
    covariance = product - mean_x * mean_y
    varies = (variance_x > 0) & (variance_y > 0)
    mse = np.maximum(0, square_x + square_y - 2 * product)
    # Undefined values are those of `metrics.py`: agreement where both sides are the same constant, else none.
    equal = (mse <= 1e-12).astype(np.float64)
    denominator = variance_x + variance_y + (mean_x - mean_y) ** 2
    return {
        "mse": mse,
        "rmse": np.sqrt(mse),
        "mae": mae,
        "r2": np.where(variance_x > 0, 1 - mse / np.where(variance_x > 0, variance_x, 1), equal),
        "pearson_r": np.where(varies, covariance / np.sqrt(np.where(varies, variance_x * variance_y, 1)), 0),
        "ccc": np.where(varies, 2 * covariance / np.where(varies, denominator, 1), equal),
    }


def _without_rounding(variances: Array, squares: Array) -> Array:
    """Variances, exactly 0 where nothing but rounding is left of the difference of squares: a constant."""
    return np.where(variances > 1e-12 * np.maximum(squares, 1e-6), variances, 0)
