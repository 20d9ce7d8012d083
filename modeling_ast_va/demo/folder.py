# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Demo songs in the layout of DEAM, with the quirks of its files and its exchange of valence and arousal."""

from __future__ import annotations

import math
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile

from ..audio_ast_va import RATING_SCALE
from ..data.annotations import ANNOTATION_FOLDERS, AUDIO_FOLDERS, DYNAMIC_FILES, METADATA_FOLDER, SONG_LEVEL_FILES
from ..data.song_ids import LAST_2013_ID, LAST_2014_ID, LAST_EXCHANGED_ID
from .songs import COURSE, MAX_SONGS, MUSIC, NEUTRAL_RATING, DemoSong, draw_song
from .synthesis import SAMPLING_RATE, synthesise

ALBUM, GENRE = "Demo Songs", "Synthetic"
FIRST_SAMPLE_SECONDS, SAMPLE_SECONDS, MIN_ANNOTATED_SECONDS = 15.0, 0.5, 5.0
MP3_COMPRESSION = 0.7  # about 60 kbit/s at a variable rate


def make_demo_deam(output_dir: str | Path, num_songs: int = 400, seed: int = 0, *, song_seconds: float = 20.0) -> Path:
    """
    Write synthesised songs and their ratings as DEAM is published.

    Dynamic annotations start at 15 s, as in DEAM, and continue to the end of the song, or to 20 s if that is later.
    The same arguments give the same files, and a larger set contains a smaller one.

    Args:
        output_dir: a new or empty folder, which is created when everything is written.
        num_songs: from 1 to 580, the number that uses all ids of DEAM above 2000.
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


def _check_arguments(output_dir: Path, num_songs: int, seed: int, song_seconds: float) -> None:
    if not 1 <= num_songs <= MAX_SONGS:
        raise ValueError(f"Expected num_songs from 1 to {MAX_SONGS}, but got {num_songs}.")
    if seed < 0:
        raise ValueError(f"Expected a seed of 0 or more, but got {seed}.")
    if not 1 <= song_seconds < math.inf:
        raise ValueError(f"Expected song_seconds of at least 1, but got {song_seconds}.")
    if output_dir.exists() and not (output_dir.is_dir() and not any(output_dir.iterdir())):
        raise ValueError(f"Expected output_dir to be a new or empty folder, but {str(output_dir)!r} is not empty.")


def _write_audio(folder: Path, songs: list[DemoSong], seed: int, song_seconds: float) -> None:
    folder.mkdir(parents=True)

    def write(song: DemoSong) -> None:
        rng = np.random.default_rng([seed, MUSIC, song.song_id])
        waveform = synthesise(song.cues, song.style, song_seconds, rng)
        path = folder / f"{song.song_id}.mp3"
        soundfile.write(path, waveform, SAMPLING_RATE, bitrate_mode="VARIABLE", compression_level=MP3_COMPRESSION)

    # Threads are enough: most of the time is spent on encoding, which releases the lock of the interpreter.
    with ThreadPoolExecutor() as pool:
        list(pool.map(write, songs))


def _write_song_level(folder: Path, songs: list[DemoSong]) -> None:
    """Means and population stds of the ratings; in the second file also those of the highest and the lowest moment."""
    first = ["song_id, valence_mean, valence_std, arousal_mean, arousal_std"]
    second = [
        "song_id, valence_mean, valence_std, valence_ max_mean, valence_max_std, valence_min_mean, valence_min_std,"
        " arousal_mean, arousal_std, arousal_max_mean, arousal_max_std, arousal_min_mean, arousal_min_std"
    ]
    lowest, highest = RATING_SCALE
    for song in songs:
        ratings = song.ratings
        if song.song_id <= LAST_2014_ID:
            ratings = ratings[:, ::-1] if song.song_id <= LAST_EXCHANGED_ID else ratings  # exchanged as in DEAM
            first.append(",".join([str(song.song_id), *_moments([ratings], "{:g}")]))
        else:
            rated = [ratings, np.minimum(ratings + 1, highest), np.maximum(ratings - 1, lowest)]
            second.append(",".join([str(song.song_id), *_moments(rated, "{}")]))
    for name, lines in zip(SONG_LEVEL_FILES, (first, second)):
        _write_lines(folder / name, lines, newline="\r\n")


def _moments(rated: list[np.ndarray], number: str) -> list[str]:
    """Mean and population std of valence for each kind of rating, then of arousal, as text."""
    return [
        number.format(round(float(moment), 2))
        for dimension in (0, 1)
        for ratings in rated
        for moment in (ratings[:, dimension].mean(), ratings[:, dimension].std())
    ]


def _write_dynamic(folder: Path, songs: list[DemoSong], seed: int, song_seconds: float) -> None:
    """The course of each song around its mean rating, on the scale from -1 to 1; columns have their own names."""
    annotated_seconds = max(song_seconds - FIRST_SAMPLE_SECONDS, MIN_ANNOTATED_SECONDS)
    seconds = FIRST_SAMPLE_SECONDS + np.arange(0, annotated_seconds, SAMPLE_SECONDS)
    half_width = (RATING_SCALE[1] - RATING_SCALE[0]) / 2
    header = ",".join(["song_id", *(f"sample_{1000 * s:.0f}ms" for s in seconds)])
    for dimension, name in enumerate(DYNAMIC_FILES):
        lines = [header]
        for song in songs:
            rng = np.random.default_rng([seed, COURSE, song.song_id, dimension])
            phase, period = rng.uniform((0, 8), (2 * np.pi, 20))
            wobble = 0.05 * np.sin(phase + 2 * np.pi * seconds / period)
            course = np.clip((song.ratings[:, dimension].mean() - NEUTRAL_RATING) / half_width + wobble, -1, 1)
            cells = [f"{value:.4f}" for value in course]
            if song.song_id <= LAST_2014_ID:  # the later songs of DEAM are annotated for longer
                cells[-2:] = ["", ""]
            lines.append(",".join([str(song.song_id), *cells]))
        _write_lines(folder / DYNAMIC_FILES[name], lines)


def _write_metadata(folder: Path, songs: list[DemoSong]) -> None:
    """One file for each year of DEAM, each with its own order of columns and its own irregularities."""
    first = ["song_id,album,artist,title,Genre"]  # tabs in the quotes
    second = ["song_id,artist,album,title,Genre" + "," * 100]  # trailing unnamed columns, some of them with tags
    third = ["song_id,title,artist,album,Genre" + "," * 14]
    for song in songs:
        song_id, artist, title = song.song_id, song.artist, song.title
        if song_id <= LAST_2013_ID:
            first.append(f'{song_id},"\t{song_id}.mp3","{artist}\t","\t{title}\t","\t{GENRE}\t"')
        elif song_id <= LAST_2014_ID:
            tags = f"instrumental,{song.style.chord_instrument}" + "," * 98
            second.append(f"{song_id},{artist},{ALBUM},{title},{GENRE},{tags}")
        else:
            third.append(f"{song_id},{title},{artist},{ALBUM},{GENRE}" + "," * 14)
    for year, lines in zip((2013, 2014, 2015), (first, second, third)):
        _write_lines(folder / f"metadata_{year}.csv", lines)


def _write_lines(path: Path, lines: list[str], newline: str = "\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(line + newline for line in lines).encode())
