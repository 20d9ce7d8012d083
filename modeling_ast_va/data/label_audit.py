# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The exchange of valence and arousal in DEAM's published song-level ratings: its audit, and its correction.

In `static_annotations_averaged_songs_1_2000.csv` as distributed, the valence and arousal columns of songs 2-1000 carry
each other's names. DEAM's own dynamic annotations of the same songs tell: averaged over time, a song's dynamic valence
must correlate with its song-level valence more than with its song-level arousal. In the published file it does for the
songs above 1000 (0.91 against 0.57), and is the other way round below (0.58 against 0.95).
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..data.annotations import DeamFolder, find_deam, read_dynamic_means, read_ratings

logger = logging.getLogger(__name__)

LABELS = ("corrected", "published")
LAST_EXCHANGED_ID = 1000
LAST_1_2000_ID = 2000

# A verdict needs this many songs, and this much between the sums of the matched and of the crossed correlations. Of
# 5,000 random draws of 10 songs from each id range of DEAM, at most one was judged wrongly, and 90 % were judged.
MIN_AUDITED_SONGS = 10
VERDICT_MARGIN = 0.2

CORRELATIONS = {
    "valence_valence": ("valence_mean", "valence"),
    "valence_arousal": ("valence_mean", "arousal"),
    "arousal_arousal": ("arousal_mean", "arousal"),
    "arousal_valence": ("arousal_mean", "valence"),
}


def audit_labels(data_dir: str | Path) -> list[dict[str, Any]]:
    """Correlates published song-level ratings with the mean dynamic annotations, to see which columns are exchanged.

    Args:
        data_dir: DEAM's folder.

    Returns:
        One row for the songs up to 1000, from 1001 to 2000, and above: `first_id`, `last_id`, `num_rated`, `num_songs`
        (rated songs that have dynamic annotations too), Pearson's r as `valence_valence`, `valence_arousal`,
        `arousal_arousal` and `arousal_valence` (song-level column first, dynamic one second; NaN where undefined), and
        `verdict`: "exchanged", "as named", or "undecided". A range without rated songs has no row.

    Raises:
        ValueError: the folder is not DEAM, or a file of it cannot be read; see `annotations.py`.
    """
    folder = find_deam(data_dir)
    return _audit(folder, read_ratings(folder.song_level))


def format_audit(table: list[dict[str, Any]]) -> str:
    """Writes the table of `audit_labels` as text, for a log or a terminal."""
    lines = [
        "Song-level ratings as published against mean dynamic annotations (Pearson's r):",
        f"{'songs':>11}  {'n':>5}  {'V with V':>8}  {'V with A':>8}  {'A with A':>8}  {'A with V':>8}  columns",
    ]
    for row in table:
        songs = f"{row['first_id']}-{row['last_id']}"
        values = "  ".join(f"{row[name]:8.3f}" for name in CORRELATIONS)
        lines.append(f"{songs:>11}  {row['num_songs']:>5}  {values}  {row['verdict']}")
    return "\n".join(lines)


def load_ratings(folder: DeamFolder, labels: str = "corrected") -> pd.DataFrame:
    """Reads the song-level ratings with each column under its own name, after checking that they need the correction.

    Args:
        folder: DEAM's folder.
        labels: "corrected" exchanges valence and arousal of songs up to 1000; "published" leaves all as distributed.

    Returns:
        The columns of `read_ratings`.

    Raises:
        ValueError: `labels` is neither, or the audit finds that the exchange would put the columns wrong.
    """
    if labels not in LABELS:
        raise ValueError(f"labels must be one of {LABELS}, got {labels!r}.")
    ratings = read_ratings(folder.song_level)
    if labels == "published":
        return ratings
    _require_the_known_exchange(_audit(folder, ratings))
    return exchange_labels(ratings)


