# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Ratings of teachers: out of fold, blended by non-negative least squares."""

from __future__ import annotations

import numpy as np

from modeling_ast_va.data.tracks import Track
from modeling_ast_va.training.fused_ratings import ALL_SONGS, FusedRatings
from modeling_ast_va.training.regressions import fit_kernel_regression, fit_linear_regression


def fuse(teachers, labels, group_of, fits=None):
    """The fused ratings of teachers, by default with a linear regression of each."""
    return FusedRatings(teachers, labels, group_of, fits or [fit_linear_regression] * len(teachers))


def songs_of(num_songs=120, noise=(0.5, 0.5)):
    """Teachers, each a noisy view of a hidden state, labels that are a map of it, and artists of two songs."""
    rng = np.random.default_rng(1)
    hidden = rng.normal(size=(num_songs, 3))
    labels = hidden @ rng.normal(size=(3, 2)) + 5
    teachers = []
    for scale in noise:
        shown = hidden @ rng.normal(size=(3, 6)) + scale * rng.normal(size=(num_songs, 6))
        windows = shown[:, None] + 0.1 * rng.normal(size=(num_songs, 4, 6))
        teachers.append({song: Track(np.arange(4.0), windows[song]) for song in range(num_songs)})
    return teachers, dict(enumerate(labels)), {song: song // 2 for song in range(num_songs)}


def test_ratings_are_those_of_the_labels_as_far_as_a_teacher_shows_them():
    teachers, labels, groups = songs_of(300, noise=(0.01,))
    fused = fuse(teachers, {song: labels[song] for song in range(280)}, groups)
    rated = fused.rate([teachers[0][290]], ALL_SONGS)
    np.testing.assert_allclose(rated.values, np.tile(labels[290], (4, 1)), atol=0.7)
    np.testing.assert_array_equal(rated.seconds, np.arange(4.0))
    assert rated.values.dtype == np.float32
    assert fused.correlations.min() > 0.95


def test_a_blend_is_better_than_each_teacher_and_ignores_one_that_knows_nothing():
    teachers, labels, groups = songs_of(noise=(1.0, 1.0, 1e6))
    blended = fuse(teachers, labels, groups)
    for teacher in teachers[:2]:
        assert (blended.correlations > fuse([teacher], labels, groups).correlations).all()
    assert blended.weights.shape == (3, 2)
    assert (blended.weights[:2] > 0.1).all()
    assert (blended.weights >= 0).all()
    assert (blended.weights[2] < 0.1).all()


def test_no_song_is_rated_by_a_regression_that_knows_its_label_or_that_of_its_artist():
    teachers, labels, groups = songs_of()
    fused = fuse(teachers, labels, groups)
    assert all(fused.fold_of[song] == fused.fold_of[song + 1] for song in range(0, 120, 2))
    assert set(fused.fold_of.values()) == set(range(5))
    changed = fuse(teachers, labels | {7: np.array([9.0, 1.0])}, groups)
    for song, is_equal in ((7, True), (6, True), (0, False)):
        fold = fused.fold_of[song]
        assert (fold == fused.fold_of[7]) is is_equal
        before, after = (one._regressions[fold][0](teachers[0][song].values) for one in (fused, changed))
        assert np.array_equal(before, after) is is_equal
    tracks = [teacher[7] for teacher in teachers]
    fold = fused.fold_of[7]
    assert not np.array_equal(fused.rate(tracks, ALL_SONGS).values, fused.rate(tracks, fold).values)


def test_windows_of_other_teachers_are_interpolated():
    teachers, labels, groups = songs_of()
    fused = fuse(teachers, labels, groups)
    own, other = teachers[0][0], teachers[1][0]
    between = Track(np.array([0.0, 3.0]), other.values[[0, 3]])
    rated = fused.rate([own, between], ALL_SONGS).values
    filled = Track(
        own.seconds, np.stack([(1 - x) * between.values[0] + x * between.values[1] for x in own.seconds / 3])
    )
    np.testing.assert_allclose(rated, fused.rate([own, filled], ALL_SONGS).values, atol=1e-5)


def test_unrelated_embeddings_rate_near_the_mean():
    rng = np.random.default_rng(0)
    tracks = {song: Track(np.zeros(1), rng.normal(size=(1, 50))) for song in range(60)}
    labels = {song: rng.normal(size=2) for song in range(60)}
    fused = fuse([tracks], labels, {song: song for song in labels})
    assert np.std([fused.rate([track], ALL_SONGS).values for track in tracks.values()]) < 0.3


def test_each_teacher_has_its_own_regression():
    teachers, labels, groups = songs_of()

    def fit_kernel(inputs, targets):
        return fit_kernel_regression(inputs, targets, 2.0)

    fused = fuse(teachers, labels, groups, [fit_linear_regression, fit_kernel])
    inputs = [np.stack([tracks[song].values.mean(axis=0) for song in labels]) for tracks in teachers]
    targets = np.stack(list(labels.values()))
    rated = [fit_linear_regression(inputs[0], targets), fit_kernel(inputs[1], targets)]
    given = [tracks[3] for tracks in teachers]
    centre = targets.mean(axis=0)
    moves = [regression(track.values) - centre for regression, track in zip(rated, given)]
    expected = centre + fused.weights[0] * moves[0] + fused.weights[1] * moves[1]
    np.testing.assert_allclose(fused.rate(given, ALL_SONGS).values, expected, atol=1e-5)
