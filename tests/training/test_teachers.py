# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Embeddings of teachers: found for songs in one file or several, which are joined."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from embedding_arrays import embedding_arrays

from modeling_ast_va.training.teachers import read_teachers


def test_embeddings_are_sorted_by_song_and_time(tmp_path):
    np.savez(tmp_path / "teacher.npz", **embedding_arrays())
    (teacher,) = read_teachers([tmp_path / "teacher.npz"])
    assert (teacher.name, teacher.window_seconds) == ("teacher", 3.0)
    tracks = teacher.find({2: "", 3: "", 4: ""})
    assert sorted(tracks) == [2, 3]
    np.testing.assert_allclose(tracks[3].seconds, [1.5, 2.5, 3.5])
    np.testing.assert_allclose(tracks[3].values, [[0], [1], [2]])
    np.testing.assert_allclose(tracks[2].values, [[5]])


def path_arrays(*paths):
    """One window for each path, whose embedding is its position."""
    positions = np.arange(len(paths))
    values = positions[:, None].astype(np.float16)
    arrays = {"song_id": None, "path": np.array(paths, np.str_), "file_index": positions, "embedding": values}
    return embedding_arrays(**arrays, start_seconds=np.zeros(len(paths)))


def found(tmp_path, arrays, songs):
    """The first value of the track of each song."""
    np.savez(tmp_path / "teacher.npz", **arrays)
    (teacher,) = read_teachers([tmp_path / "teacher.npz"])
    return {song: track.values[0, 0] for song, track in teacher.of_songs(songs).items()}


def test_songs_are_found_by_id_where_the_file_has_ids(tmp_path):
    assert found(tmp_path, embedding_arrays(), {3: "x.mp3", 2: "y.mp3"}) == {3: 0, 2: 5}
    assert found(tmp_path, embedding_arrays(), {"3": "x.mp3"}) == {"3": 0}
    texts = embedding_arrays(song_id=np.array(["b", "b", "a", "b"]))
    assert found(tmp_path, texts, {"a": "x.mp3", "b": "y.mp3"}) == {"a": 5, "b": 0}


def test_songs_are_found_by_path_before_their_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arrays = path_arrays("/there/b.mp3", f"{tmp_path}/a.mp3", "c.ogg", "s3://bucket/d.mp3")
    songs = {"one": "a.mp3", "two": "elsewhere/b.mp3", 3: "/music/c.ogg", 4: "s3://bucket/d.mp3"}
    assert found(tmp_path, arrays, songs) == {"one": 1, "two": 0, 3: 2, 4: 3}
    (tmp_path / "link.mp3").symlink_to(tmp_path / "a.mp3")
    assert found(tmp_path, arrays, {"one": "link.mp3"}) == {"one": 1}


def test_a_name_that_several_songs_or_files_have_says_nothing(tmp_path):
    two_files = path_arrays("/one/a.mp3", "/two/a.mp3")
    assert found(tmp_path, two_files, {1: "/two/a.mp3"}) == {1: 1}
    with pytest.raises(ValueError, match=r"none for 1 of them, the first is /moved/a\.mp3"):
        found(tmp_path, two_files, {1: "/moved/a.mp3"})
    with pytest.raises(ValueError, match=r"Expected embeddings of 2 songs in .*teacher\.npz.*none for 2 of them"):
        found(tmp_path, path_arrays("/one/a.mp3"), {1: "/moved/a.mp3", 2: "/moved/too/a.mp3"})


def test_songs_without_embeddings_are_named(tmp_path):
    with pytest.raises(
        ValueError, match=r"of 2 songs in .*teacher\.npz', but got none for 1 .* first is /music/7\.mp3"
    ):
        found(tmp_path, embedding_arrays(), {3: "/music/3.mp3", 7: "/music/7.mp3"})
    with pytest.raises(ValueError, match=r"none for 1 of them, the first is 7\."):
        found(tmp_path, embedding_arrays(), {3: "", 7: ""})


def save(path, record=None, **changed):
    arrays = embedding_arrays(**changed) | ({} if record is None else {"record": np.array(json.dumps(record))})
    np.savez(path, **arrays)
    return path


def test_files_of_one_teacher_are_joined_by_record_or_by_width(tmp_path):
    wide = np.zeros((4, 2), np.float16)
    names = [
        save(tmp_path / "labelled.npz", {"model": "me/first", "model_fingerprint": "1"}),
        save(tmp_path / "other.npz", {"model": "me/second", "model_fingerprint": "2"}),
        save(tmp_path / "more.npz", {"model": "moved/first", "model_fingerprint": "1"}, song_id=np.array([8, 8, 9, 8])),
        save(tmp_path / "wide.npz", embedding=wide),
        save(tmp_path / "wider.npz", embedding=wide, song_id=np.array([6, 6, 7, 6])),
    ]
    teachers = read_teachers(names)
    assert [teacher.name for teacher in teachers] == ["first", "second", "wide"]
    assert [len(teacher.files) for teacher in teachers] == [2, 1, 2]
    assert sorted(teachers[0].find(dict.fromkeys(range(10), ""))) == [2, 3, 8, 9]
    record = teachers[2].describe()
    assert record["files"] == ["wide.npz", "wider.npz"]
    assert [teacher.describe()["model_fingerprint"] for teacher in teachers] == ["1", "2", None]
    assert record["sha256"] == [hashlib.sha256(names[index].read_bytes()).hexdigest() for index in (3, 4)]


def test_every_teacher_has_a_name_of_its_own(tmp_path):
    records = [{"model": "me/ast-0.45", "layer": layer} for layer in (1, 2)] + [{"model": "ast-0.45.onnx", "layer": 3}]
    files = [save(tmp_path / f"{index}.npz", record) for index, record in enumerate(records)]
    assert [teacher.name for teacher in read_teachers(files)] == ["ast-0.45", "ast-0.45_2", "ast-0.45_3"]


def test_an_id_or_path_in_any_file_comes_before_a_name(tmp_path):
    np.savez(tmp_path / "names.npz", **path_arrays("/moved/a.mp3"))
    np.savez(tmp_path / "ids.npz", **embedding_arrays())
    (teacher,) = read_teachers([tmp_path / "names.npz", tmp_path / "ids.npz"])
    tracks = teacher.find({2: "/music/a.mp3", "new": "/unlabelled/a.mp3"})
    assert {song: track.values[0, 0] for song, track in tracks.items()} == {2: 5, "new": 0}


def test_files_of_one_teacher_have_windows_of_one_length(tmp_path):
    files = [save(tmp_path / "a.npz"), save(tmp_path / "b.npz", window_seconds=np.array(2.0))]
    with pytest.raises(ValueError, match=r"windows of one length in .*a\.npz', .*b\.npz', .* but got \[2\.0, 3\.0\] s"):
        read_teachers(files)
