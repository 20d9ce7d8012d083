# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
The exchange of valence and arousal in the published song-level ratings of DEAM: its audit and its correction.

In `static_annotations_averaged_songs_1_2000.csv` as distributed, the names of the valence and arousal columns are
exchanged for songs 2-1000. The dynamic annotations of the same songs show it: averaged over time, the dynamic valence
of a song must correlate with its song-level valence more than with its song-level arousal. In the published file this
holds for the songs above 1000 (0.91 against 0.57), and the reverse holds below (0.58 against 0.95).
"""

from __future__ import annotations

import logging
import math
from typing import Any

import pandas as pd

from ..formatting import format_number, format_table
from ..metrics import pearson_r
from .annotations import DeamFolder, read_dynamic_means, read_ratings
from .song_ids import LAST_EXCHANGED_ID, id_range_of
from .splits import LABELS

logger = logging.getLogger(__name__)

# A verdict needs this many songs, and this difference between the sums of the matched and of the crossed correlations.
# Of 5,000 random draws of 10 songs from each id range of DEAM, at most one verdict was wrong, and 90 % had a verdict.
MIN_AUDITED_SONGS = 10
VERDICT_MARGIN = 0.2

CORRELATIONS = {
    "valence_valence": ("valence_mean", "valence"),
    "valence_arousal": ("valence_mean", "arousal"),
    "arousal_arousal": ("arousal_mean", "arousal"),
    "arousal_valence": ("arousal_mean", "valence"),
}


def read_corrected_ratings(folder: DeamFolder, labels: str = "corrected") -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """
    Read the song-level ratings with each column under its own name, after checking that they need the correction.

    Args:
        labels: `"corrected"` exchanges valence and arousal of songs up to 1000; `"published"` leaves them.

    Returns:
        The table of [`read_ratings`], and the audit of the published ratings by [`audit_labels`].

    Raises:
        ValueError: for other `labels`, and when the audit finds that the exchange would put columns under wrong names.
    """
    if labels not in LABELS:
        raise ValueError(f"Expected labels to be one of {', '.join(LABELS)}, but got {labels!r}.")
    ratings = read_ratings(folder.song_level)
    audit = audit_labels(ratings, read_dynamic_means(folder.dynamic))
    if labels == "published":
        return ratings, audit
    _require_known_exchange(audit)
    return exchange_labels(ratings), audit


def audit_labels(ratings: pd.DataFrame, dynamic_means: pd.DataFrame) -> list[dict[str, Any]]:
    """
    Correlate [`read_ratings`] with [`read_dynamic_means`], to find out which columns are exchanged.

    Returns:
        A row for each range of song ids that has rated songs: `first_id`, `last_id`, `num_rated`, `num_songs` (rated
        songs with dynamic annotations), Pearson's r as `valence_valence`, `valence_arousal`, `arousal_arousal` and
        `arousal_valence` (song-level column first, dynamic one second; NaN where undefined), and `verdict`:
        `"exchanged"`, `"as named"` or `"undecided"`.
    """
    rated = ratings.dropna()
    audit = []
    for _, songs in rated.groupby(id_range_of(rated["song_id"])):
        ids = {"first_id": int(songs["song_id"].min()), "last_id": int(songs["song_id"].max())}
        both = songs.merge(dynamic_means, on="song_id")
        correlations = {name: _correlation(both[static], both[mean]) for name, (static, mean) in CORRELATIONS.items()}
        verdict = _verdict(len(both), **correlations)
        audit.append({**ids, "num_rated": len(songs), "num_songs": len(both), **correlations, "verdict": verdict})
    return audit


def format_audit(audit: list[dict[str, Any]]) -> str:
    """Format the rows of [`audit_labels`] as text, for a log or a terminal."""
    rows = [
        [_songs(row), str(row["num_songs"]), *(format_number(row[name]) for name in CORRELATIONS), row["verdict"]]
        for row in audit
    ]
    table = format_table(["songs", "n", "V with V", "V with A", "A with A", "A with V", "columns"], rows)
    return f"Song-level ratings as published against mean dynamic annotations (Pearson's r):\n{table}"


def exchange_labels(ratings: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of the ratings with valence and arousal, means and stds, of the songs up to 1000 exchanged."""
    exchanged = ratings["song_id"] <= LAST_EXCHANGED_ID
    pairs = (("valence_mean", "arousal_mean"), ("valence_std", "arousal_std"))
    other = {name: to for pair in pairs for name, to in (pair, pair[::-1])}
    return pd.concat([ratings[exchanged].rename(columns=other), ratings[~exchanged]])[[*ratings.columns]].sort_index()


def _correlation(first: pd.Series, second: pd.Series) -> float:
    """Pearson's r, or NaN where it is undefined: for fewer than two songs and for a constant column."""
    return pearson_r(first, second) if first.nunique() > 1 and second.nunique() > 1 else math.nan


def _verdict(
    num_songs: int, valence_valence: float, valence_arousal: float, arousal_arousal: float, arousal_valence: float
) -> str:
    difference = valence_arousal + arousal_valence - valence_valence - arousal_arousal  # of crossed and matched
    if num_songs < MIN_AUDITED_SONGS or not abs(difference) > VERDICT_MARGIN:  # which NaN is not
        return "undecided"
    return "exchanged" if difference > 0 else "as named"


def _require_known_exchange(audit: list[dict[str, Any]]) -> None:
    """Stop where the correction would exchange right columns or keep exchanged ones; warn where it is undecided."""
    expected = f"Expected exchanged columns of songs up to {LAST_EXCHANGED_ID}"
    for row in audit:
        if row["verdict"] == "as named" and row["last_id"] <= LAST_EXCHANGED_ID:
            raise ValueError(
                f"{expected}, which labels='corrected' exchanges back, but got songs {_songs(row)} whose columns agree "
                "with the dynamic annotations: this copy of DEAM is corrected already. Load it with "
                f"labels='published'.\n{format_audit(audit)}"
            )
        if row["verdict"] == "exchanged" and row["first_id"] > LAST_EXCHANGED_ID:
            raise ValueError(
                f"{expected} only, but got songs {_songs(row)} whose columns are exchanged too. Restore the published "
                f"files, or correct all columns and load them with labels='published'.\n{format_audit(audit)}"
            )
    undecided = ", ".join(_songs(row) for row in audit if row["verdict"] == "undecided")
    if undecided:
        logger.warning(
            f"Could not check whether valence and arousal of songs {undecided} are exchanged (the check needs "
            f"{MIN_AUDITED_SONGS} songs with dynamic annotations). They are treated as in the published files: "
            f"exchanged up to {LAST_EXCHANGED_ID} only."
        )


def _songs(row: dict[str, Any]) -> str:
    return f"{row['first_id']}-{row['last_id']}"
