# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Several songs: the table, the map and the file."""

from __future__ import annotations

import base64
import csv
import io
import re
from html import unescape

import pytest
from rated_songs import failed, least, most

from modeling_ast_va.app.batch import csv_table, show_batch
from modeling_ast_va.prediction.tables import song_columns


def text(html):
    return " ".join(unescape(re.sub("<[^>]*>", " ", html)).split())


def rows(content):
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_each_song_has_a_row_and_a_point():
    html = show_batch([least("a.mp3"), failed(), most("c.mp3", valence=3.0)], 3)
    assert text(html).startswith("2 of 3 songs rated Download the table (CSV)")
    assert "1 a.mp3 6.1 4.2 Calm 2 cover.mp3 Expected an audio file, but it is empty. 3 c.mp3 3.0" in text(html)
    assert "4.9–7.3" in text(html)
    assert html.count("va-point") == 2
    assert re.findall('class="va-label"[^>]*>([^<]*)<', html) == ["1", "3"]


@pytest.mark.parametrize(
    ("num_rated", "num_songs", "title"), [(1, 3, "1 of 3 songs"), (3, 3, "3 songs rated"), (1, 1, "1 song rated")]
)
def test_songs_are_counted_while_they_are_rated(num_rated, num_songs, title):
    html = show_batch([least()] * num_rated, num_songs)
    assert f"<h3>{title}</h3>" in html
    assert ("download" in html) == (num_rated == num_songs)


def test_songs_that_cannot_be_rated_have_no_map_and_no_file():
    html = show_batch([failed()], 1)
    assert "<svg" not in html
    assert "download" not in html
    assert text(html).startswith("0 of 1 songs rated")


def test_the_file_is_the_table_of_predict():
    table = rows(csv_table([most("a, b.mp3"), failed("=1+1.mp3"), least("<b>أغنية🎵")]))
    assert list(table[0]) == list(song_columns())
    assert [row["path"] for row in table] == ["a, b.mp3", "'=1+1.mp3", "<b>أغنية🎵"]
    assert [row["valence"] for row in table] == ["6.12", "", "6.12"]
    assert [row["error"] for row in table] == ["", "expected an audio file, but it is empty.", ""]
    assert [row["num_segments"] for row in table] == ["2", "", "2"]


def test_the_file_is_in_the_link():
    songs = [most("a.mp3"), least("<script>")]
    html = show_batch(songs, 2)
    content = re.search('href="data:text/csv;charset=utf-8;base64,([^"]*)"', html)[1]
    assert base64.b64decode(content) == csv_table(songs)
    assert "<script" not in html
