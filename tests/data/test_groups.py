# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import pytest

from modeling_ast_va.data.deam import DUPLICATES, _artist_key
from modeling_ast_va.data.groups import artist_groups, name_key, recording_groups, songs_by_group

NAMES = ["Kevin MacLeod", " kevin  macleod", "Kevin MacLeod-Prelude in C ", "MacLeod", "", "", "-", "K-Conjog"]


def test_case_blanks_and_in_deam_text_after_a_hyphen_do_not_change_an_artist():
    assert artist_groups(range(10, 18), map(_artist_key, NAMES), ()) == [10, 10, 10, 13, 14, 15, 16, 17]
    assert artist_groups(range(10, 18), map(name_key, NAMES), ()) == [10, 10, 12, 13, 14, 15, 16, 17]


def test_song_ids_may_be_text():
    assert artist_groups(["b", "a", "c"], ["x", "x", "y"], [("c", "d")]) == ["a", "a", "c"]


def test_groups_of_songs_join_only_the_same_recording():
    artists = ["A", "a", "A", "B", "", ""]
    titles = ["One", "one ", "Two", "One", "One", "One"]
    assert recording_groups(range(10, 16), artists, titles, ()) == [10, 10, 12, 13, 14, 15]


@pytest.mark.parametrize("of_recordings", [False, True])
def test_duplicates_stay_together_with_other_spellings_of_the_artist(of_recordings):
    songs = sorted(song for duplicates in DUPLICATES for song in duplicates)
    names = [f"artist {song}" for song in songs]
    groups = (
        recording_groups(songs, names, [""] * len(songs), DUPLICATES)
        if of_recordings
        else artist_groups(songs, names, DUPLICATES)
    )
    groups = dict(zip(songs, groups))
    for duplicates in DUPLICATES:
        assert {groups[song] for song in duplicates} == {min(duplicates)}


def test_a_duplicate_joins_the_other_songs_of_both_artists():
    assert artist_groups([150, 187, 1170, 1200], ["x", "x", "y", "y"], DUPLICATES) == [150] * 4


def test_songs_of_a_group_are_ascending():
    assert songs_by_group({5: 2, 3: 3, 2: 2}) == {2: [2, 5], 3: [3]}
