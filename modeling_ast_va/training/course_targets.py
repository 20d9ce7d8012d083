# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The dynamic annotations of DEAM as targets of the course: valence and arousal of each time step of a segment."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..data.rated_songs import SongId
from ..data.tracks import PERIOD_SECONDS, Track


class CourseTargets:
    """
    The ratings of the time steps of a segment.

    The course of a song has its rating as the mean, and moves as the annotations do: they are centred, and multiplied
    by the ratio of the standard deviation of the ratings over songs to that of the songs' mean annotations.

    Args:
        weight: of the term of the loss.
        tracks: the annotations of each song, in [-1, 1], `(num_annotations, 2)`.
        labels: valence and arousal of the training songs. The targets of all others are NaN.
        step_seconds: times of the steps in a segment, in seconds.

    Raises:
        ValueError: for training songs without annotations.
    """

    name, output = "dynamic", "frame_logits"

    def __init__(
        self,
        weight: float,
        tracks: Mapping[SongId, Track],
        labels: Mapping[SongId, np.ndarray],
        step_seconds: np.ndarray,
    ):
        if missing := [song for song in labels if song not in tracks]:
            found = f"none for {len(missing)} of them, the first is {missing[0]}"
            raise ValueError(f"Expected dynamic annotations of {len(labels)} training songs, but got {found}.")
        self.weight, self.num_targets = weight, 2 * len(step_seconds)
        self._tracks, self._labels, self._step_seconds = tracks, labels, step_seconds
        means = np.stack([tracks[song].values.mean(axis=0) for song in labels])
        ratings = np.stack(list(labels.values()))
        self.scale = ratings.std(axis=0) / np.maximum(means.std(axis=0), 1e-6)  # rating points per unit of annotation

    def __call__(self, song_id: SongId, start_seconds: float, duration_seconds: float) -> np.ndarray:
        """Targets of a segment, `(2 * num_steps,)`, float32, with valence and arousal of a step side by side."""
        targets = np.full((len(self._step_seconds), 2), np.nan, np.float32)
        if song_id in self._labels:
            track, seconds = self._tracks[song_id], start_seconds + self._step_seconds
            half = PERIOD_SECONDS / 2
            covered = (seconds >= track.seconds[0] - half) & (seconds <= track.seconds[-1] + half)
            covered &= self._step_seconds < duration_seconds
            moves = track.at(seconds[covered]) - track.values.mean(axis=0)
            targets[covered] = self._labels[song_id] + self.scale * moves
        return targets.ravel()
