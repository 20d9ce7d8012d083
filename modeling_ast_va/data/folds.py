# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Folds of a cross-validation, which test every song once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .groups import songs_by_group


def assign_folds(
    group_of: Mapping[Any, Any], num_folds: int, *, seed: int = 42, subset_of: Mapping[Any, str] | None = None
) -> dict[Any, int]:
    """
    Assign whole groups of songs to folds of nearly equal size, within each subset of the data and in total.

    Groups are taken by size, the largest first and equal ones in random order; each goes to the fold that is then the
    least full in the subsets of its songs. Subsets matter because the songs of the three years of DEAM differ in kind:
    every fold tests on all of them.

    Args:
        group_of: the group of each song id.
        num_folds: from 2 to the number of groups; otherwise a ValueError.
        seed: of the order among groups of equal size.
        subset_of: the subset of each song id.

    Returns:
        The fold of each song id, from 0.
    """
    import numpy as np  # here, since the command line reads names of this package only

    songs_of = songs_by_group(group_of)
    if not 2 <= num_folds <= len(songs_of):
        raise ValueError(
            f"Expected num_folds from 2 to the number of groups (artists or duplicates kept together), but got "
            f"{num_folds} for {len(group_of)} songs in {len(songs_of)} groups."
        )
    subsets = [(subset_of or {}).get(song, "") for song in sorted(group_of)]
    index_of = {subset: index for index, subset in enumerate(dict.fromkeys(subsets))}
    indices = dict(zip(sorted(group_of), (index_of[subset] for subset in subsets)))
    sizes = {
        group: np.bincount([indices[song] for song in songs], minlength=len(index_of))
        for group, songs in songs_of.items()
    }
    num_songs = np.sum(list(sizes.values()), axis=0)  # (subsets,)
    filled = np.zeros((num_folds, len(num_songs)))
    fold_of: dict[Any, int] = {}
    shuffled = np.random.default_rng(seed).permutation(sorted(songs_of)).tolist()
    for group in sorted(shuffled, key=lambda group: -len(songs_of[group])):
        # Growth of the sum over subsets of squared sizes, which is smallest for the least full fold.
        growth = (((filled + sizes[group]) ** 2 - filled**2) / num_songs).sum(axis=1)
        fold = int(np.lexsort((filled.sum(axis=1), growth))[0])
        filled[fold] += sizes[group]
        fold_of |= dict.fromkeys(songs_of[group], fold)
    return fold_of
