# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Demo songs: synthesised music in DEAM's own folder layout, rated by simulated listeners who hear how it is played.

Ratings are linear in the cues, as Eerola, Friberg and Bresin found (2013, "Emotional expression in music:
contribution, linearity, and additivity of primary musical cues", Frontiers in Psychology 4:487). `EFFECTS` are the
standardised regression weights of the cues on the mean ratings of their 200 excerpts (doi:10.7910/DVN/IFOBRN, CC0),
melody partialled out. Valence is their happy minus sad (R2 0.92); arousal is the reverse of peaceful (R2 0.79) without
the parts of mode and register, which make peaceful music pleasant: mode changes mood, not arousal (Husain, Thompson
and Schellenberg, 2002, Music Perception 20). The cue of brightness is the reverse of their flute. The directions are
those of reviews: Gabrielsson and Lindström (2010), Juslin and Lindström (2010).
"""

from __future__ import annotations

import math
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from ..data.annotations import ANNOTATION_FOLDERS, AUDIO_FOLDERS, DYNAMIC_FILES, METADATA_FOLDER, SONG_LEVEL_FILES
from ..data.label_audit import LAST_1_2000_ID, LAST_EXCHANGED_ID
from ..demo.synthesis import CUE_LIMIT, MAJOR, MINOR, SAMPLING_RATE, Cues, Style, draw_style, synthesise

EFFECTS = {  # on valence and arousal, in the order of `Cues`
    "mode": (0.76, 0.0),
    "tempo": (0.43, 0.40),
    "register": (0.21, 0.0),
    "articulation": (0.18, 0.10),
    "brightness": (0.05, 0.40),
    "loudness": (0.03, 0.37),
}
NEUTRAL_RATING = 5.0
RATING_STD = 1.2  # of expected ratings over songs; with the raters' noise, means spread as DEAM's: by about 1.2
RATER_STD = 1.0  # of a rater around the expected rating; DEAM's differ by 1.5, which would hide more than needed here

# Ten songs with ids in the three parts of DEAM, in the proportions of DEAM but for more of the last; then ten more.
FIRST_IDS = (2, 1001, 2, 1001, 2001, 2, 1001, 2, 1001, 1001)
LAST_ID = 2058
MAX_SONGS = len(FIRST_IDS) * (LAST_ID - LAST_1_2000_ID)  # one of each ten is above 2000

# Of each 16 songs, four artists made four each; how they play varies as much between artists as between their songs.
NUM_ARTISTS, SONGS_PER_ARTIST = 4, 4
ARTIST_SHARE = 0.5
ARTIST_NAMES = (  # 13 and 12 words: 156 names
    "Amber Brisk Copper Distant Early Faded Golden Hollow Idle Jade Kindred Lunar Misty",
    "Antlers Bicycles Comets Dynamos Engines Ferries Gardens Harbours Islands Kites Lanterns Meadows",
)
ALBUM, GENRE = "Demo Songs", "Synthetic"
TITLES = ("Prelude", "Dance", "Study", "Nocturne", "March", "Serenade", "Interlude")

FIRST_SAMPLE_SECONDS, SAMPLE_SECONDS, MIN_ANNOTATED_SECONDS = 15.0, 0.5, 5.0
MP3_COMPRESSION = 0.7  # about 60 kbit/s at a variable rate

# Streams of random numbers; those of a song depend on the seed and the song only.
ARTIST, SONG, RATERS, MUSIC, COURSE = range(5)


@dataclass(frozen=True)
class DemoSong:
    """A song before it is played; `ratings` is (num_raters, 2), whole numbers from 1 to 9, valence and arousal."""

    song_id: int
    artist: str
    title: str
    cues: Cues
    style: Style
    ratings: np.ndarray


def make_demo_deam(
    output_dir: str | Path,
    num_songs: int = 400,
    seed: int = 0,
    *,
    song_seconds: float = 20.0,
) -> Path:
    """Writes synthesised songs and their ratings as DEAM is published, with its quirks and its exchange of columns.

    Dynamic annotations start at 15 s, as DEAM's, and go on to the end of the song, or to 20 s where that is later.
    The same arguments give the same files, and a larger set contains a smaller one.

    Args:
        output_dir: a new or empty folder; it appears when all is written.
        num_songs: from 1 to 580, which use up DEAM's ids above 2000.
        seed: of everything that is drawn, 0 or more.
        song_seconds: length of each song, at least 1.

    Returns:
        `output_dir`.

    Raises:
        ValueError: for arguments out of these ranges, and for a folder that is not empty.
    """
    output_dir = Path(output_dir)
    _check_arguments(output_dir, num_songs, seed, song_seconds)
    songs = sorted((draw_song(index, seed) for index in range(num_songs)), key=lambda song: song.song_id)
    output_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output_dir.parent, prefix=f"{output_dir.name}.") as unfinished:
        root = Path(unfinished) / "deam"
        _write_audio(root / AUDIO_FOLDERS[0], songs, seed, song_seconds)
        _write_song_level(root / ANNOTATION_FOLDERS[0], songs)
        _write_dynamic(root / ANNOTATION_FOLDERS[0], songs, seed, song_seconds)
        _write_metadata(root / METADATA_FOLDER, songs)
        if output_dir.exists():
            output_dir.rmdir()
        root.rename(output_dir)
    return output_dir


def draw_song(index: int, seed: int = 0) -> DemoSong:
    """Draws how a song is played and rated; quick, since nothing is played yet.

    An artist has typical cues, mostly one mode, and always the same instruments, so that a model that knows other
    songs of the artist has an advantage. Key and drum pattern are the song's own.
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
    return DemoSong(
        song_id=song_id,
        artist=" ".join(words[artist % len(words)] for words in map(str.split, ARTIST_NAMES)),
        title=f"{TITLES[index % len(TITLES)]} No. {index + 1}",
        cues=cues,
        style=replace(artist_style, tonic=style.tonic, drum_pattern=style.drum_pattern),
        ratings=rate(cues, 10 if song_id <= LAST_1_2000_ID else 5, np.random.default_rng([seed, RATERS, index])),
    )


def rate(cues: Cues, num_raters: int, rng: np.random.Generator) -> np.ndarray:
    """Rates a song as each of `num_raters` listeners hears its cues: (num_raters, 2), valence and arousal, 1 to 9."""
    effects = np.array(list(EFFECTS.values()))  # (6, 2)
    expected = NEUTRAL_RATING + RATING_STD * np.array(astuple(cues)) @ effects / np.linalg.norm(effects, axis=0)
    return np.clip(np.rint(rng.normal(expected, RATER_STD, (num_raters, 2))), 1, 9)


def _check_arguments(output_dir: Path, num_songs: int, seed: int, song_seconds: float) -> None:
    if not 1 <= num_songs <= MAX_SONGS:
        raise ValueError(f"num_songs must be from 1 to {MAX_SONGS}, got {num_songs}.")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}.")
    if not 1 <= song_seconds < math.inf:
        raise ValueError(f"song_seconds must be at least 1, got {song_seconds}.")
    if output_dir.exists() and not (output_dir.is_dir() and not any(output_dir.iterdir())):
        raise ValueError(f"output_dir must be a new or empty folder, but {str(output_dir)!r} holds something already.")


