# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The course of a song as a drawing."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from rated_songs import least, most

from modeling_ast_va.app.course import HEIGHT, LEFT, TOP, WIDTH, clock, draw_course


def lines(rating):
    drawing = ElementTree.fromstring(draw_course(rating))
    return {
        one.get("class"): [tuple(map(float, point.split(","))) for point in one.get("points").split()]
        for one in drawing.iter("polyline")
    }


def test_lines_go_from_the_start_to_the_end_of_the_song():
    for rating in (least(), most()):
        for points in lines(rating).values():
            assert (points[0][0], points[-1][0]) == (LEFT, LEFT + WIDTH)
            assert len(points) == len(rating.course) + 2
    valence = lines(least())["va-line va-valence"]
    assert valence[1] == (LEFT + WIDTH / 4, pytest.approx(TOP + HEIGHT * (9 - 6.5) / 8, abs=0.01))


@pytest.mark.parametrize(("seconds", "last"), [(0.6, "0:00"), (30, "0:30"), (61, "1:00"), (15 * 60, "15:00")])
def test_a_few_ticks(seconds, last):
    segments = [{"start": 0.0, "end": seconds, "valence": 5.0, "arousal": 5.0}]
    texts = [one.text for one in ElementTree.fromstring(draw_course(least(segments=segments))).iter("text")]
    ticks = [text for text in texts if ":" in text]
    assert ticks[0] == "0:00"
    assert ticks[-1] == last
    assert len(ticks) <= 7


def test_labels_do_not_overlap():
    segments = [{"start": 0.0, "end": 3.0, "valence": 5.0, "arousal": 5.1}]
    drawing = ElementTree.fromstring(draw_course(least(segments=segments)))
    heights = {one.text: float(one.get("y")) for one in drawing.iter("text") if "va-label" in one.get("class")}
    assert heights["valence"] - heights["arousal"] == pytest.approx(20)  # arousal is higher


def test_clock():
    assert [clock(seconds) for seconds in (0, 59, 60, 185, 900)] == ["0:00", "0:59", "1:00", "3:05", "15:00"]
