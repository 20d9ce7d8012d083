# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The course of valence and arousal over a song as an SVG."""

from __future__ import annotations

from collections.abc import Iterator

from ..metrics import DIMENSIONS
from .ratings import Rating

WIDTH, HEIGHT = 440, 170  # of the panel, in units of the drawing
LEFT, TOP, RIGHT, BOTTOM = 22, 8, 62, 24  # around it
TICK_STEPS_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 300)
MAX_TICKS = 6
LABEL_HEIGHT = 20


def draw_course(rating: Rating) -> str:
    """Draw the course of a song with a line that moves while it plays; a click in it is a moment of the song."""
    low, high = rating.scale
    seconds = rating.seconds or 1.0

    def place(time: float, value: float) -> tuple[float, float]:
        share = (min(max(value, low), high) - low) / (high - low)
        return round(LEFT + WIDTH * time / seconds, 2), round(TOP + HEIGHT * (1 - share), 2)

    box = (LEFT, TOP + HEIGHT, LEFT + WIDTH, TOP)
    size = f"{LEFT + WIDTH + RIGHT} {TOP + HEIGHT + BOTTOM}"
    parts = [
        f'<svg class="va-course" viewBox="0 0 {size}" role="img" aria-label="Valence and arousal over time" '
        f'data-box="{" ".join(map(str, box))}" data-seconds="{seconds:.2f}">',
        f'<rect class="va-frame" x="{LEFT}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>',
    ]
    for value, shift in ((low, 0), (rating.midpoint, 5), (high, 10)):  # so that the ends stay within the frame
        y = place(0, value)[1] + shift
        parts.append(f'<text class="va-tick" x="{LEFT - 6}" y="{y}" text-anchor="end">{value:g}</text>')
    parts += [
        f'<path class="va-axis" d="M{LEFT} {place(0, rating.midpoint)[1]}h{WIDTH}"/>',
        f'<text class="va-quadrant" x="{LEFT + 10}" y="{TOP + 20}">pleasant, excited</text>',
        f'<text class="va-quadrant" x="{LEFT + 10}" y="{TOP + HEIGHT - 10}">unpleasant, calm</text>',
    ]
    for time in _ticks(seconds):
        x = place(time, low)[0]
        parts.append(f'<text class="va-tick" x="{x}" y="{TOP + HEIGHT + 20}" text-anchor="middle">{clock(time)}</text>')
    course = [(0.0, *rating.course[0][1:]), *rating.course, (seconds, *rating.course[-1][1:])]
    for i, dimension in enumerate(DIMENSIONS, start=1):
        points = " ".join("{},{}".format(*place(moment[0], moment[i])) for moment in course)
        parts.append(f'<polyline class="va-line va-{dimension}" points="{points}"/>')
    for dimension, y in zip(DIMENSIONS, _label_heights([place(seconds, value)[1] for value in course[-1][1:]])):
        parts.append(f'<text class="va-label va-{dimension}" x="{LEFT + WIDTH + 8}" y="{y + 4}">{dimension}</text>')
    parts.append(f'<path class="va-cursor" d="M0 {TOP}v{HEIGHT}" visibility="hidden"/>')
    parts += [f'<circle class="va-at va-{dimension}" r="5" visibility="hidden"/>' for dimension in DIMENSIONS]
    return "".join([*parts, "</svg>"])


def clock(seconds: float) -> str:
    """A time as minutes and seconds, `3:05`."""
    return f"{seconds // 60:.0f}:{seconds % 60:02.0f}"


def _ticks(seconds: float) -> Iterator[float]:
    step = next((step for step in TICK_STEPS_SECONDS if seconds <= step * MAX_TICKS), TICK_STEPS_SECONDS[-1])
    for i in range(int(seconds / step) + 1):
        yield float(i * step)


def _label_heights(heights: list[float]) -> list[float]:
    """Heights of two labels, moved apart where they would overlap."""
    first, second = heights
    if abs(first - second) >= LABEL_HEIGHT:
        return heights
    middle, half = (first + second) / 2, LABEL_HEIGHT / 2
    return [middle - half, middle + half] if first <= second else [middle + half, middle - half]
