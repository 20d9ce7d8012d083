# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Valence and arousal over time in a page."""

import numpy as np
import pandas as pd
import pytest
from map_pages import decoded, frames_of, rated_song, write_rows

from modeling_ast_va.library_map import courses
from modeling_ast_va.library_map.courses import course_columns, read_courses

STEP = 8 / 255  # of the scale, in rating points


def points_of(columns, song):
    """Time, valence and arousal of the points of a song."""
    count = decoded(columns["count"], "u1").astype(int)
    first, step = (decoded(columns[name], "f4")[song] for name in ("first", "step"))
    place = slice(count[:song].sum(), count[: song + 1].sum())
    ratings = [1 + decoded(columns[name], "u1")[place] * STEP for name in ("valence", "arousal")]
    return first + step * np.arange(count[song]), *ratings


def test_short_courses_are_kept_to_a_step_of_the_scale(tmp_path):
    ratings = [(1.0, 9.0), (5.0, 5.5), (8.9, 1.2)]
    rows = [*frames_of("b.mp3", ratings), *frames_of("a.mp3", ratings[:1]), *frames_of("other.mp3", ratings)]
    table = write_rows(tmp_path / "frames.parquet", rows[::-1])  # in any order
    found = read_courses(table, pd.Series(["a.mp3", "none.mp3", "b.mp3"]))
    assert (found.num_songs, found.num_others) == (2, 1)
    assert [len(points_of(found.columns, song)[0]) for song in range(3)] == [1, 0, 3]
    seconds, valence, arousal = points_of(found.columns, 2)
    np.testing.assert_allclose(seconds, [0, 0.5, 1])
    np.testing.assert_allclose(np.column_stack([valence, arousal]), ratings, atol=STEP / 2 + 1e-6)
    assert points_of(found.columns, 0)[0].tolist() == [0]


def test_segments_stand_at_their_middle_and_songs_with_errors_have_none(tmp_path):
    rows = [
        {"path": "a.mp3", "start": 0.0, "end": 3.0, "valence": 2.0, "arousal": 3.0, "error": ""},
        {"path": "a.mp3", "start": 3.0, "end": 5.0, "valence": 4.0, "arousal": 3.0, "error": ""},
        {"path": "b.mp3", "start": np.nan, "end": np.nan, "valence": np.nan, "arousal": np.nan, "error": "no audio"},
    ]
    found = read_courses(write_rows(tmp_path / "segments.csv", rows), pd.Series(["a.mp3", "b.mp3"]))
    np.testing.assert_allclose(points_of(found.columns, 0)[0], [1.5, 4.0])
    assert (found.num_songs, len(points_of(found.columns, 1)[0])) == (1, 0)


def test_long_courses_are_means_of_rows_that_follow_each_other(monkeypatch):
    for name in ("FEWEST_POINTS", "MOST_POINTS"):
        monkeypatch.setattr(courses, name, 4)
    seconds = np.arange(10) / 2
    ratings = np.column_stack([np.linspace(2, 8, 10), np.full(10, 3.0)])
    columns = course_columns(np.zeros(10, int), seconds, ratings, 1)
    found_seconds, valence, arousal = points_of(columns, 0)
    groups = [[0, 1, 2], [3, 4], [5, 6, 7], [8, 9]]
    np.testing.assert_allclose(valence, [ratings[group, 0].mean() for group in groups], atol=STEP / 2 + 1e-6)
    np.testing.assert_allclose(arousal, 3.0, atol=STEP / 2 + 1e-6)
    np.testing.assert_allclose(found_seconds[[0, -1]], [seconds[:3].mean(), seconds[8:].mean()])


def test_many_courses_have_fewer_points():
    songs = np.repeat(np.arange(20_000), 50)
    columns = course_columns(songs, np.tile(np.arange(50.0), 20_000), np.full((len(songs), 2), 5.0), 20_000)
    counts = decoded(columns["count"], "u1")
    assert set(counts) == {courses.MAX_VALUES // 40_000}
    assert len(columns["valence"]) + len(columns["arousal"]) <= 1.4 * courses.MAX_VALUES


def test_a_song_that_is_there_twice_has_its_course_once(tmp_path):
    table = write_rows(tmp_path / "frames.csv", frames_of("a.mp3", [(2, 3), (4, 5)]))
    found = read_courses(table, pd.Series(["a.mp3", "a.mp3"]))
    assert decoded(found.columns["count"], "u1").tolist() == [2, 0]


def test_other_tables_are_refused(tmp_path):
    paths = pd.Series(["a.mp3"])

    def message(rows):
        with pytest.raises(ValueError, match="Expected") as raised:
            read_courses(write_rows(tmp_path / "t.csv", rows), paths)
        return str(raised.value)

    assert "has no column start, end. It is a table of songs." in message([rated_song("a.mp3", 5, 5)])
    assert "has no column valence" in message([{"path": "a.mp3", "time": 1.0, "arousal": 5.0}])
    assert "has a time that is no number" in message([{**frames_of("a.mp3", [(5, 5)])[0], "time": "soon"}])
    assert "has none of them" in message(frames_of("b.mp3", [(5, 5)]))
