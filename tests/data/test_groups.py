# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import pytest

from modeling_ast_va.data.groups import KNOWN_DUPLICATES, song_groups, songs_by_group


def test_case_blanks_and_text_after_a_hyphen_do_not_change_an_artist():
    names = ["Kevin MacLeod", " kevin  macleod", "Kevin MacLeod-Prelude in C ", "MacLeod", "", "", "-", "K-Conjog"]
    assert song_groups(range(10, 18), names, [""] * 8) == [10, 10, 10, 13, 14, 15, 16, 17]


def test_groups_of_songs_join_only_the_same_recording():
    artists = ["A", "a", "A", "B", "", ""]
    titles = ["One", "one ", "Two", "One", "One", "One"]
    assert song_groups(range(10, 16), artists, titles, by="song") == [10, 10, 12, 13, 14, 15]


@pytest.mark.parametrize("by", ["artist", "song"])
def test_known_duplicates_stay_together_with_other_spellings_of_the_artist(by):
    songs = sorted(song for duplicates in KNOWN_DUPLICATES for song in duplicates)
    groups = dict(zip(songs, song_groups(songs, [f"Artist {song}" for song in songs], [""] * len(songs), by=by)))
    for duplicates in KNOWN_DUPLICATES:
        assert {groups[song] for song in duplicates} == {min(duplicates)}


def test_a_duplicate_joins_the_other_songs_of_both_artists():
    assert song_groups([150, 187, 1170, 1200], ["X", "X", "Y", "Y"], [""] * 4) == [150] * 4


def test_songs_of_a_group_are_ascending():
    assert songs_by_group({5: 2, 3: 3, 2: 2}) == {2: [2, 5], 3: [3]}
