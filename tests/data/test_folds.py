# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
from collections import Counter

import numpy as np
import pytest
from deam_folder import write_deam

from modeling_ast_va.data.dataset import load_deam
from modeling_ast_va.data.folds import assign_folds
from modeling_ast_va.data.song_ids import ID_RANGES, id_range_of
from modeling_ast_va.data.splits import SplitSettings, split_segments

NUM_FOLDS = 5
SONGS = [*range(10, 210), *range(1010, 1310), *range(2001, 2041)]


def artist_of(song):
    return f"Artist {song // 15}" if song % 3 == 0 else f"Soloist {song // 2}"


GROUP_OF = {song: min(other for other in SONGS if artist_of(other) == artist_of(song)) for song in SONGS}
ROWS = np.repeat(SONGS, 2)


SUBSET_OF = {song: ID_RANGES[index] for song, index in zip(SONGS, id_range_of(SONGS))}


def split(**options):
    songs = ROWS.tolist()
    columns = {
        "song_id": songs,
        "artist": [artist_of(song) for song in songs],
        "group": [GROUP_OF[song] for song in songs],
        "recording": songs,
        "subset": [SUBSET_OF[song] for song in songs],
        "split": [""] * len(songs),
    }
    return split_segments(columns, SplitSettings(**options))


def songs_in(indices):
    return {name: set(ROWS[index].tolist()) for name, index in indices.items()}


def folds(**options):
    return [songs_in(split(num_folds=NUM_FOLDS, fold=fold, **options)) for fold in range(NUM_FOLDS)]


def test_every_song_is_in_one_fold_and_no_group_in_two():
    fold_of = assign_folds(GROUP_OF, NUM_FOLDS)
    assert set(fold_of) == set(SONGS)
    assert set(fold_of.values()) == set(range(NUM_FOLDS))
    assert len({(GROUP_OF[song], fold) for song, fold in fold_of.items()}) == len(set(GROUP_OF.values()))


@pytest.mark.parametrize("seed", range(5))
def test_folds_are_of_equal_size_in_every_range_of_ids(seed):
    fold_of = assign_folds(GROUP_OF, NUM_FOLDS, seed=seed, subset_of=SUBSET_OF)
    sizes = Counter((fold, int(index)) for (_, fold), index in zip(fold_of.items(), id_range_of(list(fold_of))))
    for index in range(len(ID_RANGES)):
        of_range = [sizes[fold, index] for fold in range(NUM_FOLDS)]
        assert max(of_range) - min(of_range) <= 2
    assert max(Counter(fold_of.values()).values()) - min(Counter(fold_of.values()).values()) <= 2


def test_the_seed_decides_and_the_order_of_songs_is_ignored():
    shuffled = dict(np.random.default_rng(0).permutation(list(GROUP_OF.items())).tolist())
    assert list(shuffled) != list(GROUP_OF)
    assert assign_folds(shuffled, NUM_FOLDS) == assign_folds(GROUP_OF, NUM_FOLDS)
    assert assign_folds(GROUP_OF, NUM_FOLDS, seed=1) != assign_folds(GROUP_OF, NUM_FOLDS)


def test_folds_stay_what_they_are():
    """Published results use these folds: a change, such as by a new release of numpy, must not go unnoticed."""
    fold_of = assign_folds({song: song // 2 for song in range(20)}, 3)
    assert [fold_of[song] for song in range(0, 20, 2)] == [2, 2, 2, 1, 0, 0, 1, 0, 0, 1]


def test_ranges_of_ids():
    assert id_range_of([2, 1000, 1001, 2000, 2001, 2058]).tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("num_folds", [0, 1, 6])
def test_too_many_or_too_few_folds_are_refused(num_folds):
    with pytest.raises(ValueError, match=f"but got {num_folds} for 10 songs in 5 groups"):
        assign_folds({song: song // 2 for song in range(10)}, num_folds)


def test_each_song_is_tested_in_one_fold_and_trains_or_validates_in_the_others():
    assert sorted(song for fold in folds() for song in fold["test"]) == sorted(SONGS)
    for fold in folds():
        assert sum(map(len, fold.values())) == len(set.union(*fold.values())) == len(SONGS)
        assert 0.08 * len(SONGS) <= len(fold["validation"]) <= 0.1 * len(SONGS)
        artists = [{artist_of(song) for song in songs} for songs in fold.values()]
        assert sum(map(len, artists)) == len(set.union(*artists))
    assert len({frozenset(fold["validation"]) for fold in folds()}) == NUM_FOLDS


def test_without_validation_songs_all_others_train():
    for fold in folds(validation_ratio=0):
        assert list(fold) == ["train", "test"]
        assert fold["train"] == set(SONGS) - fold["test"]
    assert folds(validation_ratio=0)[1]["test"] == folds()[1]["test"]
    assert list(split(validation_ratio=0)) == ["train", "test"]
    assert (split(validation_ratio=0)["test"] == split()["test"]).all()


def test_folds_by_song_separate_artists():
    parted = folds(split_by="song")[0]
    assert sorted(song for fold in folds(split_by="song") for song in fold["test"]) == sorted(SONGS)
    assert {artist_of(song) for song in parted["test"]} & {artist_of(song) for song in parted["train"]}


def test_all_songs_train_where_there_is_no_split():
    indices = split(split_by="none")
    assert list(indices) == ["train"]
    assert indices["train"].tolist() == list(range(len(ROWS)))


def test_load_deam_returns_the_requested_splits(tmp_path):
    seconds = dict.fromkeys([*range(2, 10), *range(1001, 1009)], 1.5)
    deam = write_deam(tmp_path / "deam", seconds, artists={song: f"Band {song // 2}" for song in seconds})
    options = {"segment_seconds": 1.0, "cache_dir": tmp_path / "cache"}
    tested = []
    for fold in range(4):
        splits = load_deam(deam, num_folds=4, fold=fold, **options)
        assert list(splits) == ["train", "validation", "test"]
        assert len(set(splits["test"]["song_id"])) == 4
        tested += set(splits["test"]["song_id"])
    assert sorted(tested) == sorted(seconds)
    everything = load_deam(deam, split_by="none", **options)
    assert list(everything) == ["train"]
    assert set(everything["train"]["song_id"]) == set(seconds)
    assert list(load_deam(deam, validation_ratio=0, **options)) == ["train", "test"]


def test_load_deam_refuses_a_fold_before_it_decodes(tmp_path):
    with pytest.raises(ValueError, match="num_folds=5 and fold=None"):
        load_deam(tmp_path / "missing", num_folds=5)
