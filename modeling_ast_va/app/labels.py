# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Places for labels beside points of a drawing, where they cover neither points nor each other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

DISTANCES = (15, 24, 34, 46, 60)  # from a point to the middle of its label; the closest free one is taken
NUM_DIRECTIONS = 12
NEAR = DISTANCES[0]  # labels at this distance need no line to their point
LETTER_WIDTH, HEIGHT, POINT = 8.5, 15.0, 12.0  # of a label, and of a point

Place = tuple[float, float]


def place_labels(points: Sequence[Place], labels: Sequence[str], box: tuple[float, float, float, float]) -> list[Place]:
    """
    Find a place for each label: the middle of its text.

    Args:
        points: of the drawing, whose second coordinate grows downwards.
        labels: one for each point.
        box: left, bottom, right and top of the drawing, in which labels stay.

    Returns:
        A place for each label, at a larger distance from its point the more crowded it is; where all are taken, the
        first one, over others.
    """
    left, bottom, right, top = box
    taken = [(x, y, POINT, POINT) for x, y in points]
    places = []
    for point, label in zip(points, labels):
        width = LETTER_WIDTH * len(label)
        candidates = [
            (x, y)
            for x, y in _around(*point)
            if left <= x - width / 2 and x + width / 2 <= right and top <= y - HEIGHT / 2 and y + HEIGHT / 2 <= bottom
        ]
        free = (place for place in candidates if not any(_overlap((*place, width, HEIGHT), other) for other in taken))
        place = next(free, candidates[0])
        taken.append((*place, width, HEIGHT))
        places.append(place)
    return places


def _around(x: float, y: float) -> Iterator[Place]:
    """Places around a point, the closest first, and at each distance first to the right."""
    for distance, i in itertools.product(DISTANCES, range(NUM_DIRECTIONS)):
        angle = 2 * math.pi * i / NUM_DIRECTIONS
        yield round(x + distance * math.cos(angle), 2), round(y - distance * math.sin(angle), 2)


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    """Whether two rectangles, given by middle, width and height, overlap."""
    return all(abs(one[i] - other[i]) < (one[i + 2] + other[i + 2]) / 2 for i in (0, 1))
