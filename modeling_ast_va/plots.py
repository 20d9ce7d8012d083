# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Plots of training, of predictions against ratings, and of the course of a song, as PNG files.

Every function builds its own figure without the global state of pyplot, so that it works without a display and inside
other programs; it writes the file and returns the figure. The colours are those of Okabe and Ito, which people with
colour vision deficiencies can tell apart: valence is blue, arousal vermilion.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator
from numpy.typing import ArrayLike, NDArray

from .audio_ast_va import RATING_SCALE, quadrant
from .metrics import (
    DIMENSIONS,
    concordance_correlation_coefficient,
    pearson_r,
    root_mean_squared_error,
    validate_ratings,
)

DPI = 150
SCALE_CENTRE = sum(RATING_SCALE) / 2
SCALE_LABEL = "({}–{})".format(*RATING_SCALE)
MAX_JOINED_PAIRS = 60  # above it, lines from ratings to predictions hide the points
COLORS = {"valence": "#0072B2", "arousal": "#D55E00"}
MEAN_COLOR, GUIDE_COLOR, RATING_COLOR, PREDICTION_COLOR = "black", "0.55", "0.25", "#009E73"
TERM_COLORS = ("0.55", "#E69F00", "#56B4E9", "#CC79A7", "#8B5A2B")
MAX_MARKED_POINTS = 50  # above it, markers hide the line
TICK_STEPS_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
MAX_TICKS = 10

FilePath = str | PathLike[str]
LogEntry = Mapping[str, Any]  # of Trainer.state.log_history


def plot_loss_curves(log_history: Sequence[LogEntry], path: FilePath, best_step: int | None = None) -> Figure:
    """
    Plot the course of training over the epochs.

    One panel shows the mean squared error of training and validation. Where the loss has further terms, the second
    one shows the training loss and its terms, each times its weight. With validation, the last one shows its CCC.

    Args:
        log_history: `Trainer.state.log_history`, with `loss_mse` and `eval_mse`.
        path: of the PNG file.
        best_step: step of the checkpoint that was kept (`Trainer.state.best_global_step`). None is the one with the
            lowest validation error.

    Raises:
        ValueError: for a history without any error.
    """
    training = [entry for entry in log_history if "loss_mse" in entry]
    # The first of a step: an evaluation after training measures the restored checkpoint.
    validation = list({entry["step"]: entry for entry in reversed(log_history) if "eval_mse" in entry}.values())[::-1]
    if not training and not validation:
        raise ValueError("Expected a log history with 'loss_mse' or 'eval_mse', but got neither.")
    terms = [key for key in training[0] if key.startswith("loss_")] if training else []
    num_panels = 1 + (len(terms) > 1) + bool(validation)
    figure = _new_figure(max(6, 5.2 * num_panels), 4.5)
    panels = list(figure.subplots(1, num_panels, sharex=True, squeeze=False)[0])

    _draw_curve(panels[0], training, "loss_mse", "training", color=GUIDE_COLOR)
    _draw_curve(panels[0], validation, "eval_mse", "validation", color=MEAN_COLOR, marker="o")
    panels[0].set(title="Mean squared error per segment", ylabel="squared rating points")
    if len(terms) > 1:
        _draw_terms(panels[1], training, terms)
    if validation:
        _draw_validation_ccc(panels[-1], validation)
        best = min(validation, key=lambda entry: (entry["step"] != best_step, entry["eval_mse"]))
    for axes in panels:
        if validation:
            label = f"best: epoch {round(best['epoch'], 2):g}"
            axes.axvline(best["epoch"], color=PREDICTION_COLOR, linestyle=":", zorder=1, label=label)
        axes.set_xlabel("epoch")
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=(1, 2, 5, 10)))
        axes.legend()
        axes.grid(alpha=0.3)
    return _save(figure, path)


def _draw_terms(axes: Axes, training: Sequence[LogEntry], terms: Sequence[str]) -> None:
    """Draw the training loss and its terms."""
    _draw_curve(axes, training, "loss", "total", color=MEAN_COLOR)
    for i, term in enumerate(sorted(terms, key=lambda term: term != "loss_mse")):
        label = term.removeprefix("loss_").replace("_", " ").replace("mse", "mean squared error")
        _draw_curve(axes, training, term, label, color=TERM_COLORS[i % len(TERM_COLORS)])
    axes.set(title="Training loss and its weighted terms", ylabel="loss")
    axes.set_ylim(bottom=0)


def _draw_validation_ccc(axes: Axes, validation: Sequence[LogEntry]) -> None:
    """Draw the CCC of both dimensions and their mean: of songs if it was logged, otherwise of segments."""
    prefix, unit = ("eval_song_", "song") if "eval_song_ccc" in validation[0] else ("eval_", "segment")
    for dimension in DIMENSIONS:
        _draw_curve(axes, validation, f"{prefix}{dimension}_ccc", dimension, color=COLORS[dimension], marker="o")
    _draw_curve(axes, validation, f"{prefix}ccc", "mean", color=MEAN_COLOR, marker="o", linestyle="--")
    axes.set(title=f"Validation CCC per {unit}", ylabel="CCC")


