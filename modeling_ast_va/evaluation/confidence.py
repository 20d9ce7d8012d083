# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Confidence intervals of metrics: a bootstrap over artists, because songs of one artist are not independent.

Drawing single songs would give intervals that are too narrow. The cluster bootstrap draws whole groups with
replacement, as many as there are, each with all its songs. Intervals are percentiles of the metric over the draws. They
show how a metric varies with other songs and artists, and not how it varies when the model is trained again.

Source: B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall, 1993, chapters 8 and 13.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..ccc.concordance import Moments
from ..metrics import evaluate_moments, validate_ratings

CONFIDENCE = 0.95
NUM_RESAMPLES, SEED = 2000, 0


def bootstrap_intervals(
    references: ArrayLike, predictions: ArrayLike, groups: Sequence[int], other_predictions: ArrayLike | None = None
) -> dict[str, tuple[float, float]]:
    """
    The interval of every metric of [`evaluate_predictions`], by its name; empty if there is only one group.

    Args:
        references, predictions: in rating points, `(n, 2)`.
        groups: the group of each row, `(n,)`; rows of a group are drawn together.
        other_predictions: of the same rows. If given, the intervals are of the metrics minus those of the other
            predictions on the same draws, so that the difficulty of the songs cancels out.

    Raises:
        ValueError: as for [`validate_ratings`], and for different lengths.
    """
    resampled = _resample(references, predictions, groups)
    if other_predictions is not None:
        others = _resample(references, other_predictions, groups)
        resampled = {name: values - others[name] for name, values in resampled.items()}
    return {name: _percentiles(values) for name, values in resampled.items()}


def mean_interval(values: ArrayLike, groups: Sequence[int]) -> tuple[float, float] | None:
    """The interval of the mean of values, `(n,)`; those of a group are drawn together, and one group has None."""
    order, starts, draws = _draw_groups(groups)
    if len(starts) < 2:
        return None
    values = np.asarray(values, dtype=np.float64)[order]
    sums = np.add.reduceat(np.stack([values, np.ones_like(values)]), starts, axis=-1) @ draws.T  # (2, NUM_RESAMPLES)
    return _percentiles(sums[0] / sums[1])


def _percentiles(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _draw_groups(groups: Sequence[int]) -> tuple[NDArray, NDArray, NDArray]:
    """The order that sorts rows by group, where each group starts in it, and how often each draw has each group."""
    order = np.argsort(groups, kind="stable")
    _, starts = np.unique(np.asarray(groups)[order], return_index=True)
    shares = np.full(len(starts), 1 / len(starts))
    return order, starts, np.random.default_rng(SEED).multinomial(len(starts), shares, NUM_RESAMPLES)


def _resample(references: ArrayLike, predictions: ArrayLike, groups: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    """Every metric on each draw of groups, `(NUM_RESAMPLES,)`; none if there is only one group."""
    references, predictions = validate_ratings(references, predictions)
    if len(groups) != len(references):
        raise ValueError(f"Expected groups of {len(references)} rows, but got {len(groups)}.")
    order, starts, draws = _draw_groups(groups)  # draws: (NUM_RESAMPLES, groups)
    if len(starts) < 2:
        return {}
    # Moments follow from sums over rows, and the sums of a draw from the sums of its groups: one matrix product.
    # Subtracting the mean of all references keeps the squares small, so that their differences lose little precision.
    x, y = ((values - references.mean(axis=0))[order].T for values in (references, predictions))  # (2, n)
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y, np.abs(y - x)])  # (terms, 2, n)
    sums = np.tensordot(np.add.reduceat(terms, starts, axis=-1), draws, (-1, -1))  # (terms, 2, NUM_RESAMPLES)
    averages = sums[1:] / sums[0]
    means, squares, (product, mean_absolute_error) = averages[:2], averages[2:4], averages[4:]
    # The variance of a constant is 0, but the difference of its squares may be a rounding error.
    variances = squares - means**2
    variances = np.where(variances > 1e-12 * np.maximum(squares, 1e-6), variances, 0)
    mean_squared_error = np.maximum(0, squares.sum(axis=0) - 2 * product)
    moments = Moments(
        reference_variance=variances[0],
        prediction_variance=variances[1],
        covariance=product - means.prod(axis=0),
        mean_error=means[1] - means[0],
        mean_squared_error=mean_squared_error,
        mean_absolute_error=mean_absolute_error,
        equal=mean_squared_error <= 1e-12,
    )
    return evaluate_moments(moments)
