# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Plots of training, of predictions against ratings, and of a song's course, as PNG files.

Every function builds a figure of its own, without pyplot's global state, so that it works without a display and within
any other program; it writes the file and returns the figure, which a notebook shows. Colours are Okabe and Ito's, told
apart with every kind of colour vision: blue is always valence, vermilion arousal.
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

from .audio_ast_va import quadrant
from .metrics import (
    DIMENSIONS,
    concordance_correlation_coefficient,
    pearson_r,
    root_mean_squared_error,
    validate_ratings,
)

DPI = 150
SCALE = (1.0, 9.0)  # rating points
SCALE_CENTRE = sum(SCALE) / 2
MAX_JOINED_PAIRS = 60  # above it, lines from ratings to predictions hide the points
COLORS = {"valence": "#0072B2", "arousal": "#D55E00"}
MEAN_COLOR, GUIDE_COLOR, RATING_COLOR, PREDICTION_COLOR = "black", "0.55", "0.25", "#009E73"
MAX_MARKED_POINTS = 50  # above it, markers hide the line that they lie on
TICK_STEPS_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
MAX_TICKS = 10

FilePath = str | PathLike[str]
LogEntry = Mapping[str, Any]  # of Trainer.state.log_history


def plot_loss_curves(log_history: Sequence[LogEntry], path: FilePath, best_step: int | None = None) -> Figure:
    """Plot the loss of training and validation, and beside it the CCC of validation, over the epochs.

    Args:
        log_history: `Trainer.state.log_history`.
        path: of the PNG file.
        best_step: step of the checkpoint that was kept (`Trainer.state.best_global_step`). None: the one with the
            lowest validation loss.

    Raises:
        ValueError: where the history holds no loss at all, or no validation at `best_step`.
    """
    training = [entry for entry in log_history if "loss" in entry]
    # The first of a step: evaluating again after training measures the restored checkpoint, not that step's.
    validation = list({entry["step"]: entry for entry in reversed(log_history) if "eval_loss" in entry}.values())[::-1]
    if not training and not validation:
        raise ValueError("expected a log history with 'loss' or 'eval_loss', got neither")
    figure = _new_figure(11 if validation else 6, 4.5)
    panels = figure.subplots(1, 2 if validation else 1, sharex=True, squeeze=False)[0]

    _draw_losses(panels[0], training, validation)
    if validation:
        _draw_validation_ccc(panels[1], validation)
        best_epoch = _best_epoch(validation, best_step)
    for axes in panels:
        if validation:
            label = f"best: epoch {best_epoch:g}"
            axes.axvline(best_epoch, color=PREDICTION_COLOR, linestyle=":", zorder=1, label=label)
        axes.set_xlabel("epoch")
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=(1, 2, 5, 10)))
        axes.legend()
        axes.grid(alpha=0.3)
    return _save(figure, path)


def _draw_losses(axes: Axes, training: Sequence[LogEntry], validation: Sequence[LogEntry]) -> None:
    """Draw the losses of training and validation."""
    _draw_curve(axes, training, "loss", "training", color=GUIDE_COLOR)
    _draw_curve(axes, validation, "eval_loss", "validation", color=MEAN_COLOR, marker="o")
    axes.set(title="Loss", ylabel="mean squared error")


def _draw_validation_ccc(axes: Axes, validation: Sequence[LogEntry]) -> None:
    """Draw the CCC of both dimensions and their mean: of songs, the thing that was rated, or else of segments."""
    prefix, unit = ("eval_song_", "song") if "eval_song_ccc" in validation[0] else ("eval_", "segment")
    for dimension in DIMENSIONS:
        _draw_curve(axes, validation, f"{prefix}{dimension}_ccc", dimension, color=COLORS[dimension], marker="o")
    _draw_curve(axes, validation, f"{prefix}ccc", "mean", color=MEAN_COLOR, marker="o", linestyle="--")
    axes.set(title=f"Validation CCC per {unit}", ylabel="CCC")


def _best_epoch(validation: Sequence[LogEntry], best_step: int | None) -> float:
    """Return the epoch of `best_step`, or else of the lowest validation loss, rounded for a label."""
    if best_step is None:
        best = min(validation, key=lambda entry: entry["eval_loss"])
    else:
        by_step = {entry["step"]: entry for entry in validation}
        if best_step not in by_step:
            raise ValueError(f"best_step is {best_step}, expected one of the evaluated steps {sorted(by_step)}")
        best = by_step[best_step]
    return round(best["epoch"], 2)


