# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Arrays and texts in a page."""

import json
import os
from html.parser import HTMLParser

import numpy as np
import pytest
from map_pages import decoded, values_of

from modeling_ast_va.library_map.arrays import distinct, encode, script_json

NAMES = [
    "</script><script>alert(1)</script>",
    "<!-- <script>",
    "quotes \" ' ` \\ ${x}",
    "{{ plotly }}",
    "\U0001f389 夜明け أغنية",
    "line\u2028break\u2029\n\t\x00",
    os.fsdecode(b"caf\xe9.mp3"),
]


class Scripts(HTMLParser):
    """The content of each element `<script>` of a page."""

    def __init__(self):
        super().__init__()
        self.contents = []

    def handle_starttag(self, tag, attributes):
        if tag == "script":
            self.contents.append("")

    def handle_data(self, data):
        self.contents[-1] += data


def test_arrays_are_read_back():
    numbers = np.array([1.5, -2.25, np.nan])
    np.testing.assert_array_equal(decoded(encode(numbers, "f4"), "f4"), numbers)
    np.testing.assert_array_equal(decoded(encode([0, 255], "u1"), "u1"), [0, 255])
    assert decoded(encode([1], "u4"), "u1").tolist() == [1, 0, 0, 0]  # little-endian


def test_equal_texts_are_there_once():
    column = distinct(["b", "a", "b", ""])
    assert column["values"] == ["b", "a", ""]
    assert values_of(column) == ["b", "a", "b", ""]
    assert values_of(distinct([])) == []


@pytest.mark.parametrize("name", NAMES)
def test_no_name_ends_the_element(name):
    text = script_json({"name": name})
    text.encode("utf-8")
    assert json.loads(text) == {"name": name}
    scripts = Scripts()
    scripts.feed(f"<script>{text}</script>")
    assert scripts.contents == [text]


def test_numbers_that_json_does_not_have_are_refused():
    with pytest.raises(ValueError, match="JSON"):
        script_json({"valence": float("nan")})
