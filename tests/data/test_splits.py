# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import logging
import subprocess
import sys
from collections import Counter
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch

from modeling_ast_va.data.song_ids import ID_RANGES, id_range_of
from modeling_ast_va.data.splits import SPLITS, SplitSettings, resolve_split, split_segments, split_songs

NUM_SONGS, SEGMENTS_PER_SONG = 200, 3
SONGS = np.arange(2, 2 + NUM_SONGS)
ROWS = np.repeat(SONGS, SEGMENTS_PER_SONG)


def artist_of(song):
    return "Very Productive" if song < 50 else f"Artist {song // 3}"


def columns_of(songs, groups, **columns):
    """What `split_segments` needs of segments."""
    unknown = [""] * len(songs)
    columns = {"artist": [f"Artist {group}" for group in groups], "subset": unknown, "split": unknown} | columns
    return {"song_id": songs, "group": groups, "recording": songs, **columns}


def split(rows=ROWS, **options):
    songs = rows.tolist()
    first_of = {artist_of(song): song for song in reversed(songs)}
    columns = columns_of(songs, [first_of[artist_of(song)] for song in songs])
    columns["subset"] = [ID_RANGES[index] for index in id_range_of(songs)]
    return split_segments(columns, SplitSettings(**options))


def songs_in(indices, rows=ROWS):
    return {name: set(rows[index].tolist()) for name, index in indices.items()}


@pytest.mark.parametrize("split_by", ["artist", "song", "segment"])
def test_every_segment_is_in_one_split_and_sizes_are_80_10_10(split_by):
    indices = split(split_by=split_by)
    assert tuple(indices) == SPLITS
    assert sorted(np.concatenate(list(indices.values()))) == list(range(len(ROWS)))
    held_out = [len(indices[name]) for name in ("validation", "test")]
    short = 2 * SEGMENTS_PER_SONG if split_by == "artist" else 0  # the next artist of three songs did not fit
    assert all(60 - short <= num_segments <= 60 for num_segments in held_out)
    assert all((np.diff(index) > 0).all() for index in indices.values())


def test_no_artist_is_in_two_splits_by_default():
    artists = [{artist_of(song) for song in songs} for songs in songs_in(split()).values()]
    assert sum(map(len, artists)) == len(set.union(*artists))


def test_a_large_artist_trains_for_every_seed():
    assert all(2 in songs_in(split(seed=seed))["train"] for seed in range(20))


def test_an_artist_is_in_each_split_for_some_seed():
    found = {name for seed in range(60) for name, songs in songs_in(split(seed=seed)).items() if 100 in songs}
    assert found == set(SPLITS)


def test_song_split_separates_artists_but_not_songs():
    songs = songs_in(split(split_by="song"))
    assert sum(map(len, songs.values())) == NUM_SONGS
    assert all(any(song < 50 for song in songs[name]) for name in SPLITS)


@pytest.mark.parametrize("split_by", ["artist", "song", "segment"])
def test_seed_decides(split_by):
    first, again, other = split(split_by=split_by), split(split_by=split_by), split(split_by=split_by, seed=1)
    assert all((first[name] == again[name]).all() for name in SPLITS)
    assert any(len(first[name]) != len(other[name]) or (first[name] != other[name]).any() for name in SPLITS)


