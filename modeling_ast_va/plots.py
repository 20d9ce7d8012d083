# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Plots of training, of predictions against ratings, and of the course of a song, as PNG files.

Every function builds its own figure without the global state of pyplot, so that it works without a display and inside
other programs; it writes the file, in a folder that is created if it is missing, and returns the figure. The colours
are those of Okabe and Ito, which people with colour vision deficiencies can tell apart.
"""

from __future__ import annotations

import itertools
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
from .metrics import DIMENSIONS, evaluate_predictions, validate_ratings

DPI = 150
SCALE_CENTRE = sum(RATING_SCALE) / 2
SCALE_LABEL = "({}–{})".format(*RATING_SCALE)
MAX_JOINED_PAIRS = 60  # above it, lines from ratings to predictions hide the points
COLORS = {"valence": "#0072B2", "arousal": "#D55E00"}
MEAN_COLOR, GUIDE_COLOR, RATING_COLOR, PREDICTION_COLOR = "black", "0.55", "0.25", "#009E73"
TERM_COLORS = ("0.55", "#E69F00", "#56B4E9", "#CC79A7", "#8B5A2B", "#009E73", "#0072B2", "#D55E00")
MAX_MARKED_POINTS = 50  # above it, markers hide the line
TICK_STEPS_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
MAX_TICKS = 10

FilePath = str | PathLike[str]


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
    figure, axes_of = _new_figure(max(6, 5.2 * len(panels)), 4.5, 1, len(panels), sharex=True, squeeze=False)
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
    return _save(figure, path)


def plot_predictions(references: ArrayLike, predictions: ArrayLike, path: FilePath) -> Figure:
    """
    Plot predictions against ratings, a panel for each dimension, with the line on which both are equal.

    Args:
        references, predictions: the ratings and their predictions, in rating points.

    Shape:
        references, predictions: `(n, 2)`, at least one row.

    Raises:
        ValueError: as for [`validate_ratings`].
    """
    references, predictions = validate_ratings(references, predictions)
    metrics, limits = evaluate_predictions(references, predictions), _limits(references, predictions)
    figure, panels = _new_figure(11, 6, 1, 2)
    for i, (dimension, axes) in enumerate(zip(DIMENSIONS, panels)):
        axes.plot(limits, limits, color=GUIDE_COLOR, linestyle="--", zorder=1, label="predicted = rated")
        axes.scatter(references[:, i], predictions[:, i], color=COLORS[dimension], **_marker_style(len(references)))
        ccc, r, rmse = (metrics[f"{dimension}_{name}"] for name in ("ccc", "pearson_r", "rmse"))
        axes.set_title(f"{dimension.capitalize()} (n = {len(references)})\nCCC {ccc:.3f}, r {r:.3f}, RMSE {rmse:.3f}")
        axes.set(xlabel=f"rated {dimension} {SCALE_LABEL}", ylabel=f"predicted {dimension} {SCALE_LABEL}")
        _square(axes, limits)
        axes.legend(loc="upper left")
    return _save(figure, path)


def plot_residuals(references: ArrayLike, predictions: ArrayLike, path: FilePath) -> Figure:
    """
    Plot residuals (predicted minus rated) against ratings, with their histograms, a row for each dimension.

    A downward slope shows predictions that are too close to the mean. Arguments are those of [`plot_predictions`].
    """
    references, predictions = validate_ratings(references, predictions)
    residuals = predictions - references
    limit = max(1.0, 1.08 * float(np.abs(residuals).max()))
    # an odd number of bins: the middle one is centred on zero
    bins = np.linspace(-limit, limit, 2 * min(20, math.ceil(math.sqrt(len(residuals)))) + 2)
    figure, panels = _new_figure(10, 8, 2, 2, sharey="row", width_ratios=(3, 1))
    for rated, residual, (dimension, color), panel in zip(references.T, residuals.T, COLORS.items(), panels):
        scatter, histogram = panel
        scatter.scatter(rated, residual, color=color, **_marker_style(len(rated)))
        title = f"{dimension.capitalize()} residuals (n = {len(rated)})"
        scatter.set_title(f"{title}\nmean {residual.mean():+.3f}, std {residual.std():.3f}")
        scatter.set(xlabel=f"rated {dimension} {SCALE_LABEL}", ylabel="predicted − rated (rating points)")
        scatter.set(xlim=_limits(references), ylim=(-limit, limit))
        scatter.xaxis.set_major_locator(MultipleLocator(1))
        histogram.hist(residual, bins=bins, orientation="horizontal", color=color, edgecolor="white", linewidth=0.4)
        histogram.set_xlabel("count")
        histogram.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        for axes in panel:
            axes.axhline(0, color=GUIDE_COLOR, linestyle="--", zorder=1)
    return _save(figure, path)


def plot_valence_arousal_plane(references: ArrayLike, predictions: ArrayLike, path: FilePath) -> Figure:
    """
    Plot ratings and predictions in the plane of valence and arousal, with the names of its four quadrants.

    Up to `MAX_JOINED_PAIRS`, a line joins each rating to its prediction. Arguments are those of [`plot_predictions`].
    """
    references, predictions = validate_ratings(references, predictions)
    figure, axes = _new_figure(7.5, 8.2)
    limits = _limits(references, predictions)
    _square(axes, limits)
    axes.axvline(SCALE_CENTRE, color=GUIDE_COLOR, linewidth=1, zorder=1)
    axes.axhline(SCALE_CENTRE, color=GUIDE_COLOR, linewidth=1, zorder=1)
    margin = 0.02 * (limits[1] - limits[0])
    low, high = (limits[0] + margin, "left", "bottom"), (limits[1] - margin, "right", "top")
    for (x, horizontal, _), (y, _, vertical) in itertools.product((low, high), repeat=2):
        axes.text(x, y, quadrant(x, y), ha=horizontal, va=vertical, fontsize=13, fontweight="bold", color="0.35")
    if len(references) <= MAX_JOINED_PAIRS:
        pairs = np.stack([references, predictions])  # (2, n, 2)
        axes.plot(pairs[..., 0], pairs[..., 1], color=GUIDE_COLOR, linewidth=0.8, zorder=2)
    style = _marker_style(len(references))
    axes.scatter(*references.T, label="rated", color=RATING_COLOR, marker="o", **style)
    axes.scatter(*predictions.T, label="predicted", color=PREDICTION_COLOR, marker="^", **style)
    axes.set(xlabel=f"valence {SCALE_LABEL}", ylabel=f"arousal {SCALE_LABEL}")
    axes.set_title(f"Valence-arousal plane (n = {len(references)})")
    legend = figure.legend(loc="outside lower center", ncols=2, markerscale=math.sqrt(40 / style["s"]))
    for handle in filter(None, legend.legend_handles):
        handle.set_alpha(1)
    return _save(figure, path)


def plot_course(segments: Sequence[Mapping[str, float]], path: FilePath) -> Figure:
    """
    Plot the course of valence and arousal over one song: a bar for each segment, and a line through them.

    Args:
        segments: `"segments"` of a result of the pipeline: `"start"` and `"end"` in seconds, `"valence"` and
            `"arousal"` in rating points.
    """
    columns = np.array([[segment[key] for key in ("start", "end", *DIMENSIONS)] for segment in segments])
    start_seconds, end_seconds, *values = columns.T
    figure, axes = _new_figure(10, 4.5)
    axes.axhline(SCALE_CENTRE, color=GUIDE_COLOR, linewidth=1, zorder=1)
    style = {"marker": "."} if len(columns) <= MAX_MARKED_POINTS else {"linewidth": 0.7}
    for (dimension, color), rated in zip(COLORS.items(), values):
        axes.hlines(rated, start_seconds, end_seconds, color=color, linewidth=5, alpha=0.3)
        axes.plot((start_seconds + end_seconds) / 2, rated, color=color, label=dimension, **style)
    first, last = start_seconds.min(), end_seconds.max()
    axes.set(xlabel="time (min:s)", ylabel=f"rating {SCALE_LABEL}", ylim=_limits(*values), xlim=(first, last))
    steps = (step for step in TICK_STEPS_SECONDS if last - first <= step * MAX_TICKS)
    axes.xaxis.set_major_locator(MultipleLocator(next(steps, TICK_STEPS_SECONDS[-1])))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds // 60:.0f}:{seconds % 60:02.0f}"))
    figure.legend(loc="outside upper center", ncols=2)
    return _save(figure, path)


def save_evaluation_plots(references: ArrayLike, predictions: ArrayLike, output_dir: FilePath) -> None:
    """Write `predictions.png`, `residuals.png` and `valence_arousal_plane.png` to a folder."""
    for plot in (plot_predictions, plot_residuals, plot_valence_arousal_plane):
        plot(references, predictions, Path(output_dir) / f"{plot.__name__.removeprefix('plot_')}.png")


def _new_figure(width_inches: float, height_inches: float, *grid: int, **options: Any) -> tuple[Figure, Any]:
    """A figure whose layout keeps titles and labels inside, also with axes of fixed proportions; and its axes."""
    layout = ConstrainedLayoutEngine(compress=True, w_pad=0.1, h_pad=0.1)  # inches
    figure = Figure(figsize=(width_inches, height_inches), dpi=DPI, layout=layout)
    return figure, figure.subplots(*grid, **options)


def _marker_style(num_points: int) -> dict[str, Any]:
    """Style of points: large and opaque for a few, small and transparent for thousands."""
    crowding = min(1.0, math.log10(max(1.0, num_points / 30)) / 2)  # 0 up to 30 points, 1 from 3000 on
    size, opacity = 40 - 30 * crowding, 0.9 - 0.6 * crowding
    return {"s": size, "alpha": opacity, "linewidths": 0, "clip_on": False, "zorder": 3}


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


def _save(figure: Figure, path: FilePath) -> Figure:
    for axes in figure.axes:
        axes.set_axisbelow(True)
        axes.grid(alpha=0.3)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return figure
