# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Embeddings of a teacher: found for songs, and turned into ratings by a ridge regression (scikit-learn's, 1e-8)."""

from __future__ import annotations

import numpy as np
import pytest

from modeling_ast_va.training.auxiliary import Track
from modeling_ast_va.training.teachers import (
    RIDGE_STRENGTHS,
    check_teacher,
    fit_ridge,
    rate_by_teacher,
    read_teacher,
    teacher_targets,
)


def teacher_arrays(**changed):
    arrays = {
        "song_id": np.array([3, 3, 2, 3]),
        "start_seconds": np.array([2.0, 0.0, 0.0, 1.0], np.float32),
        "window_seconds": np.array(3.0, np.float32),
        "embedding": np.array([[2.0], [0.0], [5.0], [1.0]], np.float16),
    }
    return {name: array for name, array in (arrays | changed).items() if array is not None}


def test_embeddings_are_sorted_by_song_and_time(tmp_path):
    np.savez(tmp_path / "teacher.npz", **teacher_arrays())
    teacher = read_teacher(tmp_path / "teacher.npz")
    tracks = teacher.tracks
    assert (teacher.window_seconds, teacher.are_paths) == (3.0, False)
    assert sorted(tracks) == [2, 3]
    np.testing.assert_allclose(tracks[3].seconds, [1.5, 2.5, 3.5])
    np.testing.assert_allclose(tracks[3].values, [[0], [1], [2]])
    np.testing.assert_allclose(tracks[2].values, [[5]])


def path_arrays(*paths):
    """One window for each path, whose embedding is its position."""
    positions = np.arange(len(paths))
    values = positions[:, None].astype(np.float16)
    arrays = {"song_id": None, "path": np.array(paths, np.str_), "file_index": positions, "embedding": values}
    return teacher_arrays(**arrays, start_seconds=np.zeros(len(paths)))


def found(tmp_path, arrays, songs):
    """The first value of the track of each song."""
    np.savez(tmp_path / "teacher.npz", **arrays)
    return {song: track.values[0, 0] for song, track in read_teacher(tmp_path / "teacher.npz").of_songs(songs).items()}


def test_songs_are_found_by_id_where_the_file_has_ids(tmp_path):
    assert found(tmp_path, teacher_arrays(), {3: "x.mp3", 2: "y.mp3"}) == {3: 0, 2: 5}
    assert found(tmp_path, teacher_arrays(), {"3": "x.mp3"}) == {"3": 0}
    texts = teacher_arrays(song_id=np.array(["b", "b", "a", "b"]))
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
        found(tmp_path, teacher_arrays(), {3: "/music/3.mp3", 7: "/music/7.mp3"})
    np.savez(tmp_path / "teacher.npz", **teacher_arrays())
    with pytest.raises(ValueError, match=r"none for 1 of them, the first is 7\."):
        teacher_targets(tmp_path / "teacher.npz", 0.5, {2: np.zeros(2), 7: np.zeros(2)})


def noisy_line(num_rows=60, num_inputs=80):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(num_rows, num_inputs))
    targets = inputs @ rng.normal(size=(num_inputs, 2)) + 20 * rng.normal(size=(num_rows, 2)) + [5, -5]
    return inputs - inputs.mean(axis=0), targets


def test_ridge_regression_equals_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    inputs, targets = noisy_line()
    reference = linear_model.RidgeCV(RIDGE_STRENGTHS).fit(inputs, targets)
    assert RIDGE_STRENGTHS[0] < reference.alpha_ < RIDGE_STRENGTHS[-1]  # not one of the ends
    coefficients, intercept = fit_ridge(inputs, targets)
    np.testing.assert_allclose(coefficients.T, reference.coef_, atol=1e-8)
    np.testing.assert_allclose(intercept, reference.intercept_, atol=1e-8)


def test_ratings_are_predicted_from_embeddings():
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(3, 2))
    tracks = {song: Track(np.arange(4.0), rng.normal(size=(4, 3)) + rng.normal(size=3)) for song in range(400)}
    labels = {song: tracks[song].values.mean(axis=0) @ weights + 5 for song in range(300)}
    rated = rate_by_teacher(tracks, labels)
    expected = tracks[350].values @ weights + 5  # not a training song
    np.testing.assert_allclose(rated[350].values, expected, atol=0.3)
    np.testing.assert_array_equal(rated[350].seconds, np.arange(4.0))


def test_unrelated_embeddings_predict_the_mean():
    rng = np.random.default_rng(0)
    tracks = {song: Track(np.zeros(1), rng.normal(size=(1, 50))) for song in range(60)}
    rated = rate_by_teacher(tracks, {song: rng.normal(size=2) for song in range(60)})
    assert np.std([track.values for track in rated.values()]) < 0.3


def test_targets_are_embeddings_and_ratings(tmp_path):
    np.savez(tmp_path / "teacher.npz", **teacher_arrays())
    labels = {2: np.array([3.0, 4.0]), 3: np.array([5.0, 6.0])}
    kinds = teacher_targets(tmp_path / "teacher.npz", 0.5, labels)
    assert [(kind.name, kind.weight, kind.num_targets) for kind in kinds] == [
        ("teacher_embeddings", 0.5, 1),
        ("teacher_ratings", 0.5, 2),
    ]


def test_targets_of_a_file_with_paths_are_those_of_the_songs(tmp_path):
    np.savez(tmp_path / "teacher.npz", **path_arrays("b.mp3", "a.mp3", "c.mp3"))
    labels = {"x": np.array([3.0, 4.0]), "y": np.array([5.0, 6.0])}
    paths = {"x": "/music/a.mp3", "y": "/music/b.mp3", "z": "/music/z.mp3"}
    embeddings, _ = teacher_targets(tmp_path / "teacher.npz", 0.5, labels, paths)
    np.testing.assert_allclose([embeddings("x", 0.0, 3.0), embeddings("y", 0.0, 3.0)], [[1], [-1]])


@pytest.mark.parametrize(("path", "weight"), [("teacher.npz", 0.0), (None, 1.0)])
def test_a_teacher_needs_embeddings_and_a_weight(path, weight):
    with pytest.raises(ValueError, match="Expected teacher_embeddings and teacher_weight together"):
        check_teacher(path, weight)
    check_teacher(None, 0.0)
