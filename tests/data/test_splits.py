# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import logging
from collections import Counter

import numpy as np
import pytest
import torch

from modeling_ast_va.data.splits import KNOWN_DUPLICATES, SPLITS, song_groups, split_segments, split_songs

NUM_SONGS, SEGMENTS_PER_SONG = 200, 3
SONGS = np.arange(2, 2 + NUM_SONGS)
ROWS = np.repeat(SONGS, SEGMENTS_PER_SONG)


def artist_of(song):
    return "Very Productive" if song < 50 else f"Artist {song // 3}"


def split(rows=ROWS, artist=artist_of, title=lambda song: f"Song {song}", **options):
    return split_segments(rows, [artist(song) for song in rows], [title(song) for song in rows], **options)


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


def test_no_artist_is_on_two_sides_by_default():
    artists = [{artist_of(song) for song in songs} for songs in songs_in(split()).values()]
    assert sum(map(len, artists)) == len(set.union(*artists))


def test_a_large_artist_trains_whatever_the_seed():
    assert all(2 in songs_in(split(seed=seed))["train"] for seed in range(20))


def test_an_artist_is_drawn_into_every_split_by_some_seed():
    found = {name for seed in range(60) for name, songs in songs_in(split(seed=seed)).items() if 100 in songs}
    assert found == set(SPLITS)


def test_song_split_parts_artists_but_not_songs():
    songs = songs_in(split(split_by="song"))
    assert sum(map(len, songs.values())) == NUM_SONGS
    assert all(any(song < 50 for song in songs[name]) for name in SPLITS)


@pytest.mark.parametrize("split_by", ["artist", "song", "segment"])
def test_seed_decides(split_by):
    first, again, other = split(split_by=split_by), split(split_by=split_by), split(split_by=split_by, seed=1)
    assert all((first[name] == again[name]).all() for name in SPLITS)
    assert any(len(first[name]) != len(other[name]) or (first[name] != other[name]).any() for name in SPLITS)


def test_order_of_songs_plays_no_part():
    group_of = {int(song): int(song) // 3 for song in SONGS}
    shuffled = dict(np.random.default_rng(0).permutation(list(group_of.items())).tolist())
    assert list(shuffled) != list(group_of)
    assert split_songs(shuffled) == split_songs(group_of)


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


def test_without_artists_the_split_is_by_song_and_says_so(caplog):
    with caplog.at_level(logging.WARNING):
        indices = split(artist=lambda song: "", title=lambda song: "")
    assert "splitting by song" in caplog.text
    by_song = split(split_by="song")
    assert all((indices[name] == by_song[name]).all() for name in SPLITS)


def test_groups_are_artists_whatever_the_case_blanks_and_what_follows_a_hyphen():
    names = ["Kevin MacLeod", " kevin  macleod", "Kevin MacLeod-Prelude in C ", "MacLeod", "", "", "-", "K-Conjog"]
    assert song_groups(range(10, 18), names, [""] * 8) == [10, 10, 10, 13, 14, 15, 16, 17]


def test_groups_of_songs_join_only_the_same_recording():
    artists = ["A", "a", "A", "B", "", ""]
    titles = ["One", "one ", "Two", "One", "One", "One"]
    assert song_groups(range(10, 16), artists, titles, by="song") == [10, 10, 12, 13, 14, 15]


@pytest.mark.parametrize("by", ["artist", "song"])
def test_known_duplicates_stay_together_however_their_artists_are_spelt(by):
    songs = sorted(song for duplicates in KNOWN_DUPLICATES for song in duplicates)
    groups = dict(zip(songs, song_groups(songs, [f"Artist {song}" for song in songs], [""] * len(songs), by=by)))
    for duplicates in KNOWN_DUPLICATES:
        assert {groups[song] for song in duplicates} == {min(duplicates)}


def test_a_duplicate_joins_the_other_songs_of_both_artists():
    assert song_groups([150, 187, 1170, 1200], ["X", "X", "Y", "Y"], [""] * 4) == [150] * 4


def test_where_every_artist_is_too_large_a_smallest_one_is_drawn():
    split_of = split_songs({song: song // 10 for song in range(10, 60)})  # five groups of ten; 10 % are five songs
    assert Counter(split_of.values()) == {"train": 30, "validation": 10, "test": 10}


@pytest.mark.parametrize("group_of", [{2: 2}, {2: 2, 3: 3}, {song: song % 2 for song in range(40)}])
def test_too_few_groups_for_three_splits_are_refused(group_of):
    num_groups = len(set(group_of.values()))
    with pytest.raises(ValueError, match=f"{len(group_of)} songs in {num_groups} groups .* too few .* would be empty"):
        split_songs(group_of)


def test_too_few_segments_are_refused():
    with pytest.raises(ValueError, match="9 segments are too few for three splits: validation would be empty"):
        split(np.arange(9), split_by="segment")


def test_mediaeval_2015_without_its_test_songs_is_refused():
    with pytest.raises(ValueError, match="test would be empty"):
        split(split_by="mediaeval2015")


def test_unknown_split_is_refused():
    with pytest.raises(ValueError, match=r"split_by must be one of .*'artist'.*got 'random'"):
        split(split_by="random")
