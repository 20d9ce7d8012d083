# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Folds of songs for cross-validation, and the ranges of song ids that they hold in equal parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

# Songs of MediaEval 2013, 2014 and 2015: chosen and rated in different ways, 2015's are full songs.
ID_RANGES = ("2-1000", "1001-2000", "2001-2058")
LAST_IDS = (1000, 2000)  # of all ranges but the last


def assign_folds(group_of: dict[int, int], num_folds: int, *, seed: int = 42) -> dict[int, int]:
    """Assigns whole groups of songs to folds, of near equal size within each range of ids and so altogether.

    Groups go by size, the largest first and equal ones in random order, each to the fold that is then the least full
    in the ranges of its songs. Ranges, since the songs of the three MediaEval years differ in kind: every fold tests
    on all of them.

    Args:
        group_of: the group of each song id, as `song_groups` numbers them.
        num_folds: 2 or more.
        seed: of the order among groups of equal size.

    Returns:
        The fold of each song id, from 0.

    Raises:
        ValueError: fewer than two folds, or fewer groups than folds.
    """
    songs_of = songs_by_group(group_of)
    if not 2 <= num_folds <= len(songs_of):
        raise ValueError(
            f"num_folds must be 2 or more, and at most the number of groups (artists or duplicates kept together), "
            f"got {num_folds} for {len(group_of)} songs in {len(songs_of)} groups."
        )
    ranges = {group: np.bincount(id_ranges(songs), minlength=len(ID_RANGES)) for group, songs in songs_of.items()}
    num_songs = np.maximum(1, sum(ranges.values()))  # (ranges,)
    filled = np.zeros((num_folds, len(num_songs)))
    fold_of: dict[int, int] = {}
    shuffled = np.random.default_rng(seed).permutation(sorted(songs_of)).tolist()
    for group in sorted(shuffled, key=lambda group: -len(songs_of[group])):
        # By how much the sum of squares of every fold's share in each range would grow: least where least is lying.
        growth = (((filled + ranges[group]) ** 2 - filled**2) / num_songs).sum(axis=1)
        fold = int(np.lexsort((filled.sum(axis=1), growth))[0])
        filled[fold] += ranges[group]
        fold_of |= dict.fromkeys(songs_of[group], fold)
    return fold_of


def id_ranges(song_ids: ArrayLike) -> np.ndarray:
    """In which of `ID_RANGES` songs lie: (n,), from 0."""
    return np.digitize(np.asarray(song_ids), LAST_IDS, right=True)


def songs_by_group(group_of: dict[int, int]) -> dict[int, list[int]]:
    """The songs of each group, ascending."""
    songs_of: dict[int, list[int]] = {}
    for song in sorted(group_of):
        songs_of.setdefault(group_of[song], []).append(song)
    return songs_of
