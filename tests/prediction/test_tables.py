# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tables: names of any content survive in every format."""

import csv
import json
import math
import os

import pandas as pd
import pytest

from modeling_ast_va.prediction.tables import COURSES, as_text, song_columns, table_rows, write_table

NAMES = [
    "a,b.mp3",
    'a"b.mp3',
    "a\rb.mp3",
    "a\nb.mp3",
    "a\r\nb.mp3",
    "a\x1bb.mp3",
    "=1+1.mp3",
    "+a",
    "-a",
    "@a",
    "é",
    "'",
]
FORMULAS = ("=1+1.mp3", "+a", "-a", "@a")


def songs():
    numbers = {"valence": 5.5, "arousal": 4.0, "valence_std": 0.5, "arousal_std": 0.25}
    for name in NAMES:
        tags = {"title": name, "artist": None, "album": "b"}
        yield {"path": name, **tags, **numbers, "quadrant": "Calm", "num_segments": 1, "warning": name, "error": None}


def write(path, **options):
    columns = song_columns()
    write_table((row for song in songs() for row in table_rows(song, columns)), columns, path, **options)
    return path


def test_columns_of_songs_are_in_order():
    ratings = "valence arousal valence_low valence_high arousal_low arousal_high valence_percentile arousal_percentile"
    spreads = "valence_rater_std arousal_rater_std valence_segment_std arousal_segment_std valence_std arousal_std"
    numbers = f"{ratings} quadrant quadrant_probability {spreads}"
    assert " ".join(song_columns()) == f"path title artist album {numbers} num_segments warning error"
    of_ensemble = [name for name in song_columns(2) if name not in song_columns()]
    assert of_ensemble == ["valence_spread", "arousal_spread"]
    assert list(song_columns(2))[-5:-3] == of_ensemble


def test_names_of_any_content_are_read_back_from_csv(tmp_path):
    path = write(tmp_path / "songs.csv")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows[1:]] == NAMES
    assert {len(row) for row in rows} == {len(song_columns())}
    table = pd.read_csv(path)
    assert table["path"].tolist() == table["title"].tolist() == table["warning"].tolist() == NAMES
    assert table["artist"].isna().all()
    first = b'"a,b.mp3","a,b.mp3",,b,5.5,4.0,,,,,,,Calm,,,,,,0.5,0.25,1,"a,b.mp3",\n'
    assert path.read_bytes().splitlines(keepends=True)[1] == first


def test_names_of_any_content_are_read_back_from_jsonl_and_parquet(tmp_path):
    lines = write(tmp_path / "songs.jsonl").read_text(encoding="utf-8").split("\n")
    assert [json.loads(line)["path"] for line in lines[:-1]] == NAMES
    assert pd.read_parquet(write(tmp_path / "songs.parquet"))["path"].tolist() == NAMES


def test_formulas_are_escaped_on_request(tmp_path):
    table = pd.read_csv(write(tmp_path / "songs.csv", escape_formulas=True))
    expected = [f"'{name}" if name in FORMULAS else name for name in NAMES]
    assert table["path"].tolist() == table["title"].tolist() == table["warning"].tolist() == expected
    assert table["valence"].tolist() == [5.5] * len(NAMES)


@pytest.mark.parametrize(("course", "times"), [("segments", ["start", "end"]), ("frames", ["time"])])
def test_a_course_has_a_row_for_each_moment_and_one_for_a_song_with_an_error(course, times):
    columns = COURSES[course]
    assert list(columns) == ["path", *times, "valence", "arousal", "warning", "error"]
    moments = [{**dict.fromkeys(times, float(i)), "valence": 5.0 + i, "arousal": 4.0 - i} for i in range(3)]
    of_song = {"path": "a.mp3", "valence": 6.0, "arousal": 3.0, "error": None, "num_segments": 3, course: moments}
    assert list(table_rows(of_song, columns, course)) == [
        {"path": "a.mp3", **moment, "warning": None, "error": None} for moment in moments
    ]
    failed = {"path": "a.mp3", "error": "a.mp3: it is empty", "num_segments": 0, course: []}
    assert list(table_rows(failed, columns, course)) == [
        {**dict.fromkeys(columns), "path": "a.mp3", "error": "a.mp3: it is empty"}
    ]


def test_bytes_of_names_that_are_not_text_are_written_as_escapes():
    assert as_text(os.fsdecode(b"caf\xe9 \xc3\xa9.mp3")) == r"caf\xe9 é.mp3"
    assert as_text("\ud800") == r"\ud800"
    assert as_text(None) is None


def test_numbers_that_are_not_json_are_refused_and_leave_no_file(tmp_path):
    row = {**dict.fromkeys(COURSES["segments"]), "path": "a.mp3", "valence": math.nan}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_table([row], COURSES["segments"], tmp_path / "course.jsonl")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_a_table_that_cannot_be_written_is_named_and_the_last_one_stays(tmp_path, monkeypatch, ending):
    path = write(tmp_path / f"songs{ending}")
    before = path.read_bytes()

    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(
        OSError, match=rf"write '.*songs{ending}', but the system reports: No space left on device\..*kept"
    ):
        write(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
