# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The plot of a song over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator
from numpy.typing import ArrayLike, NDArray

from ..audio_ast_va import RATING_SCALE
from ..metrics import DIMENSIONS
from .figures import (
    COLORS,
    GUIDE_COLOR,
    MAX_MARKED_POINTS,
    MEAN_COLOR,
    SCALE_CENTRE,
    SCALE_ENDS,
    FilePath,
    limits_of,
    new_figure,
    save_figure,
)

TICK_STEPS_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
MAX_TICKS = 10
TICKS = tuple(range(RATING_SCALE[0], RATING_SCALE[1] + 1, 2))  # of ratings

Array = NDArray[np.float64]


def plot_course(
    course: Sequence[Mapping[str, float]],
    path: FilePath,
    *,
    intervals: ArrayLike | None = None,
    annotations: Sequence[Mapping[str, float]] = (),
) -> Figure:
    """
    Plot the course of valence and arousal over one song, a panel for each.

    Args:
        course: `"segments"` of a result of the pipeline, which are bars with a line through them (`"start"` and `"end"`
            in seconds), or its `"frames"`, which are a line (`"time"` in seconds); `"valence"` and `"arousal"` in
            rating points.
        intervals: low and high of valence, and low and high of arousal: of the song, or of each row of the course. They
            are a band behind the line.
        annotations: moments with annotated `"valence"` and `"arousal"` in rating points, and `"time"` in seconds.

    Shape:
        intervals: `(2, 2)` or `(n, 2, 2)`.

    Raises:
        ValueError: for an empty course.
    """
    if not course:
        raise ValueError("Expected the segments or frames of a song, but got none.")
    starts, ends = (np.array([row[key] for row in course]) for key in _keys_of_times(course[0]))
    bounds = None if intervals is None else np.broadcast_to(np.asarray(intervals, np.float64), (len(course), 2, 2))
    figure, panels = new_figure(10, 5.6, 2, 1, sharex=True)
    for column, (dimension, axes) in enumerate(zip(DIMENSIONS, panels)):
        values = np.array([row[dimension] for row in course])
        annotated = np.array([(row["time"], row[dimension]) for row in annotations]).reshape(-1, 2)
        if bounds is not None:
            label, style = "interval", {"color": COLORS[dimension], "alpha": 0.15, "linewidth": 0}
            low, high = bounds[:, column].T
            axes.fill_between(*_steps(starts, ends, low), _steps(starts, ends, high)[1], label=label, **style)
        if len(annotated):
            axes.plot(*annotated.T, color=MEAN_COLOR, linewidth=1.2, linestyle="--", label="annotated")
        _plot_line(axes, starts, ends, values, COLORS[dimension])
        shown = [values, annotated[:, 1] if len(annotated) else values, values if bounds is None else bounds[:, column]]
        _format_scale(axes, dimension, limits_of(*shown))
        if len(annotated) or bounds is not None:
            axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    _format_time(panels[-1], starts.min(), ends.max())
    return save_figure(figure, path)


def _keys_of_times(row: Mapping[str, float]) -> tuple[str, str]:
    return ("time", "time") if "time" in row else ("start", "end")


def _steps(starts: Array, ends: Array, values: Array) -> tuple[Array, Array]:
    """Times and values of a line that is level from each start to its end."""
    return np.column_stack([starts, ends]).ravel(), np.repeat(values, 2)


def _plot_line(axes: Axes, starts: Array, ends: Array, values: Array, color: str) -> None:
    style = {"marker": "."} if len(values) <= MAX_MARKED_POINTS else {"linewidth": 1.2}
    if (starts < ends).all():
        axes.hlines(values, starts, ends, color=color, linewidth=5, alpha=0.3)
    axes.plot((starts + ends) / 2, values, color=color, label="predicted", **style)


def _format_scale(axes: Axes, dimension: str, limits: tuple[float, float]) -> None:
    """Name the dimension, its scale and the ends of the scale on the vertical axis."""
    axes.axhline(SCALE_CENTRE, color=GUIDE_COLOR, linewidth=1, zorder=1)
    low, high = SCALE_ENDS[dimension]
    axes.set_ylim(limits)
    axes.set_yticks(TICKS, [f"{low} {TICKS[0]}", *map(str, TICKS[1:-1]), f"{high} {TICKS[-1]}"])
    axes.set_title(dimension.capitalize(), loc="left", fontsize="medium")


def _format_time(axes: Axes, first: float, last: float) -> None:
    """Give the horizontal axis ticks at whole minutes or round numbers of seconds."""
    axes.set(xlabel="time (min:s)", xlim=(first, last if last > first else first + 1))
    steps = (step for step in TICK_STEPS_SECONDS if last - first <= step * MAX_TICKS)
    axes.xaxis.set_major_locator(MultipleLocator(next(steps, TICK_STEPS_SECONDS[-1])))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds // 60:.0f}:{seconds % 60:02.0f}"))