def _write_audio(folder: Path, songs: list[DemoSong], seed: int, song_seconds: float) -> None:
    folder.mkdir(parents=True)

    def write(song: DemoSong) -> None:
        rng = np.random.default_rng([seed, MUSIC, song.song_id])
        waveform = synthesise(song.cues, song.style, song_seconds, rng)
        path = folder / f"{song.song_id}.mp3"
        soundfile.write(path, waveform, SAMPLING_RATE, bitrate_mode="VARIABLE", compression_level=MP3_COMPRESSION)

    # Threads suffice: encoding, which takes most of the time, leaves Python to the others.
    with ThreadPoolExecutor() as pool:
        list(pool.map(write, songs))


def _write_song_level(folder: Path, songs: list[DemoSong]) -> None:
    """Means and population stds of the ratings; the second file also has the highest and the lowest moment's."""
    first = ["song_id, valence_mean, valence_std, arousal_mean, arousal_std"]
    second = [
        "song_id, valence_mean, valence_std, valence_ max_mean, valence_max_std, valence_min_mean, valence_min_std,"
        " arousal_mean, arousal_std, arousal_max_mean, arousal_max_std, arousal_min_mean, arousal_min_std"
    ]
    for song in songs:
        ratings = song.ratings
        if song.song_id <= LAST_1_2000_ID:
            ratings = ratings[:, ::-1] if song.song_id <= LAST_EXCHANGED_ID else ratings  # exchanged as in DEAM
            first.append(",".join([str(song.song_id), *_moments([ratings], "{:g}")]))
        else:
            rated = [ratings, np.minimum(ratings + 1, 9), np.maximum(ratings - 1, 1)]
            second.append(",".join([str(song.song_id), *_moments(rated, "{}")]))
    for name, lines in zip(SONG_LEVEL_FILES, (first, second)):
        _write_lines(folder / name, lines, newline="\r\n")


