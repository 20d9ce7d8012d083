# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import json
import math

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset, DatasetDict
from deam_folder import write_song

from modeling_ast_va import load_ratings
from modeling_ast_va.data.dataset import load_segments
from modeling_ast_va.data.ratings_table import read_ratings_table

SONGS = [
    {"path": "a.wav", "valence": 0.25, "arousal": 1.0, "artist": "X", "song_id": "s1", "split": "train"},
    {"path": "b.wav", "valence": 0.5, "arousal": 0.0, "artist": "x ", "song_id": "s2", "split": "val"},
    {"path": "sub/c.wav", "valence": 0.1, "arousal": 0.9, "artist": "", "song_id": "s3", "split": "Test"},
]


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audio")
    (folder / "sub").mkdir()
    for name in ("a.wav", "b.wav", "sub/c.wav"):
        write_song(folder / name, 2.5)
    return folder


@pytest.fixture
def read(audio):
    """Reads a table of these songs, from a CSV file beside them."""

    def read(songs=SONGS, name="mine.csv", label_range=(0, 1), **options):
        frame = songs if isinstance(songs, pd.DataFrame) else pd.DataFrame(songs)
        frame.to_csv(audio / name, index=False, sep="\t" if name.endswith(".tsv") else ",")
        return read_ratings_table(audio / name, label_range=label_range, **options)

    return read


def test_ratings_are_mapped_to_the_scale_of_the_network(read, audio):
    songs = read()
    assert (songs.dataset, songs.label_range, songs.left_out, songs.audit) == ("mine.csv", (0, 1), [], [])
    table = songs.table
    assert table["song_id"].tolist() == ["s1", "s2", "s3"]
    assert table["path"].tolist() == [str(audio / name) for name in ("a.wav", "b.wav", "sub/c.wav")]
    assert table["valence"].tolist() == [3.0, 5.0, 1.8]  # 1 + 8 * rating
    assert table["arousal"].tolist() == [9.0, 1.0, 8.2]
    assert table["split"].tolist() == ["train", "validation", "test"]
    assert table["artist_key"].tolist() == ["x", "x", ""]
    assert np.isnan(table[["valence_std", "arousal_std", "duration_seconds"]].to_numpy(dtype=float)).all()
    symmetric = read([{"path": "a.wav", "valence": -1, "arousal": 0.5}], label_range=(-1, 1)).table
    assert symmetric[["valence", "arousal"]].to_numpy().tolist() == [[1.0, 7.0]]
    of_deam = read([{"path": "a.wav", "valence": 5.3, "arousal": 7.1}], label_range=(1, 9)).table
    assert of_deam[["valence", "arousal"]].to_numpy().tolist() == [[5.3, 7.1]]


def test_every_form_of_a_table_is_the_same_table(read, audio):
    expected = read().table
    pd.testing.assert_frame_equal(read(name="mine.tsv").table, expected)
    frame = pd.DataFrame(SONGS)
    frame.to_json(audio / "mine.jsonl", orient="records", lines=True)
    frame.to_parquet(audio / "mine.parquet")
    for name in ("mine.jsonl", "mine.parquet"):
        pd.testing.assert_frame_equal(read_ratings_table(audio / name, label_range=(0, 1)).table, expected)
    dataset = Dataset.from_list(SONGS)
    parts = {name: dataset.select([row]).remove_columns("split") for row, name in enumerate(["train", "val", "test"])}
    for table in (frame, dataset, DatasetDict(parts)):
        pd.testing.assert_frame_equal(read_ratings_table(table, audio, (0, 1)).table, expected)


def test_a_path_is_the_song_id_where_the_table_has_none(read, audio):
    songs = [{"path": name, "valence": 1, "arousal": 0} for name in ("b.wav", str(audio / "a.wav"))]
    assert read(songs).table["song_id"].tolist() == [str(audio / "a.wav"), "b.wav"]