def exchange_labels(ratings: pd.DataFrame) -> pd.DataFrame:
    """Exchanges valence and arousal, means and stds, of the songs up to 1000; the input is left as it is."""
    exchanged = ratings["song_id"] <= LAST_EXCHANGED_ID
    ratings = ratings.copy()
    for statistic in ("mean", "std"):
        pair = [f"valence_{statistic}", f"arousal_{statistic}"]
        other = ratings.loc[exchanged, pair[::-1]].to_numpy(copy=True)  # it may be a view of what is written next
        ratings.loc[exchanged, pair] = other
    return ratings


def _audit(folder: DeamFolder, ratings: pd.DataFrame) -> list[dict[str, Any]]:
    dynamic = read_dynamic_means(folder.dynamic) if folder.dynamic else pd.DataFrame(columns=["song_id"])
    rated = ratings.dropna()
    table = []
    for first, last in (
        (0, LAST_EXCHANGED_ID),
        (LAST_EXCHANGED_ID + 1, LAST_1_2000_ID),
        (LAST_1_2000_ID + 1, math.inf),
    ):
        songs = rated[rated["song_id"].between(first, last)]
        if songs.empty:
            continue
        both = songs.merge(dynamic, on="song_id")
        correlations = {
            name: _pearson(both[static], both[mean]) if len(both) > 1 else math.nan
            for name, (static, mean) in CORRELATIONS.items()
        }
        table.append(
            {
                "first_id": int(songs["song_id"].min()),
                "last_id": int(songs["song_id"].max()),
                "num_rated": len(songs),
                "num_songs": len(both),
                **correlations,
                "verdict": _verdict(len(both), correlations),
            }
        )
    return table


def _verdict(num_songs: int, correlations: dict[str, float]) -> str:
    matched = correlations["valence_valence"] + correlations["arousal_arousal"]
    crossed = correlations["valence_arousal"] + correlations["arousal_valence"]
    # Written so that NaN, the correlation of a constant column, leaves the question open.
    if num_songs >= MIN_AUDITED_SONGS and crossed - matched > VERDICT_MARGIN:
        return "exchanged"
    if num_songs >= MIN_AUDITED_SONGS and matched - crossed > VERDICT_MARGIN:
        return "as named"
    return "undecided"


def _require_the_known_exchange(table: list[dict[str, Any]]) -> None:
    """Stops where the correction would exchange what is right, or leave what is not; warns where none can tell."""
    for row in table:
        songs = f"{row['first_id']}-{row['last_id']}"
        if row["verdict"] == "as named" and row["last_id"] <= LAST_EXCHANGED_ID:
            raise ValueError(
                f"labels='corrected' exchanges the columns of songs up to {LAST_EXCHANGED_ID}, but in this copy "
                f"of DEAM the columns of songs {songs} agree with the dynamic annotations as they are named: they were "
                f"corrected before. Load it with labels='published'.\n{format_audit(table)}"
            )
        if row["verdict"] == "exchanged" and row["first_id"] > LAST_EXCHANGED_ID:
            raise ValueError(
                f"labels='corrected' exchanges the columns of songs up to {LAST_EXCHANGED_ID} only, but in this "
                f"copy of DEAM the columns of songs {songs} are exchanged too. Restore the published files, or name "
                f"all columns rightly and load with labels='published'.\n{format_audit(table)}"
            )
    undecided = [f"{row['first_id']}-{row['last_id']}" for row in table if row["verdict"] == "undecided"]
    if undecided:
        logger.warning(
            "Whether valence and arousal of songs %s are exchanged could not be checked (it takes %d songs with "
            "dynamic annotations). Going on as with the published files: exchanged up to %d only.",
            ", ".join(undecided),
            MIN_AUDITED_SONGS,
            LAST_EXCHANGED_ID,
        )


def _pearson(first: pd.Series, second: pd.Series) -> float:
    first, second = first - first.mean(), second - second.mean()
    scale = math.sqrt(float(np.sum(first**2)) * float(np.sum(second**2)))
    return float(np.sum(first * second)) / scale if scale > 0 else math.nan
