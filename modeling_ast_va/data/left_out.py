# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
The report of songs that are left out of a data set: their list of `song_id`, `reason` and `detail` as text.

A file whose name is no song id has its name in place of the id.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

MAX_REPORTED = 12  # songs or runs of songs in one line of the report; the list names all


def format_left_out(left_out: Sequence[dict[str, Any]]) -> str:
    """Format the report of songs that are left out: a line for each reason."""
    lines = [f"{len(left_out)} {'song is' if len(left_out) == 1 else 'songs are'} left out{':' if left_out else '.'}"]
    for reason in sorted({song["reason"] for song in left_out}):
        songs = [song for song in left_out if song["reason"] == reason]
        ids_of: dict[str, list[int | str]] = {}
        for song in songs:
            ids_of.setdefault(song["detail"], []).append(song["song_id"])
        details = [f"{format_ids(ids)} ({detail.removesuffix('.')})" for detail, ids in ids_of.items()]
        lines.append(f"  {len(songs)} {reason}: {_abbreviate(details, separator='; ')}")
    return "\n".join(lines)


def format_ids(song_ids: Sequence[int | str]) -> str:
    """Format song ids in ascending order, with consecutive ones as a range, and then names; only the first of many."""
    numbers = sorted(song for song in song_ids if isinstance(song, int))
    runs = [[song for _, song in run] for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
    ranges = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    return _abbreviate(ranges + sorted(repr(song) for song in song_ids if isinstance(song, str)))


def _abbreviate(names: list[str], separator: str = ", ") -> str:
    return separator.join(names[:MAX_REPORTED] + ["..."] * (len(names) > MAX_REPORTED))
