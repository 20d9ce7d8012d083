# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Training, validation and test splits of songs, and folds for cross-validation.

Songs of one artist share recording, instruments and mood. If they are in training and test, a model can recognise the
artist instead of the emotion, so the default split keeps all songs of an artist together, as well as recordings that
DEAM holds more than once. Folds do the same, and test every song once.

Numpy and torch are imported inside functions: the command line needs only the names and settings of this file.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .groups import songs_by_group
from .song_ids import FIRST_2015_ID, ID_RANGES, id_range_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

LABELS = ("corrected", "published")  # whether the exchanged columns of DEAM are corrected; see `label_audit.py`
SPLITS = ("train", "validation", "test")
SPLIT_BY = ("artist", "song", "segment", "mediaeval2015", "none")
VALIDATION_RATIO = 0.1
TEST_RATIO = 0.1


@dataclass(frozen=True)
class SplitSettings:
    """
    How songs are split into training, validation and test: 80/10/10 by default.

    Args:
        split_by: `"artist"` keeps the songs of an artist together; `"song"` keeps the segments of a song together;
            `"segment"` is the split of the notebook, which leaks because segments of one song are in training and
            test; `"mediaeval2015"` tests on songs 2001-2058; with `"none"` all songs train.
        seed: of the draw.
        num_folds: tests on one of this many folds in place of 10 % of the songs; see [`assign_folds`].
        fold: which of the folds, from 0.
        validation_ratio: share of all songs to validate on; with 0 there is no such split, and they train.

    Raises:
        ValueError: for a value that does not exist, and for values that do not go together.
    """

    split_by: str = "artist"
    seed: int = 42
    num_folds: int | None = None
    fold: int | None = None
    validation_ratio: float = VALIDATION_RATIO

    def __post_init__(self) -> None:
        if self.split_by not in SPLIT_BY:
            raise ValueError(f"Expected split_by to be one of {', '.join(SPLIT_BY)}, but got {self.split_by!r}.")
        if not 0 <= self.validation_ratio <= 0.5:
            raise ValueError(f"Expected validation_ratio from 0 to 0.5, but got {self.validation_ratio}.")
        if self.validation_ratio != VALIDATION_RATIO and self.split_by in ("segment", "none"):
            raise ValueError(
                f"Expected no validation_ratio with split_by={self.split_by!r}, but got {self.validation_ratio}: "
                "'segment' is the exact split of the notebook, and with 'none' every song trains."
            )
        if self.num_folds is None and self.fold is None:
            return
        if self.num_folds is None or self.fold is None or self.num_folds < 2 or not 0 <= self.fold < self.num_folds:
            raise ValueError(
                "Expected num_folds of 2 or more together with a fold from 0 to num_folds - 1, but got "
                f"num_folds={self.num_folds} and fold={self.fold}."
            )
        if self.split_by not in ("artist", "song"):
            raise ValueError(f"Expected split_by to be artist or song with num_folds, but got {self.split_by!r}.")


def split_segments(
    song_ids: Sequence[int], groups: Sequence[int], settings: SplitSettings
) -> dict[str, NDArray[np.int64]]:
    """
    Draw training, validation and test segments.

    Args:
        song_ids: of each segment, in ascending order of songs and of segments in a song.
        groups: of each segment, as [`~groups.song_groups`] numbers them: their songs stay together.
        settings: of the split.

    Returns:
        The indices of the segments of `train`, `validation` and `test`, each ascending, without splits that are not
        requested: only `train` where `split_by` is `"none"`, no `validation` where its ratio is 0.

    Raises:
        ValueError: when there are too few songs for these splits.
    """
    import numpy as np

    if settings.split_by == "none":
        return {"train": np.arange(len(song_ids))}
    if settings.split_by == "segment":
        logger.warning("split_by='segment' puts segments of one song into training and test: its test results leak.")
        indices = _split_rows(len(song_ids), settings.seed)
    else:
        split_of = split_songs(dict(zip(song_ids, groups)), settings)
        names = np.array([split_of[song] for song in song_ids])
        indices = {name: np.flatnonzero(names == name) for name in SPLITS}
    if not settings.validation_ratio:
        del indices["validation"]
    empty = [name for name, index in indices.items() if not len(index)]
    if empty:
        raise ValueError(
            f"Expected enough songs for every split, but got {len(song_ids)} segments of {len(set(song_ids))} songs in "
            f"{len(set(groups))} groups (artists or duplicates kept together): {', '.join(empty)} would be empty."
        )
    return indices