def _draw_curve(axes: Axes, entries: Sequence[LogEntry], key: str, label: str, **style: Any) -> None:
    """Draw one logged value over the epochs, if it was logged."""
    points = [(entry["epoch"], entry[key]) for entry in entries if key in entry]
    if points:
        axes.plot(*zip(*points), label=label, markersize=4 if len(points) <= MAX_MARKED_POINTS else 0, **style)


def plot_predictions(references: ArrayLike, predictions: ArrayLike, path: FilePath) -> Figure:
    """Plot predicted against rated, a panel for each dimension, with the line on which both are equal.

    Args:
        references: the ratings, in rating points.
        predictions: what was predicted for them, in the same order.
        path: of the PNG file.

    Shape:
        references, predictions: (n, 2), n >= 1

    Raises:
        ValueError: as `metrics.validate_ratings`.
    """
    references, predictions = validate_ratings(references, predictions)
    limits = _limits(references, predictions)
    figure = _new_figure(11, 6)
    for i, (dimension, axes) in enumerate(zip(DIMENSIONS, figure.subplots(1, 2))):
        rated, predicted = references[:, i], predictions[:, i]
        axes.plot(limits, limits, color=GUIDE_COLOR, linestyle="--", zorder=1, label="predicted = rated")
        axes.scatter(rated, predicted, color=COLORS[dimension], clip_on=False, zorder=2, **_marker_style(len(rated)))
        scores = (
            f"CCC {concordance_correlation_coefficient(rated, predicted):.3f}, "
            f"r {pearson_r(rated, predicted):.3f}, RMSE {root_mean_squared_error(rated, predicted):.3f}"
        )
        axes.set(title=f"{dimension.capitalize()} (n = {len(rated)})\n{scores}")
        axes.set(xlabel=f"rated {dimension} (1–9)", ylabel=f"predicted {dimension} (1–9)")
        _square(axes, limits)
        axes.legend(loc="upper left")
    return _save(figure, path)


def plot_residuals(references: ArrayLike, predictions: ArrayLike, path: FilePath) -> Figure:
    """Plot the residuals (predicted minus rated) against the ratings, with their histograms, a row for each dimension.

    A slope downwards is what a timid model shows: it draws low ratings up and high ones down, to the mean.

    Args, Shape, Raises: as `plot_predictions`.
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
        scatter.set_xlabel(f"rated {dimension} (1–9)")
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
    """Plot ratings and predictions in the plane of valence and arousal, with its four quadrants named.

    Up to `MAX_JOINED_PAIRS`, a thin line joins each rating to its prediction.

    Args, Shape, Raises: as `plot_predictions`.
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
    for points, label, color, marker in (
        (references, "rated", RATING_COLOR, "o"),
        (predictions, "predicted", PREDICTION_COLOR, "^"),
    ):
        axes.scatter(*points.T, label=label, color=color, marker=marker, clip_on=False, zorder=3, **style)
    axes.set(xlabel="valence (1–9)", ylabel="arousal (1–9)")
    axes.set_title(f"Valence-arousal plane (n = {len(references)})")
    legend = figure.legend(loc="outside lower center", ncols=2, markerscale=math.sqrt(40 / style["s"]))
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1)
    return _save(figure, path)


def _draw_quadrants(axes: Axes, limits: tuple[float, float]) -> None:
    """Draw the cross at the scale's centre, and each quadrant's name in its outer corner."""
    axes.axvline(SCALE_CENTRE, color=GUIDE_COLOR, linewidth=1, zorder=1)
    axes.axhline(SCALE_CENTRE, color=GUIDE_COLOR, linewidth=1, zorder=1)
    margin = 0.02 * (limits[1] - limits[0])
    low, high = (limits[0] + margin, "left", "bottom"), (limits[1] - margin, "right", "top")
    for x, horizontal, _ in (low, high):
        for y, _, vertical in (low, high):
            axes.text(x, y, quadrant(x, y), ha=horizontal, va=vertical, fontsize=13, fontweight="bold", color="0.35")


