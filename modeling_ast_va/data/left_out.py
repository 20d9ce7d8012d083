# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The report of songs that are left out of a data set: their list of `song_id`, `reason` and `detail` as text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

MAX_REPORTED = 12  # songs or runs of songs in one line of the report; the list names all


def format_left_out(left_out: Sequence[dict[str, Any]]) -> str:
    """Format the report of songs that are left out: a line for each reason."""
    lines = [f"{len(left_out)} songs are left out:"]
    for reason in sorted({song["reason"] for song in left_out}):
        songs = [song for song in left_out if song["reason"] == reason]
        ids_of: dict[str, list[int]] = {}
        for song in songs:
            ids_of.setdefault(song["detail"], []).append(song["song_id"])
        details = [f"{_abbreviate(_ranges(ids))} ({detail.removesuffix('.')})" for detail, ids in ids_of.items()]
        lines.append(f"  {len(songs)} {reason}: {_abbreviate(details, separator='; ')}")
    return "\n".join(lines)


def _ranges(song_ids: list[int]) -> list[str]:
    """Song ids as text, with consecutive ones as a range."""
    runs = [
        [song for _, song in run] for _, run in groupby(enumerate(sorted(song_ids)), lambda pair: pair[1] - pair[0])
    ]
    return [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]


def _abbreviate(names: list[str], separator: str = ", ") -> str:
    return separator.join(names[:MAX_REPORTED] + ["..."] * (len(names) > MAX_REPORTED))
