# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Uncertainty against closed forms, small tables computed by hand, and the bivariate normal distribution of scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from modeling_ast_va.audio_ast_va import quadrant
from modeling_ast_va.uncertainty_ast_va import (
    COVERAGE_LEVELS,
    QUADRANTS,
    calibrate_error_std,
    percentiles,
    pool_error_std,
    quadrant_probability,
    song_interval,
)

QUANTILES = np.stack([COVERAGE_LEVELS, 2 * COVERAGE_LEVELS])  # that of level p is p, and 2 p
LABEL_QUANTILES = np.stack([np.linspace(1, 9, 101), np.linspace(3, 5, 101)])


def test_spreads_of_segments_are_pooled_as_a_geometric_mean():
    pooled = pool_error_std([[0.5, 1.0], [2.0, 1.0], [2.0, 1.0]], [1.0, 1.0, 2.0])
    np.testing.assert_allclose(pooled, [math.sqrt(2), 1.0])
    with pytest.raises(ValueError, match=r"but got \(0, 2\) and \(0,\)"):
        pool_error_std(np.zeros((0, 2)), [])
    with pytest.raises(ValueError, match=r"but got \(1, 2\) and \(2,\)"):
        pool_error_std([[1.0, 1.0]], [1.0, 1.0])


def test_calibrated_segments_are_pooled_to_the_calibrated_song():
    rng = np.random.default_rng(0)
    segments, weights = rng.uniform(0.3, 1.5, (5, 2)), rng.uniform(1, 3, 5)
    scale, exponent = np.array([1.3, 0.8]), np.array([0.4, 0.9])
    song = calibrate_error_std(pool_error_std(segments, weights), scale, exponent)
    np.testing.assert_allclose(pool_error_std(calibrate_error_std(segments, scale, exponent), weights), song)


def test_a_calibrated_spread_is_a_power_times_a_scale():
    calibrated = calibrate_error_std([[4.0, 4.0], [9.0, 0.5]], [2.0, 3.0], [0.5, 0.0])
    np.testing.assert_allclose(calibrated, [[4, 3], [6, 3]])


def test_an_interval_reaches_to_both_sides_by_quantile_times_spread():
    interval = song_interval([5.0, 4.0], [1.0, 0.5], QUANTILES, 0.9, (1, 9))
    np.testing.assert_allclose(interval, [[4.1, 5.9], [3.1, 4.9]])
    between = song_interval([5.0, 4.0], [1.0, 0.5], QUANTILES, 0.905, (1, 9))
    np.testing.assert_allclose(between, [[4.095, 5.905], [3.095, 4.905]])


def test_an_interval_is_cut_to_the_scale():
    interval = song_interval([8.5, 1.2], [2.0, 2.0], QUANTILES, 0.8, (1, 9))
    np.testing.assert_allclose(interval, [[6.9, 9], [1, 4.4]])


def test_intervals_of_many_songs_are_those_of_each():
    rng = np.random.default_rng(0)
    rating, std = rng.uniform(1, 9, (7, 2)), rng.uniform(0.5, 1, (7, 2))
    together = song_interval(rating, std, QUANTILES, 0.5, (1, 9))
    assert together.shape == (7, 2, 2)
    for song in range(7):
        alone = song_interval(rating[song], std[song], QUANTILES, 0.5, (1, 9))
        np.testing.assert_array_equal(together[song], alone)


@pytest.mark.parametrize("coverage", [0, 0.009, 0.991, 1, 90, math.nan])
def test_a_coverage_that_is_not_stored_is_refused(coverage):
    with pytest.raises(ValueError, match=r"Expected coverage from 0\.01 to 0\.99, but got"):
        song_interval([5.0, 5.0], [1.0, 1.0], QUANTILES, coverage, (1, 9))


