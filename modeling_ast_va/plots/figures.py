# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""What all figures share: colours, labels of axes, layout, and how they are written."""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray

from ..audio_ast_va import RATING_SCALE

DPI = 150
SCALE_CENTRE = sum(RATING_SCALE) / 2
SCALE_LABEL = "({}–{})".format(*RATING_SCALE)
COLORS = {"valence": "#0072B2", "arousal": "#D55E00"}
SCALE_ENDS = {"valence": ("unpleasant", "pleasant"), "arousal": ("calm", "excited")}
MEAN_COLOR, GUIDE_COLOR, RATING_COLOR, PREDICTION_COLOR = "black", "0.55", "0.25", "#009E73"
MAX_MARKED_POINTS = 50  # above it, markers hide the line

FilePath = str | PathLike[str]


def scale_label(dimension: str) -> str:
    """The name of a dimension with what the ends of its scale mean, for an axis."""
    (low, high), (low_name, high_name) = RATING_SCALE, SCALE_ENDS[dimension]
    return f"{dimension} ({low} {low_name} – {high} {high_name})"


def new_figure(width_inches: float, height_inches: float, *grid: int, **options: Any) -> tuple[Figure, Any]:
    """A figure whose layout keeps titles and labels inside, also with axes of fixed proportions; and its axes."""
    layout = ConstrainedLayoutEngine(compress=True, w_pad=0.1, h_pad=0.1)  # inches
    figure = Figure(figsize=(width_inches, height_inches), dpi=DPI, layout=layout)
    return figure, figure.subplots(*grid, **options)


def marker_style(num_points: int) -> dict[str, Any]:
    """Style of points: large and opaque for a few, small and transparent for thousands."""
    crowding = min(1.0, math.log10(max(1.0, num_points / 30)) / 2)  # 0 up to 30 points, 1 from 3000 on
    size, opacity = 40 - 30 * crowding, 0.9 - 0.6 * crowding
    return {"s": size, "alpha": opacity, "linewidths": 0, "clip_on": False, "zorder": 3}


def limits_of(*values: NDArray[np.float64]) -> tuple[float, float]:
    """The rating scale, widened to whole points where values lie outside."""
    lowest, highest = min(v.min() for v in values), max(v.max() for v in values)
    return min(RATING_SCALE[0], math.floor(lowest)), max(RATING_SCALE[1], math.ceil(highest))


def set_square(axes: Axes, limits: tuple[float, float]) -> None:
    """Give both axes the same limits, unit and ticks."""
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    if limits == RATING_SCALE:
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MultipleLocator(1))


def save_figure(figure: Figure, path: FilePath) -> Figure:
    for axes in figure.axes:
        axes.set_axisbelow(True)
        axes.grid(alpha=0.3)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return figure
