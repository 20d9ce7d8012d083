# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Auxiliary targets: values along each song that a model learns beside the labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from ..data.rated_songs import SongId
from ..data.tracks import Track

AUXILIARY = "auxiliary_logits"


class AuxiliaryTargets:
    """
    One kind of auxiliary targets: of every segment, from the track of its song.

    Args:
        name, weight: of its term of the loss.
        tracks: by song.
        window_seconds: length of the window that each value of a track describes.
        songs: the labelled ones of training, over which the targets have mean 0 and standard deviation 1.
        are_ratings: whether the targets are ratings on the scale of the labels, for the head of the model. They are not
            standardised. The others are for a linear layer on the embedding, which is removed after training.

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
        self.output = "logits" if are_ratings else AUXILIARY  # the field of `ASTVAOutput` that predicts the targets
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