def test_whole_numbers_as_song_ids_are_numbers_in_numerical_order(read):
    songs = [{**song, "song_id": song_id} for song, song_id in zip(SONGS, ("10", "9", "100"))]
    assert read(songs).table["song_id"].tolist() == [9, 10, 100]
    songs[0]["song_id"] = "010"  # a name, since it is no longer itself as a number
    assert read(songs).table["song_id"].tolist() == ["010", "100", "9"]


def test_parts_of_one_file_are_songs_that_stay_together(read, tmp_path):
    songs = [
        {"path": "a.wav", "valence": 1, "arousal": 0, "start_seconds": 0, "duration_seconds": 1},
        {"path": "a.wav", "valence": 0, "arousal": 1, "start_seconds": 1.25},
        {"path": "b.wav", "valence": 0, "arousal": 1},
    ]
    rated = read(songs)
    assert rated.table["song_id"].tolist() == ["a.wav#0", "a.wav#1.25", "b.wav"]
    assert [list(same) for same in rated.duplicates] == [["a.wav#0", "a.wav#1.25"]]
    rows = load_segments(rated, segment_seconds=0.5, cache_dir=tmp_path).rows
    starts = [(row["song_id"], round(row["start_seconds"], 3)) for row in rows]
    assert starts[:4] == [("a.wav#0", 0.0), ("a.wav#0", 0.5), ("a.wav#1.25", 1.25), ("a.wav#1.25", 1.75)]
    groups = {row["song_id"]: (row["group"], row["recording"]) for row in rows}
    assert groups == {"a.wav#0": ("a.wav#0",) * 2, "a.wav#1.25": ("a.wav#0",) * 2, "b.wav": ("b.wav",) * 2}


def test_stds_are_scaled_like_the_ratings_and_rows_have_them(read, tmp_path):
    songs = [{**SONGS[0], "valence_std": 0.1, "arousal_std": 0.25}, SONGS[1]]
    (first, *_, last) = load_segments(read(songs), segment_seconds=2.0, cache_dir=tmp_path).rows
    assert (first["labels"], first["label_stds"]) == ([3.0, 9.0], pytest.approx([0.8, 2.0]))
    assert np.isnan(last["label_stds"]).all()
    assert (first["artist"], first["split"], first["subset"], first["group"]) == ("X", "train", "", "s1")
    assert last["group"] == "s1"  # of the same artist


def test_load_ratings_returns_the_splits_of_the_column(audio, tmp_path):
    pd.DataFrame(SONGS).to_csv(audio / "mine.csv", index=False)
    options = {"label_range": (0, 1), "segment_seconds": 1.0, "cache_dir": tmp_path}
    splits = load_ratings(audio / "mine.csv", **options)
    assert {name: set(rows["song_id"]) for name, rows in splits.items()} == {
        "train": {"s1"},
        "validation": {"s2"},
        "test": {"s3"},
    }
    elsewhere = pd.DataFrame(SONGS).to_csv(tmp_path / "mine.csv", index=False) or tmp_path / "mine.csv"
    assert load_ratings(elsewhere, audio, **options)["train"]["path"][0] == str(audio / "a.wav")


def test_songs_that_do_not_decode_are_left_out_by_their_id(read, audio, tmp_path, caplog):
    (audio / "noise.wav").write_text("no audio")
    songs = load_segments(
        read([*SONGS, SONGS[0] | {"path": "noise.wav", "song_id": "s4"}]), segment_seconds=1.0, cache_dir=tmp_path
    )
    assert [(song["song_id"], song["reason"]) for song in songs.left_out] == [("s4", "undecodable")]
    assert "1 undecodable: 's4'" in caplog.text


def changed(row, **values):
    songs = [dict(song) for song in SONGS]
    songs[row] |= values
    return songs


