# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The plot of intervals: whole, and with the points of a small table computed by hand."""

import numpy as np
import pytest
from figure_checks import assert_is_whole, lines_of

from modeling_ast_va.plots import plot_coverage
from modeling_ast_va.uncertainty_ast_va import COVERAGE_LEVELS


@pytest.mark.parametrize("num_songs", [1, 25, 1405])
def test_intervals_are_whole(num_songs, tmp_path):
    rng = np.random.default_rng(0)
    stds = rng.uniform(0.5, 1, (num_songs, 2))
    coverage = np.clip(COVERAGE_LEVELS[:, None] + rng.normal(0, 0.02, (99, 2)), 0, 1)
    path = tmp_path / "intervals.png"
    assert_is_whole(plot_coverage(COVERAGE_LEVELS, coverage, stds, stds * rng.normal(size=(num_songs, 2)), path), path)


def test_lines_and_bins_are_those_of_the_songs(tmp_path):
    stds = np.repeat([[0.5, 3.0], [1.0, 2.0], [2.0, 1.0]], 10, axis=0)  # three bins of ten
    errors = stds * np.tile([[1, -2], [-1, 2]], (15, 1))
    shuffled = np.random.default_rng(0).permutation(30)
    levels, coverage = [0.5, 0.9], [[0.5, 0.4], [0.92, 0.8]]
    axes = plot_coverage(levels, coverage, stds[shuffled], errors[shuffled], tmp_path / "plot.png").axes
    upper, lower, bins = axes
    assert lines_of(upper)["valence"].get_xydata().tolist() == [[0.5, 0.5], [0.9, 0.92]]
    assert lines_of(upper)["arousal"].get_xydata().tolist() == [[0.5, 0.4], [0.9, 0.8]]
    np.testing.assert_allclose(lower.get_lines()[2].get_ydata(), [-10, -10])
    assert lower.get_ylim()[0] <= -10
    np.testing.assert_allclose(lines_of(bins)["valence"].get_xydata(), [[0.5, 0.5], [1, 1], [2, 2]])
    np.testing.assert_allclose(lines_of(bins)["arousal"].get_xydata(), [[1, 2], [2, 4], [3, 6]])
    assert bins.get_title() == "Width and error (n = 30, 3 bins)"
