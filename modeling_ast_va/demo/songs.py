# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
How demo songs are played, drawn at random, and how simulated raters rate them by it.

Ratings are linear in the cues, as Eerola, Friberg and Bresin found (2013, "Emotional expression in music:
contribution, linearity, and additivity of primary musical cues", Frontiers in Psychology 4:487). `EFFECTS` are the
standardised regression weights of the cues on the mean ratings of their 200 excerpts (doi:10.7910/DVN/IFOBRN, CC0),
with melody partialled out. Valence is their happy minus sad (R2 0.92). Arousal is the reverse of peaceful (R2 0.79)
without the contributions of mode and register, which make peaceful music pleasant: mode changes mood, not arousal
(Husain, Thompson and Schellenberg, 2002, Music Perception 20). The cue of brightness is the reverse of their flute. The
directions agree with reviews: Gabrielsson and Lindström (2010), Juslin and Lindström (2010).
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, replace

import numpy as np

from ..audio_ast_va import RATING_SCALE
from ..data.song_ids import FIRST_2015_ID, LAST_2013_ID, LAST_2014_ID, LAST_ID
from .synthesis import CUE_LIMIT, MAJOR, MINOR, Cues, Style, draw_style

EFFECTS = {  # on valence and arousal, in the order of `Cues`
    "mode": (0.76, 0.0),
    "tempo": (0.43, 0.40),
    "register": (0.21, 0.0),
    "articulation": (0.18, 0.10),
    "brightness": (0.05, 0.40),
    "loudness": (0.03, 0.37),
}
NEUTRAL_RATING = sum(RATING_SCALE) / 2
RATING_STD = 1.2  # of expected ratings over songs; with the noise of the raters, the spread of means is that of DEAM
RATER_STD = 1.0  # of a rater around the expected rating; 1.5 in DEAM, which would hide more than a demo needs
NUM_RATERS, NUM_RATERS_2015 = 10, 5

# Ten songs with ids in the three ranges of DEAM, in the proportions of DEAM but for more of the last; then ten more.
EARLY, MIDDLE, LATE = 2, LAST_2013_ID + 1, FIRST_2015_ID
FIRST_IDS = (EARLY, MIDDLE, EARLY, MIDDLE, LATE, EARLY, MIDDLE, EARLY, MIDDLE, MIDDLE)
MAX_SONGS = len(FIRST_IDS) * (LAST_ID - LAST_2014_ID)  # one of each ten is of 2015

# Of each 16 songs, four artists made four each; how they play varies as much between artists as between their songs.
NUM_ARTISTS, SONGS_PER_ARTIST = 4, 4
ARTIST_SHARE = 0.5
ARTIST_NAMES = (  # 13 and 12 words: 156 names
    "Amber Brisk Copper Distant Early Faded Golden Hollow Idle Jade Kindred Lunar Misty",
    "Antlers Bicycles Comets Dynamos Engines Ferries Gardens Harbours Islands Kites Lanterns Meadows",
)
TITLES = ("Prelude", "Dance", "Study", "Nocturne", "March", "Serenade", "Interlude")

# Streams of random numbers; those of a song depend only on the seed and the song.
ARTIST, SONG, RATERS, MUSIC, COURSE = range(5)


@dataclass(frozen=True)
class DemoSong:
    """A song before it is played; its ratings are whole numbers, valence and arousal, `(num_raters, 2)`."""

    song_id: int
    artist: str
    title: str
    cues: Cues
    style: Style
    ratings: np.ndarray


def draw_song(index: int, seed: int = 0) -> DemoSong:
    """
    Draw how a song is played and rated, without playing it.

    An artist has typical cues, mostly one mode, and always the same instruments, so that a model trained on other songs
    of the artist has an advantage. Key and drum pattern are drawn for each song.
    """
    block, place = divmod(index, len(FIRST_IDS))
    first = FIRST_IDS[place]
    song_id = first + block * FIRST_IDS.count(first) + FIRST_IDS[:place].count(first)

    block, place = divmod(index, NUM_ARTISTS * SONGS_PER_ARTIST)
    artist = NUM_ARTISTS * block + place % NUM_ARTISTS
    rng = np.random.default_rng([seed, ARTIST, artist])
    major_share = rng.choice([0.2, 0.8])
    typical = rng.normal(0, math.sqrt(ARTIST_SHARE), len(EFFECTS) - 1)
    artist_style = draw_style(rng)

    rng = np.random.default_rng([seed, SONG, index])
    mode = MAJOR if rng.random() < major_share else MINOR
    values = typical + rng.normal(0, math.sqrt(1 - ARTIST_SHARE), len(typical))
    cues = Cues(mode, *np.clip(values, -CUE_LIMIT, CUE_LIMIT).tolist())
    style = draw_style(rng)
    num_raters = NUM_RATERS_2015 if song_id >= FIRST_2015_ID else NUM_RATERS
    return DemoSong(
        song_id=song_id,
        artist=" ".join(words[artist % len(words)] for words in map(str.split, ARTIST_NAMES)),
        title=f"{TITLES[index % len(TITLES)]} No. {index + 1}",
        cues=cues,
        style=replace(artist_style, tonic=style.tonic, drum_pattern=style.drum_pattern),
        ratings=rate(cues, num_raters, np.random.default_rng([seed, RATERS, index])),
    )


def rate(cues: Cues, num_raters: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the ratings of a song by simulated raters, valence and arousal, `(num_raters, 2)`."""
    effects = np.array(list(EFFECTS.values()))  # (6, 2)
    expected = NEUTRAL_RATING + RATING_STD * np.array(astuple(cues)) @ effects / np.linalg.norm(effects, axis=0)
    return np.clip(np.rint(rng.normal(expected, RATER_STD, (num_raters, 2))), *RATING_SCALE)
