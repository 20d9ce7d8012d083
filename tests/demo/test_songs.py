# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
from dataclasses import astuple, replace

import numpy as np
import pytest

from modeling_ast_va.demo.songs import MAX_SONGS, draw_song, rate
from modeling_ast_va.demo.synthesis import MAJOR, Cues

NEUTRAL = Cues(MAJOR, tempo=0.0, register=0.0, articulation=0.0, brightness=0.0, loudness=0.0)
CUES = tuple(vars(NEUTRAL))


@pytest.fixture(scope="module")
def drawn():
    """Cues (n, 6), mean ratings (n, 2) and artists of many songs."""
    songs = [draw_song(index, seed) for seed in range(6) for index in range(MAX_SONGS)]
    cues = np.array([astuple(song.cues) for song in songs])
    return cues, np.array([song.ratings.mean(axis=0) for song in songs]), [song.artist for song in songs]


def test_ids_are_in_all_three_ranges_of_deam():
    for num_songs, parts in ((5, [2, 2, 1]), (100, [40, 50, 10]), (MAX_SONGS, [232, 290, 58])):
        song_ids = sorted(draw_song(index).song_id for index in range(num_songs))
        assert len(set(song_ids)) == num_songs
        assert song_ids[0] == 2
        assert song_ids[-1] <= 2058
        assert np.histogram(song_ids, [0, 1001, 2001, 2059])[0].tolist() == parts


def test_ratings_are_whole_numbers_of_ten_raters_and_of_five_from_2001():
    for song in map(draw_song, range(100)):
        assert song.ratings.shape == (10 if song.song_id <= 2000 else 5, 2)
        assert np.isin(song.ratings, range(1, 10)).all()


def test_ratings_spread_as_those_of_deam(drawn):
    _, means, _ = drawn
    np.testing.assert_allclose(means.mean(axis=0), 5, atol=0.15)
    np.testing.assert_allclose(means.std(axis=0), 1.2, atol=0.08)  # DEAM: 1.17 and 1.29
    assert 0.25 < np.corrcoef(means.T)[0, 1] < 0.45


def test_ratings_follow_the_cues_with_the_weights_of_the_literature(drawn):
    cues, means, _ = drawn
    slopes, residuals, *_ = np.linalg.lstsq(np.column_stack([np.ones(len(cues)), cues]), means, rcond=None)
    # Standardised weights of the data of Eerola, Friberg and Bresin: happy minus sad, and the reverse of peaceful.
    valence = np.array([0.76, 0.43, 0.21, 0.18, 0.05, 0.03])
    arousal = np.array([0, 0.40, 0, 0.10, 0.40, 0.37])
    for column, weights in enumerate((valence, arousal)):
        np.testing.assert_allclose(slopes[1:, column], 1.2 * weights / np.linalg.norm(weights), atol=0.04)
    # The residual is rater noise and its rounding to whole numbers, (1 + 1/12) / 10, and / 5 for a tenth of the songs.
    np.testing.assert_allclose(residuals / len(cues), 1.1 * (1 + 1 / 12) / 10, rtol=0.1)


def test_rating_is_neutral_for_neutral_cues_and_highest_for_high_ones():
    rng = np.random.default_rng(0)
    high = Cues(MAJOR, 2.0, 2.0, 2.0, 2.0, 2.0)
    assert rate(replace(NEUTRAL, mode=0), 4000, rng).mean(axis=0) == pytest.approx([5, 5], abs=0.07)
    assert (rate(high, 4000, rng).mean(axis=0) > 7).all()
    assert rate(replace(high, loudness=50.0), 9, rng).max() == 9


def test_artists_have_four_songs_each_with_the_same_instruments():
    songs = [draw_song(index) for index in range(MAX_SONGS // 16 * 16)]
    instruments = {}
    for song in songs:
        style = song.style
        instruments.setdefault(song.artist, []).append(
            (style.chord_instrument, style.melody_instrument, style.bass_instrument)
        )
    assert len(instruments) == len(songs) // 4
    assert all(len(played) == 4 and len(set(played)) == 1 for played in instruments.values())
    assert len({song.title for song in songs}) == len(songs)


def test_cues_vary_as_much_between_artists_as_between_their_songs(drawn):
    cues, _, artists = drawn
    songs = np.flatnonzero(np.arange(len(artists)) % MAX_SONGS < MAX_SONGS // 16 * 16)  # whole blocks of artists
    pairs = cues[songs].reshape(-1, 4, 4, 6)  # blocks, rounds, artists, cues
    for cue in range(1, 6):
        r = np.corrcoef(pairs[:, 0, :, cue].ravel(), pairs[:, 1, :, cue].ravel())[0, 1]
        assert r == pytest.approx(0.5, abs=0.07), CUES[cue]
    assert np.abs(cues).max() <= 2
