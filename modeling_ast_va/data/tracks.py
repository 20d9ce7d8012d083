# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tracks: values along songs, such as the dynamic annotations of DEAM."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .annotations import find_deam, read_dynamic
from .rated_songs import SongId

STEP_SECONDS = 0.25  # between the points at which a track is sampled for a mean
PERIOD_SECONDS = 0.5  # between dynamic annotations


@dataclass(frozen=True)
class Track:
    """Values along a song."""

    seconds: np.ndarray  # (num_windows,), centres of the windows that the values describe, ascending
    values: np.ndarray  # (num_windows, num_targets)

    def mean(self, start_seconds: float, stop_seconds: float) -> np.ndarray:
        """Mean between two times, `(num_targets,)`, of the values of [`Track.at`]."""
        num_points = 1 + max(0, int(np.ceil((stop_seconds - start_seconds) / STEP_SECONDS)))
        return self.at(np.linspace(start_seconds, stop_seconds, num_points)).mean(axis=0)

    def at(self, seconds: np.ndarray) -> np.ndarray:
        """Values at some times, `(num_times, num_targets)`: linear between windows, constant before and after them."""
        right = np.searchsorted(self.seconds, seconds).clip(1, max(1, len(self.seconds) - 1))
        left, right = right - 1, right.clip(max=len(self.seconds) - 1)
        spans = np.maximum(self.seconds[right] - self.seconds[left], 1e-9)
        weights = ((seconds - self.seconds[left]) / spans).clip(0, 1)[:, None]
        return (1 - weights) * self.values[left] + weights * self.values[right]


def cut_tracks(songs: np.ndarray, seconds: np.ndarray, values: np.ndarray) -> dict[SongId, Track]:
    """Cut rows, sorted by song and time, into the track of each song."""
    ids, firsts = np.unique(songs, return_index=True)
    return dict(zip(ids.tolist(), map(Track, np.split(seconds, firsts[1:]), np.split(values, firsts[1:]))))


def read_dynamic_tracks(data_dir: str | Path, offset_seconds: float) -> dict[SongId, Track]:
    """
    Read the dynamic annotations of DEAM: valence and arousal in [-1, 1], twice a second.

    Args:
        offset_seconds: start of the audio files in the clips to which the annotations refer: 0 for the clips of DEAM.

    Returns:
        Tracks by song, whose times are those of the audio files; empty for a folder without annotations.
    """
    if not (files := find_deam(data_dir).dynamic):
        return {}
    samples = read_dynamic(dict(files)).dropna()
    seconds = samples["seconds"].to_numpy() - offset_seconds
    values = samples[["valence", "arousal"]].to_numpy(dtype=np.float32)
    return cut_tracks(samples["song_id"].to_numpy(), seconds, values)
