# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Predictions on stdout."""

from __future__ import annotations

import io
import json
import sys
from collections import Counter

import pytest

from modeling_ast_va.prediction.audio_files import Library
from modeling_ast_va.prediction.printing import print_json, print_table
from modeling_ast_va.prediction.tables import COURSES, song_columns

FORGED = "a\x1b[31m\n\udce9.mp3"


def song(path, valence=None, arousal=None, **values):
    return {**dict.fromkeys(song_columns()), "path": path, "valence": valence, "arousal": arousal, **values}


SONGS = [
    song("~/Music/An Artist/An Album With a Long Name/01 Song.flac", 6.123, 4.0, quadrant="Calm"),
    song("early.mp3", 4.5, 10.25, quadrant="Distressed", warning="ends at 3.00 s of 5.00 s"),
    song("日本のうた.mp3", 1.0, 9.0, quadrant="Distressed"),
    song("cafe\u0301.mp3", 2.0, 2.0, quadrant="Sad"),
    song(r"\xe9 damaged.mp3", error=r"\xe9 damaged.mp3: expected an audio file, but it is empty."),
    song(FORGED, 5.0, 5.0, quadrant="Excited"),
]


@pytest.fixture
def show(monkeypatch, capsys):
    """Print a table in a terminal of a width, and return its lines."""

    def lines(width, songs=SONGS, columns=None, **library):
        monkeypatch.setenv("COLUMNS", str(width))
        print_table(songs, columns or song_columns(), Library([one["path"] for one in songs], **library))
        return capsys.readouterr().out.splitlines()

    return lines


def test_the_table_is_aligned_and_names_are_cut_to_the_terminal(show):
    assert show(60) == [
        "song                            valence  arousal  quadrant",
        "...th a Long Name/01 Song.flac     6.12     4.00  Calm",
        "early.mp3                          4.50    10.25  Distressed (ends at 3.00 s of 5.00 s)",
        "日本のうた.mp3                     1.00     9.00  Distressed",
        "cafe\u0301.mp3                           2.00     2.00  Sad",
        r"\xe9 damaged.mp3                      -        -  not rated: expected an audio file, but it is empty.",
        r"a\x1b[31m\n\xe9.mp3                5.00     5.00  Excited",
    ]
    assert show(10, SONGS[2:3])[1] == "日本のうた.mp3       1.00     9.00  Distressed"
    assert show(10, SONGS[:1])[1] == ".../01 Song.flac     6.12     4.00  Calm"


def test_names_are_whole_where_there_is_no_terminal(show):
    assert SONGS[0]["path"] in show(0)[1]


def test_segments_have_times_and_files_that_are_skipped_are_counted(show):
    columns = COURSES["segments"]
    course = [dict(zip(columns, ("a.mp3", 10.0, 20.0, 5.0, 6.0, None, None)))]
    assert show(80, course, columns, other_endings=Counter({".t\n": 2})) == [
        "song                start      end  valence  arousal",
        "a.mp3               10.00    20.00     5.00     6.00",
        r"Skipped 2 files that are not audio: 2 .t\n.",
    ]


def test_frames_have_the_time_of_each_moment(show):
    course = [dict(zip(COURSES["frames"], ("a.mp3", time, 5.0 + time, 6.0, None, None))) for time in (0.0, 0.5)]
    assert show(80, course, COURSES["frames"]) == [
        "song                 time  valence  arousal",
        "a.mp3                0.00     5.00     6.00",
        "a.mp3                0.50     5.50     6.00",
    ]


def test_what_stdout_cannot_encode_is_escaped(show, monkeypatch):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stdout)
    show(80)
    stdout.flush()
    assert rb"\u65e5\u672c" in stdout.buffer.getvalue()


def test_json_lines_are_those_of_the_table_in_ascii(capsys):
    print_json(SONGS)
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert "\x1b" not in printed
    assert [json.loads(line) for line in printed.splitlines()] == SONGS
