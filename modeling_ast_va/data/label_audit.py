# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
The exchange of valence and arousal in the published song-level ratings of DEAM: its audit and its correction.

In `static_annotations_averaged_songs_1_2000.csv` as distributed, the names of the valence and arousal columns are
exchanged for songs 2-1000. The dynamic annotations of the same songs show it: averaged over time, the dynamic valence
of a song must correlate with its song-level valence more than with its song-level arousal. In the published file this
holds for the songs above 1000 (0.91 against 0.57), and the reverse holds below (0.58 against 0.95).

Correlations do not show that only a part of the songs was corrected, since the two kinds of songs cancel. So each song
is checked: where valence and arousal are clearly apart, the higher of its ratings must be the higher of its dynamic
means. The verdicts are counts of these songs.
"""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np
import pandas as pd

from ..audio_ast_va import RATING_SCALE
from ..formatting import format_number, format_table
from ..metrics import pearson_r
from .annotations import DeamFolder, read_dynamic_means, read_ratings
from .left_out import format_ids
from .song_ids import LAST_EXCHANGED_ID, id_range_of
from .splits import LABELS

logger = logging.getLogger(__name__)

EXCHANGED, AS_NAMED, MIXED, UNDECIDED = "exchanged", "as named", "mixed", "undecided"

# A song shows the order of its columns if valence and arousal are this many points apart, in its ratings and in its
# dynamic means. 333 songs of DEAM do, 180 of them up to 1000, and none shows the wrong order; with 0.5 points, one song
# up to 1000 would, and with 0.8 points one above. Two songs are therefore evidence, and one alone may be a coincidence.
CLEAR_POINTS = 1.0
MIN_CLEAR_SONGS = 2
POINTS_OF_DYNAMIC = (RATING_SCALE[1] - RATING_SCALE[0]) / 2  # dynamic annotations are from -1 to 1

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
            With `"published"`, a warning reports columns that are neither as published nor all corrected.
    """
    if labels not in LABELS:
        raise ValueError(f"Expected labels to be one of {', '.join(LABELS)}, but got {labels!r}.")
    ratings, dynamic_means = read_ratings(folder.song_level), read_dynamic_means(folder.dynamic)
    audit, orders = audit_labels(ratings, dynamic_means), column_orders(ratings, dynamic_means)
    unexpected = [row for row in audit if row["verdict"] not in (_published_order(row), UNDECIDED)]
    is_corrected = all(row["verdict"] == AS_NAMED for row in unexpected)
    if labels == "published":
        if not is_corrected:
            logger.warning(_describe(unexpected, orders))
        return ratings, audit
    if unexpected:
        raise ValueError(_describe(unexpected, orders))
    _warn_of_thin_evidence(audit, orders)
    return exchange_labels(ratings), audit


def audit_labels(ratings: pd.DataFrame, dynamic_means: pd.DataFrame) -> list[dict[str, Any]]:
    """
    Compare [`read_ratings`] with [`read_dynamic_means`], to find out which columns are exchanged.

    Returns:
        A row for each range of song ids that has rated songs: `first_id`, `last_id`, `num_rated`, `num_songs` (rated
        songs with dynamic annotations), Pearson's r as `valence_valence`, `valence_arousal`, `arousal_arousal` and
        `arousal_valence` (song-level column first, dynamic one second; NaN where undefined), `num_exchanged` and
        `num_as_named` (songs of each of [`column_orders`]), and `verdict`: `"exchanged"`, `"as named"`, `"mixed"` or
        `"undecided"`.
    """
    rated = ratings.dropna()
    audit = []
    for _, songs in rated.groupby(id_range_of(rated["song_id"])):
        both = songs.merge(dynamic_means, on="song_id")
        orders = column_orders(songs, dynamic_means)
        counts = {"num_exchanged": int((orders == EXCHANGED).sum()), "num_as_named": int((orders == AS_NAMED).sum())}
        audit.append(
            {
                "first_id": int(songs["song_id"].min()),
                "last_id": int(songs["song_id"].max()),
                "num_rated": len(songs),
                "num_songs": len(both),
                **{name: _correlation(both[static], both[mean]) for name, (static, mean) in CORRELATIONS.items()},
                **counts,
                "verdict": _verdict(**counts),
            }
        )
    return audit


def column_orders(ratings: pd.DataFrame, dynamic_means: pd.DataFrame) -> pd.Series:
    """Return `"exchanged"` or `"as named"` for each song that shows the order of its columns, by `song_id`."""
    both = ratings.dropna().merge(dynamic_means, on="song_id").set_index("song_id")
    rated = both["valence_mean"] - both["arousal_mean"]
    dynamic = POINTS_OF_DYNAMIC * (both["valence"] - both["arousal"])
    clear = (rated.abs() >= CLEAR_POINTS) & (dynamic.abs() >= CLEAR_POINTS)
    return pd.Series(np.where(rated * dynamic > 0, AS_NAMED, EXCHANGED), both.index)[clear]


