# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Playlists (`.m3u8`, `.m3u`) of songs that a table selects."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..argument_parser import check_output
from ..download_ast_va import is_address
from ..prediction.summary import printable
from ..prediction.whole_file import whole_file
from .selection import select, sort
from .table import as_path, rated, read_songs

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

ENDINGS = (".m3u8", ".m3u")
UNKNOWN_SECONDS = -1  # the length of a song that a playlist does not state


def make_playlist(
    table: str | Path,
    output: str | Path,
    *,
    where: str | None = None,
    sort_by: str | None = None,
    limit: int | None = None,
) -> None:
    """
    Write the songs of a table as an extended M3U playlist in UTF-8.

    Paths are relative to the folder of the playlist where they are below it, else absolute. A file that does not exist,
    or whose name cannot be a line of a playlist, is logged and left out.

    Args:
        table: what `predict` has written, with one row per song.
        output: playlist to write, ending in `.m3u8` or `.m3u`.
        where: expression that selects songs, such as `"valence > 6 and arousal < 4"`; None is all that are rated.
        sort_by: columns such as `"-valence"`, with a minus for the largest first; None is the order of the table.
        limit: largest number of songs.

    Raises:
        ValueError: for another table, ending, expression or column, and if no song is left.
    """
    output = Path(output)
    if output.suffix.lower() not in ENDINGS:
        raise ValueError(f"Expected a playlist ending in {' or '.join(ENDINGS)}, but got {str(output)!r}.")
    check_output(output, is_folder=False)
    songs = rated(read_songs(table))
    selected = songs if where is None else select(songs, where)
    if selected.empty:
        condition = "" if where is None else f" with {where}"
        raise ValueError(f"Expected rated songs{condition} in {str(table)!r}, but got none out of {len(songs):,}.")
    if sort_by is not None:
        selected = sort(selected, sort_by)
    entries = _entries(selected, output.absolute().parent, limit)
    if not entries:
        raise ValueError(
            f"Expected files that exist, but got none out of the {len(selected):,} selected songs. "
            "Paths in a table are relative to the folder in which predict ran."
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(output) as unfinished:
        # Bytes of a name that are not text are written as they are: no other name leads to the file.
        unfinished.write_text("\n".join(["#EXTM3U", *entries, ""]), "utf-8", "surrogateescape", newline="\n")
    print(f"{len(entries):,} of {len(songs):,} rated songs are in {printable(str(output))}.")


def _entries(songs: pd.DataFrame, folder: Path, limit: int | None) -> list[str]:
    """The entries of a playlist in a folder, up to `limit`; a song that cannot be one is logged."""
    entries: list[str] = []
    for song in songs.to_dict("records"):
        if len(entries) == limit:
            break
        path = as_path(song["path"])
        if reason := _reason_against(path):
            logger.warning("Left out: %s: %s", printable(path), reason)
        else:
            entries.append(f"#EXTINF:{UNKNOWN_SECONDS},{_title(song, path)}\n{_address(path, folder)}")
    return entries


def _reason_against(path: str) -> str:
    """Why a path cannot be in a playlist; empty if it can."""
    if "\n" in path or "\r" in path or path != path.rstrip():
        return "a line break or last space of a name cannot be in a playlist"
    return "" if is_address(path) or os.path.exists(path) else "it does not exist"


def _title(song: Mapping[Any, Any], path: str) -> str:
    """`Artist - Title` in one line; the name of the file for a song without title."""
    names = [song.get("artist", ""), song.get("title", "")] if song.get("title") else [Path(path).stem]
    return " - ".join(" ".join(printable(name).split()) for name in names if name)


def _address(path: str, folder: Path) -> str:
    """The path of a file in a playlist in a folder; an address of a server is its own."""
    if is_address(path):
        return path
    absolute = Path(os.path.abspath(path))
    if not absolute.is_relative_to(folder):
        return str(absolute)
    relative = str(absolute.relative_to(folder))
    # A line that begins with # is a comment, and players ignore spaces at the start.
    return f".{os.sep}{relative}" if relative.startswith("#") or relative != relative.lstrip() else relative
