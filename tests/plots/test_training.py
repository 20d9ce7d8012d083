# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The plot of training: the file is an image of the stated size, no label is cut off, and it shows the history."""

import numpy as np
import pytest
from figure_checks import assert_is_whole, lines_of

from modeling_ast_va.plots import plot_loss_curves


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
