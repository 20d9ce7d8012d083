# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Lin's concordance correlation coefficient (CCC) in plain numpy.

It lies beside `ccc.py` so that this folder is a whole `evaluate` metric without the package around it, while the
package computes its own CCC with the very same function, and without importing `evaluate`.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def validate(references: ArrayLike, predictions: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both as float64 arrays, refusing what no metric of one dimension is defined for.

    Args:
        references: the ratings.
        predictions: what was predicted for them, in the same order and unit.

    Shape:
        references, predictions: (n,), n >= 1

    Raises:
        ValueError: for another or a differing shape, for no values, and for NaN or infinite ones.
    """
    references, predictions = np.asarray(references, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    if references.ndim != 1 or references.shape != predictions.shape:
        raise ValueError(
            "references and predictions must be two lists of the same length, "
            f"got shapes {references.shape} and {predictions.shape}"
        )
    if references.size == 0:
        raise ValueError("expected at least one reference and one prediction, got none")
    for name, values in (("references", references), ("predictions", predictions)):
        num_bad = values.size - np.count_nonzero(np.isfinite(values))
        if num_bad:
            raise ValueError(
                f"{num_bad} of {values.size} values in {name} are NaN or infinite, expected finite numbers"
            )
    return references, predictions


def concordance_correlation_coefficient(references: ArrayLike, predictions: ArrayLike) -> float:
    """Return how closely predictions agree with references: 1 is identity, 0 none, -1 reversal.

    Unlike Pearson's r, which it never exceeds in magnitude, it also falls when predictions are shifted or scaled:

        CCC = 2 cov(r, p) / (var(r) + var(p) + (mean(r) - mean(p))^2)

    with population moments (divided by n) throughout, which makes it 1 - MSE / (the same denominator). A constant has
    no covariance, so the CCC is 0.0 where either side is constant; only where both are the same constant, and the
    formula reads 0 / 0, it is 1.0, because they agree everywhere. It is thus never NaN for what float32 can hold.

    Args:
        references: the ratings.
        predictions: what was predicted for them, in the same order and unit.

    Shape:
        references, predictions: (n,), n >= 1

    Raises:
        ValueError: as `validate`.

    Source: L. I-K. Lin (1989), "A Concordance Correlation Coefficient to Evaluate Reproducibility", Biometrics 45(1),
    255-268, whose estimate from a sample divides by n too.

    >>> round(concordance_correlation_coefficient([1, 2, 3, 4, 5], [2, 3, 4, 5, 6]), 12)
    0.8
    """
    references, predictions = validate(references, predictions)
    # Compared as they are: the variance of a constant may round to more than zero.
    if np.ptp(references) == 0 or np.ptp(predictions) == 0:
        return float(np.array_equal(references, predictions))
    mean_difference = references.mean() - predictions.mean()
    reference_deviations, prediction_deviations = references - references.mean(), predictions - predictions.mean()
    covariance = np.mean(reference_deviations * prediction_deviations)
    variances = np.mean(reference_deviations**2) + np.mean(prediction_deviations**2)
    return float(2 * covariance / (variances + mean_difference**2))
