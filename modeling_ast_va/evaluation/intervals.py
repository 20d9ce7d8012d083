# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Intervals of predicted ratings: fitted to errors of songs that the models were not trained on.

The spread that a network predicts for its error is calibrated to the errors, so that errors divided by it have a mean
square of 1. The quantiles of these normalised errors turn the spread of a new song into an interval (split conformal
prediction).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..audio_ast_va import RATING_SCALE
from ..uncertainty_ast_va import COVERAGE_LEVELS, calibrate_error_std
from .tables import ERROR_STDS, predictions, ratings

EXPONENTS = np.linspace(0, 1, 101)

Array = NDArray[np.float64]


class Uncertainty(NamedTuple):
    """
    How the predicted spreads of errors become calibrated spreads, intervals and probabilities.

    Args:
        scale, exponent: as for [`calibrate_error_std`], `(2,)`: valence and arousal.
        conformal_quantiles: of errors divided by the calibrated spread, at `COVERAGE_LEVELS`, `(2, 99)`.
        error_correlation: of the errors of valence and of arousal, each divided by its calibrated spread.
    """

    scale: Array
    exponent: Array
    conformal_quantiles: Array
    error_correlation: float


def fit_uncertainty(songs: pd.DataFrame) -> Uncertainty:
    """
    Fit the uncertainty to a table of songs (see [`table_of_songs`]) that the models were not trained on.

    The scale and the exponent of the spreads have the highest likelihood of normal errors, with an exponent out of
    `EXPONENTS`.

    Raises:
        ValueError: for a table without spreads or with a spread that is not above 0, and for predictions without any
            error.
    """
    errors, stds = ratings(songs) - predictions(songs), error_stds(songs)
    if not errors.any(axis=0).all():
        raise ValueError(f"Expected predictions with errors, but got none for {len(songs)} songs.")
    scale, exponent = np.transpose([_fit_spread(*of_dimension) for of_dimension in zip(errors.T, stds.T)])
    calibrated = calibrate_error_std(stds, scale, exponent)
    normalised = errors / calibrated
    # What too few songs leave open spans the whole scale.
    unbounded = (RATING_SCALE[1] - RATING_SCALE[0]) / calibrated.min(axis=0)
    quantiles = [conformal_quantiles(*of_dimension) for of_dimension in zip(np.abs(normalised).T, unbounded)]
    return Uncertainty(scale, exponent, np.stack(quantiles), float(normalised.prod(axis=1).mean()))


def error_stds(songs: pd.DataFrame) -> Array:
    """The predicted spreads of the errors of a table, `(n, 2)`; ValueError where they are missing or not above 0."""
    if missing := [column for column in ERROR_STDS if column not in songs]:
        raise ValueError(f"Expected predicted spreads of errors, but got a table without {', '.join(missing)}.")
    stds = songs[list(ERROR_STDS)].to_numpy(dtype=np.float64)
    if not (np.isfinite(stds) & (stds > 0)).all():
        raise ValueError(f"Expected spreads of errors above 0, but got {stds.min()} to {stds.max()}.")
    return stds


def calibrated_stds(songs: pd.DataFrame, uncertainty: Uncertainty) -> Array:
    """The calibrated spreads of the errors of a table of songs, `(n, 2)`."""
    return calibrate_error_std(error_stds(songs), uncertainty.scale, uncertainty.exponent)


def _fit_spread(errors: Array, stds: Array) -> tuple[float, float]:
    """Scale and exponent of the spreads of one dimension, `(n,)`."""
    powers = stds ** EXPONENTS[:, None]  # (exponents, n)
    scales = np.sqrt(((errors / powers) ** 2).mean(axis=1))  # the most likely one with each exponent
    surprise = np.log(scales) + np.log(powers).mean(axis=1)  # but for a constant, the negative log-likelihood
    best = int(np.argmin(surprise))
    return float(scales[best]), float(EXPONENTS[best])


def conformal_quantiles(scores: Array, unbounded: float) -> Array:
    """
    The quantiles of scores that a new score is below with the probabilities `COVERAGE_LEVELS`, whatever they follow.

    That of level p is the `ceil((n + 1) p)`-th smallest of n scores: the new one is equally likely to have any rank
    among all n + 1.

    Args:
        scores: `(n,)`.
        unbounded: the quantile of levels for which there are not enough scores.

    Returns:
        `(99,)`, which never falls.

    Source:
        J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman, "Distribution-free predictive inference for
        regression", Journal of the American Statistical Association 113, 2018, section 2.2.
    """
    # Rounded, because 100 * 0.07 is above 7 in floating point.
    ranks = np.ceil(((len(scores) + 1) * COVERAGE_LEVELS).round(9)).astype(int)
    ordered = np.append(np.sort(scores), max(unbounded, scores.max()))
    return ordered[np.minimum(ranks - 1, len(scores))]
