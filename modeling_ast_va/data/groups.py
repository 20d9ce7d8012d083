# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Groups of songs that no split may separate: songs of one artist, and recordings that the data hold more than once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

Id = TypeVar("Id", int, str)


def artist_groups(song_ids: Sequence[Id], artist_keys: Iterable[str], duplicates: Iterable[Sequence[Id]]) -> list[Id]:
    """
    Number the groups of songs of one artist or recording by their lowest song id.

    Args:
        song_ids: of each song.
        artist_keys: of each song; songs of one key are of one artist, and an empty one joins no songs.
        duplicates: songs that are one recording; ids that are not among `song_ids` are ignored.
    """
    return _join(song_ids, (key or None for key in artist_keys), duplicates)


def recording_groups(
    song_ids: Sequence[Id], artists: Iterable[str], titles: Iterable[str], duplicates: Iterable[Sequence[Id]]
) -> list[Id]:
    """Number the groups of songs that are one recording, known by artist and title or by `duplicates`, likewise."""
    keys = ((name_key(artist), name_key(title)) for artist, title in zip(artists, titles))
    return _join(song_ids, (key if all(key) else None for key in keys), duplicates)


def _join(song_ids: Sequence[Id], keys: Iterable[Hashable], duplicates: Iterable[Sequence[Id]]) -> list[Id]:
    parent = {song: song for song in song_ids}

    def root(song: Id) -> Id:
        while parent[song] != song:
            song = parent[song]
        return song

    def join(first: Id, second: Id) -> None:
        low, high = sorted((root(first), root(second)))
        parent[high] = low

    first_of: dict[Hashable, Id] = {}
    for song, key in zip(song_ids, keys):
        if key is not None:
            join(song, first_of.setdefault(key, song))
    for same in duplicates:
        for first, second in pairwise(song for song in same if song in parent):
            join(first, second)
    return [root(song) for song in song_ids]


def songs_by_group(group_of: Mapping[Id, Id]) -> dict[Id, list[Id]]:
    """Return the songs of each group in ascending order, given the group of each song."""
    songs_of: dict[Id, list[Id]] = {}
    for song in sorted(group_of):
        songs_of.setdefault(group_of[song], []).append(song)
    return songs_of


def name_key(name: str) -> str:
    """A name without differences of case and blanks; empty for an unknown one."""
    return " ".join(name.casefold().split())
