# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Labels beside points."""

from __future__ import annotations

import itertools

import numpy as np

from modeling_ast_va.app.labels import HEIGHT, LETTER_WIDTH, POINT, place_labels

BOX = (0, 340, 340, 0)


def test_labels_cover_neither_points_nor_each_other():
    points = np.random.default_rng(0).normal(170, 25, (20, 2)).tolist()
    labels = [str(i) for i in range(1, 21)]
    places = place_labels(points, labels, BOX)
    shapes = [(*place, LETTER_WIDTH * len(label), HEIGHT) for place, label in zip(places, labels)]
    for one, other in [
        *itertools.combinations(shapes, 2),
        *itertools.product(shapes, [(*p, POINT, POINT) for p in points]),
    ]:
        assert any(abs(one[i] - other[i]) >= (one[i + 2] + other[i + 2]) / 2 for i in (0, 1))


def test_labels_stay_in_the_drawing():
    corners = list(itertools.product((0, 340), repeat=2))
    for x, y in place_labels(corners, ["20"] * 4, BOX):
        assert LETTER_WIDTH <= x <= 340 - LETTER_WIDTH
        assert HEIGHT / 2 <= y <= 340 - HEIGHT / 2


def test_a_label_that_finds_no_place_is_over_others():
    places = place_labels([(170, 170)] * 80, ["1"] * 80, BOX)
    assert len(places) == 80
    assert len(set(places)) < 80