@pytest.mark.parametrize(
    ("songs", "message"),
    [
        (
            [{"path": "a.wav", "valence": 1}],
            r"mine\.csv: expected columns 'arousal', separated by commas, but got 'path, v",
        ),
        (changed(1, valence=""), r"mine\.csv line 3: expected valence to be a number from 0 to 1, but got a blank\."),
        (changed(1, arousal="high"), r"mine\.csv line 3: expected arousal to be a number, but got 'high'\."),
        (changed(1, arousal="inf"), r"mine\.csv line 3: expected arousal to be a number, but got 'inf'\."),
        (changed(2, valence=5.5), r"line 4: expected valence from 0 to 1, but got 5\.5: label_range gives the scale\."),
        (
            changed(2, path="./a.wav"),
            r"line 4: expected each path once, .* but got '\./a\.wav' in mine\.csv line 2 too\.",
        ),
        (changed(2, song_id="s1"), r"line 4: expected each song_id once, but got 's1' in mine\.csv line 2 too\."),
        (
            changed(1, path="gone.wav"),
            r"line 3: expected an audio file, but got '.*gone\.wav', which does not exist \(1 of 3",
        ),
        (
            changed(1, path="sub"),
            r"line 3: expected an audio file, but got '.*sub', it is a folder or a device \(1 of 3",
        ),
        (changed(1, path=""), r"line 3: expected the path of an audio file, but got a blank\."),
        (changed(1, split="later"), r"line 3: expected a split out of train, validation, test, but got 'later'\."),
        (changed(1, split=""), r"line 3: expected a split in each row or in none, but got a blank\."),
        (changed(1, song_id=""), r"line 3: expected a song_id in each row or in none, but got a blank\."),
        (changed(0, valence_std=-1), r"line 2: expected valence_std from 0 to 1, but got -1\.?0?\."),
        (changed(0, start_seconds=-1), r"line 2: expected start_seconds of at least 0, but got -1\.?0?\."),
        (changed(0, duration_seconds=0), r"line 2: expected duration_seconds above 0, but got 0\."),
        (pd.DataFrame(SONGS)[:0], r"Expected rated songs in mine\.csv, but got a table without rows\."),
    ],
)
def test_a_malformed_table_is_refused_with_the_line(read, songs, message):
    with pytest.raises(ValueError, match=message) as error:
        read(songs)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("mine.xlsx", "", r"a table that ends with \.csv, \.tsv, \.jsonl, \.parquet, but got"),
        ("mine.csv", None, r"a table of ratings, but got .* which is no file"),
        (
            "mine.jsonl",
            '{"path": "a.wav", "valence": 1}',
            r"mine\.jsonl line 1: expected the columns path, valence, arousal",
        ),
        ("mine.jsonl", "[1]", r"mine\.jsonl line 1: expected a JSON object, but got '\[1\]'"),
        ("mine.jsonl", "{", r"mine\.jsonl: expected a JSON object in each line, but got"),
        ("mine.jsonl", '{"path": ["a"], "valence": 1, "arousal": 1}', r"line 1: expected path to be text, but got"),
        ("mine.jsonl", '{"path": "a", "valence": true, "arousal": 1}', r"line 1: expected valence to be a number"),
        ("mine.parquet", "no parquet", r"Expected a Parquet file in .*mine\.parquet', but got"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        read_ratings_table(tmp_path / name)


def test_tables_in_memory_are_refused_with_the_row():
    rows = [{"path": "gone.wav", "Valence": 1.0, "arousal": 1.0}]
    with pytest.raises(
        ValueError, match=r"the table: expected the columns .* without valence\. \(did you mean Valence\?\)"
    ):
        read_ratings_table(pd.DataFrame(rows))
    with pytest.raises(ValueError, match=r"row 1 of the table: expected valence from 1 to 9, but got 0\.0"):
        read_ratings_table(Dataset.from_list([{"path": "gone.wav", "valence": 0.0, "arousal": 1.0}]))
    with pytest.raises(ValueError, match="Expected a path, a DataFrame, a Dataset or a DatasetDict, but got list"):
        read_ratings_table(rows)


def test_blanks_of_every_kind_are_unknown_values(audio):
    row = {"path": "a.wav", "valence": 2, "arousal": 3, "artist": None, "valence_std": math.nan, "start_seconds": None}
    (audio / "blank.jsonl").write_text(json.dumps(row))
    (song,) = read_ratings_table(audio / "blank.jsonl").table.to_dict("records")
    assert (song["artist"], song["start_seconds"]) == ("", 0.0)
    assert math.isnan(song["valence_std"])
