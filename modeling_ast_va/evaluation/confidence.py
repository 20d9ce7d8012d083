# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Confidence intervals of metrics: a bootstrap over artists, because songs of one artist are not independent.

Drawing single songs would count ten songs of one album as ten independent observations, and give intervals that are
too narrow. The cluster bootstrap draws whole groups with replacement, as many as there are, each with all its songs.
Intervals are percentiles of the metric over the draws. They show how a metric varies with other songs and artists of
the same kind, and not how it varies when the model is trained again.

Source: B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall, 1993, chapters 8 and 13.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..ccc.concordance import Moments
from ..metrics import evaluate_moments, validate_ratings

CONFIDENCE = 0.95
NUM_RESAMPLES, SEED = 2000, 0

Array = NDArray[np.float64]


def bootstrap_intervals(
    references: ArrayLike,
    predictions: ArrayLike,
    groups: Sequence[int],
    other_predictions: ArrayLike | None = None,
) -> dict[str, tuple[float, float]]:
    """
    The interval of every metric of [`evaluate_predictions`], by its name; empty if there is only one group.

    Args:
        references, predictions: in rating points, as for [`evaluate_predictions`].
        groups: the group of each row; rows of a group are drawn together.
        other_predictions: of the same rows. If given, the intervals are of the metrics minus those of the other
            predictions on the same draws, so that the difficulty of the songs cancels out.

    Shape:
        references, predictions, other_predictions: `(n, 2)`, n >= 1; groups: `(n,)`

    Raises:
        ValueError: as for [`validate_ratings`], and for different lengths.
    """
    resampled = _resample(references, predictions, groups)
    if other_predictions is not None:
        others = _resample(references, other_predictions, groups)
        resampled = {name: values - others[name] for name, values in resampled.items()}
    tails = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    bounds = {name: np.quantile(values, tails) for name, values in resampled.items()}
    return {name: (float(low), float(high)) for name, (low, high) in bounds.items()}


def _resample(references: ArrayLike, predictions: ArrayLike, groups: Sequence[int]) -> dict[str, Array]:
    """Every metric on each draw of groups, `(NUM_RESAMPLES,)`; none if there is only one group."""
    references, predictions = validate_ratings(references, predictions)
    if len(groups) != len(references):
        raise ValueError(f"Expected groups of {len(references)} rows, but got {len(groups)}.")
    _, group_indices = np.unique(np.asarray(groups), return_inverse=True)
    num_groups = int(group_indices.max()) + 1
    if num_groups < 2:
        return {}
    shares = np.full(num_groups, 1 / num_groups)
    draws = np.random.default_rng(SEED).multinomial(num_groups, shares, size=NUM_RESAMPLES)  # how often each was drawn
    by_dimension = [_resample_moments(*pair, group_indices, draws) for pair in zip(references.T, predictions.T)]
    return evaluate_moments(Moments(*map(np.stack, zip(*by_dimension))))


def _resample_moments(
    references: Array, predictions: Array, group_indices: NDArray[np.int64], draws: NDArray[np.int64]
) -> Moments:
    """
    Moments of one dimension on each draw, `(NUM_RESAMPLES,)`.

    Moments follow from sums over rows, and the sums of a draw from the sums of its groups: one matrix product.
    Subtracting the mean of all references keeps the squares small, so that their differences lose little precision.
    """
    x, y = references - references.mean(), predictions - references.mean()
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y, np.abs(y - x)])  # (terms, n)
    sums = np.stack([np.bincount(group_indices, weights=term) for term in terms], axis=1)  # (groups, terms)
    count, *totals = (draws @ sums).T
    mean_x, mean_y, square_x, square_y, product, mean_absolute_error = (total / count for total in totals)
    mean_squared_error = np.maximum(0, square_x + square_y - 2 * product)
    return Moments(
        reference_variance=_without_rounding(square_x - mean_x**2, square_x),
        prediction_variance=_without_rounding(square_y - mean_y**2, square_y),
        covariance=product - mean_x * mean_y,
        mean_error=mean_y - mean_x,
        mean_squared_error=mean_squared_error,
        mean_absolute_error=mean_absolute_error,
        equal=mean_squared_error <= 1e-12,
    )


def _without_rounding(variances: Array, squares: Array) -> Array:
    """Variances, exactly 0 where the difference of squares is only a rounding error: the variance of a constant."""
    return np.where(variances > 1e-12 * np.maximum(squares, 1e-6), variances, 0)
