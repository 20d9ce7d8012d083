# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Which songs train, validate and test: by artist, by song, by segment (leaks), or as MediaEval 2015 did.

Songs of one artist share recording, instruments and mood; split apart, they let a model recognise instead of hear.
So the default keeps every artist on one side, and recordings that DEAM holds more than once too. Folds (k of them, each
the test split of one model) do the same, and let every song be tested once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch

from ..data.folds import assign_folds, songs_by_group

logger = logging.getLogger(__name__)

SPLITS = ("train", "validation", "test")
SPLIT_BY = ("artist", "song", "segment", "mediaeval2015", "none")
VALIDATION_RATIO = 0.1
TEST_RATIO = 0.1
FIRST_MEDIAEVAL_2015_TEST_ID = 2001

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


def check_split(
    split_by: str, num_folds: int | None = None, fold: int | None = None, validation_ratio: float = VALIDATION_RATIO
) -> None:
    """Refuses a split that does not exist, or settings of it that do not go together (ValueError)."""
    if split_by not in SPLIT_BY:
        raise ValueError(f"split_by must be one of {SPLIT_BY}, got {split_by!r}.")
    if not 0 <= validation_ratio <= 0.5:
        raise ValueError(f"validation_ratio must lie in [0, 0.5], got {validation_ratio}.")
    if validation_ratio != VALIDATION_RATIO and split_by in ("segment", "none"):
        raise ValueError(
            f"split_by={split_by!r} takes no validation_ratio, got {validation_ratio}: 'segment' is the notebook's "
            "split number for number, and with 'none' every song trains."
        )
    if num_folds is None and fold is None:
        return
    if num_folds is None or fold is None or num_folds < 2 or not 0 <= fold < num_folds:
        raise ValueError(
            f"num_folds and fold go together: 2 or more folds, counted from 0; got num_folds={num_folds}, fold={fold}."
        )
    if split_by not in ("artist", "song"):
        raise ValueError(f"Folds are by 'artist' or by 'song', got split_by={split_by!r} with num_folds={num_folds}.")


def split_segments(
    song_ids: Sequence[int],
    artists: Sequence[str],
    titles: Sequence[str],
    *,
    split_by: str = "artist",
    seed: int = 42,
    num_folds: int | None = None,
    fold: int | None = None,
    validation_ratio: float = VALIDATION_RATIO,
) -> dict[str, np.ndarray]:
    """Draws training, validation and test segments, 80/10/10 in songs (in segments, where `split_by` is "segment").

    Args:
        song_ids, artists, titles: of each segment, in ascending order of songs and of segments in a song; unknown
            names are empty strings.
        split_by: "artist"; "song", which "artist" falls back to where no artist is known; "segment", the notebook's
            split, where segments of one song stand on both sides; "mediaeval2015", which tests on songs 2001-2058;
            "none", where all train.
        seed: of the draw.
        num_folds, fold: test on this one of so many folds (see `assign_folds`) instead of on 10 %.
        validation_ratio: songs to validate on, of all; with 0 there is no such split, and they train.

    Returns:
        The indices of the segments of `train`, `validation` and `test`, each ascending, without splits that are not
        asked for: only `train` where `split_by` is "none", no `validation` where its ratio is 0.

    Raises:
        ValueError: as `check_split`; songs too few for these splits: says how many songs and groups came.
    """
    check_split(split_by, num_folds, fold, validation_ratio)
    if split_by == "none":
        return {"train": np.arange(len(song_ids))}
    if split_by == "segment":
        logger.warning("split_by='segment' puts segments of one song into training and test: its test results leak.")
        return _split_rows(len(song_ids), seed)
    songs = {song: (artist, title) for song, artist, title in zip(song_ids, artists, titles)}
    if split_by != "song" and not any(artist for artist, _ in songs.values()):
        logger.warning("No artist is known (no metadata): splitting by song, so an artist may stand on both sides.")
    groups = song_groups(
        list(songs),
        [artist for artist, _ in songs.values()],
        [title for _, title in songs.values()],
        by="song" if split_by == "song" else "artist",
    )
    group_of = dict(zip(songs, groups))
    if num_folds is not None and fold is not None:
        split_of = split_fold(group_of, num_folds, fold, seed=seed, validation_ratio=validation_ratio)
    else:
        mediaeval_2015 = split_by == "mediaeval2015"
        split_of = split_songs(group_of, seed=seed, mediaeval_2015=mediaeval_2015, validation_ratio=validation_ratio)
    names = np.array([split_of[song] for song in song_ids])
    return {name: np.flatnonzero(names == name) for name in SPLITS if name in split_of.values()}


