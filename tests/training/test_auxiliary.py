# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Auxiliary targets: means of windows against closed forms (1e-6), and their scale."""

from __future__ import annotations

import numpy as np
import pytest

from modeling_ast_va.data.tracks import Track
from modeling_ast_va.training.auxiliary import AuxiliaryTargets

LINE = Track(np.array([1.0, 2.0, 4.0]), np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]]))  # time, and ten times it


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