def _draw_curve(axes: Axes, entries: Sequence[LogEntry], key: str, label: str, **style: Any) -> None:
    """Draw one logged value over the epochs, if it was logged."""
    points = [(entry["epoch"], entry[key]) for entry in entries if key in entry]
    if points:
        axes.plot(*zip(*points), label=label, markersize=4 if len(points) <= MAX_MARKED_POINTS else 0, **style)


def plot_predictions(references: ArrayLike, predictions: ArrayLike, path: FilePath) -> Figure:
    """
    Plot predictions against ratings, a panel for each dimension, with the line on which both are equal.

    Args:
        references: the ratings, in rating points.
        predictions: their predictions.
        path: of the PNG file.

    Shape:
        references, predictions: `(n, 2)`, at least one row.

    Raises:
        ValueError: as for [`validate_ratings`].
    """
    references, predictions = validate_ratings(references, predictions)
    limits = _limits(references, predictions)
    figure = _new_figure(11, 6)
    for i, (dimension, axes) in enumerate(zip(DIMENSIONS, figure.subplots(1, 2))):
        rated, predicted = references[:, i], predictions[:, i]
        axes.plot(limits, limits, color=GUIDE_COLOR, linestyle="--", zorder=1, label="predicted = rated")
        axes.scatter(rated, predicted, color=COLORS[dimension], clip_on=False, zorder=2, **_marker_style(len(rated)))
        ccc, r = concordance_correlation_coefficient(rated, predicted), pearson_r(rated, predicted)
        scores = f"CCC {ccc:.3f}, r {r:.3f}, RMSE {root_mean_squared_error(rated, predicted):.3f}"
        axes.set(title=f"{dimension.capitalize()} (n = {len(rated)})\n{scores}")
        axes.set(xlabel=f"rated {dimension} {SCALE_LABEL}", ylabel=f"predicted {dimension} {SCALE_LABEL}")
        _square(axes, limits)
        axes.legend(loc="upper left")
    return _save(figure, path)


def plot_residuals(references: ArrayLike, predictions: ArrayLike, path: FilePath) -> Figure:
    """
    Plot residuals (predicted minus rated) against ratings, with their histograms, a row for each dimension.
    A downward slope shows predictions that are too close to the mean.

    Args, Shape, Raises: as for [`plot_predictions`].
    """
    references, predictions = validate_ratings(references, predictions)
    residuals = predictions - references
    limit = max(1.0, 1.08 * float(np.abs(residuals).max()))
    # an odd number of bins: the middle one is centred on zero
    bins = np.linspace(-limit, limit, 2 * min(20, math.ceil(math.sqrt(len(residuals)))) + 2)
    figure = _new_figure(10, 8)
    panels = figure.subplots(2, 2, sharey="row", width_ratios=(3, 1))
    for i, (dimension, (scatter, histogram)) in enumerate(zip(DIMENSIONS, panels)):
        rated, residual, color = references[:, i], residuals[:, i], COLORS[dimension]
        scatter.scatter(rated, residual, color=color, clip_on=False, zorder=2, **_marker_style(len(rated)))
        title = f"{dimension.capitalize()} residuals (n = {len(rated)})"
        scatter.set_title(f"{title}\nmean {residual.mean():+.3f}, std {residual.std():.3f}")
        scatter.set_xlabel(f"rated {dimension} {SCALE_LABEL}")
        scatter.set(ylabel="predicted − rated (rating points)", xlim=_limits(references), ylim=(-limit, limit))
        scatter.xaxis.set_major_locator(MultipleLocator(1))
        histogram.hist(residual, bins=bins, orientation="horizontal", color=color, edgecolor="white", linewidth=0.4)
        histogram.set_xlabel("count")
        histogram.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        for axes in (scatter, histogram):
            axes.axhline(0, color=GUIDE_COLOR, linestyle="--", zorder=1)
            axes.set_axisbelow(True)
            axes.grid(alpha=0.3)
    return _save(figure, path)


def plot_valence_arousal_plane(references: ArrayLike, predictions: ArrayLike, path: FilePath) -> Figure:
    """
    Plot ratings and predictions in the plane of valence and arousal, with the names of its four quadrants.
    Up to `MAX_JOINED_PAIRS`, a thin line joins each rating to its prediction.

    Args, Shape, Raises: as for [`plot_predictions`].
    """
    references, predictions = validate_ratings(references, predictions)
    figure = _new_figure(7.5, 8.2)
    axes = figure.subplots()
    limits = _limits(references, predictions)
    _square(axes, limits)
    _draw_quadrants(axes, limits)
    if len(references) <= MAX_JOINED_PAIRS:
        pairs = np.stack([references, predictions])  # (2, n, 2)
        axes.plot(pairs[..., 0], pairs[..., 1], color=GUIDE_COLOR, linewidth=0.8, zorder=2)
    style = _marker_style(len(references))
    style |= {"clip_on": False, "zorder": 3}
    axes.scatter(*references.T, label="rated", color=RATING_COLOR, marker="o", **style)
    axes.scatter(*predictions.T, label="predicted", color=PREDICTION_COLOR, marker="^", **style)
    axes.set(xlabel=f"valence {SCALE_LABEL}", ylabel=f"arousal {SCALE_LABEL}")
    axes.set_title(f"Valence-arousal plane (n = {len(references)})")
    legend = figure.legend(loc="outside lower center", ncols=2, markerscale=math.sqrt(40 / style["s"]))
    for handle in filter(None, legend.legend_handles):
        handle.set_alpha(1)
    return _save(figure, path)