def song_groups(
    song_ids: Sequence[int], artists: Sequence[str], titles: Sequence[str], *, by: str = "artist"
) -> list[int]:
    """Numbers the groups of songs that no split may part: of one artist, or one recording given more than once.

    Args:
        song_ids, artists, titles: one of each per song; unknown names are empty strings and join nothing.
        by: "artist", or "song", which joins only recordings given more than once (same artist and title).

    Returns:
        For each song, the lowest song id of its group: the `groups` of scikit-learn's `GroupKFold`, for one.
    """
    parent = {song: song for song in song_ids}

    def root(song: int) -> int:
        while parent[song] != song:
            song = parent[song]
        return song

    def join(first: int, second: int) -> None:
        low, high = sorted((root(first), root(second)))
        parent[high] = low

    first_of: dict[object, int] = {}
    for song, artist, title in zip(song_ids, artists, titles):
        key = _artist_key(artist) if by == "artist" else (_name_key(artist), _name_key(title))
        if _name_key(artist) and (by == "artist" or _name_key(title)):
            join(song, first_of.setdefault(key, song))
    for duplicates in KNOWN_DUPLICATES:
        present = [song for song in duplicates if song in parent]
        for song in present[1:]:
            join(present[0], song)
    return [root(song) for song in song_ids]


def split_songs(
    group_of: dict[int, int],
    *,
    seed: int = 42,
    mediaeval_2015: bool = False,
    validation_ratio: float = VALIDATION_RATIO,
) -> dict[int, str]:
    """Assigns whole groups of songs to splits, so that test gets 10 % of the songs, and so does validation.

    Args:
        group_of: the group of each song id, as `song_groups` numbers them.
        seed: of the draw.
        mediaeval_2015: test on the songs from 2001 on instead of a draw, as the MediaEval 2015 task did.
        validation_ratio: songs to validate on, of all.

    Returns:
        The split of each song id.

    Raises:
        ValueError: a split would be empty; says how many songs and groups came.
    """
    rng = np.random.default_rng(seed)
    if mediaeval_2015:
        test = {song for song in group_of if song >= FIRST_MEDIAEVAL_2015_TEST_ID}
    else:
        test = _draw(group_of, TEST_RATIO * len(group_of), rng)
    return _validate_and_train(group_of, test, validation_ratio, rng)


def split_fold(
    group_of: dict[int, int],
    num_folds: int,
    fold: int,
    *,
    seed: int = 42,
    validation_ratio: float = VALIDATION_RATIO,
) -> dict[int, str]:
    """Assigns whole groups of songs to splits: one fold is the test split, and validation is drawn from the others.

    Args, Returns, Raises: as `split_songs` and `assign_folds`.
    """
    fold_of = assign_folds(group_of, num_folds, seed=seed)
    test = {song for song in group_of if fold_of[song] == fold}
    return _validate_and_train(group_of, test, validation_ratio, np.random.default_rng((seed, fold)))


def _validate_and_train(
    group_of: dict[int, int], test: set[int], validation_ratio: float, rng: np.random.Generator
) -> dict[int, str]:
    """The split of each song, where those of the test split are given and validation is drawn from the rest."""
    rest = {song: group for song, group in group_of.items() if song not in test}
    validation = _draw(rest, validation_ratio * len(group_of), rng) if validation_ratio else set()
    split_of = {song: "test" if song in test else "validation" if song in validation else "train" for song in group_of}
    wanted = [name for name in SPLITS if name != "validation" or validation_ratio]
    empty = [name for name in wanted if name not in split_of.values()]
    if empty:
        raise ValueError(
            f"{len(group_of)} songs in {len(set(group_of.values()))} groups (artists or duplicates kept together) are "
            f"too few to split: {', '.join(empty)} would be empty. Add songs of other artists."
        )
    return split_of


def _draw(group_of: dict[int, int], num_songs: float, rng: np.random.Generator) -> set[int]:
    """Draws groups at random until `num_songs` songs are together: each that still fits, in shuffled order.

    So one very productive artist never swells a small split; such groups stay for training. Only where even the
    smallest group is too large, one of that size is drawn.
    """
    songs_of = songs_by_group(group_of)
    limit = max([round(num_songs), *sorted(map(len, songs_of.values()))[:1]])
    drawn: set[int] = set()
    for group in rng.permutation(sorted(songs_of)):
        if len(drawn) + len(songs_of[group]) <= limit:
            drawn.update(songs_of[group])
    return drawn


def _split_rows(num_rows: int, seed: int) -> dict[str, np.ndarray]:
    """The notebook's draw, number for number: `torch.utils.data.random_split` of rows into 80, 10 and 10 %."""
    order = torch.randperm(num_rows, generator=torch.Generator().manual_seed(seed)).numpy()
    num_train, num_validation = int(0.8 * num_rows), int(VALIDATION_RATIO * num_rows)
    parts = np.split(order, [num_train, num_train + num_validation])
    indices = {name: np.sort(part) for name, part in zip(SPLITS, parts)}
    empty = [name for name in SPLITS if len(indices[name]) == 0]
    if empty:
        raise ValueError(f"{num_rows} segments are too few for three splits: {', '.join(empty)} would be empty.")
    return indices


def _artist_key(artist: str) -> str:
    """The name by which songs of an artist are joined.

    What follows a hyphen is left out, since the 2013 metadata often runs artist and work together ("Advent Chamber
    Orchestra-Handel", "Kevin MacLeod-Night on the Docks"). Joining too much costs a split nothing; too little leaks.
    """
    name = _name_key(artist)
    return _name_key(name.split("-")[0]) or name


def _name_key(name: str) -> str:
    return " ".join(name.casefold().split())
