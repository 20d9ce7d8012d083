# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Regressions in closed form, whose strength has the lowest leave-one-out error.

Source: ridge regression: Hoerl and Kennard (1970), Technometrics 12(1). With kernels: Saunders, Gammerman and Vovk
(1998), "Ridge regression learning algorithm in dual variables", ICML.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RIDGE_STRENGTHS = np.logspace(1, 4, 13)  # for inputs with standard deviation 1
KERNEL_STRENGTHS = np.logspace(-2, 2, 13)
KERNEL_WIDTHS = (0.1, 0.3, 1.0)  # factors of the mean squared difference of standardised inputs, in the exponent


@dataclass(frozen=True)
class LinearRegression:
    """A linear map of standardised inputs."""

    mean: np.ndarray  # (num_inputs,)
    std: np.ndarray
    coefficients: np.ndarray  # (num_inputs, num_targets)
    intercept: np.ndarray  # (num_targets,)

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """`(num_rows, num_inputs)` -> `(num_rows, num_targets)`."""
        return (inputs - self.mean) / self.std @ self.coefficients + self.intercept


@dataclass(frozen=True)
class KernelRegression:
    """A sum of Gaussians at the standardised inputs that it was fitted to."""

    mean: np.ndarray  # (num_inputs,)
    std: np.ndarray
    limit: float  # standardised inputs are clipped to this absolute value
    centres: np.ndarray  # (num_centres, num_inputs)
    widths: np.ndarray  # (num_targets,)
    coefficients: np.ndarray  # (num_centres, num_targets)
    intercept: np.ndarray  # (num_targets,)

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """`(num_rows, num_inputs)` -> `(num_rows, num_targets)`."""
        distances = mean_squared_differences(_standardise(inputs, self.mean, self.std, self.limit), self.centres)
        columns = zip(self.widths, self.coefficients.T)
        return self.intercept + np.stack([np.exp(-width * distances) @ column for width, column in columns], axis=1)


def fit_linear_regression(inputs: np.ndarray, targets: np.ndarray) -> LinearRegression:
    """Standardise inputs, and fit a ridge regression by [`fit_ridge`]."""
    inputs = inputs.astype(np.float64)
    mean, std = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-6)
    return LinearRegression(mean, std, *fit_ridge((inputs - mean) / std, targets))


def fit_ridge(inputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Fit a ridge regression with the strength out of `RIDGE_STRENGTHS` that has the lowest leave-one-out error.

    One singular value decomposition gives all errors: without its row, a residual is divided by 1 - its leverage.

    Shape:
        inputs: `(num_rows, num_inputs)`, of mean 0. targets: `(num_rows, num_targets)` -> coefficients
        `(num_inputs, num_targets)` and intercept `(num_targets,)`.
    """
    intercept = targets.mean(axis=0)
    left, values, right = np.linalg.svd(inputs, full_matrices=False)
    projected = left.T @ (targets - intercept)

    def leave_one_out_error(strength: float) -> float:
        shrinkage = values**2 / (values**2 + strength)
        residuals = targets - intercept - left @ (shrinkage[:, None] * projected)
        leverages = 1 / len(inputs) + left**2 @ shrinkage
        return float(np.square(residuals / (1 - leverages[:, None])).mean())

    strength = min(RIDGE_STRENGTHS, key=leave_one_out_error)
    return right.T @ ((values / (values**2 + strength))[:, None] * projected), intercept


def fit_kernel_regression(inputs: np.ndarray, targets: np.ndarray, limit: float) -> KernelRegression:
    """
    Standardise inputs, and fit a kernel ridge regression with a Gaussian kernel for each target.

    The width out of `KERNEL_WIDTHS` and the strength out of `KERNEL_STRENGTHS` have the lowest leave-one-out error of
    the target, which one eigendecomposition for each width gives.

    Args:
        limit: standardised inputs are clipped to this absolute value.

    Shape:
        inputs: `(num_rows, num_inputs)`. targets: `(num_rows, num_targets)`.
    """
    inputs = inputs.astype(np.float64)
    mean, std = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-6)
    centres, intercept = _standardise(inputs, mean, std, limit), targets.mean(axis=0)
    distances = mean_squared_differences(centres, centres)
    best: list[tuple[float, float, np.ndarray]] = [(np.inf, 0.0, np.empty(0))] * targets.shape[1]
    for width in KERNEL_WIDTHS:
        values, vectors = np.linalg.eigh(np.exp(-width * distances))
        projected = vectors.T @ (targets - intercept)
        for strength in KERNEL_STRENGTHS:
            inverse = 1 / (values + strength)
            coefficients = vectors @ (inverse[:, None] * projected)
            residuals = coefficients / (vectors**2 @ inverse)[:, None]  # without the row of each
            for target, error in enumerate(np.square(residuals).mean(axis=0).tolist()):
                best[target] = min(best[target], (error, width, coefficients[:, target]), key=lambda one: one[0])
    _, widths, columns = zip(*best)
    return KernelRegression(mean, std, limit, centres, np.array(widths), np.stack(columns, axis=1), intercept)


def mean_squared_differences(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """`(num_rows, num_inputs)` and `(num_others, num_inputs)` -> `(num_rows, num_others)`."""
    squares = (
        np.square(rows).mean(axis=1)[:, None] + np.square(others).mean(axis=1) - 2 / rows.shape[1] * rows @ others.T
    )
    return np.maximum(squares, 0)


def _standardise(inputs: np.ndarray, mean: np.ndarray, std: np.ndarray, limit: float) -> np.ndarray:
    return np.clip((inputs - mean) / std, -limit, limit)