def plot_course(segments: Sequence[Mapping[str, float]], path: FilePath) -> Figure:
    """Plot the course of valence and arousal over the time of one song: a bar for each segment, a line through them.

    Args:
        segments: of one song, each with "start" and "end" in seconds, "valence" and "arousal" in rating points.
        path: of the PNG file.

    Raises:
        ValueError: for no segments, a segment without one of its four values, or a value that is NaN or infinite.
    """
    keys = ("start", "end", *DIMENSIONS)
    missing = sorted({key for segment in segments for key in keys if key not in segment})
    if not segments or missing:
        raise ValueError(f"expected at least one segment, each with {keys}, got {len(segments)}, missing {missing}")
    columns = np.array([[segment[key] for key in keys] for segment in segments], dtype=np.float64)
    if not np.isfinite(columns).all():
        raise ValueError("expected finite values in all segments, got NaN or infinite ones")
    start_seconds, end_seconds, *values = columns.T
    figure = _new_figure(10, 4.5)
    axes = figure.subplots()
    axes.axhline(SCALE_CENTRE, color=GUIDE_COLOR, linewidth=1, zorder=1)
    for dimension, rated in zip(DIMENSIONS, values):
        axes.hlines(rated, start_seconds, end_seconds, color=COLORS[dimension], linewidth=5, alpha=0.3)
        style = {"marker": "."} if len(columns) <= MAX_MARKED_POINTS else {"linewidth": 0.7}
        axes.plot((start_seconds + end_seconds) / 2, rated, color=COLORS[dimension], label=dimension, **style)
    axes.set(xlabel="time (min:s)", ylabel="rating (1–9)", ylim=_limits(*values))
    axes.set_xlim(start_seconds.min(), end_seconds.max())
    _mark_time(axes, float(end_seconds.max() - start_seconds.min()))
    axes.grid(alpha=0.3)
    figure.legend(loc="outside upper center", ncols=2)
    return _save(figure, path)


def _mark_time(axes: Axes, span_seconds: float) -> None:
    """Put the ticks of a time axis on round times, written as minutes:seconds."""
    step = next((step for step in TICK_STEPS_SECONDS if span_seconds <= step * MAX_TICKS), TICK_STEPS_SECONDS[-1])
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds // 60:.0f}:{seconds % 60:02.0f}"))


def save_evaluation_plots(references: ArrayLike, predictions: ArrayLike, output_dir: FilePath) -> list[Path]:
    """Write every plot of predictions against ratings to a folder, which is created if need be, and return the files.

    Args:
        references: the ratings, in rating points.
        predictions: what was predicted for them, in the same order.
        output_dir: where `predictions.png`, `residuals.png` and `valence_arousal_plane.png` go.

    Shape, Raises: as `plot_predictions`.
    """
    plots = (plot_predictions, plot_residuals, plot_valence_arousal_plane)
    paths = [Path(output_dir) / f"{plot.__name__.removeprefix('plot_')}.png" for plot in plots]
    for plot, path in zip(plots, paths):
        plot(references, predictions, path)
    return paths


def _new_figure(width_inches: float, height_inches: float) -> Figure:
    """Return a figure whose layout keeps every title and label inside, also beside axes of fixed proportions."""
    layout = ConstrainedLayoutEngine(compress=True, w_pad=0.1, h_pad=0.1)  # inches
    return Figure(figsize=(width_inches, height_inches), dpi=DPI, layout=layout)


def _marker_style(num_points: int) -> dict[str, Any]:
    """Return size and opacity with which a few points are seen, and thousands show their density."""
    crowding = min(1.0, math.log10(max(1.0, num_points / 30)) / 2)  # 0 up to 30 points, 1 from 3000 on
    return {"s": 40 - 30 * crowding, "alpha": 0.9 - 0.6 * crowding, "linewidths": 0}


def _limits(*values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the rating scale, widened to whole points where values lie beyond it, so that none is hidden."""
    lowest, highest = min(v.min() for v in values), max(v.max() for v in values)
    return min(SCALE[0], math.floor(lowest)), max(SCALE[1], math.ceil(highest))


def _square(axes: Axes, limits: tuple[float, float]) -> None:
    """Give both axes the same limits, unit and ticks."""
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    if limits == SCALE:
        axes.xaxis.set_major_locator(MultipleLocator(1))
        axes.yaxis.set_major_locator(MultipleLocator(1))
    axes.grid(alpha=0.3)


def _save(figure: Figure, path: FilePath) -> Figure:
    """Write the figure, creating the folder if need be, and return it."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return figure
