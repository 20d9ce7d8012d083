# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The songs of a table as columns of a page."""

import numpy as np
import pandas as pd
import pytest
from map_pages import decoded, failed_song, rated_song, values_of

from modeling_ast_va.library_map.songs import MAX_UNRATED, song_columns, unrated_columns


def test_all_columns():
    songs = pd.DataFrame(
        [
            rated_song("a.mp3", 6.123, 7.5, title="One", artist="Ada", album="First"),
            rated_song("b.mp3", 1, 9, artist="Ada", valence_low=np.nan),
        ]
    )
    columns = song_columns(songs, "Expected")
    assert columns["count"] == 2
    assert decoded(columns["quadrant"], "u1").tolist() == [0, 3]
    np.testing.assert_allclose(decoded(columns["numbers"]["valence"], "f4"), [6.123, 1], rtol=1e-6)
    np.testing.assert_allclose(decoded(columns["numbers"]["valence_low"], "f4"), [5.623, np.nan], rtol=1e-6)
    assert set(columns["numbers"]) == {
        *("valence", "valence_low", "valence_high", "valence_percentile"),
        *("arousal", "arousal_low", "arousal_high", "arousal_percentile", "quadrant_probability"),
    }
    assert columns["title"] == ["One", ""]
    assert values_of(columns["artist"]) == ["Ada", "Ada"]
    assert values_of(columns["album"]) == ["First", ""]


def test_columns_that_are_missing_or_empty_are_left_out():
    songs = pd.DataFrame([rated_song("a.mp3", 5, 5, valence_low=np.nan)])
    assert "valence_low" not in song_columns(songs, "Expected")["numbers"]
    old = songs[["path", "valence", "arousal", "quadrant", "error"]]
    columns = song_columns(old, "Expected")
    assert set(columns["numbers"]) == {"valence", "arousal"}
    assert (columns["title"], values_of(columns["artist"])) == ([""], [""])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"valence": 0.4}, "ratings outside the scale from 1 to 9: valence 0.4, arousal 5.0 of 'a.mp3'"),
        ({"arousal": np.inf}, "ratings outside the scale"),
        ({"quadrant": "Happy"}, "quadrants other than Excited, Calm, Sad, Distressed: quadrant Happy of 'a.mp3'"),
        ({"valence_low": "low"}, "a valence_low that is no number"),
    ],
)
def test_what_cannot_be_on_the_map_is_refused(values, message):
    songs = pd.DataFrame([{**rated_song("a.mp3", 5.0, 5.0), **values}])
    with pytest.raises(ValueError, match=f"^Expected a table, but it has {message}"):
        song_columns(songs, "Expected a table, but it")


def test_all_songs_with_errors_are_counted_and_the_first_are_listed():
    columns = unrated_columns(pd.DataFrame([failed_song(f"{i}.mp3", f"reason {i}") for i in range(MAX_UNRATED + 5)]))
    assert columns["count"] == MAX_UNRATED + 5
    assert columns["path"] == [f"{i}.mp3" for i in range(MAX_UNRATED)]
    assert columns["error"][7] == "reason 7"
