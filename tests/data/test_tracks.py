# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tracks: means and values along songs against closed forms (1e-6), and the dynamic annotations of DEAM."""

from __future__ import annotations

import numpy as np
import pytest
from deam_folder import DYNAMIC, true_ratings, write_deam

from modeling_ast_va.data.tracks import Track, cut_tracks, read_dynamic_tracks

LINE = Track(np.array([1.0, 2.0, 4.0]), np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]]))  # time, and ten times it


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [(1.0, 1.0, 1.0), (1.25, 1.25, 1.25), (1.0, 4.0, 2.5), (3.0, 3.5, 3.25), (0.0, 0.0, 1.0), (9.0, 9.5, 4.0)],
)
def test_mean_along_a_track(start, stop, expected):
    np.testing.assert_allclose(LINE.mean(start, stop), [expected, 10 * expected], atol=1e-6)


def test_a_track_of_one_window_is_constant():
    np.testing.assert_allclose(Track(np.array([1.5]), np.array([[7.0]])).mean(0, 10), [7.0])


def test_values_are_linear_between_windows_and_constant_outside():
    rated = LINE.at(np.array([-5.0, 1.0, 1.5, 3.0, 4.0, 9.0]))
    np.testing.assert_allclose(rated[:, 0], [1, 1, 1.5, 3, 4, 4], atol=1e-6)
    np.testing.assert_allclose(rated[:, 1], 10 * rated[:, 0], atol=1e-6)


def test_rows_are_cut_where_the_song_changes():
    songs, seconds, values = np.array(["a", "a", "c"]), np.array([0.0, 1.0, 0.5]), np.arange(6.0).reshape(3, 2)
    tracks = cut_tracks(songs, seconds, values)
    assert list(tracks) == ["a", "c"]
    np.testing.assert_array_equal(tracks["a"].seconds, [0, 1])
    np.testing.assert_array_equal(tracks["a"].values, values[:2])
    np.testing.assert_array_equal(tracks["c"].seconds, [0.5])
    np.testing.assert_array_equal(tracks["c"].values, values[2:])


def test_dynamic_annotations_are_tracks_at_the_times_of_the_files(tmp_path):
    root = write_deam(tmp_path / "deam", {1001: 0, 1002: 0})
    tracks = read_dynamic_tracks(root, 14.0)
    assert list(tracks) == [1001, 1002]
    np.testing.assert_allclose(tracks[1001].seconds, [1.0, 1.5, 2.0, 2.5, 3.0, 3.5])
    np.testing.assert_allclose(tracks[1002].seconds, [1.0, 1.5, 2.0])  # a blank tail is left out
    for song, track in tracks.items():
        ratings = true_ratings(song)
        means = (np.array([ratings["valence_mean"], ratings["arousal_mean"]]) - 5) / 4
        moves = 0.1 * np.array([-1, 0, 1, -1, 1, 0])[: len(track.seconds)]
        np.testing.assert_allclose(track.values, means + moves[:, None], atol=1e-5)
        assert track.values.dtype == np.float32


def test_a_folder_without_annotations_has_no_tracks(tmp_path):
    root = write_deam(tmp_path / "deam", {1001: 0}, dynamic=False)
    assert not list((root / DYNAMIC).iterdir())
    assert read_dynamic_tracks(root, 0.0) == {}
