# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Files of embeddings: written, joined and read, and files that are damaged or not valid."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from embedding_arrays import embedding_arrays

from modeling_ast_va.embedding.embedding_file import (
    Embeddings,
    join_files,
    read_embeddings,
    read_record,
    write_embeddings,
)


def of_songs(*songs, values=((1.0, 2.0), (3.0, 4.0), (5.0, 6.0)), **record):
    record = {"left_out": {}, "incomplete": {}, **record}
    index = np.minimum(np.arange(len(values)), len(songs) - 1)
    return Embeddings(list(songs), True, index, np.arange(len(values)) * 1.5, 3.0, np.array(values, np.float32), record)


def of_no_songs(**left_out):
    return of_songs("", values=np.zeros((0, 2)), left_out=left_out)


def empty(embeddings):
    return dataclasses.replace(embeddings, songs=[])


def assert_equal(found, expected):
    for name, value in vars(expected).items():
        np.testing.assert_array_equal(getattr(found, name), value, err_msg=name)


def indexed_arrays(**changed):
    paths = {"song_id": None, "path": np.array(["a.ogg", "b.ogg"]), "file_index": np.array([1, 1, 0, 1], np.int16)}
    return embedding_arrays(**(paths | changed))


def test_what_is_written_is_read(tmp_path):
    written = of_songs("/music/a.mp3", "s3://bucket/\udce9.mp3", model="x")
    write_embeddings(written, tmp_path / "e.npz")
    assert_equal(read_embeddings(tmp_path / "e.npz"), written)
    assert read_record(tmp_path / "e.npz") == written.record
    with np.load(tmp_path / "e.npz") as file:
        assert file["embedding"].dtype == np.float16
        assert sorted(file) == ["embedding", "file_index", "path", "record", "start_seconds", "window_seconds"]


def test_files_are_joined(tmp_path):
    parts = [
        of_songs("a", "b", incomplete={"b": "ends at 3 s"}),
        empty(of_no_songs(x="x: no audio")),
        of_songs("c", values=[[7.0, 8.0]], left_out={"y": "y: no audio"}),
    ]
    files = [tmp_path / f"{position}.npz" for position in range(len(parts))]
    for part, file in zip(parts, files):
        write_embeddings(part, file)
    joined = join_files(files, tmp_path / "joined.npz", {"model": "x"})
    read = read_embeddings(tmp_path / "joined.npz")
    assert read.songs == joined.songs == ["a", "b", "c"]
    np.testing.assert_array_equal(read.song_index, [0, 1, 1, 2])
    np.testing.assert_array_equal(read.start_seconds, [0, 1.5, 3, 0])
    np.testing.assert_array_equal(read.values, [[1, 2], [3, 4], [5, 6], [7, 8]])
    assert read.record == joined.record
    assert read.record == {
        "model": "x",
        "left_out": {"x": "x: no audio", "y": "y: no audio"},
        "incomplete": {"b": "ends at 3 s"},
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.npz", "1.npz", "2.npz", "joined.npz"]


def test_files_without_any_song_are_not_joined(tmp_path):
    write_embeddings(empty(of_no_songs(x="x: no audio")), tmp_path / "e.npz")
    with pytest.raises(ValueError, match="Expected audio that can be decoded, but got none, as in x: no audio"):
        join_files([tmp_path / "e.npz"], tmp_path / "joined.npz", {})
    assert not (tmp_path / "joined.npz").exists()


def test_files_of_other_programs_are_read(tmp_path):
    np.savez(tmp_path / "by_id.npz", **embedding_arrays())
    by_id = read_embeddings(tmp_path / "by_id.npz")
    assert (by_id.songs, by_id.are_paths, by_id.record) == ([2, 3], False, {})
    np.testing.assert_array_equal(by_id.song_index, [1, 1, 0, 1])
    np.savez(tmp_path / "by_path.npz", **indexed_arrays())
    by_path = read_embeddings(tmp_path / "by_path.npz")
    assert (by_path.songs, by_path.are_paths) == (["a.ogg", "b.ogg"], True)
    np.testing.assert_array_equal(by_path.song_index, [1, 1, 0, 1])
    np.savez(tmp_path / "by_text.npz", **embedding_arrays(song_id=np.array(["b", "b", "a", "b"])))
    assert read_embeddings(tmp_path / "by_text.npz").songs == ["a", "b"]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (embedding_arrays(window_seconds=None), "song_id, start_seconds, .*, but got no window_seconds"),
        (indexed_arrays(path=None), "Expected the arrays path, file_index, start_seconds, .*, but got no path"),
        (embedding_arrays(embedding=np.zeros(4)), r"the shapes \(4,\), \(4,\)"),
        (embedding_arrays(song_id=np.zeros(3, int)), r"\(4, 1\), \(3,\) and \(4,\)"),
        (embedding_arrays(song_id=np.zeros(4)), "Expected whole numbers or texts as song_id .*, but got float64"),
        (embedding_arrays(embedding=np.full((4, 1), np.nan)), "Expected finite numbers as embedding"),
        (indexed_arrays(file_index=np.array([0, 1, 2, 0])), "Expected file_index to point to the 2 paths"),
        (indexed_arrays(path=np.array(["a", "a"])), "Expected different paths"),
        (indexed_arrays(path=np.array([1, 2])), "Expected different paths in .*, but got int64"),
        (embedding_arrays(record=np.array("{")), "Expected the record in .* to be JSON"),
        (embedding_arrays(record=np.array("[]")), "Expected the record in .* to be an object, but got list"),
    ],
)
def test_bad_files_are_refused(tmp_path, arrays, said):
    np.savez(tmp_path / "e.npz", **arrays)
    with pytest.raises(ValueError, match=said) as error:
        read_embeddings(tmp_path / "e.npz")
    assert "e.npz" in str(error.value)


@pytest.mark.parametrize("end", [0, 1, 100, -1, -30])
def test_files_that_are_cut_are_refused(tmp_path, end):
    np.savez(tmp_path / "whole.npz", **embedding_arrays())
    (tmp_path / "e.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:end])
    with pytest.raises(ValueError, match=r"embeddings in '.*e\.npz', but got"):
        read_embeddings(tmp_path / "e.npz")
    assert read_record(tmp_path / "e.npz") == {}


def test_pickles_are_refused(tmp_path):
    np.savez(tmp_path / "e.npz", **embedding_arrays(embedding=np.array([[{}]] * 4, object)))
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        read_embeddings(tmp_path / "e.npz")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"none\.npz.*, which is no file"):
        read_embeddings(tmp_path / "none.npz")
