# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Teachers: embeddings of a larger model, and ratings predicted from them, as auxiliary targets.

Knowledge distillation: Hinton et al. (2015), arXiv:1503.02531; of embeddings: Romero et al. (2015), "FitNets", ICLR.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data.rated_songs import SongId
from ..download_ast_va import is_address
from ..embedding.embedding_file import read_embeddings
from ..training.auxiliary import AuxiliaryTargets, Track, cut_tracks

RIDGE_STRENGTHS = np.logspace(1, 4, 13)  # for inputs with standard deviation 1


@dataclass(frozen=True)
class Teacher:
    """
    Embeddings of a teacher, as a track for each song.

    Args:
        path: of its file.
        tracks: by id or path of a song.
        are_paths: whether the tracks are those of paths.
        window_seconds: length of the window that an embedding describes, in seconds.
    """

    path: str
    tracks: dict[SongId, Track]
    are_paths: bool
    window_seconds: float

    def of_songs(self, songs: Mapping[SongId, str]) -> dict[SongId, Track]:
        """
        Find the tracks of songs: by id where the file has ids, and else by path.

        Paths are those of the same file, or have the same file name where that is the name of one song and of one
        track. This finds songs that were moved since, or whose file of embeddings has names only.

        Args:
            songs: path of each song, by id.

        Raises:
            ValueError: for songs without a track; the message names the first one.
        """
        keys = self._keys_by_path(songs) if self.are_paths else self._keys_by_id(songs)
        if missing := [song for song in songs if keys.get(song) not in self.tracks]:
            found = f"none for {len(missing)} of them, the first is {songs[missing[0]] or missing[0]}"
            raise ValueError(f"Expected embeddings of {len(songs)} songs in {self.path!r}, but got {found}.")
        return {song: self.tracks[keys[song]] for song in songs}

    def _keys_by_id(self, songs: Mapping[SongId, str]) -> dict[SongId, SongId]:
        known = {str(key): key for key in self.tracks}  # an id is a number in one file, and its digits in another
        return {song: known[str(song)] for song in songs if str(song) in known}

    def _keys_by_path(self, songs: Mapping[SongId, str]) -> dict[SongId, SongId]:
        known = {_same_file(str(key)): key for key in self.tracks}
        keys = {song: known[file] for song, file in zip(songs, map(_same_file, songs.values())) if file in known}
        names = _unique({key: os.path.basename(str(key)) for key in self.tracks})
        by_name = _unique({song: os.path.basename(path) for song, path in songs.items()})
        return {song: names[name] for name, song in by_name.items() if name in names} | keys


def _same_file(path: str) -> str:
    """A text that is equal for paths of the same file."""
    return path if is_address(path) else os.path.realpath(path)


def _unique(names: Mapping[SongId, str]) -> dict[str, SongId]:
    """The key of each name that only one key has."""
    counts = Counter(names.values())
    return {name: key for key, name in names.items() if counts[name] == 1}


def check_teacher(path: str | Path | None, weight: float) -> None:
    """Check that a teacher has both embeddings and a weight, or neither (ValueError)."""
    if bool(path) != bool(weight):
        raise ValueError(f"Expected teacher_embeddings and teacher_weight together, but got {path!r} and {weight}.")
    if path:
        read_teacher(path)


def teacher_targets(
    path: str | Path, weight: float, labels: Mapping[SongId, np.ndarray], paths: Mapping[SongId, str] | None = None
) -> list[AuxiliaryTargets]:
    """
    Two kinds of targets from the file of a teacher: its embeddings, and ratings by [`rate_by_teacher`].

    Args:
        path: file of embeddings.
        weight: of each of the two terms of the loss.
        labels: ratings of the training songs, by song.
        paths: of the training songs, by song; a file with ids of songs does not need them.

    Raises:
        ValueError: as for [`read_teacher`], and for songs without embeddings.
    """
    teacher = read_teacher(path)
    tracks = teacher.of_songs({song: (paths or {}).get(song, "") for song in labels})
    rated = rate_by_teacher(tracks, labels)
    window_seconds = teacher.window_seconds
    embeddings = AuxiliaryTargets("teacher_embeddings", weight, tracks, window_seconds, labels)
    return [embeddings, AuxiliaryTargets("teacher_ratings", weight, rated, window_seconds, labels)]


def read_teacher(path: str | Path) -> Teacher:
    """
    Read a file of embeddings as the tracks of songs.

    Raises:
        ValueError: as for [`read_embeddings`].
    """
    embeddings = read_embeddings(path)
    order = np.lexsort((embeddings.start_seconds, embeddings.song_index))
    centres = embeddings.start_seconds[order] + embeddings.window_seconds / 2
    tracks = cut_tracks(embeddings.song_index[order], centres, embeddings.values[order].astype(np.float32))
    by_song = {embeddings.songs[int(index)]: track for index, track in tracks.items()}
    return Teacher(str(path), by_song, embeddings.are_paths, embeddings.window_seconds)


def rate_by_teacher(tracks: Mapping[SongId, Track], labels: Mapping[SongId, np.ndarray]) -> dict[SongId, Track]:
    """
    Predict ratings of every window by a ridge regression from the mean embeddings of the training songs to `labels`.

    Shape:
        labels: `(num_labels,)` each -> values of each track: `(num_windows, num_labels)`.
    """
    inputs = np.stack([tracks[song].values.mean(axis=0) for song in labels]).astype(np.float64)
    mean, std = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-6)
    coefficients, intercept = fit_ridge((inputs - mean) / std, np.stack(list(labels.values())))
    return {
        song: Track(track.seconds, ((track.values - mean) / std @ coefficients + intercept).astype(np.float32))
        for song, track in tracks.items()
    }


def fit_ridge(inputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Fit a ridge regression with the strength out of `RIDGE_STRENGTHS` that has the lowest leave-one-out error.

    One singular value decomposition gives all errors: without its row, a residual is divided by 1 - its leverage.

    Shape:
        inputs: `(num_rows, num_inputs)`, of mean 0. targets: `(num_rows, num_targets)` -> coefficients
        `(num_inputs, num_targets)` and intercept `(num_targets,)`.
    """
    intercept = targets.mean(axis=0)
    left, values, right = np.linalg.svd(inputs, full_matrices=False)
    projected = left.T @ (targets - intercept)

    def leave_one_out_error(strength: float) -> float:
        shrinkage = values**2 / (values**2 + strength)
        residuals = targets - intercept - left @ (shrinkage[:, None] * projected)
        leverages = 1 / len(inputs) + left**2 @ shrinkage
        return float(np.square(residuals / (1 - leverages[:, None])).mean())

    strength = min(RIDGE_STRENGTHS, key=leave_one_out_error)
    return right.T @ ((values / (values**2 + strength))[:, None] * projected), intercept