def test_the_lowest_and_highest_coverage_are_stored():
    for coverage in (0.01, 0.99):
        interval = song_interval([5.0, 5.0], [1.0, 1.0], QUANTILES, coverage, (1, 9))
        np.testing.assert_allclose(interval[0], [5 - coverage, 5 + coverage])


@pytest.mark.parametrize(
    ("rating", "expected"),
    [((5, 4), (50, 50)), ((3, 3.5), (25, 25)), ((1, 2), (0, 0)), ((9.5, 5.1), (100, 100)), ((8.99, 5), (99.875, 100))],
)
def test_percentiles_are_the_share_that_is_lower(rating, expected):
    np.testing.assert_allclose(percentiles(rating, LABEL_QUANTILES), expected, atol=1e-9)


def test_percentiles_agree_with_counts_and_ratings_that_are_equal_are_not_lower():
    rated = np.random.default_rng(0).uniform(1, 9, 2000).round(1)  # many are equal
    stored = np.stack([np.quantile(rated, np.linspace(0, 1, 101))] * 2)
    for value in (1.0, 2.345, 5.0, 6.05, 9.0):
        share = 100 * np.mean(rated < value)
        assert percentiles((value, value), stored) == pytest.approx([share, share], abs=1.5)
    flat = np.stack([np.repeat([2.0, 5.0, 8.0], (20, 61, 20))] * 2)  # 2 up to 19 %, 5 from 20 to 80 %
    np.testing.assert_allclose(percentiles((5.0, 5.01), flat), [20, 80], atol=0.01)


@pytest.mark.parametrize("correlation", [-0.95, -0.4, 0.0, 0.3, 0.8, 0.95])
def test_probabilities_of_quadrants_are_those_of_scipy(correlation):
    rng = np.random.default_rng(0)
    rating, std = rng.uniform(1, 9, (20, 2)), rng.uniform(0.3, 2, (20, 2))
    probabilities = quadrant_probability(rating, std, correlation, 5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    for mean, spread, got in zip(rating, std, probabilities):
        covariance = np.outer(spread, spread) * [[1, correlation], [correlation, 1]]
        below = {
            name: multivariate_normal.cdf(signs * 5.0, signs * mean, covariance * np.outer(signs, signs))
            for name, signs in zip(QUADRANTS, np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)]))
        }
        assert dict(zip(QUADRANTS, got)) == pytest.approx(below, abs=1e-9)


def test_probabilities_of_quadrants_in_closed_form():
    """In the middle, that of equal signs is 1/4 + arcsin(correlation) / (2 pi) (Sheppard)."""
    for correlation in (-0.9, 0.0, 0.5, 0.9):
        equal = 0.25 + math.asin(correlation) / (2 * math.pi)
        probabilities = quadrant_probability([5, 5], [1, 2], correlation, 5)
        np.testing.assert_allclose(probabilities, [equal, 0.5 - equal, equal, 0.5 - equal], atol=1e-12)
    independent = quadrant_probability([6, 4], [1, 0.5], 0.0, 5)
    pleasant, excited = norm.cdf(1), norm.cdf(-2)
    expected = [pleasant * excited, pleasant * (1 - excited), (1 - pleasant) * (1 - excited), (1 - pleasant) * excited]
    np.testing.assert_allclose(independent, expected, atol=1e-12)


@pytest.mark.parametrize("rating", [(8, 8), (8, 2), (2, 2), (2, 8)])
def test_a_clear_rating_has_the_quadrant_that_it_is_in(rating):
    probabilities = quadrant_probability(rating, [0.3, 0.3], 0.4, 5)
    assert QUADRANTS[int(probabilities.argmax())] == quadrant(*rating)
    assert probabilities.max() > 0.999
    assert (probabilities >= 0).all()


@pytest.mark.parametrize("correlation", [-1, 1, 1.5, math.nan])
def test_a_correlation_without_a_density_is_refused(correlation):
    with pytest.raises(ValueError, match="Expected error_correlation between -1 and 1, but got"):
        quadrant_probability([5, 5], [1, 1], correlation, 5)
