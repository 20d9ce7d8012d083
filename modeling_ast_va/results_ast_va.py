# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""What the pipeline returns for a song: from the predictions of its segments to its rating, intervals and course."""

from collections.abc import Sequence
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


@dataclass
class ResultSettings:
    """
    What the result of a song depends on, beside the predictions of its segments.

    Args:
        label_range: lowest and highest rating.
        step_seconds: times of the steps of a course in a segment, in seconds.
        conformal_quantiles, error_correlation, label_quantiles: as in [`ASTVAConfig`].
    """

    label_range: Sequence[float]
    step_seconds: Sequence[float]
    conformal_quantiles: Sequence[Sequence[float]] | None
    error_correlation: float
    label_quantiles: Sequence[Sequence[float]] | None

    @classmethod
    def of(cls, config: Any) -> "ResultSettings":
        """Those of a model with this configuration."""
        stored = {name: getattr(config, name) for name in cls.__dataclass_fields__ if name != "step_seconds"}
        return cls(step_seconds=config.step_seconds(config.max_length), **stored)

    @property
    def label_midpoint(self) -> float:
        """Middle of the rating scale."""
        low, high = self.label_range
        return (low + high) / 2


def check_ratings(ratings: np.ndarray, starts: np.ndarray, name: str, label_range: Sequence[float]) -> None:
    """
    Refuse ratings that are NaN or further beyond the scale than its width, which only a damaged model predicts.

    Args:
        ratings: `(num_segments, num_models, 2)`.
        starts: of the segments, in seconds, `(num_segments,)`.
        name: of the song, for the ValueError.
    """
    low, high = label_range
    low, high = 2 * low - high, 2 * high - low
    wrong = np.argwhere(~((low <= ratings) & (ratings <= high)))
    if len(wrong):
        given = f"{ratings[tuple(wrong[0])]:g} at {starts[wrong[0][0]]:.1f} s: the model is damaged"
        raise ValueError(f"{name}: expected ratings from {low:g} to {high:g}, but got {given}.")


def song_result(
    segments: SongSegments,
    settings: Sequence[ResultSettings],
    *,
    coverage: float = COVERAGE,
    frames: bool = False,
    warning: str = "",
) -> dict:
    """
    The result of a song: see [`MusicEmotionPipeline`].

    Args:
        segments: with predictions.
        settings: of the models, in their order.
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
    if len(settings) > 1:
        songs = [aggregate_segments(segments.ratings[:, i], segments.weights)[0] for i in range(len(settings))]
        result |= _pairs("_spread", np.std(songs, axis=0))
    midpoint = settings[0].label_midpoint
    result["quadrant"] = quadrant(rating[0], rating[1], midpoint)
    result |= _uncertainty(segments, settings, rating, result["quadrant"], coverage)
    if settings[0].label_quantiles:
        result |= _pairs("_percentile", percentiles(rating, np.asarray(settings[0].label_quantiles)))
    if warning:
        result["warning"] = warning
    rows = np.column_stack([segments.starts, segments.ends, predictions]).tolist()
    result["segments"] = [dict(zip(("start", "end", *DIMENSIONS), row)) for row in rows]
    if frames:
        result["frames"] = song_frames(segments, settings, rating)
    return result


def _pairs(ending: str, values: np.ndarray) -> dict[str, Any]:
    return dict(zip((f"{dimension}{ending}" for dimension in DIMENSIONS), values.tolist()))


def _uncertainty(
    segments: SongSegments, settings: Sequence[ResultSettings], rating: np.ndarray, name: str, coverage: float
) -> dict:
    """Intervals, the spread of raters, and the probability of the quadrant, of models that predict them."""
    result: dict[str, Any] = {}
    if segments.rater_stds is not None:
        result |= _pairs("_rater_std", aggregate_segments(segments.rater_stds.mean(axis=1), segments.weights)[0])
    if segments.error_stds is None or not all(one.conformal_quantiles for one in settings):
        return result
    stds = [pool_error_std(segments.error_stds[:, i], segments.weights) for i in range(len(settings))]
    # The error of an ensemble is at most the mean of those of its models.
    intervals = [
        song_interval(rating, std, np.asarray(of_model.conformal_quantiles), coverage, of_model.label_range)
        for std, of_model in zip(stds, settings)
    ]
    result |= _pairs("_interval", np.mean(intervals, axis=0))
    correlation = float(np.mean([one.error_correlation for one in settings]))
    probabilities = quadrant_probability(rating, np.mean(stds, axis=0), correlation, settings[0].label_midpoint)
    result["quadrant_probability"] = float(probabilities[QUADRANTS.index(name)])
    return result


def song_frames(
    segments: SongSegments, settings: Sequence[ResultSettings], rating: np.ndarray
) -> list[dict[str, float]]:
    """The course of a song: `time` in seconds, `valence` and `arousal`, whose means are the rating."""
    if segments.frames is None:
        raise ValueError("Expected a model with a head of the course (use_frame_head) for frames, but got one without.")
    steps = np.asarray(settings[0].step_seconds)
    times, course = song_course(segments.starts, segments.ends, steps, segments.frames.mean(axis=1), rating)
    rows = np.column_stack([times, course]).tolist()
    return [dict(zip(("time", *DIMENSIONS), row)) for row in rows]
