# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Auxiliary targets: means along a track against closed forms (1e-6), and their scale."""

from __future__ import annotations

import numpy as np
import pytest
from deam_folder import true_ratings, write_deam

from modeling_ast_va.training.auxiliary import AuxiliaryTargets, Track, dynamic_targets

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
    targets = AuxiliaryTargets("line", 2.0, tracks, 1.0, [1, 2, 2])
    values = np.concatenate([track.values for track in tracks.values()])
    assert (targets.name, targets.weight, targets.num_targets) == ("line", 2.0, 2)
    ours = targets(1, start_seconds=1.0, duration_seconds=2.0)  # windows centred on 1.5 to 2.5 s
    np.testing.assert_allclose(ours, (np.array([2.0, 20.0]) - values.mean(axis=0)) / values.std(axis=0), atol=1e-6)
    short = targets(2, start_seconds=1.0, duration_seconds=0.5)  # shorter than a window: the one around its middle
    np.testing.assert_allclose(short, (np.array([-1.25, -12.5]) - values.mean(axis=0)) / values.std(axis=0), atol=1e-6)
    assert ours.dtype == np.float32


def test_ratings_are_not_standardised():
    ratings = AuxiliaryTargets("ratings", 1.0, {1: LINE}, 0.0, [1], are_ratings=True)
    np.testing.assert_allclose(ratings(1, 1.0, 1.0), [1.5, 15.0], atol=1e-6)


def test_a_song_without_a_track_has_no_targets():
    targets = AuxiliaryTargets("line", 1.0, {1: LINE}, 1.0, [1])
    np.testing.assert_array_equal(targets(2, 0.0, 1.0), [np.nan, np.nan])


def test_training_songs_without_targets_are_refused():
    with pytest.raises(ValueError, match="of 3 training songs, but got none for 2 of them, the first is 5"):
        AuxiliaryTargets("line", 1.0, {1: LINE}, 1.0, [7, 5, 1])


def test_dynamic_annotations_become_targets(tmp_path):
    root = write_deam(tmp_path / "deam", {1001: 0, 1002: 0})
    targets = dynamic_targets(root, 0.5, 15.0, [1001, 1002])
    assert (targets.name, targets.weight, targets.num_targets) == ("dynamic", 0.5, 2)
    ratings = {song: true_ratings(song) for song in (1001, 1002)}
    difference = targets(1001, 0.0, 2.5) - targets(1002, 0.0, 2.5)
    expected = [ratings[1001][name] - ratings[1002][name] for name in ("valence_mean", "arousal_mean")]
    np.testing.assert_array_equal(np.sign(difference), np.sign(expected))


def test_a_folder_without_dynamic_annotations_is_refused(tmp_path):
    root = write_deam(tmp_path / "deam", {1001: 0, 1002: 0})
    for path in root.glob("DEAM_Annotations/annotations/*/dynamic*/*.csv"):
        path.unlink()
    with pytest.raises(ValueError, match="Expected dynamic annotations for dynamic_weight=1, but got none in"):
        dynamic_targets(root, 1, 0.0, [1001])
