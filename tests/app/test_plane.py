# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The plane: where songs are, with and without intervals, on any scale."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from rated_songs import least, most

from modeling_ast_va.app.plane import LEFT, SIZE, TOP, Marked, Plane, draw_plane


def parse(drawing):
    return ElementTree.fromstring(drawing)


def of_class(drawing, name):
    return [one for one in parse(drawing).iter() if name in one.get("class", "").split()]


@pytest.mark.parametrize(
    ("scale", "rating", "place"),
    [
        ((1, 9), (1, 1), (LEFT, TOP + SIZE)),
        ((1, 9), (9, 9), (LEFT + SIZE, TOP)),
        ((1, 9), (5, 5), (LEFT + SIZE / 2, TOP + SIZE / 2)),
        ((0, 1), (0.25, 0.5), (LEFT + SIZE / 4, TOP + SIZE / 2)),
        ((1, 9), (-3, 12), (LEFT, TOP)),
    ],
)
def test_places(scale, rating, place):
    assert Plane(scale, sum(scale) / 2).place(*rating) == place


def test_axes_have_words_and_quadrants_names():
    texts = [one.text for one in parse(draw_plane([Marked(least())], "A song")).iter() if one.tag == "text"]
    assert {"unpleasant", "pleasant", "calm", "excited", "valence", "arousal"} <= set(texts)
    assert {"Excited", "Calm", "Sad", "Distressed"} <= set(texts)


def test_intervals_are_drawn_where_there_are_some():
    (cross,) = of_class(draw_plane([Marked(most())], "A song", with_intervals=True), "va-interval")
    left, right = (Plane((1, 9), 5).place(value, 1)[0] for value in (4.9, 7.3))
    assert cross.get("d").startswith(f"M{left} ")
    assert f"H{right}" in cross.get("d")
    assert of_class(draw_plane([Marked(least())], "A song", with_intervals=True), "va-interval") == []
    assert of_class(draw_plane([Marked(most())], "Songs"), "va-interval") == []


def test_the_course_is_a_line_with_a_point_that_moves():
    drawing = draw_plane([Marked(most())], "A song", with_course=True)
    (trace,) = of_class(drawing, "va-trace")
    assert len(trace.get("points").split()) == 12
    (now,) = of_class(drawing, "va-now")
    assert now.get("visibility") == "hidden"
    assert of_class(draw_plane([Marked(most())], "A song"), "va-now") == []


def test_names_are_text():
    drawing = draw_plane([Marked(least('<script>"&'), "1")], '<script>"&')
    assert parse(drawing).get("aria-label") == '<script>"&'
    assert [one.text for one in parse(drawing).iter("title")] == ['<script>"&']
