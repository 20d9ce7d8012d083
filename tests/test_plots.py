# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Plots: the files are images of the stated size, no label is cut off, and the figures show the data."""

import subprocess
import sys

import matplotlib.image
import numpy as np
import pytest

from modeling_ast_va.plots import (
    COLORS,
    DPI,
    MAX_JOINED_PAIRS,
    plot_course,
    plot_loss_curves,
    plot_predictions,
    plot_residuals,
    plot_valence_arousal_plane,
    save_evaluation_plots,
)

EVALUATION_PLOTS = [plot_predictions, plot_residuals, plot_valence_arousal_plane]


def make_ratings(num_points):
    """References and predictions (num_points, 2), in rating points."""
    rng = np.random.default_rng(num_points)
    references = rng.uniform(1, 9, (num_points, 2))
    return references, np.clip(0.6 * references + 2 + rng.normal(0, 0.5, (num_points, 2)), 1, 9)


def make_log_history(num_epochs, prefixes=("eval_", "eval_song_")):
    """A log history with ten steps in an epoch; the validation error is lowest in the last epoch but one."""
    history = []
    for epoch in range(1, num_epochs + 1):
        history += [
            {
                "loss": 0,
                "loss_mse": 20 / (10 * epoch + step),
                "epoch": epoch - 1 + step / 10,
                "step": 10 * epoch - 10 + step,
            }
            for step in (5, 10)
        ]
        entry = {"eval_mse": 1 + abs(num_epochs - 1 - epoch), "epoch": float(epoch), "step": 10 * epoch}
        for prefix in prefixes:
            entry |= {
                f"{prefix}valence_ccc": 0.1 * epoch,
                f"{prefix}arousal_ccc": 0.2 * epoch,
                f"{prefix}ccc": 0.15 * epoch,
            }
        history.append(entry)
    return [*history, {"train_runtime": 1.0, "train_loss": 0.7, "epoch": float(num_epochs), "step": 10 * num_epochs}]


def make_segments(num_segments, seconds=5.0):
    values = np.random.default_rng(0).uniform(2, 8, (num_segments, 2))
    return [
        {"start": i * seconds, "end": (i + 1) * seconds, "valence": v, "arousal": a} for i, (v, a) in enumerate(values)
    ]


def assert_is_whole(figure, path):
    """Check that the file has the size of the figure, is not blank, and cuts off no label."""
    image = matplotlib.image.imread(path)
    width, height = figure.get_size_inches()
    assert image.shape[:2] == (round(height * DPI), round(width * DPI))
    assert image[..., :3].std() > 0.01
    x0, y0, x1, y1 = figure.get_tightbbox().extents
    assert min(x0, y0) >= 0
    assert x1 <= width
    assert y1 <= height


def lines_of(axes):
    return {line.get_label(): line for line in axes.get_lines()}


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
    assert (valence.get_xlabel(), valence.get_ylabel()) == ("rated valence (1–9)", "predicted valence (1–9)")
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


@pytest.mark.parametrize("num_epochs", [1, 5, 100])
def test_loss_curves_are_whole(num_epochs, tmp_path):
    path = tmp_path / "loss_curves.png"
    assert_is_whole(plot_loss_curves(make_log_history(num_epochs), path), path)


def test_loss_curves_show_the_history_and_the_best_epoch(tmp_path):
    losses, ccc = plot_loss_curves(make_log_history(5), tmp_path / "plot.png").axes
    np.testing.assert_allclose(lines_of(losses)["training"].get_xdata(), np.arange(0.5, 5.5, 0.5))
    assert lines_of(losses)["validation"].get_xydata().tolist() == [[1, 4], [2, 3], [3, 2], [4, 1], [5, 2]]
    assert lines_of(ccc)["best: epoch 4"].get_xdata() == [4, 4]
    np.testing.assert_allclose(lines_of(ccc)["arousal"].get_ydata(), [0.2, 0.4, 0.6, 0.8, 1.0])
    assert ccc.get_title() == "Validation CCC per song"


def test_loss_curves_show_the_terms_of_the_training_loss(tmp_path):
    history = make_log_history(3)
    for entry in history:
        if "loss_mse" in entry:
            entry |= {"loss": entry["loss_mse"] + 0.75, "loss_concordance": 0.5, "loss_teacher_ratings": 0.25}
    path = tmp_path / "plot.png"
    figure = plot_loss_curves(history, path)
    assert_is_whole(figure, path)
    _, terms, _ = figure.axes
    labels = ["total", "mean squared error", "concordance", "teacher ratings", "best: epoch 2"]
    assert list(lines_of(terms)) == labels
    values = [lines_of(terms)[label].get_ydata() for label in labels[:-1]]
    np.testing.assert_allclose(values[0], np.sum(values[1:], axis=0))


def test_loss_curves_mark_the_checkpoint_that_was_kept(tmp_path):
    history = make_log_history(5, prefixes=("eval_",))
    axes = plot_loss_curves(history, tmp_path / "plot.png", best_step=50).axes
    assert all("best: epoch 5" in lines_of(panel) for panel in axes)
    assert axes[1].get_title() == "Validation CCC per segment"


def test_loss_curves_leave_out_an_evaluation_after_training(tmp_path):
    history = make_log_history(5)
    restored = history[-2] | {"eval_mse": 0.1}
    losses, _ = plot_loss_curves([*history, restored], tmp_path / "plot.png").axes
    assert lines_of(losses)["validation"].get_ydata().tolist() == [4, 3, 2, 1, 2]


def test_loss_curves_without_validation_or_without_anything(tmp_path):
    training = [entry for entry in make_log_history(2) if "loss_mse" in entry]
    assert len(plot_loss_curves(training, tmp_path / "plot.png").axes) == 1
    without_labels = [{"epoch": step, "step": step, "loss": 3 / step, "loss_a_embeddings": 3 / step} for step in (1, 2)]
    assert [axes.get_title() for axes in plot_loss_curves(without_labels, tmp_path / "plot.png").axes] == [
        "Training loss and its weighted terms"
    ]
    with pytest.raises(ValueError, match="terms of the loss or 'eval_mse'"):
        plot_loss_curves([{"train_runtime": 1.0}], tmp_path / "plot.png")


@pytest.mark.parametrize("num_segments", [1, 3, 7200])
def test_course_is_whole(num_segments, tmp_path):
    path = tmp_path / "course.png"
    assert_is_whole(plot_course(make_segments(num_segments), path), path)


def test_course_shows_segments_over_minutes_and_seconds(tmp_path):
    segments = make_segments(24)
    (axes,) = plot_course(segments, tmp_path / "plot.png").axes
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 120), (1, 9))
    for dimension in COLORS:
        expected = [[(segment["start"] + segment["end"]) / 2, segment[dimension]] for segment in segments]
        assert lines_of(axes)[dimension].get_xydata().tolist() == expected
    ticks = [label.get_text() for label in axes.get_xticklabels() if 0 <= label.get_position()[0] <= 120]
    assert ticks == ["0:00", "0:15", "0:30", "0:45", "1:00", "1:15", "1:30", "1:45", "2:00"]


def test_plots_do_not_import_pyplot():
    code = "import sys, modeling_ast_va.plots; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
