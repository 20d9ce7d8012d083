# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Training, validation and test splits of songs.

Songs of one artist share recording, instruments and mood. If they are in training and test, a model can recognise the
artist instead of the emotion, so the default split keeps all songs of an artist together, as well as recordings that
DEAM holds more than once.

Numpy and torch are imported inside functions: the command line needs only the names and settings of this file.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .folds import assign_folds
from .groups import songs_by_group
from .song_ids import ID_RANGES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

LABELS = ("corrected", "published")  # whether the exchanged columns of DEAM are corrected; see `label_audit.py`
SPLITS = ("train", "validation", "test")
SPLIT_BY = ("artist", "song", "segment", "column", "mediaeval2015", "none")
VALIDATION_RATIO = 0.1
TEST_RATIO = 0.1

SongColumns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class SplitSettings:
    """
    How songs are split into training, validation and test: 80/10/10 by default.

    Args:
        split_by: `"artist"` keeps the songs of an artist together; `"song"` keeps the segments of a song together;
            `"segment"` is the split of the notebook, which leaks because segments of one song are in training and
            test; `"column"` is the split that the data state; `"mediaeval2015"` tests on songs 2001-2058 of DEAM; with
            `"none"` all songs train. `None` is `"column"` where the data state a split, else `"artist"`.
        seed: of the draw.
        num_folds: tests on one of this many folds in place of 10 % of the songs; see [`assign_folds`].
        fold: which of the folds, from 0.
        validation_ratio: share of all songs to validate on; with 0 there is no such split, and they train.

    Raises:
        ValueError: for a value that does not exist, and for values that do not go together.
    """

    split_by: str | None = None
    seed: int = 42
    num_folds: int | None = None
    fold: int | None = None
    validation_ratio: float = VALIDATION_RATIO

    def __post_init__(self) -> None:
        if self.split_by not in (None, *SPLIT_BY):
            raise ValueError(f"Expected split_by to be one of {', '.join(SPLIT_BY)}, but got {self.split_by!r}.")
        if not 0 <= self.validation_ratio <= 0.5:
            raise ValueError(f"Expected validation_ratio from 0 to 0.5, but got {self.validation_ratio}.")
        if self.validation_ratio != VALIDATION_RATIO and self.split_by in ("segment", "column", "none"):
            raise ValueError(
                f"Expected no validation_ratio with split_by={self.split_by!r}, but got {self.validation_ratio}: "
                "'segment' is the exact split of the notebook, 'column' that of the data, and 'none' no split."
            )
        if self.num_folds is None and self.fold is None:
            return
        if self.num_folds is None or self.fold is None or self.num_folds < 2 or not 0 <= self.fold < self.num_folds:
            raise ValueError(
                "Expected num_folds of 2 or more together with a fold from 0 to num_folds - 1, but got "
                f"num_folds={self.num_folds} and fold={self.fold}."
            )
        if self.split_by not in (None, "artist", "song"):
            raise ValueError(f"Expected split_by to be artist or song with num_folds, but got {self.split_by!r}.")


def resolve_split(columns: SongColumns, settings: SplitSettings) -> SplitSettings:
    """
    The settings with the `split_by` that applies to these songs, given the columns of [`split_segments`].

    By default it is `"column"` where the songs have a `split` and no folds are requested, else `"artist"`. Where no
    artist is known, `"artist"` becomes `"song"`, with a warning.
    """
    split_by = settings.split_by
    if split_by is None:
        has_split = settings.num_folds is None and any(columns["split"])
        split_by = "column" if has_split else "artist"
    if split_by in ("artist", "mediaeval2015") and not any(columns["artist"]):
        logger.warning("No artist is known: splitting by song, so an artist may be in several splits.")
        split_by = "song" if split_by == "artist" else split_by
    return replace(settings, split_by=split_by)


