# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Auxiliary targets: means along a track against closed forms (1e-6), their scale, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from deam_folder import true_ratings, write_deam

from modeling_ast_va.data.annotations import find_deam
from modeling_ast_va.training.auxiliary import (
    RIDGE_STRENGTHS,
    AuxiliaryTargets,
    Track,
    fit_ridge,
    rate_by_teacher,
    read_dynamic_tracks,
    read_teacher,
)

LINE = Track(np.array([1.0, 2.0, 4.0]), np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]]))  # time, and ten times it


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [(1.0, 1.0, 1.0), (1.25, 1.25, 1.25), (1.0, 4.0, 2.5), (3.0, 3.5, 3.25), (0.0, 0.0, 1.0), (9.0, 9.5, 4.0)],
)
def test_mean_along_a_track(start, stop, expected):
    np.testing.assert_allclose(LINE.mean(start, stop), [expected, 10 * expected], atol=1e-6)


def test_a_track_of_one_window_is_constant():
    np.testing.assert_allclose(Track(np.array([1.5]), np.array([[7.0]])).mean(0, 10), [7.0])


def test_targets_are_those_of_the_windows_inside_a_segment():
    tracks = {1: LINE, 2: Track(LINE.seconds, -LINE.values)}
    targets = AuxiliaryTargets(tracks, 1.0, [1, 2, 2])
    values = np.concatenate([track.values for track in tracks.values()])
    assert targets.num_targets == 2
    ours = targets(1, start_seconds=1.0, duration_seconds=2.0)  # windows centred on 1.5 to 2.5 s
    np.testing.assert_allclose(ours, (np.array([2.0, 20.0]) - values.mean(axis=0)) / values.std(axis=0), atol=1e-6)
    short = targets(2, start_seconds=1.0, duration_seconds=0.5)  # shorter than a window: the one around its middle
    np.testing.assert_allclose(short, (np.array([-1.25, -12.5]) - values.mean(axis=0)) / values.std(axis=0), atol=1e-6)
    assert ours.dtype == np.float32


def test_training_songs_without_targets_are_refused():
    with pytest.raises(ValueError, match="2 of 3 training songs have no auxiliary targets, the first is 5"):
        AuxiliaryTargets({1: LINE}, 1.0, [7, 5, 1])


def test_dynamic_annotations_as_tracks(tmp_path):
    root = write_deam(tmp_path / "deam", {1001: 0, 1002: 0})
    tracks = read_dynamic_tracks(find_deam(root).dynamic, offset_seconds=15.0)
    assert sorted(tracks) == [1001, 1002]
    np.testing.assert_allclose(tracks[1001].seconds, np.arange(6) / 2)
    assert tracks[1002].values.shape == (3, 2)
    ratings = true_ratings(1001)
    expected = [(ratings["valence_mean"] - 5) / 4, (ratings["arousal_mean"] - 5) / 4]
    np.testing.assert_allclose(tracks[1001].values.mean(axis=0), expected, atol=1e-6)


def teacher_arrays(**changed):
    arrays = {
        "song_id": np.array([3, 3, 2, 3]),
        "start_seconds": np.array([2.0, 0.0, 0.0, 1.0], np.float32),
        "window_seconds": np.array(3.0, np.float32),
        "embedding": np.array([[2.0], [0.0], [5.0], [1.0]], np.float16),
    }
    return {name: array for name, array in (arrays | changed).items() if array is not None}


def test_embeddings_of_a_teacher_in_any_order(tmp_path):
    np.savez(tmp_path / "teacher.npz", **teacher_arrays())
    tracks, window_seconds = read_teacher(tmp_path / "teacher.npz")
    assert window_seconds == 3.0
    assert sorted(tracks) == [2, 3]
    np.testing.assert_allclose(tracks[3].seconds, [1.5, 2.5, 3.5])
    np.testing.assert_allclose(tracks[3].values, [[0], [1], [2]])
    np.testing.assert_allclose(tracks[2].values, [[5]])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"window_seconds": None}, "lacks window_seconds"),
        ({"embedding": np.zeros(4)}, r"shapes are \(4,\)"),
        ({"song_id": np.zeros(3, int)}, r"\(4, 1\), \(3,\) and \(4,\)"),
        ({"embedding": np.full((4, 1), np.nan)}, "not finite"),
    ],
)
def test_a_file_that_is_no_teacher_is_refused(tmp_path, changed, said):
    np.savez(tmp_path / "teacher.npz", **teacher_arrays(**changed))
    with pytest.raises(ValueError, match=said):
        read_teacher(tmp_path / "teacher.npz")


def test_a_missing_teacher_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"there is no .*none\.npz"):
        read_teacher(tmp_path / "none.npz")


def noisy_line(num_rows=60, num_inputs=80):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(num_rows, num_inputs))
    targets = inputs @ rng.normal(size=(num_inputs, 2)) + 20 * rng.normal(size=(num_rows, 2)) + [5, -5]
    return inputs - inputs.mean(axis=0), targets


def test_ridge_equals_scikit_learns():
    linear_model = pytest.importorskip("sklearn.linear_model")
    inputs, targets = noisy_line()
    reference = linear_model.RidgeCV(RIDGE_STRENGTHS).fit(inputs, targets)
    assert RIDGE_STRENGTHS[0] < reference.alpha_ < RIDGE_STRENGTHS[-1]  # it does choose
    coefficients, intercept = fit_ridge(inputs, targets)
    np.testing.assert_allclose(coefficients.T, reference.coef_, atol=1e-8)
    np.testing.assert_allclose(intercept, reference.intercept_, atol=1e-8)


def test_ratings_of_a_teacher_follow_its_embeddings():
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(3, 2))
    tracks = {song: Track(np.arange(4.0), rng.normal(size=(4, 3)) + rng.normal(size=3)) for song in range(400)}
    labels = {song: tracks[song].values.mean(axis=0) @ weights + 5 for song in range(300)}
    rated = rate_by_teacher(tracks, labels)
    expected = tracks[350].values @ weights + 5  # a song that the regression never saw, window by window
    np.testing.assert_allclose(rated[350].values, expected, atol=0.3)
    np.testing.assert_array_equal(rated[350].seconds, np.arange(4.0))


def test_a_label_that_no_embedding_explains_is_hardly_followed():
    rng = np.random.default_rng(0)
    tracks = {song: Track(np.zeros(1), rng.normal(size=(1, 50))) for song in range(60)}
    rated = rate_by_teacher(tracks, {song: rng.normal(size=2) for song in range(60)})
    assert np.std([track.values for track in rated.values()]) < 0.3
