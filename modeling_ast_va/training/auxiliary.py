# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Auxiliary targets: what a network may learn to predict beside the ratings, while it is trained.

Two ratings are little to learn from a song. Two sources say more, for every moment of it: DEAM's dynamic annotations,
and a teacher, a network that has heard many more songs: its embeddings, and the ratings that a ridge regression finds
in them (knowledge distillation: Hinton, Vinyals and Dean, 2015; of embeddings: Romero et al., 2015, "FitNets"). Each is
a track of each song: numbers with their times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data.annotations import read_dynamic

STEP_SECONDS = 0.25  # between the points that stand for a segment
RIDGE_STRENGTHS = np.logspace(1, 4, 13)  # of inputs with deviation 1
TEACHER_ARRAYS = ("song_id", "start_seconds", "window_seconds", "embedding")


@dataclass(frozen=True)
class Track:
    """Numbers along a song: `values` `(num_windows, num_targets)` of windows around the moments `seconds`."""

    seconds: np.ndarray
    values: np.ndarray

    def mean(self, start_seconds: float, stop_seconds: float) -> np.ndarray:
        """Mean between two moments, `(num_targets,)`, linear between windows and constant before and after them."""
        num_points = 1 + max(0, int(np.ceil((stop_seconds - start_seconds) / STEP_SECONDS)))
        points = np.linspace(start_seconds, stop_seconds, num_points)
        right = np.searchsorted(self.seconds, points).clip(1, max(1, len(self.seconds) - 1))
        left, right = right - 1, right.clip(max=len(self.seconds) - 1)
        spans = np.maximum(self.seconds[right] - self.seconds[left], 1e-9)
        weights = ((points - self.seconds[left]) / spans).clip(0, 1)[:, None]
        return ((1 - weights) * self.values[left] + weights * self.values[right]).mean(axis=0)


class AuxiliaryTargets:
    """
    Targets of every segment from the tracks of its song, with mean 0 and deviation 1 over the training songs.

    Args:
        tracks: of each song that has one.
        window_seconds: how much of the song each number of a track describes.
        training_songs: the songs whose tracks set mean and deviation.

    Raises:
        ValueError: when a training song has no track: names how many and the first.
    """

    def __init__(self, tracks: Mapping[int, Track], window_seconds: float, training_songs: Iterable[int]):
        songs = sorted(set(training_songs))
        missing = [song for song in songs if song not in tracks]
        if missing:
            raise ValueError(
                f"{len(missing)} of {len(songs)} training songs have no auxiliary targets, the first is {missing[0]}."
            )
        values = np.concatenate([tracks[song].values for song in songs])
        self._tracks = tracks
        self._margin_seconds = window_seconds / 2
        self._mean = values.mean(axis=0)
        self._std = np.maximum(values.std(axis=0), 1e-6)

    @property
    def num_targets(self) -> int:
        """Numbers for each segment."""
        return len(self._mean)

    def __call__(self, song_id: int, start_seconds: float, duration_seconds: float) -> np.ndarray:
        """Targets of a segment, `(num_targets,)`, float32: what those windows say that lie inside it."""
        start, stop = start_seconds + self._margin_seconds, start_seconds + duration_seconds - self._margin_seconds
        if stop < start:  # shorter than a window
            start = stop = start_seconds + duration_seconds / 2
        return ((self._tracks[song_id].mean(start, stop) - self._mean) / self._std).astype(np.float32)


def read_dynamic_tracks(files: Mapping[str, Path], offset_seconds: float) -> dict[int, Track]:
    """
    Dynamic annotations as tracks: [valence, arousal] in [-1, 1], two samples a second.

    Args:
        files: as for [`read_dynamic`].
        offset_seconds: where the audio files begin in the clips as distributed: 0 for those themselves.
    """
    samples = read_dynamic(dict(files)).dropna()
    seconds = samples["seconds"].to_numpy() - offset_seconds
    return _tracks(samples["song_id"].to_numpy(), seconds, samples[["valence", "arousal"]].to_numpy(dtype=np.float32))


def read_teacher(path: str | Path) -> tuple[dict[int, Track], float]:
    """
    Embeddings of a teacher as tracks.

    Args:
        path: an NPZ file of `song_id` `(num_windows,)`, `start_seconds` `(num_windows,)` in the audio file,
            `window_seconds` `()` and `embedding` `(num_windows, num_targets)`.

    Returns:
        Tracks by song, and the length of a window in seconds.

    Raises:
        ValueError: there is no such file, an array is missing or misshapen, or holds what is no number.
    """
    if not Path(path).is_file():
        raise ValueError(f"Expected an NPZ file of a teacher's embeddings, but there is no {str(path)!r}.")
    with np.load(path) as file:
        missing = [name for name in TEACHER_ARRAYS if name not in file]
        if missing:
            raise ValueError(f"{str(path)!r} lacks {', '.join(missing)}; it holds {', '.join(file) or 'nothing'}.")
        songs, starts, window_seconds, embeddings = (file[name] for name in TEACHER_ARRAYS)
    if embeddings.ndim != 2 or not len(songs) == len(starts) == len(embeddings):
        raise ValueError(
            f"Expected an embedding for each song_id and start_seconds in {str(path)!r}, but their shapes are "
            f"{embeddings.shape}, {songs.shape} and {starts.shape}."
        )
    embeddings = embeddings.astype(np.float32)
    if not np.isfinite(embeddings).all():
        raise ValueError(f"The embeddings in {str(path)!r} hold numbers that are not finite.")
    order = np.lexsort((starts, songs))
    songs, centres, embeddings = songs[order], starts[order] + window_seconds / 2, embeddings[order]
    return _tracks(songs, centres, embeddings), float(window_seconds)


def _tracks(songs: np.ndarray, seconds: np.ndarray, values: np.ndarray) -> dict[int, Track]:
    """Cuts rows that are sorted by song and time into tracks."""
    firsts = np.flatnonzero(np.diff(songs, prepend=songs[0] - 1))
    tracks = map(Track, np.split(seconds, firsts[1:]), np.split(values, firsts[1:]))
    return dict(zip(songs[firsts].tolist(), tracks))


def rate_by_teacher(tracks: Mapping[int, Track], labels: Mapping[int, np.ndarray]) -> dict[int, Track]:
    """
    What a teacher's embeddings say of the ratings, at every moment: a ridge regression from songs to windows.

    Args:
        tracks: the embeddings of each song.
        labels: of the training songs, `(num_labels,)` each; the regression learns from their mean embeddings.

    Returns:
        Tracks of `num_labels` ratings.
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
    Ridge regression, with the one of `RIDGE_STRENGTHS` whose leave-one-out error is least.

    From one singular value decomposition: leaving a row out divides its residual by one minus its leverage.

    Args:
        inputs: `(num_rows, num_inputs)`, of mean 0.
        targets: `(num_rows, num_targets)`.

    Returns:
        Coefficients `(num_inputs, num_targets)` and intercept `(num_targets,)`.
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
