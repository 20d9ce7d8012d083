# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Hand-made features of the moments of songs: of a window around each, the input of the baseline of the course."""

import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Features, List, Value
from numpy.typing import NDArray

from ..audio_ast_va import decode
from ..data.cache import map_songs
from ..processes import num_cores
from .baseline_features import FEATURES_VERSION, HOP_LENGTH, SAMPLING_RATE, compile_librosa, frame_features

WINDOW_SECONDS = 3.0  # as a segment of the released model


def describe_moments(
    moments: Mapping[str, NDArray[np.float64]], *, num_proc: int | None = None, cache_dir: str | Path | None = None
) -> NDArray[np.float64]:
    """
    Compute the features of moments of songs, or read them from the cache.

    Args:
        moments: in seconds, by the path of the song, which is decoded whole.
        num_proc, cache_dir: as for [`map_songs`].

    Returns:
        `(num_moments, num_features)`, in the order of the songs and of their moments.

    Raises:
        AudioError: for a song that cannot be decoded.
    """
    num_proc = num_proc or num_cores()
    if num_proc > 1:
        compile_librosa()
    rows = map_songs(
        _describe_song,
        [{"path": os.path.abspath(path), "seconds": of_song.tolist()} for path, of_song in moments.items()],
        name="window_features",
        key={"version": FEATURES_VERSION, "librosa": version("librosa"), "window_seconds": WINDOW_SECONDS},
        features=Features({"features": List(Value("float64"))}),
        num_proc=num_proc,
        cache_dir=cache_dir,
        desc="Moments to hand-made features",
    )
    return np.array(rows["features"][:], dtype=np.float64)


def _describe_song(song: dict[str, Any]) -> dict[str, list[list[float]]]:
    features = window_features(decode(song["path"], SAMPLING_RATE), np.array(song["seconds"]))
    return {"features": features.tolist()}


def window_features(waveform: NDArray[np.float32], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Mean and standard deviation of each row of [`frame_features`] over a window around each moment.

    Shape:
        `(num_samples,)` and `(n,)` -> `(n, 2 * rows)`. A window ends where the song ends; one that is beyond has the
        frame that is next to it.
    """
    rows = np.concatenate([np.atleast_2d(values) for values in frame_features(waveform).values()])  # (rows, frames)
    frame_rate = SAMPLING_RATE / HOP_LENGTH  # Hz; frame 0 is centred on the first sample
    first = np.ceil((seconds - WINDOW_SECONDS / 2) * frame_rate).astype(int).clip(0, rows.shape[1] - 1)
    last = np.floor((seconds + WINDOW_SECONDS / 2) * frame_rate).astype(int).clip(0, rows.shape[1] - 1)
    windows = [rows[:, start : stop + 1].astype(np.float64) for start, stop in zip(first, last)]
    return np.array([np.concatenate([window.mean(axis=1), window.std(axis=1)]) for window in windows])
