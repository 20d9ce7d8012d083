# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Two songs side by side."""

from __future__ import annotations

import re
from html import unescape

import pytest
from rated_songs import failed, least, most

from modeling_ast_va.app.comparison import show_comparison


def text(html):
    return " ".join(unescape(re.sub("<[^>]*>", " ", html)).split())


@pytest.mark.parametrize(
    ("second", "summary", "differences"),
    [
        ((5.0, 5.0), "1.1 less pleasant and 0.8 more excited", ("−1.1", "+0.8")),
        ((6.12, 3.0), "equally pleasant and 1.2 less excited", ("0.0", "−1.2")),
        ((6.14, 4.16), "equally pleasant and equally excited", ("0.0", "0.0")),
        # The differences are those of the ratings as they are shown: 6.1 and 6.2
        ((6.16, 4.2), "0.1 more pleasant and equally excited", ("+0.1", "0.0")),
    ],
)
def test_the_difference_is_said(second, summary, differences):
    html = show_comparison(least("a"), least("b", valence=second[0], arousal=second[1]))
    assert f"Compared with A, B is {summary}" in text(html)
    assert tuple(re.findall("<strong>(.*?)</strong>", html)) == differences


def test_a_comparison_needs_two_ratings():
    for pair in ((None, None), (least(), None), (None, least()), (least(), failed()), (failed(), least())):
        assert show_comparison(*pair) == ""


def test_names_are_text_and_models_may_differ_in_what_they_give():
    html = show_comparison(least("<script>a"), most("<b>b"))
    assert "<script" not in html
    assert "A <script>a B <b>b A B B − A" in text(html)
    assert html.count('class="va-interval') == 1
