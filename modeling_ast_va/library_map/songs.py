# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The songs of a table in the columns that a page reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..audio_ast_va import RATING_SCALE
from ..collection.table import NUMBERS, check_numbers
from ..prediction.summary import QUADRANTS
from .arrays import distinct, encode

if TYPE_CHECKING:
    import pandas as pd

OPTIONAL_NUMBERS = (
    *(f"{dimension}_{end}" for dimension in NUMBERS for end in ("low", "high")),
    *(f"{dimension}_percentile" for dimension in NUMBERS),
    "quadrant_probability",
)
MAX_UNRATED = 200  # that are listed


def song_columns(songs: pd.DataFrame, expected: str) -> dict[str, Any]:
    """
    Ratings and names of rated songs. Intervals, percentiles and probabilities are there if a song has them.

    Args:
        expected: begins the message of an error.

    Raises:
        ValueError: for ratings outside the scale, columns that are no numbers, and other quadrants.
    """
    low, high = RATING_SCALE
    outside = songs[~songs[NUMBERS].ge(low).all(axis=1) | ~songs[NUMBERS].le(high).all(axis=1)]
    if not outside.empty:
        raise ValueError(f"{expected} has ratings outside the scale from {low} to {high}: {_first(outside, NUMBERS)}.")
    others = songs[~songs["quadrant"].isin(QUADRANTS)]
    if not others.empty:
        raise ValueError(f"{expected} has quadrants other than {', '.join(QUADRANTS)}: {_first(others, ['quadrant'])}.")
    optional = [name for name in OPTIONAL_NUMBERS if name in songs and songs[name].notna().any()]
    check_numbers(songs, optional, expected)
    return {
        "count": len(songs),
        "quadrant": encode([QUADRANTS.index(name) for name in songs["quadrant"]], "u1"),
        "numbers": {name: encode(songs[name], "f4") for name in (*NUMBERS, *optional)},
        "title": _texts(songs, "title"),
        "artist": distinct(_texts(songs, "artist")),
        "album": distinct(_texts(songs, "album")),
    }


def unrated_columns(songs: pd.DataFrame) -> dict[str, Any]:
    """How many songs could not be rated, and the first of them with the reasons."""
    first = songs.head(MAX_UNRATED)
    return {"count": len(songs), "path": list(first["path"]), "error": list(first["error"])}


def _texts(songs: pd.DataFrame, name: str) -> list[str]:
    return [str(text) for text in songs[name]] if name in songs else [""] * len(songs)


def _first(songs: pd.DataFrame, names: list[str]) -> str:
    """The first song with its values, for a message."""
    values = ", ".join(f"{name} {songs[name].iloc[0]!s}" for name in names)
    return f"{values} of {songs['path'].iloc[0]!r}"
