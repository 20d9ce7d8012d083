# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""DEAM as rated songs: corrected ratings, the names of the metadata, and the audio files that exist."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pandas as pd

from .annotations import DeamFolder, find_deam, read_metadata
from .groups import name_key
from .label_audit import read_corrected_ratings
from .left_out import format_ids
from .rated_songs import RatedSongs, song_table, unreadable
from .song_ids import ID_RANGES, id_range_of

logger = logging.getLogger(__name__)

DEAM = "DEAM"
RATED = ("valence", "valence_std", "arousal", "arousal_std")  # in the order of `RATING_COLUMNS`
# Recordings that DEAM holds more than once (same artist and title): they stay together without metadata too.
DUPLICATES = (
    (187, 1170),
    (1087, 1090, 1091, 1092),
    (1516, 1578, 1600),
    (1621, 1622, 1629),
    (1701, 1702),
    (1870, 1871),
    (1902, 1903),
)


def read_deam(data_dir: str | Path, labels: str = "corrected") -> RatedSongs:
    """
    Read the rated songs of DEAM.

    Args:
        data_dir: the folder of DEAM as distributed; see [`find_deam`].
        labels: as for [`read_corrected_ratings`].

    Returns:
        The songs, each in the `subset` of its range of ids. An unrated MP3 whose name is no song id is left out by its
        name.

    Raises:
        ValueError: when the folder is not DEAM, or the label correction does not apply to it.
    """
    folder = find_deam(data_dir)
    ratings, audit = read_corrected_ratings(folder, labels)
    metadata = read_metadata(folder.metadata)
    songs, left_out = _find_songs(folder, ratings)
    table = song_table(songs)
    names = metadata.set_index("song_id").reindex(table["song_id"], fill_value="").reset_index(drop=True)
    table["artist"], table["title"] = names["artist"], names["title"]
    table["artist_key"] = table["artist"].map(_artist_key)
    table["subset"] = [ID_RANGES[index] for index in id_range_of(table["song_id"].astype(int))]
    unknown = table["song_id"][table["artist"] == ""].tolist()
    if len(metadata) and unknown:
        logger.warning(
            f"Expected metadata of every song, but {len(unknown)} have no artist: {format_ids(unknown)}. Each counts "
            "as an artist of its own, so songs of one artist may be in several splits."
        )
    all_ratings = ratings[["valence_mean", "arousal_mean"]].dropna().to_numpy()
    return RatedSongs(DEAM, table, left_out, DUPLICATES, labels=labels, audit=audit, all_ratings=all_ratings)


def _find_songs(folder: DeamFolder, ratings: pd.DataFrame) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rated songs with an audio file, and the entries of the others in the list of songs left out."""
    songs, left_out = [], []
    for song_id, *rated, unrated in zip(*(ratings[name].tolist() for name in ratings), ratings.isna().any(axis=1)):
        path = folder.song_path(song_id)
        if unrated:
            reason, detail = "unrated", "a rating is blank."
        elif not path.exists():
            reason, detail = "missing", f"no file in {str(folder.audio)!r}."
        elif problem := unreadable(path):
            reason, detail = "unreadable", problem
        else:
            songs.append({"song_id": song_id, "path": str(path), **dict(zip(RATED, rated))})
            continue
        left_out.append({"song_id": song_id, "reason": reason, "detail": detail})
    detail = "no row in the files of ratings."
    left_out += [
        {"song_id": song, "reason": "unrated", "detail": detail} for song in _songs_without_row(folder, ratings)
    ]
    return songs, left_out


def _songs_without_row(folder: DeamFolder, ratings: pd.DataFrame) -> list[int | str]:
    """The MP3 files that have no row of ratings: their song id, or the file name where that is none."""
    rated = {folder.song_path(song_id).name for song_id in ratings["song_id"]}
    names = [path.name for path in folder.audio.iterdir() if path.suffix.lower() == ".mp3" and path.name[0] != "."]
    unrated = [name for name in names if name.lower() not in rated]
    return [int(Path(name).stem) if re.fullmatch(r"[1-9][0-9]*\.mp3", name) else name for name in unrated]


def _artist_key(artist: str) -> str:
    # The text after a hyphen is dropped because the 2013 metadata often puts artist and work into one field, such as
    # "Kevin MacLeod-Night on the Docks". Joining too many songs does not harm a split; joining too few leaks.
    return name_key(artist.split("-")[0]) or name_key(artist)
