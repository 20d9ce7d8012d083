# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""A folder of Parquet files with rated songs: one row for each song, whatever happens to the runs that write it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow
import pytest
from song_tables import song, unrated

from modeling_ast_va.prediction import rated_parts
from modeling_ast_va.prediction.rated_parts import KEY, RatedParts, part_columns, song_key, version_text
from modeling_ast_va.prediction.summary import Summary
from modeling_ast_va.prediction.tables import arrow_schema, song_columns, table_rows

SETTINGS = {"models": ["a"], "segment_hop_seconds": None, "version": "1"}
COLUMNS = part_columns()


def rows(*songs):
    """The rows of songs, as the processes of a cluster return them."""
    cells = [row for one in songs for row in table_rows({"version": "[[1, 1]]", **one}, COLUMNS)]
    return pyarrow.Table.from_pylist(cells, arrow_schema(COLUMNS))


def parts_in(folder, **settings):
    return RatedParts(folder / "rated", SETTINGS | settings, COLUMNS)


def test_rows_wait_until_a_file_is_full_or_a_minute_has_passed(tmp_path, monkeypatch):
    monkeypatch.setattr(rated_parts, "ROWS_PER_PART", 3)
    with parts_in(tmp_path) as parts:
        parts.append(rows(song("a"), song("b")))
        assert parts.paths == []
        parts.append(rows(song("c")))
        assert [path.name for path in parts.paths] == ["part-00001-000000.parquet"]
        monkeypatch.setattr(rated_parts, "SECONDS_PER_PART", 0.0)
        parts.append(rows(song("d")))
        assert parts.num_rows == 4
        monkeypatch.setattr(rated_parts, "SECONDS_PER_PART", 60.0)
        parts.append(rows(song("caf\udce9")))
    table = pd.read_parquet(tmp_path / "rated")
    assert table.columns.tolist() == [*song_columns(), "version"]
    assert table["path"].tolist() == ["a", "b", "c", "d", "caf\\xe9"]
    assert {path.name for path in (tmp_path / "rated").iterdir()} == {path.name for path in parts.paths}


def test_a_later_run_replaces_the_rows_of_an_earlier_one(tmp_path):
    with parts_in(tmp_path) as parts:
        parts.append(rows(song("a"), song("b"), song("c"), unrated("d"), song("a", valence=2.0)))
        parts.flush()
        assert parts.drop_superseded() == (0, 0)  # `a` was listed twice
        assert parts.num_rows == 4
    with parts_in(tmp_path) as parts:
        parts.append(rows(song("b", valence=1.5), song("d"), song("e")))
        parts.flush()
        before = pd.read_parquet(tmp_path / "rated")
        assert len(before) == 7
        assert parts.drop_superseded() == (1, 1)
        assert parts.drop_superseded() == (0, 0)
    table = pd.read_parquet(tmp_path / "rated").set_index("path")
    assert table.index.tolist() == ["c", "a", "b", "d", "e"]
    assert table.loc[["a", "b"], "valence"].tolist() == [2.0, 1.5]
    assert table["error"].isna().all()
    with parts_in(tmp_path) as parts:
        parts.append(rows(*map(song, "abcde")))
        parts.flush()
        assert parts.drop_superseded() == (5, 0)
        assert [path.name for path in parts.paths] == ["part-00003-000000.parquet"]  # a file without rows is removed


def test_an_unfinished_file_of_a_killed_run_does_not_count(tmp_path):
    with parts_in(tmp_path) as parts:
        parts.append(rows(song("a")))
    unfinished = tmp_path / "rated" / ".part-00002-000000.parquet.unfinished"
    unfinished.write_bytes(parts.paths[0].read_bytes()[:100])
    assert pd.read_parquet(tmp_path / "rated")["path"].tolist() == ["a"]
    with parts_in(tmp_path) as parts:
        assert not unfinished.exists()
        assert parts.num_rows == 1


def test_finished_are_the_songs_with_their_versions_but_not_errors_that_may_be_mended(tmp_path):
    songs = [
        {**song("a"), "version": [12, 34]},
        {**unrated("b"), "version": [12, 34], "ffmpeg": None},
        {**unrated("c"), "version": None},
        {**song("https://d"), "version": None},
    ]
    versions = [version_text(one) for one in songs]
    assert versions == ["[[12, 34]]", "[[12, 34], null]", None, "[null]"]
    with parts_in(tmp_path) as parts:
        parts.append(rows(*({**one, "version": text} for one, text in zip(songs, versions))))
        parts.flush()
        keys = [song_key(one["path"], text) for one, text in zip(songs, versions) if text]
        assert parts.finished().tolist() == sorted(np.array(keys, KEY).tolist())


def test_the_summary_counts_what_the_files_have(tmp_path):
    warned = song("b", warning="ends at 2 s", quadrant="Excited")
    with parts_in(tmp_path) as parts:
        parts.append(rows(song("a"), warned, unrated("c"), song("d"), song("e", quadrant="Sad")))
        parts.flush()
        summary = Summary()
        parts.count(summary)
    assert summary.quadrants == {"Calm": 2, "Excited": 1, "Sad": 1}
    assert (summary.errors, summary.warnings) == (["no audio"], ["b ends at 2 s"])
    assert (summary.num_errors, summary.num_warnings) == (1, 1)


def test_other_settings_other_tables_and_a_second_run_are_refused(tmp_path):
    with parts_in(tmp_path) as parts:
        parts.append(rows(song("a")))
        with pytest.raises(ValueError, match=r"another run is writing .*rated"), parts_in(tmp_path):
            pass
    with pytest.raises(ValueError, match=r"has models \['a'\] instead of \['b'\]. Choose another"):
        parts_in(tmp_path, models=["b"]).__enter__()
    damaged = parts.paths[0].with_name("part-00001-000001.parquet")
    damaged.write_bytes(b"no table")
    with pytest.raises(ValueError, match=r"part-00001-000001\.parquet' cannot be read"):
        parts_in(tmp_path).__enter__()
    damaged.unlink()
    pd.DataFrame({"path": ["a"]}).to_parquet(tmp_path / "rated" / "songs.parquet")
    with pytest.raises(ValueError, match=r"songs\.parquet' is another table"):
        parts_in(tmp_path).__enter__()
    (tmp_path / "rated" / "songs.parquet").unlink()
    with parts_in(tmp_path) as parts:  # the lock of a run that was refused is released
        assert json.loads(parts.schema.metadata[rated_parts.SETTINGS]) == SETTINGS
