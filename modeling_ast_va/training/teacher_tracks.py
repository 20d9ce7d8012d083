# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The embeddings and ratings of teachers along songs, and the targets that they are."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from datasets import Dataset

from ..data.rated_songs import SongId
from ..data.tracks import Track
from ..training.augmented_windows import EMBEDDING
from ..training.auxiliary import AuxiliaryTargets
from ..training.fused_ratings import ALL_SONGS, FusedRatings
from ..training.teachers import Teacher

logger = logging.getLogger(__name__)


class TeacherTracks:
    """
    The embeddings and ratings of teachers, as tracks of songs and of augmented windows.

    Args:
        teachers: whose embeddings they are.
        tracks: of embeddings, one for each teacher, by song.
        described: tracks of the descriptors of the network, by song; none for a network without.
        fused: the regression that rates by all of these.
    """

    def __init__(
        self,
        teachers: Sequence[Teacher],
        tracks: Sequence[dict[SongId, Track]],
        described: Sequence[Mapping[SongId, Track]],
        fused: FusedRatings,
    ):
        self.teachers, self.fused = teachers, fused
        self._tracks, self._described, self._rated = tracks, described, dict[SongId, Track]()

    def rate(self, songs: Iterable[SongId]) -> None:
        """Rate songs: those with labels out of fold."""
        for song in songs:
            known = [of[song] for of in (*self._tracks, *self._described)]
            self._rated[song] = self.fused.rate(known, self._fold(song))

    def add_windows(self, augmented: Dataset, loudest: Sequence[SongId]) -> None:
        """
        Add augmented windows, whose descriptors are known by now, and rate them.

        Args:
            augmented: rows of [`load_augmented`].
            loudest: the song of the only or the louder piece of each window, whose fold rates it.
        """
        columns = augmented.select_columns(["song_id", "duration_seconds", EMBEDDING])[:]
        widths = [next(iter(of.values())).values.shape[1] for of in self._tracks]
        embeddings = np.split(columns[EMBEDDING].astype(np.float32), np.cumsum(widths)[:-1], axis=1)
        centres = columns["duration_seconds"] / 2
        for row, (window, song) in enumerate(zip(columns["song_id"].tolist(), loudest)):
            own = [Track(centres[row : row + 1], values[row : row + 1]) for values in embeddings]
            for of, track in zip(self._tracks, own):
                of[window] = track
            own += [of[window] for of in self._described]
            self._rated[window] = self.fused.rate(own, self._fold(song))

    def targets(self, weight: float, labelled_songs: Iterable[SongId]) -> list[AuxiliaryTargets]:
        """The targets of all teachers; the weights of the embeddings add up to that of the ratings."""
        share, songs = weight / len(self.teachers), list(labelled_songs)
        kinds = [
            AuxiliaryTargets(f"{teacher.name}_embeddings", share, tracks, teacher.window_seconds, songs)
            for teacher, tracks in zip(self.teachers, self._tracks)
        ]
        seconds = self.teachers[0].window_seconds
        return [*kinds, AuxiliaryTargets("teacher_ratings", weight, self._rated, seconds, songs, are_ratings=True)]

    def describe(self) -> dict[str, Any]:
        """The record of teachers and of their ratings, which is logged, too."""
        names = [teacher.name for teacher in self.teachers] + ["descriptors"] * len(self._described)
        weights = ", ".join(f"{name} {of[0]:.2f} / {of[1]:.2f}" for name, of in zip(names, self.fused.weights))
        message = "Ratings of the teachers out of fold: r %.3f (valence), %.3f (arousal); weights: %s."
        logger.info(message, *self.fused.correlations, weights)
        return {
            "teachers": [teacher.describe() for teacher in self.teachers],
            "ratings_pearson_r": self.fused.correlations.round(4).tolist(),
            "ratings_weights": self.fused.weights.round(4).tolist(),
        }

    def _fold(self, song: SongId) -> int:
        return self.fused.fold_of.get(song, ALL_SONGS)