def _moments(rated: list[np.ndarray], number: str) -> list[str]:
    """Mean and population std of valence for each kind of rating, then those of arousal, as text."""
    return [
        number.format(round(float(moment), 2))
        for dimension in (0, 1)
        for ratings in rated
        for moment in (ratings[:, dimension].mean(), ratings[:, dimension].std())
    ]


def _write_dynamic(folder: Path, songs: list[DemoSong], seed: int, song_seconds: float) -> None:
    """Each song's course around its mean rating, from the scale of 1 to 9 to that of -1 to 1; under their own names."""
    annotated_seconds = max(song_seconds - FIRST_SAMPLE_SECONDS, MIN_ANNOTATED_SECONDS)
    seconds = FIRST_SAMPLE_SECONDS + np.arange(0, annotated_seconds, SAMPLE_SECONDS)
    header = ",".join(["song_id", *(f"sample_{1000 * s:.0f}ms" for s in seconds)])
    for dimension, name in enumerate(DYNAMIC_FILES):
        lines = [header]
        for song in songs:
            rng = np.random.default_rng([seed, COURSE, song.song_id, dimension])
            phase, period = rng.uniform((0, 8), (2 * np.pi, 20))
            wobble = 0.05 * np.sin(phase + 2 * np.pi * seconds / period)
            course = np.clip((song.ratings[:, dimension].mean() - NEUTRAL_RATING) / 4 + wobble, -1, 1)
            cells = [f"{value:.4f}" for value in course]
            if song.song_id <= LAST_1_2000_ID:  # DEAM's later songs are annotated for longer
                cells[-2:] = ["", ""]
            lines.append(",".join([str(song.song_id), *cells]))
        _write_lines(folder / DYNAMIC_FILES[name], lines)


def _write_metadata(folder: Path, songs: list[DemoSong]) -> None:
    """One file for each year of DEAM, each with its own order of columns and its own disorder."""
    first = ["song_id,album,artist,title,Genre"]  # tabs in the quotes
    second = ["song_id,artist,album,title,Genre" + "," * 100]  # trailing unnamed columns, some of them with tags
    third = ["song_id,title,artist,album,Genre" + "," * 14]
    for song in songs:
        name, artist, title = song.song_id, song.artist, song.title
        if name <= LAST_EXCHANGED_ID:
            first.append(f'{name},"\t{name}.mp3","{artist}\t","\t{title}\t","\t{GENRE}\t"')
        elif name <= LAST_1_2000_ID:
            tags = f"instrumental,{song.style.chord_instrument}" + "," * 98
            second.append(f"{name},{artist},{ALBUM},{title},{GENRE},{tags}")
        else:
            third.append(f"{name},{title},{artist},{ALBUM},{GENRE}" + "," * 14)
    for year, lines in zip((2013, 2014, 2015), (first, second, third)):
        _write_lines(folder / f"metadata_{year}.csv", lines)


def _write_lines(path: Path, lines: list[str], newline: str = "\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(line + newline for line in lines).encode())
