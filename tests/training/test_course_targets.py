# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Targets of the course against values computed by hand (1e-5), and where there are none."""

from __future__ import annotations

import numpy as np
import pytest

from modeling_ast_va.data.tracks import Track
from modeling_ast_va.training.course_targets import CourseTargets

STEPS = np.array([0.25, 0.75, 1.25, 1.75])
SECONDS = np.array([15.0, 15.5, 16.0])
# Means of 0 and 0.4 (valence), 0.1 and -0.1 (arousal).
TRACKS = {
    "a": Track(SECONDS, np.array([[-0.2, 0.0], [0.0, 0.1], [0.2, 0.2]])),
    "b": Track(SECONDS, np.array([[0.4, -0.1], [0.4, -0.1], [0.4, -0.1]])),
    "test": Track(SECONDS, np.zeros((3, 2))),
}
LABELS = {"a": np.array([4.0, 6.0]), "b": np.array([6.0, 3.0])}


@pytest.fixture
def targets():
    return CourseTargets(0.5, TRACKS, LABELS, STEPS)


def of_steps(targets, *segment):
    return targets(*segment).reshape(4, 2)


def test_a_course_moves_around_the_rating_on_its_scale(targets):
    # Standard deviations over songs: ratings 1 and 1.5, means of annotations 0.2 and 0.1.
    np.testing.assert_allclose(targets.scale, [5, 15])
    assert (targets.name, targets.output, targets.weight, targets.num_targets) == ("dynamic", "frame_logits", 0.5, 8)
    # Steps at 15, 15.5, 16 and 16.5 s; the last is more than a quarter of a second after the last annotation.
    expected = [[4 - 5 * 0.2, 6 - 15 * 0.1], [4, 6], [4 + 5 * 0.2, 6 + 15 * 0.1], [np.nan, np.nan]]
    given = of_steps(targets, "a", 14.75, 2.0)
    np.testing.assert_allclose(given, expected, atol=1e-5)
    assert given.dtype == np.float32
    between = of_steps(targets, "a", 15.0, 2.0)  # at 15.25, 15.75 and 16.25 s
    np.testing.assert_allclose(between[:3, 0], [3.5, 4.5, 5.0], atol=1e-5)
    np.testing.assert_allclose(of_steps(targets, "b", 14.75, 2.0)[:3], [[6, 3]] * 3, atol=1e-5)


def test_valence_and_arousal_of_a_step_are_side_by_side(targets):
    np.testing.assert_allclose(targets("b", 14.75, 2.0)[:4], [6, 3, 6, 3], atol=1e-5)


def test_steps_without_annotations_have_no_target(targets):
    before = of_steps(targets, "a", 14.0, 2.0)  # at 14.25, 14.75, 15.25 and 15.75 s
    assert np.isnan(before).all(axis=1).tolist() == [True, False, False, False]
    assert np.isnan(of_steps(targets, "a", 0.0, 2.0)).all()
    assert np.isnan(of_steps(targets, "a", 30.0, 2.0)).all()


def test_steps_of_padding_have_no_target(targets):
    assert np.isnan(of_steps(targets, "a", 14.75, 1.25)).all(axis=1).tolist() == [False, False, True, True]


def test_songs_that_do_not_train_have_no_targets(targets):
    for song in ("test", "without annotations"):
        given = targets(song, 14.75, 2.0)
        assert given.shape == (8,)
        assert np.isnan(given).all()


def test_training_songs_without_annotations_are_refused():
    with pytest.raises(ValueError, match="annotations of 3 training songs, but got none for 1 of them, the first is c"):
        CourseTargets(1.0, TRACKS, {**LABELS, "c": np.zeros(2)}, STEPS)
