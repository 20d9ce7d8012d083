# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The card of a song: all that the model gives and no more, with names as text."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from rated_songs import failed, least, most

from modeling_ast_va.app.card import show_message, show_song


def text(html):
    return " ".join(unescape(re.sub("<[^>]*>", " ", html)).split())


def test_everything_that_a_model_gives_is_shown():
    shown = text(show_song(most()))
    assert "Calm 73 % likely" in shown
    assert "Valence 6.1 on a scale from 1 to 9" in shown
    assert "90 % interval 4.9–7.3. More pleasant than 81 % of the songs of the data set." in shown
    assert "90 % interval 1.0–5.6. More excited than 35 % of the songs of the data set." in shown


def test_what_it_does_not_give_is_left_out():
    html = show_song(least())
    shown = text(html)
    assert "Valence 6.1 on a scale from 1 to 9 unpleasant pleasant Arousal 4.2" in shown
    assert "%" not in shown
    assert "None" not in html
    assert "va-band" not in html


@pytest.mark.parametrize("missing", ["valence_interval", "valence_percentile", "quadrant_probability", "frames"])
def test_each_part_is_shown_alone(missing):
    rating = most()
    rating.result.pop(missing)
    shown = text(show_song(rating))
    assert ("4.9–7.3" in shown) == (missing != "valence_interval")
    assert ("81 % of" in shown) == (missing != "valence_percentile")
    assert ("73 % likely" in shown) == (missing != "quadrant_probability")


def test_the_page_gets_the_course_and_the_key_of_its_copy():
    html = show_song(most())
    course = json.loads(unescape(re.search('data-course="([^"]*)"', html)[1]))
    assert course[1] == [0.5, 6.05, 3.95]
    assert 'data-song="key"' in html
    assert 'data-scale="1 9"' in html


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "أغنية 🎵"])
def test_names_are_text_in_a_direction_of_their_own(name):
    for html in (show_song(least(name)), show_song(failed(name)), show_song(least(name), "B"), show_message(name)):
        assert "<script" not in html
        assert "<img" not in html
        assert name in text(html) or name in unescape(html)
    assert '<bdi dir="auto">' in show_song(least(name))


def test_errors_and_warnings_are_said():
    assert text(show_song(failed())) == "Not rated: cover.mp3 Expected an audio file, but it is empty."
    assert "The file ends at 2.00 s of 9.00 s: the rating is of this part." in text(
        show_song(least(warning="ends at 2.00 s of 9.00 s"))
    )
    assert 'role="alert"' in show_message("expected a song")