def split_songs(group_of: Mapping[int, int], settings: SplitSettings) -> dict[int, str]:
    """Assign whole groups of songs to splits, given the group of each song id; a split can be empty."""
    import numpy as np

    rng = np.random.default_rng(settings.seed)
    if settings.num_folds is not None and settings.fold is not None:
        fold_of = assign_folds(group_of, settings.num_folds, seed=settings.seed)
        test = {song for song in group_of if fold_of[song] == settings.fold}
        rng = np.random.default_rng((settings.seed, settings.fold))
    elif settings.split_by == "mediaeval2015":
        test = {song for song in group_of if song >= FIRST_2015_ID}
    else:
        test = _draw(group_of, TEST_RATIO * len(group_of), rng)
    rest = {song: group for song, group in group_of.items() if song not in test}
    num_validation = settings.validation_ratio * len(group_of)
    validation = _draw(rest, num_validation, rng) if num_validation else set()
    return {song: "test" if song in test else "validation" if song in validation else "train" for song in group_of}


def assign_folds(group_of: Mapping[int, int], num_folds: int, *, seed: int = 42) -> dict[int, int]:
    """
    Assign whole groups of songs to folds of nearly equal size, within each range of song ids and in total.

    Groups are taken by size, the largest first and equal ones in random order; each goes to the fold that is then the
    least full in the ranges of its songs. Ranges matter because the songs of the three MediaEval years differ in kind:
    every fold tests on all of them.

    Args:
        group_of: the group of each song id.
        num_folds: from 2 to the number of groups; otherwise a ValueError.
        seed: of the order among groups of equal size.

    Returns:
        The fold of each song id, from 0.
    """
    import numpy as np

    songs_of = songs_by_group(group_of)
    if not 2 <= num_folds <= len(songs_of):
        raise ValueError(
            f"Expected num_folds from 2 to the number of groups (artists or duplicates kept together), but got "
            f"{num_folds} for {len(group_of)} songs in {len(songs_of)} groups."
        )
    ranges = {group: np.bincount(id_range_of(songs), minlength=len(ID_RANGES)) for group, songs in songs_of.items()}
    num_songs = np.maximum(1, sum(ranges.values()))  # (ranges,)
    filled = np.zeros((num_folds, len(num_songs)))
    fold_of: dict[int, int] = {}
    shuffled = np.random.default_rng(seed).permutation(sorted(songs_of)).tolist()
    for group in sorted(shuffled, key=lambda group: -len(songs_of[group])):
        # Growth of the sum over ranges of squared sizes, which is smallest for the least full fold.
        growth = (((filled + ranges[group]) ** 2 - filled**2) / num_songs).sum(axis=1)
        fold = int(np.lexsort((filled.sum(axis=1), growth))[0])
        filled[fold] += ranges[group]
        fold_of |= dict.fromkeys(songs_of[group], fold)
    return fold_of


def _draw(group_of: Mapping[int, int], num_songs: float, rng: np.random.Generator) -> set[int]:
    """Draw groups in random order, skipping each that would exceed `num_songs` songs in total."""
    # A very productive artist therefore never fills a small split, but trains. Only where even the smallest group is
    # too large, one of that size is drawn.
    songs_of = songs_by_group(group_of)
    limit = max([round(num_songs), *sorted(map(len, songs_of.values()))[:1]])
    drawn: set[int] = set()
    for group in rng.permutation(sorted(songs_of)).tolist():
        if len(drawn) + len(songs_of[group]) <= limit:
            drawn.update(songs_of[group])
    return drawn


def _split_rows(num_rows: int, seed: int) -> dict[str, NDArray[np.int64]]:
    """The exact draw of the notebook: `torch.utils.data.random_split` of rows into 80, 10 and 10 %."""
    import numpy as np
    import torch

    order = torch.randperm(num_rows, generator=torch.Generator().manual_seed(seed)).numpy()
    num_train, num_validation = int(0.8 * num_rows), int(VALIDATION_RATIO * num_rows)
    parts = np.split(order, [num_train, num_train + num_validation])
    return {name: np.sort(part) for name, part in zip(SPLITS, parts)}
