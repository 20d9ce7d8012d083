# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The course of a song against its formula, step by step, and where it must have no jumps."""

from __future__ import annotations

import numpy as np
import pytest

from modeling_ast_va.course_ast_va import EDGE_WEIGHT, KERNEL_SECONDS, centre_course, frame_seconds, overlap_add

STEPS = np.arange(0.1, 5.0, 0.2)  # of segments of 5 s


@pytest.mark.parametrize(
    ("duration", "moments"),
    [(0.0, [0]), (0.1, [0]), (0.5, [0]), (0.51, [0, 0.5]), (1.0, [0, 0.5]), (1.9, [0, 0.5, 1.0, 1.5])],
)
def test_moments_are_half_a_second_apart_and_before_the_end(duration, moments):
    assert frame_seconds(duration).tolist() == moments


def test_the_course_is_the_weighted_mean_of_the_steps_around_a_moment():
    rng = np.random.default_rng(0)
    starts, ends = np.array([0.0, 4.0, 6.3]), np.array([5.0, 9.0, 11.3])
    values, at = rng.normal(size=(3, len(STEPS), 2)), np.array([0.0, 0.5, 4.6, 7.77, 11.2])
    expected = []
    for moment in at:
        total, weighted = 0.0, np.zeros(2)
        for start, end, of_segment in zip(starts, ends, values):
            for step, value in zip(STEPS, of_segment):
                time = start + step
                edge = max(EDGE_WEIGHT, min(time - start, end - time))
                weight = edge * max(0.0, KERNEL_SECONDS - abs(time - moment))
                total, weighted = total + weight, weighted + weight * value
        expected.append(weighted / total)
    np.testing.assert_allclose(overlap_add(starts, ends, STEPS, values, at), expected, atol=1e-6)


@pytest.mark.parametrize("starts", [[0.0, 5.0, 10.0], [0.0, 2.5, 5.0, 7.5, 10.0], [0.0, 5.0, 6.2]])
def test_the_course_has_no_jumps_where_segments_end(starts):
    """Neighbouring segments with ratings of 0 and 1, the greatest jump that there could be."""
    starts = np.array(starts)
    values = np.tile(np.arange(len(starts))[:, None, None] % 2, (1, len(STEPS), 2)).astype(float)
    course = overlap_add(starts, starts + 5, STEPS, values, np.arange(0, starts[-1] + 5, 0.01))
    assert np.ptp(course) > 0.3
    assert np.abs(np.diff(course, axis=0)).max() < 0.02  # within a hundredth of a second


def test_constant_steps_are_a_constant_course():
    starts = np.array([0.0, 5.0])
    course = overlap_add(starts, starts + 5, STEPS, np.full((2, len(STEPS), 2), 3.25), frame_seconds(10))
    np.testing.assert_allclose(course, np.full((20, 2), 3.25))


def test_steps_of_padding_do_not_count():
    values = np.ones((1, len(STEPS), 2))
    values[:, STEPS > 1.5] = np.nan
    np.testing.assert_allclose(overlap_add(np.zeros(1), np.array([1.5]), STEPS, values, frame_seconds(1.5)), 1)


def test_a_moment_without_steps_has_the_nearest():
    values = np.arange(2.0 * len(STEPS)).reshape(1, -1, 2)
    course = overlap_add(np.zeros(1), np.array([5.0]), STEPS, values, np.array([-20.0, 20.0]))
    np.testing.assert_array_equal(course, values[0, [0, -1]])


def test_a_centred_course_moves_as_before_around_the_rating():
    course = np.random.default_rng(0).normal(size=(9, 2))
    centred = centre_course(course, np.array([6.0, 3.0]))
    np.testing.assert_allclose(centred.mean(axis=0), [6, 3])
    np.testing.assert_allclose(np.diff(centred, axis=0), np.diff(course, axis=0))
