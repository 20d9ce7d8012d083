# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The plot of training."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .figures import (
    COLORS,
    GUIDE_COLOR,
    MAX_MARKED_POINTS,
    MEAN_COLOR,
    PREDICTION_COLOR,
    FilePath,
    new_figure,
    save_figure,
)

TERM_COLORS = ("0.55", "#E69F00", "#56B4E9", "#CC79A7", "#009E73", "#0072B2", "#D55E00")


def plot_loss_curves(log_history: Sequence[Mapping[str, Any]], path: FilePath, best_step: int | None = None) -> Figure:
    """
    Plot the course of training over the epochs.

    One panel shows the mean squared error of training and validation, if there is any. Where the loss has further
    terms, the next one shows the training loss and its terms, each times its weight. With validation, the last one
    shows its CCC: of songs if it was logged, otherwise of segments.

    Args:
        log_history: `Trainer.state.log_history`, with `loss_mse` and `eval_mse`, or other terms of the loss.
        best_step: `Trainer.state.best_global_step`; None is the step with the lowest validation error.

    Raises:
        ValueError: for a history without any of them.
    """
    training = [entry for entry in log_history if any(key.startswith("loss_") for key in entry)]
    # The first of a step: an evaluation after training measures the restored checkpoint.
    validation = list({entry["step"]: entry for entry in reversed(log_history) if "eval_mse" in entry}.values())[::-1]
    if not training and not validation:
        raise ValueError("Expected a log history with terms of the loss or 'eval_mse', but got neither.")
    panels = []
    if validation or "loss_mse" in training[0]:
        curves = [("loss_mse", "training", GUIDE_COLOR), ("eval_mse", "validation", MEAN_COLOR)]
        panels.append(("Mean squared error per segment", "squared rating points", curves))
    terms = [key for key in training[0] if key.startswith("loss_")] if training else []
    if terms not in ([], ["loss_mse"]):
        terms.sort(key=lambda term: term != "loss_mse")
        labels = [term.removeprefix("loss_").replace("_", " ").replace("mse", "mean squared error") for term in terms]
        curves = [("loss", "total", MEAN_COLOR), *zip(terms, labels, itertools.cycle(TERM_COLORS))]
        panels.append(("Training loss and its weighted terms", "loss", curves))
    if validation:
        prefix, unit = ("eval_song_", "song") if "eval_song_ccc" in validation[0] else ("eval_", "segment")
        curves = [(f"{prefix}{dimension}_ccc", dimension, color) for dimension, color in COLORS.items()]
        panels.append((f"Validation CCC per {unit}", "CCC", [*curves, (f"{prefix}ccc", "mean", MEAN_COLOR)]))
        best = min(validation, key=lambda entry: (entry["step"] != best_step, entry["eval_mse"]))
    figure, axes_of = new_figure(max(6, 5.2 * len(panels)), 4.5, 1, len(panels), sharex=True, squeeze=False)
    for (title, ylabel, curves), axes in zip(panels, axes_of[0]):
        for key, label, color in curves:
            points = [(entry["epoch"], entry[key]) for entry in (*training, *validation) if key in entry]
            marker = "o" if key.startswith("eval_") and len(points) <= MAX_MARKED_POINTS else None
            style = {"color": color, "marker": marker, "linestyle": "--" if label == "mean" else "-"}
            if points:
                axes.plot(*zip(*points), label=label, markersize=4, **style)
        if validation:
            label = f"best: epoch {round(best['epoch'], 2):g}"
            axes.axvline(best["epoch"], color=PREDICTION_COLOR, linestyle=":", zorder=1, label=label)
        axes.set(title=title, xlabel="epoch", ylabel=ylabel, xlim=(0, None))
        axes.set_ylim(bottom=0 if ylabel == "loss" else None)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=(1, 2, 5, 10)))
        axes.legend()
    return save_figure(figure, path)
