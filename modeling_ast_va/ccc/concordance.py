# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Lin's concordance correlation coefficient (CCC) in plain numpy, and the moments that metrics are computed from."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class Moments(NamedTuple):
    """Population moments (divided by n) of references and predictions: arrays of one shape."""

    reference_variance: Array  # exactly 0 for constant references
    prediction_variance: Array  # exactly 0 for constant predictions
    covariance: Array
    mean_error: Array  # of predictions minus references
    mean_squared_error: Array
    mean_absolute_error: Array
    equal: NDArray[np.bool_]  # whether every prediction equals its reference


def validate(references: ArrayLike, predictions: ArrayLike) -> tuple[Array, Array]:
    """
    Convert references and predictions of one dimension, `(n,)` with n >= 1, to float64 arrays.

    Raises:
        ValueError: for another shape, different shapes, no values, and NaN or infinite values.
    """
    references, predictions = np.asarray(references, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    shapes = f"{references.shape} and {predictions.shape}"
    if references.ndim != 1 or references.shape != predictions.shape:
        raise ValueError(f"Expected references and predictions of one shape (n,), but got {shapes}.")
    if references.size == 0:
        raise ValueError("Expected at least one reference and one prediction, but got none.")
    for name, values in (("references", references), ("predictions", predictions)):
        num_bad = values.size - np.count_nonzero(np.isfinite(values))
        if num_bad:
            raise ValueError(f"Expected finite {name}, but got {num_bad} of {values.size} values NaN or infinite.")
    return references, predictions


def moments(references: Array, predictions: Array) -> Moments:
    """Moments over the last axis: `(..., n)` for both, to moments `(...)`."""
    errors = predictions - references
    x, y = (values - values.mean(axis=-1, keepdims=True) for values in (references, predictions))
    return Moments(
        # The computed variance of a constant may be above 0, because its mean is rounded.
        reference_variance=np.where(np.ptp(references, axis=-1) > 0, np.mean(x**2, axis=-1), 0.0),
        prediction_variance=np.where(np.ptp(predictions, axis=-1) > 0, np.mean(y**2, axis=-1), 0.0),
        covariance=np.mean(x * y, axis=-1),
        mean_error=np.mean(errors, axis=-1),
        mean_squared_error=np.mean(errors**2, axis=-1),
        mean_absolute_error=np.mean(np.abs(errors), axis=-1),
        equal=np.all(references == predictions, axis=-1),
    )


def divide(numerator: Array, denominator: Array, defined: NDArray[np.bool_], otherwise: ArrayLike) -> Array:
    """Divide where the ratio is defined; elsewhere the result is `otherwise`."""
    return np.where(defined, numerator / np.where(defined, denominator, 1.0), otherwise)


def concordance(m: Moments) -> Array:
    """The CCC as a function of moments, elementwise; see [`concordance_correlation_coefficient`]."""
    varies = (m.reference_variance > 0) & (m.prediction_variance > 0)
    denominator = m.reference_variance + m.prediction_variance + m.mean_error**2
    return divide(2 * m.covariance, denominator, varies, m.equal)


def concordance_correlation_coefficient(references: ArrayLike, predictions: ArrayLike) -> float:
    """
    How closely predictions agree with references: 1 is identity, 0 no agreement, -1 reversal.

    `CCC = 2 cov(r, p) / (var(r) + var(p) + (mean(r) - mean(p))^2)`, with population moments (divided by n). Its
    magnitude is at most that of Pearson's r, and it also decreases when predictions are shifted or scaled. It is 0.0
    where either side is constant, but 1.0 where both are the same constant, and never NaN for values in float32.

    Raises:
        ValueError: as for [`validate`].

    Source:
        L. I-K. Lin (1989), "A Concordance Correlation Coefficient to Evaluate Reproducibility", Biometrics 45(1),
        255-268, whose estimate from a sample divides by n too.
    """
    return float(concordance(moments(*validate(references, predictions))))
