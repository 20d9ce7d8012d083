# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import logging
from collections import Counter

import numpy as np
import pytest
from deam_folder import write_deam

from modeling_ast_va.data.dataset import load_deam
from modeling_ast_va.data.folds import ID_RANGES, assign_folds, id_ranges
from modeling_ast_va.data.splits import split_segments

NUM_FOLDS = 5
SONGS = [*range(10, 210), *range(1010, 1310), *range(2001, 2041)]


def artist_of(song):
    return f"Artist {song // 15}" if song % 3 == 0 else f"Soloist {song // 2}"


GROUP_OF = {song: min(other for other in SONGS if artist_of(other) == artist_of(song)) for song in SONGS}
ROWS = np.repeat(SONGS, 2)


def split(rows=ROWS, **options):
    return split_segments(rows, [artist_of(song) for song in rows], [""] * len(rows), **options)


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
    fold_of = assign_folds(GROUP_OF, NUM_FOLDS, seed=seed)
    sizes = Counter((fold, int(index)) for (_, fold), index in zip(fold_of.items(), id_ranges(list(fold_of))))
    for index in range(len(ID_RANGES)):
        of_range = [sizes[fold, index] for fold in range(NUM_FOLDS)]
        assert max(of_range) - min(of_range) <= 2
    assert max(Counter(fold_of.values()).values()) - min(Counter(fold_of.values()).values()) <= 2


def test_the_seed_decides_and_the_order_of_songs_plays_no_part():
    shuffled = dict(np.random.default_rng(0).permutation(list(GROUP_OF.items())).tolist())
    assert list(shuffled) != list(GROUP_OF)
    assert assign_folds(shuffled, NUM_FOLDS) == assign_folds(GROUP_OF, NUM_FOLDS)
    assert assign_folds(GROUP_OF, NUM_FOLDS, seed=1) != assign_folds(GROUP_OF, NUM_FOLDS)


def test_folds_stay_what_they_are():
    """Published results are of these folds: another assignment, with another release of numpy say, must be seen."""
    fold_of = assign_folds({song: song // 2 for song in range(20)}, 3)
    assert [fold_of[song] for song in range(0, 20, 2)] == [2, 2, 2, 1, 0, 0, 1, 0, 0, 1]


def test_ranges_of_ids():
    assert id_ranges([2, 1000, 1001, 2000, 2001, 2058]).tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("num_folds", [0, 1, 6])
def test_too_many_or_too_few_folds_are_refused(num_folds):
    with pytest.raises(ValueError, match=f"got {num_folds} for 10 songs in 5 groups"):
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


def test_folds_by_song_part_artists():
    parted = folds(split_by="song")[0]
    assert sorted(song for fold in folds(split_by="song") for song in fold["test"]) == sorted(SONGS)
    assert {artist_of(song) for song in parted["test"]} & {artist_of(song) for song in parted["train"]}


def test_all_songs_train_where_there_is_no_split():
    indices = split(split_by="none")
    assert list(indices) == ["train"]
    assert indices["train"].tolist() == list(range(len(ROWS)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_folds": 5}, "num_folds and fold go together.*got num_folds=5, fold=None"),
        ({"fold": 0}, "num_folds=None, fold=0"),
        ({"num_folds": 5, "fold": 5}, "counted from 0.*fold=5"),
        ({"num_folds": 5, "fold": -1}, "fold=-1"),
        ({"num_folds": 1, "fold": 0}, "2 or more folds.*num_folds=1"),
        ({"num_folds": 5, "fold": 0, "split_by": "segment"}, "by 'artist' or by 'song', got split_by='segment'"),
        ({"num_folds": 5, "fold": 0, "split_by": "mediaeval2015"}, "got split_by='mediaeval2015'"),
        ({"num_folds": 5, "fold": 0, "split_by": "none"}, "got split_by='none'"),
        ({"validation_ratio": 0.6}, r"validation_ratio must lie in \[0, 0.5\], got 0.6"),
        ({"validation_ratio": 0.2, "split_by": "segment"}, "takes no validation_ratio, got 0.2"),
        ({"validation_ratio": 0, "split_by": "none"}, "takes no validation_ratio, got 0"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        split(**options)


def test_load_deam_gives_the_splits_that_are_asked_for(tmp_path, caplog):
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
    with pytest.raises(ValueError, match="go together"):
        load_deam(tmp_path / "missing", num_folds=5)


def test_folds_are_by_song_where_no_artist_is_known(caplog):
    with caplog.at_level(logging.WARNING):
        indices = split_segments(SONGS, [""] * len(SONGS), [""] * len(SONGS), num_folds=5, fold=0)
    assert "splitting by song" in caplog.text
    assert len(indices["test"]) == len(SONGS) / 5
