# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Rated songs: the one form into which DEAM and every other table of ratings are read."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..audio_ast_va import RATING_SCALE

SongId = int | str

# Columns of `RatedSongs.table` and what a song without a value has there.
SONG_COLUMNS: dict[str, Any] = {
    "song_id": None,
    "path": None,
    "valence": None,
    "arousal": None,
    "valence_std": math.nan,
    "arousal_std": math.nan,
    "artist": "",
    "title": "",
    "artist_key": "",
    "subset": "",
    "split": "",
    "start_seconds": 0.0,
    "duration_seconds": math.nan,
}


@dataclass(frozen=True)
class RatedSongs:
    """
    The rated songs of a data set whose audio files exist.

    Args:
        dataset: name of the data set: `"DEAM"`, or the file name of a table.
        table: a row for each song, in ascending order of `song_id`, with the columns `song_id` (all whole numbers or
            all text), `path`, `valence`, `arousal`, `valence_std` and `arousal_std` on the 1-9 scale (stds are NaN
            where unknown), `artist`, `title`, `artist_key` (equal for songs of one artist), `subset` (the part of the
            data set, over which folds are balanced), `split`, and the part of the file that was rated: `start_seconds`
            and `duration_seconds` (NaN up to its end). Texts are empty where unknown.
        left_out: `song_id`, `reason` and `detail` of songs without ratings or without a readable file.
        duplicates: songs that are one recording although artist and title do not show it.
        label_range: lowest and highest rating of the scale on which the data set has its ratings.
        labels: of DEAM: `"corrected"` or `"published"`.
        audit: of the columns of DEAM, by [`~label_audit.audit_labels`].
        all_ratings: valence and arousal of every rated song, with or without an audio file, `(num_songs, 2)`; None:
            those of the table.
    """

    dataset: str
    table: pd.DataFrame
    left_out: list[dict[str, Any]] = field(default_factory=list)
    duplicates: Sequence[Sequence[SongId]] = ()
    label_range: tuple[float, float] = RATING_SCALE
    labels: str | None = None
    audit: list[dict[str, Any]] = field(default_factory=list)
    all_ratings: np.ndarray | None = None

    @property
    def label_quantiles(self) -> list[list[float]]:
        """The quantiles 0, 0.01, ..., 1 of all ratings, of valence and of arousal, in points of the 1-9 scale."""
        ratings = self.table[["valence", "arousal"]].to_numpy() if self.all_ratings is None else self.all_ratings
        return np.quantile(ratings, np.linspace(0, 1, 101), axis=0).T.round(4).tolist()


def typed_song_ids(texts: Iterable[str]) -> list[int] | list[str]:
    """Song ids from text: whole numbers if all of them are, without leading zeros, and text otherwise."""
    texts = list(texts)
    if all(re.fullmatch(r"0|[1-9][0-9]{0,17}", text) for text in texts):  # as 64 bits hold
        return [int(text) for text in texts]
    return texts


def song_table(songs: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The table of [`RatedSongs`] from songs with some of its columns."""
    columns = {name: [song.get(name, default) for song in songs] for name, default in SONG_COLUMNS.items()}
    return pd.DataFrame(columns).sort_values("song_id", ignore_index=True)


def unreadable(path: Path) -> str:
    """Why an existing path cannot be read as a file; empty if it can."""
    if not path.is_file():
        return "it is a folder or a device."
    # Not left to the decoder, whose errors are cached.
    return "" if os.access(path, os.R_OK) else "permission denied."
