# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Groups of songs that no split may separate: songs of one artist, and recordings that DEAM holds more than once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

# Recordings that DEAM holds more than once (same artist and title): they stay together without metadata too.
KNOWN_DUPLICATES = (
    (187, 1170),
    (1087, 1090, 1091, 1092),
    (1516, 1578, 1600),
    (1621, 1622, 1629),
    (1701, 1702),
    (1870, 1871),
    (1902, 1903),
)


def song_groups(
    song_ids: Sequence[int], artists: Iterable[str], titles: Iterable[str], *, by: str = "artist"
) -> list[int]:
    """
    Number the groups of songs that no split may separate by their lowest song id.

    Args:
        song_ids, artists, titles: of each song or segment; unknown names are empty strings, which join no songs.
        by: `"artist"` joins the songs of an artist; `"song"` only repeated recordings (same artist and title).
    """
    parent = {song: song for song in song_ids}

    def root(song: int) -> int:
        while parent[song] != song:
            song = parent[song]
        return song

    def join(first: int, second: int) -> None:
        low, high = sorted((root(first), root(second)))
        parent[high] = low

    first_of: dict[tuple[str, ...], int] = {}
    for song, artist, title in zip(song_ids, artists, titles):
        key = (_artist_key(artist),) if by == "artist" else (_name_key(artist), _name_key(title))
        if all(key):
            join(song, first_of.setdefault(key, song))
    for duplicates in KNOWN_DUPLICATES:
        for first, second in pairwise(song for song in duplicates if song in parent):
            join(first, second)
    return [root(song) for song in song_ids]


def songs_by_group(group_of: Mapping[int, int]) -> dict[int, list[int]]:
    """Return the songs of each group in ascending order, given the group of each song."""
    songs_of: dict[int, list[int]] = {}
    for song in sorted(group_of):
        songs_of.setdefault(group_of[song], []).append(song)
    return songs_of


def _artist_key(artist: str) -> str:
    # The text after a hyphen is dropped because the 2013 metadata often puts artist and work into one field, such as
    # "Kevin MacLeod-Night on the Docks". Joining too many songs does not harm a split; joining too few leaks.
    return _name_key(artist.split("-")[0]) or _name_key(artist)


def _name_key(name: str) -> str:
    return " ".join(name.casefold().split())
