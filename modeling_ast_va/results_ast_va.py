# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""What the pipeline returns for a song: from the predictions of its segments to its rating, intervals and course."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .audio_ast_va import DIMENSIONS, aggregate_segments, quadrant
from .course_ast_va import song_course
from .uncertainty_ast_va import COVERAGE, QUADRANTS, percentiles, pool_error_std, quadrant_probability, song_interval


@dataclass
class SongSegments:
    """
    Predictions of the segments of a song by one or more models.

    Args:
        starts, ends: of the segments, in seconds, `(num_segments,)`.
        weights: of the segments, `(num_segments,)`.
        ratings: `(num_segments, num_models, 2)`.
        error_stds, rater_stds: standard deviations, as `ratings`; None where a model does not predict them.
        frames: ratings of the time steps, `(num_segments, num_models, num_steps, 2)`; None where a model has none.
    """

    starts: np.ndarray
    ends: np.ndarray
    weights: np.ndarray
    ratings: np.ndarray
    error_stds: np.ndarray | None = None
    rater_stds: np.ndarray | None = None
    frames: np.ndarray | None = None


def song_result(
    segments: SongSegments, configs: list, *, coverage: float = COVERAGE, frames: bool = False, warning: str = ""
) -> dict:
    """
    The result of a song: see [`MusicEmotionPipeline`].

    Args:
        segments: with predictions.
        configs: of the models, in their order.
        coverage: share of songs whose rating is in the interval.
        frames: whether to return the course.
        warning: of the file; empty for none.

    Raises:
        ValueError: for a course of models without, or a coverage that is out of range.
    """
    predictions = segments.ratings.mean(axis=1)  # (num_segments, 2)
    rating, std = aggregate_segments(predictions, segments.weights)
    result: dict[str, Any] = _pairs("", rating)
    # The first two names are those of version 0.2.
    result |= _pairs("_std", std) | _pairs("_segment_std", std)
    if len(configs) > 1:
        songs = [aggregate_segments(segments.ratings[:, i], segments.weights)[0] for i in range(len(configs))]
        result |= _pairs("_spread", np.std(songs, axis=0))
    midpoint = configs[0].label_midpoint
    result["quadrant"] = quadrant(rating[0], rating[1], midpoint)
    result |= _uncertainty(segments, configs, rating, result["quadrant"], coverage)
    if configs[0].label_quantiles:
        result |= _pairs("_percentile", percentiles(rating, np.asarray(configs[0].label_quantiles)))
    if warning:
        result["warning"] = warning
    rows = np.column_stack([segments.starts, segments.ends, predictions]).tolist()
    result["segments"] = [dict(zip(("start", "end", *DIMENSIONS), row)) for row in rows]
    if frames:
        result["frames"] = song_frames(segments, configs, rating)
    return result


def _pairs(ending: str, values: np.ndarray) -> dict[str, Any]:
    return dict(zip((f"{dimension}{ending}" for dimension in DIMENSIONS), values.tolist()))


def _uncertainty(segments: SongSegments, configs: list, rating: np.ndarray, name: str, coverage: float) -> dict:
    """Intervals, the spread of raters, and the probability of the quadrant, of models that predict them."""
    result: dict[str, Any] = {}
    if segments.rater_stds is not None:
        result |= _pairs("_rater_std", aggregate_segments(segments.rater_stds.mean(axis=1), segments.weights)[0])
    if segments.error_stds is None or not all(config.conformal_quantiles for config in configs):
        return result
    stds = [pool_error_std(segments.error_stds[:, i], segments.weights) for i in range(len(configs))]
    # The error of an ensemble is at most the mean of those of its models.
    intervals = [
        song_interval(rating, std, np.asarray(config.conformal_quantiles), coverage, config.label_range)
        for std, config in zip(stds, configs)
    ]
    result |= _pairs("_interval", np.mean(intervals, axis=0))
    correlation = float(np.mean([config.error_correlation for config in configs]))
    probabilities = quadrant_probability(rating, np.mean(stds, axis=0), correlation, configs[0].label_midpoint)
    result["quadrant_probability"] = float(probabilities[QUADRANTS.index(name)])
    return result


def song_frames(segments: SongSegments, configs: list, rating: np.ndarray) -> list[dict[str, float]]:
    """The course of a song: `time` in seconds, `valence` and `arousal`, whose means are the rating."""
    if segments.frames is None:
        raise ValueError("Expected a model with a head of the course (use_frame_head) for frames, but got one without.")
    steps = np.asarray(configs[0].step_seconds(configs[0].max_length))
    times, course = song_course(segments.starts, segments.ends, steps, segments.frames.mean(axis=1), rating)
    rows = np.column_stack([times, course]).tolist()
    return [dict(zip(("time", *DIMENSIONS), row)) for row in rows]