def split_segments(columns: SongColumns, settings: SplitSettings) -> dict[str, NDArray[np.int64]]:
    """
    Draw training, validation and test segments.

    Args:
        columns: of the song of each segment, in ascending order of songs and of segments in a song: `song_id`,
            `artist`, `group` and `recording`, as [`~groups.artist_groups`] and [`~groups.recording_groups`] number
            them, whose songs stay together; `subset` and `split`, as in [`~rated_songs.RatedSongs`].
        settings: of the split.

    Returns:
        The indices of the segments of `train`, `validation` and `test`, each ascending, without splits that are not
        requested: only `train` where `split_by` is `"none"`, no `validation` where its ratio is 0, and those of the
        data where it is `"column"`.

    Raises:
        ValueError: when there are too few songs for these splits, or the data do not state what the split needs.
    """
    import numpy as np

    settings = resolve_split(columns, settings)
    song_ids = columns["song_id"]
    if settings.split_by == "none":
        return {"train": np.arange(len(song_ids))}
    if settings.split_by == "segment":
        logger.warning("split_by='segment' puts segments of one song into training and test: its test results leak.")
        indices = _split_rows(len(song_ids), settings.seed)
    else:
        if settings.split_by == "column":
            names = _stated_splits(columns)
        else:
            groups = columns["recording" if settings.split_by == "song" else "group"]
            split_of = split_songs(dict(zip(song_ids, groups)), settings, dict(zip(song_ids, columns["subset"])))
            names = np.array([split_of[song] for song in song_ids])
        indices = {name: np.flatnonzero(names == name) for name in SPLITS}
    if settings.split_by == "column":
        indices = {name: index for name, index in indices.items() if name == "train" or len(index)}
    elif not settings.validation_ratio:
        del indices["validation"]
    empty = [name for name, index in indices.items() if not len(index)]
    if empty:
        raise ValueError(
            f"Expected enough songs for every split, but got {len(set(song_ids))} songs in "
            f"{len(set(columns['group']))} groups (artists or duplicates kept together): {', '.join(empty)} would be "
            "empty."
        )
    return indices


def _stated_splits(columns: SongColumns) -> NDArray[np.str_]:
    """The split of each segment that the data state; a warning says that artists are in several splits."""
    import numpy as np

    if not all(columns["split"]):
        raise ValueError("Expected a table with a column split for split_by='column', but got songs without a split.")
    splits_of: dict[Any, set[str]] = {}
    for group, split in set(zip(columns["group"], columns["split"])):
        splits_of.setdefault(group, set()).add(split)
    if num_leaks := sum(len(splits) > 1 for splits in splits_of.values()):
        logger.warning(
            "%d artists or recordings are in several splits of the column split: a model may recognise them.", num_leaks
        )
    return np.array(columns["split"])


def split_songs(
    group_of: Mapping[Any, Any], settings: SplitSettings, subset_of: Mapping[Any, str] | None = None
) -> dict[Any, str]:
    """Assign whole groups of songs to splits, given the group and the subset of each song id; a split can be empty."""
    import numpy as np

    subset_of = subset_of or {}
    rng = np.random.default_rng(settings.seed)
    if settings.num_folds is not None and settings.fold is not None:
        fold_of = assign_folds(group_of, settings.num_folds, seed=settings.seed, subset_of=subset_of)
        test = {song for song in group_of if fold_of[song] == settings.fold}
        rng = np.random.default_rng((settings.seed, settings.fold))
    elif settings.split_by == "mediaeval2015":
        test = {song for song in group_of if subset_of.get(song) == ID_RANGES[-1]}
    else:
        test = _draw(group_of, TEST_RATIO * len(group_of), rng)
    rest = {song: group for song, group in group_of.items() if song not in test}
    num_validation = settings.validation_ratio * len(group_of)
    validation = _draw(rest, num_validation, rng) if num_validation else set()
    return {song: "test" if song in test else "validation" if song in validation else "train" for song in group_of}


def _draw(group_of: Mapping[Any, Any], num_songs: float, rng: np.random.Generator) -> set[Any]:
    """Draw groups in random order, skipping each that would exceed `num_songs` songs in total."""
    # A very productive artist therefore never fills a small split, but trains. Only where even the smallest group is
    # too large, one of that size is drawn.
    songs_of = songs_by_group(group_of)
    limit = max([round(num_songs), *sorted(map(len, songs_of.values()))[:1]])
    drawn: set[Any] = set()
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
