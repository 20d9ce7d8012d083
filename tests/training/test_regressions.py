# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Regressions against scikit-learn (1e-8), and their leave-one-out errors against leaving each row out."""

from __future__ import annotations

import numpy as np
import pytest

from modeling_ast_va.training.regressions import (
    KERNEL_STRENGTHS,
    KERNEL_WIDTHS,
    RIDGE_STRENGTHS,
    fit_kernel_regression,
    fit_linear_regression,
    fit_ridge,
    mean_squared_differences,
)

LIMIT = 1.5


def noisy_line(num_rows=60, num_inputs=80):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(num_rows, num_inputs))
    targets = inputs @ rng.normal(size=(num_inputs, 2)) + 20 * rng.normal(size=(num_rows, 2)) + [5, -5]
    return inputs - inputs.mean(axis=0), targets


def noisy_wave(num_rows=24, num_inputs=3):
    """A target that is a wave, a noisier line, and an input far from all others."""
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(num_rows, num_inputs))
    targets = np.stack([np.sin(2 * inputs[:, 0]), inputs[:, 1]], axis=1)
    targets += rng.normal(size=targets.shape) * [0.05, 0.8] + [5, -5]
    inputs[0, 2] = 9.0
    return 7 * inputs + np.arange(num_inputs), targets


def standardised(inputs):
    return np.clip((inputs - inputs.mean(axis=0)) / inputs.std(axis=0), -LIMIT, LIMIT)


def test_ridge_regression_equals_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    inputs, targets = noisy_line()
    reference = linear_model.RidgeCV(RIDGE_STRENGTHS).fit(inputs, targets)
    assert RIDGE_STRENGTHS[0] < reference.alpha_ < RIDGE_STRENGTHS[-1]  # not one of the ends
    coefficients, intercept = fit_ridge(inputs, targets)
    np.testing.assert_allclose(coefficients.T, reference.coef_, atol=1e-8)
    np.testing.assert_allclose(intercept, reference.intercept_, atol=1e-8)


def test_inputs_of_the_linear_regression_are_standardised():
    inputs, targets = noisy_line()
    scaled = 7 * inputs + np.arange(80)
    expected = fit_linear_regression(inputs, targets)(inputs)
    np.testing.assert_allclose(fit_linear_regression(scaled, targets)(scaled), expected)
    coefficients, intercept = fit_ridge(inputs / inputs.std(axis=0), targets)
    np.testing.assert_allclose(expected, inputs / inputs.std(axis=0) @ coefficients + intercept)


def leave_one_out_error(kernel, centred, strength):
    """The mean squared error of each target, with each row rated by a regression on all other rows."""
    errors = []
    for row in range(len(kernel)):
        others = np.delete(np.arange(len(kernel)), row)
        system = kernel[np.ix_(others, others)] + strength * np.eye(len(others))
        errors.append(centred[row] - kernel[row, others] @ np.linalg.solve(system, centred[others]))
    return np.square(errors).mean(axis=0)


def test_kernel_regression_has_the_lowest_leave_one_out_error_and_equals_scikit_learn():
    kernel_ridge = pytest.importorskip("sklearn.kernel_ridge")
    inputs, targets = noisy_wave()
    rows, centred = standardised(inputs), targets - targets.mean(axis=0)
    distances = np.square(rows[:, None] - rows).mean(axis=2)
    errors = {
        (width, strength): leave_one_out_error(np.exp(-width * distances), centred, strength)
        for width in KERNEL_WIDTHS
        for strength in KERNEL_STRENGTHS
    }
    best = [min(errors, key=lambda setting, target=target: errors[setting][target]) for target in range(2)]
    assert best[0] != best[1]  # each target has its own
    fitted = fit_kernel_regression(inputs, targets, LIMIT)
    assert fitted.widths.tolist() == [width for width, _ in best]
    unknown = inputs[:9] + np.random.default_rng(2).normal(size=(9, 3))
    shown = np.clip((unknown - inputs.mean(axis=0)) / inputs.std(axis=0), -LIMIT, LIMIT)
    for target, (width, strength) in enumerate(best):
        reference = kernel_ridge.KernelRidge(alpha=strength, kernel="rbf", gamma=width / 3)
        expected = reference.fit(rows, centred[:, target]).predict(shown) + targets[:, target].mean()
        np.testing.assert_allclose(fitted(unknown)[:, target], expected, atol=1e-8)


def test_inputs_of_the_kernel_regression_are_clipped():
    inputs, targets = noisy_wave()
    fitted = fit_kernel_regression(inputs, targets, LIMIT)
    far, further = (inputs[:1] + np.array([0, 0, shift]) for shift in (1e3, 1e6))
    np.testing.assert_array_equal(fitted(far), fitted(further))
    assert np.ptp(fitted(inputs), axis=0).min() > 0.1
    assert np.abs(fitted.centres).max() == LIMIT


def test_an_input_without_variation_does_not_count():
    inputs, targets = noisy_wave()
    constant = np.column_stack([inputs, np.full(len(inputs), 3.0)])
    assert np.isfinite(fit_kernel_regression(constant, targets, LIMIT)(constant)).all()
    expected = fit_linear_regression(inputs, targets)(inputs)
    np.testing.assert_allclose(fit_linear_regression(constant, targets)(constant), expected, atol=1e-9)


def test_differences_are_means_of_squares():
    rng = np.random.default_rng(0)
    rows, others = rng.normal(size=(4, 5)), rng.normal(size=(3, 5))
    expected = [[np.mean((row - other) ** 2) for other in others] for row in rows]
    np.testing.assert_allclose(mean_squared_differences(rows, others), expected, atol=1e-12)
    assert (mean_squared_differences(rows, rows) >= 0).all()