def test_order_of_songs_is_ignored():
    groups = {song: song // 3 for song in SONGS.tolist()}
    shuffled = dict(np.random.default_rng(0).permutation(list(groups.items())).tolist())
    assert list(shuffled) != list(groups)
    assert split_songs(shuffled, SplitSettings()) == split_songs(groups, SplitSettings())


def test_segment_split_is_the_notebooks_random_split(caplog):
    with caplog.at_level(logging.WARNING):
        indices = split(split_by="segment", seed=42)
    assert "leak" in caplog.text
    sizes = [int(0.8 * len(ROWS)), int(0.1 * len(ROWS))]
    parts = torch.utils.data.random_split(
        range(len(ROWS)), [*sizes, len(ROWS) - sum(sizes)], generator=torch.Generator().manual_seed(42)
    )
    for name, part in zip(SPLITS, parts):
        assert indices[name].tolist() == sorted(part.indices)


def test_mediaeval_2015_tests_on_2001_to_2058():
    rows = np.array([*range(1900, 2001), *range(2001, 2059)])
    songs = songs_in(split(rows, split_by="mediaeval2015"), rows)
    assert songs["test"] == set(range(2001, 2059))
    assert 14 <= len(songs["validation"]) <= 16  # 10 % of 159 songs, in artists of three
    artists = [{artist_of(song) for song in songs[name]} for name in ("train", "validation")]
    assert not artists[0] & artists[1]


def test_where_every_artist_is_too_large_a_smallest_one_is_drawn():
    groups = {song: song // 10 for song in range(10, 60)}  # five groups of ten; 10 % are five songs
    split_of = split_songs(groups, SplitSettings())
    assert Counter(split_of.values()) == {"train": 30, "validation": 10, "test": 10}


@pytest.mark.parametrize("groups", [{2: 2}, {2: 2, 3: 3}, {song: song % 2 for song in range(40)}])
def test_too_few_groups_for_three_splits_are_refused(groups):
    num_groups = len(set(groups.values()))
    with pytest.raises(ValueError, match=f"got {len(groups)} songs in {num_groups} groups .* would be empty"):
        split_segments(columns_of(list(groups), list(groups.values())), SplitSettings())


def test_too_few_segments_are_refused():
    with pytest.raises(ValueError, match=r"got 9 songs .*: validation would be empty"):
        split(np.arange(9), split_by="segment")


def test_mediaeval_2015_without_its_test_songs_is_refused():
    with pytest.raises(ValueError, match="test would be empty"):
        split(split_by="mediaeval2015")


def test_settings_are_frozen():
    with pytest.raises(FrozenInstanceError):
        SplitSettings().seed = 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split_by": "random"}, "one of artist, .*, none, but got 'random'"),
        ({"num_folds": 5}, "num_folds=5 and fold=None"),
        ({"fold": 0}, "num_folds=None and fold=0"),
        ({"num_folds": 5, "fold": 5}, "num_folds=5 and fold=5"),
        ({"num_folds": 5, "fold": -1}, "fold=-1"),
        ({"num_folds": 1, "fold": 0}, "2 or more .*num_folds=1"),
        ({"num_folds": 5, "fold": 0, "split_by": "segment"}, "artist or song with num_folds, but got 'segment'"),
        ({"num_folds": 5, "fold": 0, "split_by": "mediaeval2015"}, "got 'mediaeval2015'"),
        ({"num_folds": 5, "fold": 0, "split_by": "none"}, "got 'none'"),
        ({"validation_ratio": 0.6}, "validation_ratio from 0 to 0.5, but got 0.6"),
        ({"validation_ratio": 0.2, "split_by": "segment"}, "no validation_ratio .*, but got 0.2"),
        ({"validation_ratio": 0, "split_by": "none"}, "no validation_ratio .*, but got 0"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SplitSettings(**options)


def test_the_command_line_imports_settings_without_heavy_libraries():
    code = "import sys, modeling_ast_va.data.splits; print(sorted({'numpy', 'pandas', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


STATED = ["train", "train", "test", "validation", "test", "train"]


def test_a_stated_split_is_used_by_default_and_may_lack_splits():
    columns = columns_of([1, 1, 2, 3, 4, 5], [1, 1, 2, 3, 4, 5], split=STATED)
    indices = split_segments(columns, SplitSettings())
    assert {name: index.tolist() for name, index in indices.items()} == {
        "train": [0, 1, 5],
        "validation": [3],
        "test": [2, 4],
    }
    only = split_segments(columns | {"split": ["train"] * 6}, SplitSettings())
    assert {name: index.tolist() for name, index in only.items()} == {"train": [0, 1, 2, 3, 4, 5]}
    with pytest.raises(ValueError, match="train would be empty"):
        split_segments(columns | {"split": ["test"] * 6}, SplitSettings())
    with pytest.raises(ValueError, match="songs without a split"):
        split_segments(columns | {"split": [""] * 6}, SplitSettings("column"))
    with pytest.raises(ValueError, match="no validation_ratio with split_by='column'"):
        split_segments(columns, SplitSettings(validation_ratio=0))


def test_a_stated_split_with_an_artist_in_several_splits_is_reported(caplog):
    columns = columns_of([1, 2, 3, 4, 5], [1, 1, 3, 3, 5], split=["train", "test", "train", "train", "validation"])
    split_segments(columns, SplitSettings())
    assert "1 artists or recordings are in several splits" in caplog.text


def test_the_split_that_applies_is_resolved(caplog):
    known, unknown = {"artist": ["A"], "split": [""]}, {"artist": [""], "split": ["train"]}
    assert resolve_split(known, SplitSettings()).split_by == "artist"
    assert resolve_split(unknown, SplitSettings()).split_by == "column"
    assert not caplog.text
    assert resolve_split(unknown, SplitSettings(num_folds=2, fold=0)).split_by == "song"
    assert "No artist is known" in caplog.text
