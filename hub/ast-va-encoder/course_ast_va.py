# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The course of a song: one rating for each moment, from the time steps of its segments, in numpy alone."""

import numpy as np

FRAME_SECONDS = 0.5  # between the moments of a course, as in the dynamic annotations of DEAM
KERNEL_SECONDS = 3.0  # half the width of the triangle with which the steps around a moment are weighted
EDGE_WEIGHT = 0.1  # of a step at the edge of its segment, in seconds, of which it knows one side only


def song_course(
    starts: np.ndarray, ends: np.ndarray, step_seconds: np.ndarray, values: np.ndarray, rating: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """
    Compute the course of a song, whose mean is its rating.

    Args:
        starts, ends, step_seconds, values: as for [`overlap_add`].
        rating: valence and arousal of the song, `(2,)`.

    Returns:
        The moments in seconds, `(num_frames,)`, and their valence and arousal, `(num_frames, 2)`.
    """
    times = frame_seconds(ends.max())
    return times, centre_course(overlap_add(starts, ends, step_seconds, values, times), rating)


def frame_seconds(duration_seconds: float) -> np.ndarray:
    """The moments of a song: 0, 0.5, 1, ... s before its end, `(num_frames,)`."""
    return np.arange(0.0, max(duration_seconds, FRAME_SECONDS / 2), FRAME_SECONDS)


def overlap_add(
    starts: np.ndarray, ends: np.ndarray, step_seconds: np.ndarray, values: np.ndarray, at: np.ndarray
) -> np.ndarray:
    """
    Rate moments of a song by the time steps around them, of all segments that cover them.

    Steps are weighted by two triangles: around the moment, and over their segment. So the course has no jumps where a
    segment ends, whether segments overlap or not.

    Args:
        starts, ends: of the segments, in seconds. Steps after the end of a segment are of padding, and do not count.
        step_seconds: times of the steps in a segment, in seconds.
        values: of the steps.
        at: moments, in seconds.

    Shape:
        starts, ends: `(num_segments,)`. step_seconds: `(num_steps,)`. values: `(num_segments, num_steps, num_values)`.
        at: `(num_frames,)` -> `(num_frames, num_values)`, float64.
    """
    seconds = starts[:, None] + step_seconds  # (num_segments, num_steps)
    edges = np.minimum(seconds - starts[:, None], ends[:, None] - seconds)
    is_audio = edges >= 0
    weights, seconds, values = np.maximum(edges, EDGE_WEIGHT)[is_audio], seconds[is_audio], values[is_audio]
    order = np.argsort(seconds, kind="stable")
    weights, seconds, values = weights[order], seconds[order], values[order]
    rated = np.empty((len(at), values.shape[-1]))
    firsts, stops = np.searchsorted(seconds, [at - KERNEL_SECONDS, at + KERNEL_SECONDS])
    for row, (first, stop) in enumerate(zip(firsts, stops)):
        if first == stop:  # the nearest step, where none is near
            first = min(first, len(seconds) - 1)
            stop = first + 1
        near = slice(first, stop)
        kernel = weights[near] * np.maximum(KERNEL_SECONDS - np.abs(seconds[near] - at[row]), 1e-9)
        rated[row] = kernel @ values[near] / kernel.sum()
    return rated


def centre_course(course: np.ndarray, rating: np.ndarray) -> np.ndarray:
    """Shift a course, `(num_frames, 2)`, so that its mean is the rating of the song, `(2,)`."""
    return course + (rating - course.mean(axis=0))
