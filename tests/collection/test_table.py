# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tables of songs, read back."""

import os
import sys

import pytest
from song_tables import COLUMNS, song, unrated, write_songs

from modeling_ast_va.collection.table import as_path, rated, read_songs
from modeling_ast_va.prediction.tables import COURSES, as_text, write_table


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_table_is_read_as_it_was_written(tmp_path, ending):
    written = [song("007.mp3", 6.5, title="NA", album=""), unrated("b.mp3"), song("c\nd.mp3", 1)]
    written = [{**one, "artist": "007"} for one in written]
    songs = read_songs(write_songs(tmp_path / f"t.{ending}", *written))
    assert list(songs) == list(COLUMNS)
    for name in ("path", "title", "artist", "error"):
        assert list(songs[name]) == [one[name] or "" for one in written]
    assert list(songs["valence"][[0, 2]]) == [6.5, 1]
    assert list(rated(songs)["path"]) == ["007.mp3", "c\nd.mp3"]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_table_of_errors_has_no_rated_song(tmp_path, ending):
    assert rated(read_songs(write_songs(tmp_path / f"t.{ending}", unrated("b.mp3")))).empty


def test_what_is_no_table_of_songs_is_refused(tmp_path):
    def message(name, content=None):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="Expected") as raised:
            read_songs(tmp_path / name)
        return str(raised.value)

    assert "a table ending in .csv, .jsonl, .parquet" in message("t.txt", b"")
    assert "which is no file" in message("missing.csv")
    for name in ("t.csv", "t.jsonl", "t.parquet"):
        assert f"{name}' " in message(name, b"\xff\0\xff")
        assert f"{name}' " in message(name, b"")
    assert "has no column valence, arousal, quadrant, error" in message("t.csv", b"path,title\na.mp3,A\n")
    assert "a valence that is no number" in message(
        "t.csv", b"path,valence,arousal,quadrant,error\na.mp3,high,1,Sad,\n"
    )
    for name, columns in COURSES.items():
        write_table([{"path": "a.mp3", "valence": 1.0}], columns, tmp_path / f"{name}.csv")
        assert f"has no column quadrant. It is a table of {name}." in message(f"{name}.csv")


@pytest.mark.skipif(sys.platform != "linux", reason="names that are not UTF-8")
def test_names_that_are_not_utf8_are_turned_back(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp3")
    literal = str(tmp_path / r"caf\xe8.mp3")  # a name that looks like one
    for name in (path, literal):
        open(name, "w").close()
        assert as_path(as_text(name)) == name
    assert as_path(r"missing\xe9.mp3") == r"missing\xe9.mp3"
    assert as_path(r"http://a/\xe9.mp3") == r"http://a/\xe9.mp3"