def format_audit(audit: list[dict[str, Any]]) -> str:
    """Format the rows of [`audit_labels`] as text, for a log or a terminal."""
    counts = ("num_songs", "num_exchanged", "num_as_named")
    rows = [
        [
            _songs(row),
            *(str(row[name]) for name in counts),
            *(format_number(row[name]) for name in CORRELATIONS),
            row["verdict"],
        ]
        for row in audit
    ]
    titles = ["songs", "n", "exchanged", "as named", "V with V", "V with A", "A with A", "A with V", "columns"]
    return (
        "Song-level ratings as published against mean dynamic annotations (songs that show an order of the columns; "
        f"Pearson's r):\n{format_table(titles, rows)}"
    )


def exchange_labels(ratings: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of the ratings with valence and arousal, means and stds, of the songs up to 1000 exchanged."""
    exchanged = ratings["song_id"] <= LAST_EXCHANGED_ID
    pairs = (("valence_mean", "arousal_mean"), ("valence_std", "arousal_std"))
    other = {name: to for pair in pairs for name, to in (pair, pair[::-1])}
    return pd.concat([ratings[exchanged].rename(columns=other), ratings[~exchanged]])[[*ratings.columns]].sort_index()


def _correlation(first: pd.Series, second: pd.Series) -> float:
    """Pearson's r, or NaN where it is undefined: for fewer than two songs and for a constant column."""
    return pearson_r(first, second) if first.nunique() > 1 and second.nunique() > 1 else math.nan


def _verdict(num_exchanged: int, num_as_named: int) -> str:
    fewer, more = sorted((num_exchanged, num_as_named))
    if more < MIN_CLEAR_SONGS:
        return UNDECIDED
    if fewer >= MIN_CLEAR_SONGS:
        return MIXED
    return EXCHANGED if num_exchanged == more else AS_NAMED


def _published_order(row: dict[str, Any]) -> str:
    return EXCHANGED if row["last_id"] <= LAST_EXCHANGED_ID else AS_NAMED


def _describe(unexpected: list[dict[str, Any]], orders: pd.Series) -> str:
    """The error of ranges whose columns are not in the published order: the evidence, and what to do."""
    expected = " and ".join(f"songs {_songs(row)} with their columns {_published_order(row)}" for row in unexpected)
    got = "; ".join(_evidence(row, orders) for row in unexpected)
    advice = (
        "This copy of DEAM is corrected already: load it with labels='published'."
        if all(row["verdict"] == AS_NAMED for row in unexpected)
        else "Restore the published files, or correct the columns of all songs and load them with labels='published'."
    )
    return f"Expected {expected}, as DEAM is published, but got {got}. {advice}"


def _evidence(row: dict[str, Any], orders: pd.Series) -> str:
    """How many songs of a range are exchanged and how many are not, with examples."""
    of_range = orders.loc[row["first_id"] : row["last_id"]]
    words = {EXCHANGED: EXCHANGED, AS_NAMED: "corrected already" if row["last_id"] <= LAST_EXCHANGED_ID else AS_NAMED}
    ids_of = {order: of_range.index[of_range == order].tolist() for order in words}
    counts = [f"{len(ids)} {words[order]} ({format_ids(ids)})" for order, ids in ids_of.items() if ids]
    return f"{' and '.join(counts)} of the {len(of_range)} songs whose dynamic annotations show the order"


def _warn_of_thin_evidence(audit: list[dict[str, Any]], orders: pd.Series) -> None:
    """Warn of what is treated as published although the audit cannot say so of all songs."""
    doubts = []
    undecided = ", ".join(_songs(row) for row in audit if row["verdict"] == UNDECIDED)
    if undecided:
        doubts.append(
            f"whether valence and arousal of songs {undecided} are exchanged (the check needs {MIN_CLEAR_SONGS} songs "
            f"with {CLEAR_POINTS:g} point or more between the two, in ratings and dynamic annotations)"
        )
    for row in audit:
        of_range = orders.loc[row["first_id"] : row["last_id"]]
        if odd := of_range.index[of_range != _published_order(row)].tolist():
            doubts.append(f"song {format_ids(odd)}, whose columns the dynamic annotations show in the other order")
        if 0 < row["num_songs"] < row["num_rated"]:
            missing = row["num_rated"] - row["num_songs"]
            doubts.append(f"{missing} of songs {_songs(row)}, which have no dynamic annotations")
    if doubts:
        logger.warning(
            f"Could not check {'; '.join(doubts)}. They are treated as in the published files: exchanged up to "
            f"{LAST_EXCHANGED_ID} only."
        )


def _songs(row: dict[str, Any]) -> str:
    first, last = row["first_id"], row["last_id"]
    return f"{first}-{last}" if first < last else str(first)
