# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
How sure a rating is: intervals, percentiles among rated songs, and probabilities of quadrants, in numpy alone.

Arrays end with the axis of the two dimensions, valence and arousal, and may have further axes before it, such as songs.
"""

import math
from collections.abc import Sequence

import numpy as np

QUADRANTS = ("Excited", "Calm", "Sad", "Distressed")  # in the order of `quadrant_probability`
COVERAGE = 0.9  # of intervals, by default
COVERAGE_LEVELS = np.arange(1, 100) / 100  # of the stored quantiles of normalised errors
NUM_NODES = 20  # of the quadrature: the error is below 1e-12 up to correlations of 0.95
_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def pool_error_std(segments: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """
    Compute the spread of the error of a song: the weighted geometric mean over its segments.

    The errors of the segments of a song are nearly the same, so that their mean has no smaller spread than they have.
    With the geometric mean, it makes no difference whether songs or segments are calibrated by [`calibrate_error_std`].

    Args:
        segments: spread of the error of each segment, in rating points.
        weights: of each segment, in any unit.

    Shape:
        `(num_segments, 2)` and `(num_segments,)` -> `(2,)`, float64.

    Raises:
        ValueError: if there are no segments, or not as many weights.
    """
    segments, weights = np.asarray(segments, np.float64), np.asarray(weights, np.float64)
    if segments.ndim != 2 or weights.shape != segments.shape[:1] or not weights.size:
        expected = "spreads of shape (num_segments, 2) and as many weights"
        raise ValueError(f"Expected {expected}, but got {segments.shape} and {weights.shape}.")
    return np.exp(weights @ np.log(segments) / weights.sum())


def calibrate_error_std(error_std: np.ndarray, scale: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """
    Calibrate the spread of the error of songs: `scale * error_std ** exponent`.

    An exponent below 1 draws spreads together which differ more between songs than the errors do; with 0, all songs
    have the spread `scale`.

    Args:
        error_std: spread as predicted, in rating points.
        scale, exponent: of valence and arousal.

    Shape:
        `(..., 2)`, `(2,)` and `(2,)` -> `(..., 2)`, float64.
    """
    return np.asarray(scale, np.float64) * np.asarray(error_std, np.float64) ** np.asarray(exponent, np.float64)


def song_interval(
    rating: np.ndarray,
    error_std: np.ndarray,
    conformal_quantiles: np.ndarray,
    coverage: float,
    label_range: Sequence[float],
) -> np.ndarray:
    """
    Compute the interval that contains the mean rating of raters with a probability of `coverage`.

    It reaches from the rating to both sides by the spread of its error, times the quantile of normalised errors
    `|rated - predicted| / error_std` of other songs.

    Args:
        rating: predicted valence and arousal.
        error_std: spread of their errors, in rating points.
        conformal_quantiles: of the normalised errors, at `COVERAGE_LEVELS`; linear in between.
        coverage: from 0.01 to 0.99.
        label_range: lowest and highest rating, to which the interval is cut.

    Shape:
        `(..., 2)`, `(..., 2)` and `(2, 99)` -> `(..., 2, 2)`: low and high of valence, low and high of arousal.

    Raises:
        ValueError: for another coverage.

    Source:
        J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman, "Distribution-free predictive inference for
        regression", Journal of the American Statistical Association 113, 2018, section 5.2.
    """
    low, high = COVERAGE_LEVELS[[0, -1]]
    if not low <= coverage <= high:
        raise ValueError(f"Expected coverage from {low} to {high}, but got {coverage}.")
    quantiles = np.array([np.interp(coverage, COVERAGE_LEVELS, stored) for stored in conformal_quantiles])  # (2,)
    rating, reach = np.asarray(rating, np.float64), quantiles * np.asarray(error_std, np.float64)
    lowest, highest = label_range
    return np.clip(np.stack([rating - reach, rating + reach], axis=-1), lowest, highest)


def percentiles(rating: np.ndarray, label_quantiles: np.ndarray) -> np.ndarray:
    """
    Compute the share of the songs of a data set that are rated lower, from 0 to 100.

    Args:
        rating: valence and arousal of one song.
        label_quantiles: of the ratings of the data set, at 0, 1, ..., 100 %; linear in between.

    Shape:
        `(2,)` and `(2, 101)` -> `(2,)`, float64.
    """
    return np.array([_percentile(*of_dimension) for of_dimension in zip(rating, np.asarray(label_quantiles))])


def _percentile(value: float, quantiles: np.ndarray) -> float:
    """The share of values below `value`, from 0 to 100; also where several quantiles are equal."""
    above = int(np.searchsorted(quantiles, value))  # quantiles[above - 1] < value <= quantiles[above]
    if above in (0, len(quantiles)):
        return 100.0 if above else 0.0
    lower, upper = quantiles[above - 1 : above + 1]
    return float(above - (upper - value) / (upper - lower)) * 100 / (len(quantiles) - 1)


def quadrant_probability(
    rating: np.ndarray, error_std: np.ndarray, error_correlation: float, midpoint: float
) -> np.ndarray:
    """
    Compute the probability of each of the four `QUADRANTS` of the valence-arousal plane, for normal errors.

    Args:
        rating: predicted valence and arousal.
        error_std: spread of their errors, in rating points.
        error_correlation: of the errors of valence and of arousal, between -1 and 1.
        midpoint: rating at which the quadrants meet.

    Shape:
        `(..., 2)` and `(..., 2)` -> `(..., 4)`, which sums to 1.

    Raises:
        ValueError: for a correlation of -1, 1 or beyond.
    """
    if not -1 < error_correlation < 1:
        raise ValueError(f"Expected error_correlation between -1 and 1, but got {error_correlation}.")
    scores = (np.asarray(rating, np.float64) - midpoint) / np.asarray(error_std, np.float64)
    pleasant, excited = np.moveaxis(_erfc(-scores / math.sqrt(2)) / 2, -1, 0)
    both = pleasant * excited + _orthant_excess(scores, error_correlation)
    parts = np.stack([both, pleasant - both, 1 - pleasant - excited + both, excited - both], axis=-1)
    parts = np.maximum(parts, 0)  # rounding errors
    return parts / parts.sum(axis=-1, keepdims=True)


def _orthant_excess(scores: np.ndarray, correlation: float) -> np.ndarray:
    """
    By how much correlation raises the probability that two standard normal variables are both below `scores`.

    The derivative of this probability by the correlation is the density at `scores` (Plackett's identity). Integrated
    over the arc sine of the correlation, it is smooth enough for Gauss-Legendre quadrature.

    Shape:
        `(..., 2)` -> `(...)`

    Source:
        A. Genz, "Numerical computation of rectangular bivariate and trivariate normal and t probabilities", Statistics
        and Computing 14, 2004, section 2.
    """
    nodes, weights = np.polynomial.legendre.leggauss(NUM_NODES)
    half = math.asin(correlation) / 2
    sines = np.sin(half * (nodes + 1))
    h, k = scores[..., :1], scores[..., 1:]
    exponents = (2 * h * k * sines - h**2 - k**2) / (2 * (1 - sines**2))  # (..., NUM_NODES)
    return half * (np.exp(exponents) @ weights) / (2 * math.pi)
