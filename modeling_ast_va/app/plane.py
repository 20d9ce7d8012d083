# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The valence-arousal plane as an SVG, with songs, their intervals and the course of one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ..audio_ast_va import quadrant
from .labels import NEAR, Place, place_labels
from .ratings import Rating

SIZE = 340  # of the square, in units of the drawing
LEFT, TOP, RIGHT, BOTTOM = 22, 2, 4, 26  # around it
BASELINE = 4.5  # from the middle of a text down to its baseline


@dataclass(frozen=True)
class Marked:
    """A song in the plane, with a short label and the class of its style."""

    rating: Rating
    label: str = ""
    style: str = "song"


class Plane:
    """Maps ratings to the drawing; `box` is its left, bottom, right and top."""

    box = (LEFT, TOP + SIZE, LEFT + SIZE, TOP)

    def __init__(self, scale: tuple[float, float], midpoint: float):
        self.scale, self.midpoint = scale, midpoint

    def place(self, valence: float, arousal: float) -> tuple[float, float]:
        """A point of the drawing; what is beyond the scale is at its end."""
        low, high = self.scale
        x, y = ((min(max(value, low), high) - low) / (high - low) for value in (valence, arousal))
        return round(LEFT + SIZE * x, 2), round(TOP + SIZE * (1 - y), 2)


def draw_plane(songs: Sequence[Marked], title: str, *, with_course: bool = False, with_intervals: bool = False) -> str:
    """
    Draw songs in the plane.

    Args:
        songs: with ratings on one scale, at least one.
        title: what a screen reader says.
        with_course: whether to draw the course of the only song, and a point that moves along it.
        with_intervals: whether to draw the intervals of songs that have some; those of many songs hide each other.
    """
    plane = Plane(songs[0].rating.scale, songs[0].rating.midpoint)
    size = f"{LEFT + SIZE + RIGHT} {TOP + SIZE + BOTTOM}"
    parts = [
        f'<svg class="va-plane" viewBox="0 0 {size}" role="img" aria-label="{escape(title)}" '
        f'data-box="{" ".join(map(str, plane.box))}">',
        *_background(plane),
    ]
    if with_course:
        course = songs[0].rating.course
        trace = " ".join("{},{}".format(*plane.place(*values)) for _, *values in course)
        parts.append(f'<polyline class="va-trace" points="{trace}"/>')
    points = [plane.place(*song.rating.point) for song in songs]
    labels = place_labels(points, [song.label for song in songs], plane.box)
    if with_intervals:
        parts += [_interval(plane, song) for song in songs]
    parts += [_line_to_label(point, label) for point, label in zip(points, labels)]
    parts += [_point(*marks) for marks in zip(songs, points, labels)]
    if with_course:
        parts.append('<circle class="va-now" r="8" visibility="hidden"/>')
    return "".join([*parts, "</svg>"])


def _background(plane: Plane) -> list[str]:
    left, bottom, right, top = plane.box
    x, y = plane.place(plane.midpoint, plane.midpoint)
    low, high = plane.scale
    parts = [f'<rect class="va-frame" x="{left}" y="{top}" width="{SIZE}" height="{SIZE}" rx="6"/>']
    parts.append(f'<path class="va-axis" d="M{left} {y}H{right}M{x} {top}V{bottom}"/>')
    for valence, at, anchor in ((low, left + 10, "start"), (high, right - 10, "end")):
        for arousal, height in ((low, bottom - 12), (high, top + 22)):
            name = quadrant(valence, arousal, plane.midpoint)
            parts.append(f'<text class="va-quadrant" x="{at}" y="{height}" text-anchor="{anchor}">{name}</text>')
    below = bottom + 19
    parts += [
        f'<text class="va-word" x="{left}" y="{below}">unpleasant</text>',
        f'<text class="va-word" x="{right}" y="{below}" text-anchor="end">pleasant</text>',
        f'<text class="va-word va-name" x="{(left + right) / 2}" y="{below}" text-anchor="middle">valence</text>',
    ]
    for word, y, anchor, kind in (
        ("calm", bottom, "start", ""),
        ("arousal", (top + bottom) / 2, "middle", " va-name"),
        ("excited", top, "end", ""),
    ):
        turned = f'transform="translate({left - 9} {y}) rotate(-90)" text-anchor="{anchor}"'
        parts.append(f'<text class="va-word{kind}" {turned}>{word}</text>')
    return parts


def _interval(plane: Plane, song: Marked) -> str:
    """The intervals of valence and arousal as a cross through the point."""
    x, y = plane.place(*song.rating.point)
    valence, arousal = song.rating.interval("valence"), song.rating.interval("arousal")
    lines = ""
    if valence:
        left, right = (plane.place(end, 0)[0] for end in valence)
        lines += f"M{left} {y}H{right}"
    if arousal:
        bottom, top = (plane.place(0, end)[1] for end in arousal)
        lines += f"M{x} {bottom}V{top}"
    return f'<path class="va-interval va-{song.style}" d="{lines}"/>' if lines else ""


def _line_to_label(point: Place, label: Place) -> str:
    """A line from a point to a label that is not directly beside it."""
    if math.dist(point, label) <= NEAR + 1:
        return ""
    return '<path class="va-leader" d="M{} {}L{} {}"/>'.format(*point, *label)


def _point(song: Marked, point: Place, label: Place) -> str:
    """The point of a song, with its name as a tooltip and its label."""
    mark = '<circle class="va-point va-{}" cx="{}" cy="{}" r="6"/>'.format(song.style, *point)
    if song.label:
        place = f'x="{label[0]}" y="{label[1] + BASELINE}"'
        mark += f'<text class="va-label" {place} text-anchor="middle">{escape(song.label)}</text>'
    return f"<g><title>{escape(song.rating.name)}</title>{mark}</g>"