def _draw_quadrants(axes: Axes, limits: tuple[float, float]) -> None:
    """Draw a cross at the centre of the scale, and the name of each quadrant in its outer corner."""
    axes.axvline(SCALE_CENTRE, color=GUIDE_COLOR, linewidth=1, zorder=1)
    axes.axhline(SCALE_CENTRE, color=GUIDE_COLOR, linewidth=1, zorder=1)
    margin = 0.02 * (limits[1] - limits[0])
    low, high = (limits[0] + margin, "left", "bottom"), (limits[1] - margin, "right", "top")
    for x, horizontal, _ in (low, high):
        for y, _, vertical in (low, high):
            axes.text(x, y, quadrant(x, y), ha=horizontal, va=vertical, fontsize=13, fontweight="bold", color="0.35")


def plot_course(segments: Sequence[Mapping[str, float]], path: FilePath) -> Figure:
    """
    Plot the course of valence and arousal over one song: a bar for each segment, and a line through them.

    Args:
        segments: `"segments"` of a result of the pipeline: `"start"` and `"end"` in seconds, `"valence"` and
            `"arousal"` in rating points.
        path: of the PNG file.
    """
    columns = np.array([[segment[key] for key in ("start", "end", *DIMENSIONS)] for segment in segments])
    start_seconds, end_seconds, *values = columns.T
    figure = _new_figure(10, 4.5)
    axes = figure.subplots()
    axes.axhline(SCALE_CENTRE, color=GUIDE_COLOR, linewidth=1, zorder=1)
    for dimension, rated in zip(DIMENSIONS, values):
        axes.hlines(rated, start_seconds, end_seconds, color=COLORS[dimension], linewidth=5, alpha=0.3)
        style = {"marker": "."} if len(columns) <= MAX_MARKED_POINTS else {"linewidth": 0.7}
        axes.plot((start_seconds + end_seconds) / 2, rated, color=COLORS[dimension], label=dimension, **style)
    axes.set(xlabel="time (min:s)", ylabel=f"rating {SCALE_LABEL}", ylim=_limits(*values))
    axes.set_xlim(start_seconds.min(), end_seconds.max())
    span = end_seconds.max() - start_seconds.min()
    step = next((step for step in TICK_STEPS_SECONDS if span <= step * MAX_TICKS), TICK_STEPS_SECONDS[-1])
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds // 60:.0f}:{seconds % 60:02.0f}"))
    axes.grid(alpha=0.3)
    figure.legend(loc="outside upper center", ncols=2)
    return _save(figure, path)


def save_evaluation_plots(references: ArrayLike, predictions: ArrayLike, output_dir: FilePath) -> list[Path]:
    """
    Write `predictions.png`, `residuals.png` and `valence_arousal_plane.png` to a folder.

    Args:
        references, predictions: as for [`plot_predictions`].
        output_dir: the folder, which is created if it is missing.

    Returns:
        The paths of the files.
    """
    plots = (plot_predictions, plot_residuals, plot_valence_arousal_plane)
    paths = [Path(output_dir) / f"{plot.__name__.removeprefix('plot_')}.png" for plot in plots]
    for plot, path in zip(plots, paths):
        plot(references, predictions, path)
    return paths


def _new_figure(width_inches: float, height_inches: float) -> Figure:
    """A figure whose layout keeps titles and labels inside, also with axes of fixed proportions."""
    layout = ConstrainedLayoutEngine(compress=True, w_pad=0.1, h_pad=0.1)  # inches
    return Figure(figsize=(width_inches, height_inches), dpi=DPI, layout=layout)


def _marker_style(num_points: int) -> dict[str, Any]:
    """Size and opacity of points: large and opaque for a few, small and transparent for thousands."""
    crowding = min(1.0, math.log10(max(1.0, num_points / 30)) / 2)  # 0 up to 30 points, 1 from 3000 on
    return {"s": 40 - 30 * crowding, "alpha": 0.9 - 0.6 * crowding, "linewidths": 0}


def _limits(*values: NDArray[np.float64]) -> tuple[float, float]:
    """The rating scale, widened to whole points where values lie outside."""
    lowest, highest = min(v.min() for v in values), max(v.max() for v in values)
    return min(RATING_SCALE[0], math.floor(lowest)), max(RATING_SCALE[1], math.ceil(highest))


def _square(axes: Axes, limits: tuple[float, float]) -> None:
    """Give both axes the same limits, unit and ticks."""
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    if limits == RATING_SCALE:
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MultipleLocator(1))
    axes.grid(alpha=0.3)


def _save(figure: Figure, path: FilePath) -> Figure:
    """Write a figure, create its folder if it is missing, and return the figure."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return figure
