# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Plots: the files are images of the stated size, no label is cut off, and the figures show the data."""

import subprocess
import sys

import numpy as np
import pytest
from figure_checks import assert_is_whole, lines_of

from modeling_ast_va.plots import (
    plot_predictions,
    plot_residuals,
    plot_valence_arousal_plane,
    save_evaluation_plots,
)
from modeling_ast_va.plots.evaluation import MAX_JOINED_PAIRS
from modeling_ast_va.plots.figures import COLORS

EVALUATION_PLOTS = [plot_predictions, plot_residuals, plot_valence_arousal_plane]


def make_ratings(num_points):
    """References and predictions (num_points, 2), in rating points."""
    rng = np.random.default_rng(num_points)
    references = rng.uniform(1, 9, (num_points, 2))
    return references, np.clip(0.6 * references + 2 + rng.normal(0, 0.5, (num_points, 2)), 1, 9)


@pytest.mark.parametrize("num_points", [1, 3, 3000])
@pytest.mark.parametrize("plot", EVALUATION_PLOTS)
def test_evaluation_plots_are_whole(plot, num_points, tmp_path):
    path = tmp_path / "new" / "plot.png"
    assert_is_whole(plot(*make_ratings(num_points), path), path)


@pytest.mark.parametrize("plot", EVALUATION_PLOTS)
def test_perfect_predictions_have_plots(plot, tmp_path):
    references = np.full((4, 2), 5.0)
    assert_is_whole(plot(references, references, tmp_path / "plot.png"), tmp_path / "plot.png")


@pytest.mark.parametrize("plot", EVALUATION_PLOTS)
def test_evaluation_plots_refuse_bad_input_and_write_nothing(plot, tmp_path):
    for references, predictions, message in (
        (np.zeros((3, 2)), np.zeros((4, 2)), r"\(3, 2\) and \(4, 2\)"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "at least one"),
        (np.zeros((3, 2)), np.full((3, 2), np.nan), "Expected finite predictions, but got 6 of 6 values"),
    ):
        with pytest.raises(ValueError, match=message):
            plot(references, predictions, tmp_path / "plot.png")
    assert not list(tmp_path.iterdir())


def test_predictions_show_every_point_and_the_scores(tmp_path):
    references = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0], [4.0, 8.0], [5.0, 5.0]])
    predictions = np.add(references, [1.0, 0.0])
    figure = plot_predictions(references, predictions, tmp_path / "plot.png")
    valence, arousal = figure.axes
    assert valence.get_title() == "Valence (n = 5)\nCCC 0.800, r 1.000, RMSE 1.000"
    assert arousal.get_title() == "Arousal (n = 5)\nCCC 1.000, r 1.000, RMSE 0.000"
    labels = ("rated valence (1 unpleasant – 9 pleasant)", "predicted valence (1 unpleasant – 9 pleasant)")
    assert (valence.get_xlabel(), valence.get_ylabel()) == labels
    assert arousal.get_xlabel() == "rated arousal (1 calm – 9 excited)"
    for i, axes in enumerate(figure.axes):
        assert axes.get_xlim() == axes.get_ylim() == (1, 9)
        assert axes.get_aspect() == 1
        assert axes.collections[0].get_offsets().tolist() == np.stack([references[:, i], predictions[:, i]], 1).tolist()
        assert lines_of(axes)["predicted = rated"].get_xydata().tolist() == [[1, 1], [9, 9]]


@pytest.mark.parametrize("plot", [plot_predictions, plot_valence_arousal_plane])
def test_axes_include_predictions_outside_the_scale(plot, tmp_path):
    figure = plot([[5.0, 5.0], [6.0, 6.0]], [[9.2, 5.0], [6.0, -0.5]], tmp_path / "plot.png")
    for axes in figure.axes:
        assert axes.get_xlim() == axes.get_ylim() == (-1, 10)


def test_residuals_are_predicted_minus_rated(tmp_path):
    references, predictions = make_ratings(50)
    figure = plot_residuals(references, predictions, tmp_path / "plot.png")
    for i, dimension in enumerate(COLORS):
        scatter, histogram = figure.axes[2 * i : 2 * i + 2]
        residuals = predictions[:, i] - references[:, i]
        np.testing.assert_array_equal(scatter.collections[0].get_offsets(), np.stack([references[:, i], residuals], 1))
        assert scatter.get_xlim() == (1, 9)
        assert scatter.get_ylim()[0] == -scatter.get_ylim()[1] < -np.abs(residuals).max()
        assert sum(bar.get_width() for bar in histogram.patches) == 50
        middle = histogram.patches[len(histogram.patches) // 2]
        assert middle.get_y() + middle.get_height() / 2 == pytest.approx(0, abs=1e-12)
        assert scatter.get_title().startswith(
            f"{dimension.capitalize()} residuals (n = 50)\nmean {residuals.mean():+.3f}"
        )


def test_plane_names_its_quadrants(tmp_path):
    (axes,) = plot_valence_arousal_plane(*make_ratings(3), tmp_path / "plot.png").axes
    corner_of = {text.get_text(): text.get_position() for text in axes.texts}
    high = {name: tuple(coordinate > 5 for coordinate in corner) for name, corner in corner_of.items()}
    assert high == {
        "Distressed": (False, True),
        "Excited": (True, True),
        "Sad": (False, False),
        "Calm": (True, False),
    }
    assert axes.get_xlim() == axes.get_ylim() == (1, 9)
    cross = [line.get_xydata().tolist() for line in axes.get_lines()[:2]]
    assert cross == [[[5, 0], [5, 1]], [[0, 5], [1, 5]]]


@pytest.mark.parametrize(("num_songs", "num_lines"), [(3, 3), (MAX_JOINED_PAIRS, MAX_JOINED_PAIRS), (61, 0)])
def test_plane_joins_few_pairs(num_songs, num_lines, tmp_path):
    references, predictions = make_ratings(num_songs)
    (axes,) = plot_valence_arousal_plane(references, predictions, tmp_path / "plot.png").axes
    joins = axes.get_lines()[2:]  # after the cross
    assert len(joins) == num_lines
    for line, reference, prediction in zip(joins, references, predictions):
        np.testing.assert_array_equal(line.get_xydata(), [reference, prediction])
    rated, predicted = axes.collections
    np.testing.assert_array_equal(rated.get_offsets(), references)
    np.testing.assert_array_equal(predicted.get_offsets(), predictions)


def test_save_evaluation_plots_writes_three_files(tmp_path):
    save_evaluation_plots(*make_ratings(20), tmp_path / "plots")
    names = ["predictions.png", "residuals.png", "valence_arousal_plane.png"]
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == names


def test_plots_do_not_import_pyplot():
    modules = ", ".join(f"modeling_ast_va.plots.{name}" for name in ("training", "evaluation", "intervals", "course"))
    code = f"import sys, {modules}; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
