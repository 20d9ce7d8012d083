# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Auxiliary targets: values along each song that a model learns beside the labels, during training only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data.annotations import find_deam, read_dynamic
from ..data.rated_songs import SongId

STEP_SECONDS = 0.25  # between the points at which a track is sampled for a segment


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


class AuxiliaryTargets:
    """
    One kind of auxiliary targets: of every segment, from the track of its song.

    Args:
        name, weight: of its term of the loss.
        tracks: by song.
        window_seconds: length of the window that each value of a track describes.
        songs: the labelled ones of training, over which the targets have mean 0 and standard deviation 1.
        are_ratings: whether the targets are ratings on the scale of the labels, for the head of the model. They are not
            standardised. All others are for a linear layer on the embedding.

    Raises:
        ValueError: for training songs without a track.
    """

    def __init__(
        self,
        name: str,
        weight: float,
        tracks: Mapping[SongId, Track],
        window_seconds: float,
        songs: Iterable[SongId],
        *,
        are_ratings: bool = False,
    ):
        songs = sorted(set(songs))
        if missing := [song for song in songs if song not in tracks]:
            found = f"none for {len(missing)} of them, the first is {missing[0]}"
            raise ValueError(f"Expected {name} targets of {len(songs)} training songs, but got {found}.")
        values = np.concatenate([tracks[song].values for song in songs])
        self.name, self.weight, self.num_targets = name, weight, values.shape[1]
        self.are_ratings = are_ratings
        self._tracks, self._margin_seconds = tracks, window_seconds / 2
        self._mean, self._std = np.zeros(self.num_targets, np.float32), np.ones(self.num_targets, np.float32)
        if not are_ratings:
            self._mean, self._std = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6)

    def __call__(self, song_id: SongId, start_seconds: float, duration_seconds: float) -> np.ndarray:
        """
        Targets of a segment, `(num_targets,)`, float32: the mean over the windows that lie inside it.

        They are NaN, which counts nothing in the loss, for a song without a track, such as one without labels.
        """
        if song_id not in self._tracks:
            return np.full(self.num_targets, np.nan, np.float32)
        start, stop = start_seconds + self._margin_seconds, start_seconds + duration_seconds - self._margin_seconds
        if stop < start:  # shorter than a window
            start = stop = start_seconds + duration_seconds / 2
        return ((self._tracks[song_id].mean(start, stop) - self._mean) / self._std).astype(np.float32)


def dynamic_targets(
    data_dir: str | Path, weight: float, offset_seconds: float, training_songs: Iterable[SongId]
) -> AuxiliaryTargets:
    """
    The dynamic annotations of DEAM as auxiliary targets: valence and arousal in [-1, 1], twice a second.

    Args:
        offset_seconds: start of the audio files in the clips to which the annotations refer: 0 for the clips of DEAM.

    Raises:
        ValueError: for a folder without dynamic annotations, or training songs without any.
    """
    if not (files := find_deam(data_dir).dynamic):
        raise ValueError(f"Expected dynamic annotations for dynamic_weight={weight}, but got none in {data_dir}.")
    samples = read_dynamic(dict(files)).dropna()
    seconds = samples["seconds"].to_numpy() - offset_seconds
    values = samples[["valence", "arousal"]].to_numpy(dtype=np.float32)
    tracks = cut_tracks(samples["song_id"].to_numpy(), seconds, values)
    return AuxiliaryTargets("dynamic", weight, tracks, 0.0, training_songs)


def cut_tracks(songs: np.ndarray, seconds: np.ndarray, values: np.ndarray) -> dict[SongId, Track]:
    """Cut rows, sorted by song and time, into the track of each song."""
    ids, firsts = np.unique(songs, return_index=True)
    return dict(zip(ids.tolist(), map(Track, np.split(seconds, firsts[1:]), np.split(values, firsts[1:]))))
