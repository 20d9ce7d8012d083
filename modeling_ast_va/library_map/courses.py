# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Valence and arousal over time of the songs of a map, thinned and quantised so that a page stays small."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..audio_ast_va import RATING_SCALE
from ..collection.table import NUMBERS, check_numbers, read_table
from ..metrics import DIMENSIONS
from .arrays import encode

if TYPE_CHECKING:
    import pandas as pd

MAX_VALUES = 1_500_000  # of all songs, a byte each
FEWEST_POINTS, MOST_POINTS = 16, 240  # of a song
STEPS = 255  # of the rating scale


class Courses(NamedTuple):
    """
    The courses of the songs of a map.

    Args:
        columns: what the page reads.
        num_songs: songs that have a course.
        num_others: songs of the course's table that are not on the map.
    """

    columns: dict[str, Any]
    num_songs: int
    num_others: int


def read_courses(table: str | Path, paths: pd.Series) -> Courses:
    """
    Read the table that `predict --frames` or `predict --segments` writes.

    Args:
        paths: the songs of the map.

    Raises:
        ValueError: for another table, and for one without any of the songs.
    """
    import pandas as pd

    rows = read_table(table)
    expected = f"Expected a table of frames or segments that predict writes, but {str(table)!r}"
    times = ["time"] if "time" in rows else ["start", "end"]
    if missing := [name for name in ("path", *times, *NUMBERS) if name not in rows]:
        kind = " It is a table of songs." if "quadrant" in rows else ""
        raise ValueError(f"{expected} has no column {', '.join(missing)}.{kind}")
    check_numbers(rows, [*times, *NUMBERS], expected)
    rows = rows.dropna(subset=[*times, *NUMBERS])  # a song that is not rated has a row without numbers
    places = pd.Series(range(len(paths)), index=paths.array)
    songs = rows["path"].map(places[~places.index.duplicated()])
    if songs.isna().all():
        raise ValueError(f"Expected the course of songs on the map, but {str(table)!r} has none of them.")
    num_others = rows["path"][songs.isna()].nunique()
    rows, songs = rows[songs.notna()], songs.dropna()
    seconds, ratings = rows[times].mean(axis=1).to_numpy(float), rows[NUMBERS].to_numpy(float)
    columns = course_columns(songs.to_numpy(int), seconds, ratings, len(paths))
    return Courses(columns, songs.nunique(), num_others)


def course_columns(
    songs: NDArray[Any], seconds: NDArray[np.float64], ratings: NDArray[np.float64], num_songs: int
) -> dict[str, Any]:
    """
    Courses of equally many points where they are long: each point is the mean of rows that follow each other.

    Args:
        songs: number of the song of each row, in any order.
        seconds: time of each row.
        ratings: valence and arousal of each row, in rating points.

    Shape:
        songs, seconds: `(num_rows,)`; ratings: `(num_rows, 2)`.

    Returns:
        For each song the number of points, the time of the first one and the step between them, in seconds; and for
        each dimension the points of all songs, one after the other, in steps of the scale.
    """
    order = np.lexsort((seconds, songs))
    songs, seconds, ratings = songs[order], seconds[order], ratings[order]
    num_rows = np.bincount(songs, minlength=num_songs)
    num_courses = max(1, int(np.count_nonzero(num_rows)))
    most = max(FEWEST_POINTS, min(MOST_POINTS, MAX_VALUES // (len(DIMENSIONS) * num_courses)))
    num_points = np.minimum(num_rows, most)
    rank = np.arange(len(songs)) - (np.cumsum(num_rows) - num_rows)[songs]
    points = (np.cumsum(num_points) - num_points)[songs] + rank * num_points[songs] // num_rows[songs]
    per_point = np.bincount(points)
    means = [np.bincount(points, weights=values) / per_point for values in (seconds, *ratings.T)]
    first, last = np.zeros(num_songs), np.zeros(num_songs)
    with_course, ends = num_points > 0, np.cumsum(num_points)[num_points > 0]
    first[with_course], last[with_course] = means[0][ends - num_points[with_course]], means[0][ends - 1]
    return {
        "count": encode(num_points, "u1"),
        "first": encode(first, "f4"),
        "step": encode((last - first) / np.maximum(1, num_points - 1), "f4"),
        **{name: encode(_in_steps(values), "u1") for name, values in zip(DIMENSIONS, means[1:])},
    }


def _in_steps(ratings: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = RATING_SCALE
    return np.clip(np.rint((ratings - low) / (high - low) * STEPS), 0, STEPS)
