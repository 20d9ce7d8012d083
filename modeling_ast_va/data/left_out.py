# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The report of songs that are left out of a data set: their list of `song_id`, `reason` and `detail` as text."""

from __future__ import annotations

from collections.abc import Sequence
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
    runs: list[list[int]] = []
    for song_id in sorted(song_ids):
        if runs and song_id == runs[-1][1] + 1:
            runs[-1][1] = song_id
        else:
            runs.append([song_id, song_id])
    return [str(first) if first == last else f"{first}-{last}" for first, last in runs]


def _abbreviate(names: list[str], separator: str = ", ") -> str:
    return separator.join(names[:MAX_REPORTED] + ["..."] * (len(names) > MAX_REPORTED))
