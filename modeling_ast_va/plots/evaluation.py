# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Plots of predictions against ratings."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, MultipleLocator
from numpy.typing import ArrayLike

from ..audio_ast_va import quadrant
from ..metrics import DIMENSIONS, evaluate_predictions, validate_ratings
from .figures import (
    COLORS,
    GUIDE_COLOR,
    PREDICTION_COLOR,
    RATING_COLOR,
    SCALE_CENTRE,
    FilePath,
    limits_of,
    marker_style,
    new_figure,
    save_figure,
    scale_label,
    set_square,
)

MAX_JOINED_PAIRS = 60  # above it, lines from ratings to predictions hide the points


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
    metrics, limits = evaluate_predictions(references, predictions), limits_of(references, predictions)
    figure, panels = new_figure(11, 6, 1, 2)
    for i, (dimension, axes) in enumerate(zip(DIMENSIONS, panels)):
        axes.plot(limits, limits, color=GUIDE_COLOR, linestyle="--", zorder=1, label="predicted = rated")
        axes.scatter(references[:, i], predictions[:, i], color=COLORS[dimension], **marker_style(len(references)))
        ccc, r, rmse = (metrics[f"{dimension}_{name}"] for name in ("ccc", "pearson_r", "rmse"))
        axes.set_title(f"{dimension.capitalize()} (n = {len(references)})\nCCC {ccc:.3f}, r {r:.3f}, RMSE {rmse:.3f}")
        axes.set(xlabel=f"rated {scale_label(dimension)}", ylabel=f"predicted {scale_label(dimension)}")
        set_square(axes, limits)
        axes.legend(loc="upper left")
    return save_figure(figure, path)


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
    figure, panels = new_figure(10, 8, 2, 2, sharey="row", width_ratios=(3, 1))
    for rated, residual, (dimension, color), panel in zip(references.T, residuals.T, COLORS.items(), panels):
        scatter, histogram = panel
        scatter.scatter(rated, residual, color=color, **marker_style(len(rated)))
        title = f"{dimension.capitalize()} residuals (n = {len(rated)})"
        scatter.set_title(f"{title}\nmean {residual.mean():+.3f}, std {residual.std():.3f}")
        scatter.set(xlabel=f"rated {scale_label(dimension)}", ylabel="predicted − rated (rating points)")
        scatter.set(xlim=limits_of(references), ylim=(-limit, limit))
        scatter.xaxis.set_major_locator(MultipleLocator(1))
        histogram.hist(residual, bins=bins, orientation="horizontal", color=color, edgecolor="white", linewidth=0.4)
        histogram.set_xlabel("count")
        histogram.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        for axes in panel:
            axes.axhline(0, color=GUIDE_COLOR, linestyle="--", zorder=1)
    return save_figure(figure, path)


def plot_valence_arousal_plane(references: ArrayLike, predictions: ArrayLike, path: FilePath) -> Figure:
    """
    Plot ratings and predictions in the plane of valence and arousal, with the names of its four quadrants.

    Up to `MAX_JOINED_PAIRS`, a line joins each rating to its prediction. Arguments are those of [`plot_predictions`].
    """
    references, predictions = validate_ratings(references, predictions)
    figure, axes = new_figure(7.5, 8.2)
    limits = limits_of(references, predictions)
    set_square(axes, limits)
    axes.axvline(SCALE_CENTRE, color=GUIDE_COLOR, linewidth=1, zorder=1)
    axes.axhline(SCALE_CENTRE, color=GUIDE_COLOR, linewidth=1, zorder=1)
    margin = 0.02 * (limits[1] - limits[0])
    low, high = (limits[0] + margin, "left", "bottom"), (limits[1] - margin, "right", "top")
    for (x, horizontal, _), (y, _, vertical) in itertools.product((low, high), repeat=2):
        axes.text(x, y, quadrant(x, y), ha=horizontal, va=vertical, fontsize=13, fontweight="bold", color="0.35")
    if len(references) <= MAX_JOINED_PAIRS:
        pairs = np.stack([references, predictions])  # (2, n, 2)
        axes.plot(pairs[..., 0], pairs[..., 1], color=GUIDE_COLOR, linewidth=0.8, zorder=2)
    style = marker_style(len(references))
    axes.scatter(*references.T, label="rated", color=RATING_COLOR, marker="o", **style)
    axes.scatter(*predictions.T, label="predicted", color=PREDICTION_COLOR, marker="^", **style)
    axes.set(xlabel=scale_label("valence"), ylabel=scale_label("arousal"))
    axes.set_title(f"Valence-arousal plane (n = {len(references)})")
    legend = figure.legend(loc="outside lower center", ncols=2, markerscale=math.sqrt(40 / style["s"]))
    for handle in filter(None, legend.legend_handles):
        handle.set_alpha(1)
    return save_figure(figure, path)


def save_evaluation_plots(references: ArrayLike, predictions: ArrayLike, output_dir: FilePath) -> None:
    """Write `predictions.png`, `residuals.png` and `valence_arousal_plane.png` to a folder."""
    for plot in (plot_predictions, plot_residuals, plot_valence_arousal_plane):
        plot(references, predictions, Path(output_dir) / f"{plot.__name__.removeprefix('plot_')}.png")
