# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The plot of intervals: how often they contain the rating, and whether wide ones have larger errors."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, MultipleLocator, PercentFormatter
from numpy.typing import ArrayLike, NDArray

from ..metrics import DIMENSIONS
from .figures import COLORS, GUIDE_COLOR, FilePath, new_figure, save_figure

MAX_BINS, MIN_SONGS_PER_BIN = 10, 10
TOLERANCE = 2  # percentage points of coverage, which are shaded
MARKERS = {"valence": "o", "arousal": "^"}

Array = NDArray[np.float64]


def plot_coverage(
    levels: ArrayLike, coverage: ArrayLike, error_stds: ArrayLike, errors: ArrayLike, path: FilePath
) -> Figure:
    """
    Plot the coverage of intervals against the coverage that they state, and the errors of songs against their spread.

    Songs are put into bins of equal size by the spread that is predicted for their error. Where the spreads are right,
    the root mean squared error of each bin equals its spread.

    Args:
        levels: coverages that are stated, from 0 to 1, in ascending order.
        coverage: share of songs whose rating is in the interval, of valence and arousal.
        error_stds: spread of the error that is predicted for each song, in rating points.
        errors: of each song, in rating points.

    Shape:
        `(m,)`, `(m, 2)`, `(n, 2)` and `(n, 2)`.
    """
    stds, errors = np.asarray(error_stds, np.float64), np.asarray(errors, np.float64)
    levels, coverage = np.asarray(levels, np.float64), np.asarray(coverage, np.float64)
    figure, panels = new_figure(11, 6.6, 2, 2, height_ratios=(4, 1), sharex="col")
    grid = panels[0, 0].get_gridspec()
    for axes in panels[:, 1]:
        axes.remove()
    _plot_levels(panels[0, 0], panels[1, 0], levels, coverage)
    _plot_bins(figure.add_subplot(grid[:, 1]), stds, errors)
    return save_figure(figure, path)


def _plot_levels(upper: Axes, lower: Axes, levels: Array, coverage: Array) -> None:
    """Coverage against the stated one above, and its difference in percentage points below."""
    ends = np.array([0, 1])
    upper.plot(ends, ends, color=GUIDE_COLOR, linestyle="--", label="as stated")
    lower.axhline(0, color=GUIDE_COLOR, linestyle="--")
    for column, dimension, width in zip(coverage.T, DIMENSIONS, (4, 1.6)):  # both can be seen where they are equal
        upper.plot(levels, column, color=COLORS[dimension], linewidth=width, label=dimension)
        lower.plot(levels, 100 * (column - levels), color=COLORS[dimension], linewidth=1.6)
    upper.set(title="Coverage", ylabel="songs whose rating is in the interval", xlim=(0, 1), ylim=(0, 1))
    reach = max(2 * TOLERANCE, np.ceil(np.abs(100 * (coverage.T - levels)).max()))
    lower.axhspan(-TOLERANCE, TOLERANCE, color="0.9", linewidth=0, zorder=0)
    lower.set(xlabel="stated coverage", ylabel="difference\n(points)", ylim=(-reach, reach))
    lower.yaxis.set_major_locator(MaxNLocator(4, integer=True, steps=(1, 2, 5, 10)))
    for axis in (upper.xaxis, upper.yaxis):
        axis.set_major_locator(MultipleLocator(0.2))
        axis.set_major_formatter(PercentFormatter(1))
    upper.legend(loc="upper left")


def _plot_bins(axes: Axes, stds: Array, errors: Array) -> None:
    num_bins = max(1, min(MAX_BINS, len(stds) // MIN_SONGS_PER_BIN))
    points = np.stack([_binned(*of_dimension, num_bins) for of_dimension in zip(stds.T, errors.T)])  # (2, bins, 2)
    low, high = np.floor(points.min() * 10 - 0.2) / 10, np.ceil(points.max() * 10 + 0.2) / 10
    axes.plot([low, high], [low, high], color=GUIDE_COLOR, linestyle="--", zorder=1, label="spread = error")
    for (dimension, color), of_bins in zip(COLORS.items(), points):
        axes.plot(*of_bins.T, color=color, marker=MARKERS[dimension], markersize=7, linestyle="", label=dimension)
    axes.set_title(f"Width and error (n = {len(stds)}, {num_bins} bins)")
    axes.set(xlabel="predicted spread of the error (rating points)", ylabel="root mean squared error (rating points)")
    axes.set(xlim=(low, high), ylim=(low, high))
    axes.legend(loc="upper left")


def _binned(stds: Array, errors: Array, num_bins: int) -> Array:
    """Spread and root mean squared error of each bin of songs, `(bins, 2)`."""
    bins = np.array_split(np.argsort(stds, kind="stable"), num_bins)
    return np.array([[np.sqrt((values[rows] ** 2).mean()) for values in (stds, errors)] for rows in bins])
