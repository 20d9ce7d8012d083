# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Paths of songs, from files that are found and from Parquet tables."""

from __future__ import annotations

import os

import pandas as pd
import pytest

from modeling_ast_va.prediction.song_paths import SongPaths


def write_paths(path, names, column="path"):
    pd.DataFrame({column: names}).to_parquet(path)
    return path


def test_files_and_tables_are_read_piece_by_piece(tmp_path):
    (tmp_path / "music").mkdir()
    files = [tmp_path / "music" / name for name in ("a.mp3", "b.mp3", os.fsdecode(b"caf\xe9.mp3"))]
    for file in files:
        file.touch()
    (tmp_path / "folder.parquet").mkdir()
    write_paths(tmp_path / "folder.parquet" / "1.parquet", ["s3://c", "d"])
    write_paths(tmp_path / "folder.parquet" / "2.parquet", ["e"])
    table = write_paths(tmp_path / "songs.parquet", [f"{i}.mp3" for i in range(4)])
    songs = SongPaths([tmp_path / "music", tmp_path / "folder.parquet", f"file://{table}"])
    assert len(songs) == 10
    for size, lengths in ((100, [10]), (3, [3, 3, 4]), (1, [1, 1, 1, 2, 1, 4])):
        pieces = list(songs.pieces(size))
        assert [len(piece) for piece in pieces] == lengths
        assert [at for piece in pieces for at in piece["position"].to_pylist()] == list(range(10))
        names = [os.fsdecode(name) for piece in pieces for name in piece["path"].to_pylist()]
        assert names == [*map(str, files), "s3://c", "d", "e", "0.mp3", "1.mp3", "2.mp3", "3.mp3"]


def test_tables_without_paths_are_refused(tmp_path):
    for table, message in (
        (write_paths(tmp_path / "a.parquet", ["x"], "file"), "is none: it has the columns file."),
        (write_paths(tmp_path / "b.parquet", [1]), "is none: its column has the type int64."),
        (write_paths(tmp_path / "c.parquet", ["x", None]), "is none: 1 of its rows have none."),
        (tmp_path / "missing.parquet", "missing.parquet"),
    ):
        with pytest.raises(ValueError, match=f"Expected a Parquet table with a column path of texts, but.*{message}"):
            SongPaths([table])
    (tmp_path / "d.parquet").write_bytes(b"no table")
    with pytest.raises(ValueError, match=r"d\.parquet' is none"):
        SongPaths([tmp_path / "d.parquet"])
    with pytest.raises(ValueError, match="does not exist"):
        SongPaths([tmp_path / "missing.mp3"])
