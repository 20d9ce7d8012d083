# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tiny folders in the layout of DEAM with the quirks of the real files, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from modeling_ast_va import ASTVAFeatureExtractor

SAMPLING_RATE = 22_050
ANNOTATIONS = Path("DEAM_Annotations/annotations/annotations averaged per song")
AUDIO = Path("DEAM_audio/MEMD_audio")
SONGS_1_2000 = ANNOTATIONS / "song_level/static_annotations_averaged_songs_1_2000.csv"
SONGS_2000_2058 = ANNOTATIONS / "song_level/static_annotations_averaged_songs_2000_2058.csv"
DYNAMIC = ANNOTATIONS / "dynamic (per second annotations)"

SMALL_SECONDS = dict.fromkeys(range(2, 14), 6.0) | {1001: 4.2, 1002: 4.7, 2001: 7.0}
SMALL_ARTISTS = {song: f"Band {song // 2}" for song in SMALL_SECONDS}


def small_feature_extractor(**options) -> ASTVAFeatureExtractor:
    """For segments of 2 s at the rate of the songs."""
    settings = {"n_fft": 512, "num_mel_bins": 16, "max_length": 96, "segment_seconds": 2.0}
    return ASTVAFeatureExtractor(**{"sampling_rate": SAMPLING_RATE} | settings | options)


SMALL_OPTIONS = {"segment_seconds": 2.0, "feature_extractor": small_feature_extractor()}


def true_ratings(song_id: int) -> dict[str, float]:
    """Return the ratings of a song under their right names."""
    valence, arousal = np.random.default_rng(song_id).uniform(2, 8, size=2).round(2)
    return {"valence_mean": valence, "valence_std": 0.5, "arousal_mean": arousal, "arousal_std": 1.25}


def write_deam(
    root: Path,
    seconds: dict[int, float],
    *,
    artists: dict[int, str] | None = None,
    exchanged_up_to: int = 1000,
    dynamic: bool = True,
) -> Path:
    """
    Write a DEAM folder.

    Args:
        root: the new folder.
        seconds: length of each song; a song of 0 seconds is annotated, but has no audio file.
        artists: of each song; `None` writes no metadata.
        exchanged_up_to: last song id with exchanged names of valence and arousal.
        dynamic: whether to write dynamic annotations, which agree with the true ratings.
    """
    for folder in (AUDIO, SONGS_1_2000.parent, DYNAMIC):
        (root / folder).mkdir(parents=True)
    _write_ratings(root, sorted(seconds), exchanged_up_to)
    if dynamic:
        _write_dynamic(root, sorted(seconds))
    if artists is not None:
        _write_metadata(root, artists)
    for song_id, duration in seconds.items():
        if duration:
            write_song(root / AUDIO / f"{song_id}.mp3", duration, frequency=200 + song_id % 400)
    return root


def write_song(path: Path, duration: float, frequency: float = 440.0, sampling_rate: int = SAMPLING_RATE) -> None:
    """Write a tone in noise as MP3; the encoder adds a few hundredths of a second."""
    time = np.arange(round(duration * sampling_rate)) / sampling_rate
    noise = np.random.default_rng(round(frequency)).normal(scale=0.01, size=time.size)
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * frequency * time) + noise, sampling_rate, format="MP3")


def _write_ratings(root: Path, song_ids: list[int], exchanged_up_to: int) -> None:
    def row(song_id: int) -> dict[str, float]:
        ratings = true_ratings(song_id)
        if song_id > exchanged_up_to:
            return ratings
        other = {"valence": "arousal", "arousal": "valence"}
        return {name: ratings[other[name.split("_")[0]] + "_" + name.split("_")[1]] for name in ratings}

    lines = ["song_id, valence_mean, valence_std, arousal_mean, arousal_std"]
    early = [song for song in song_ids if song <= 2000]
    lines += [",".join([f"{song}  ", *(f" {value} " for value in row(song).values())]) for song in early]
    (root / SONGS_1_2000).write_bytes("\r\n".join([*lines, ""]).encode())

    lines = [
        "song_id, valence_mean, valence_std, valence_ max_mean, valence_max_std, valence_min_mean, valence_min_std,"
        " arousal_mean, arousal_std, arousal_max_mean, arousal_max_std, arousal_min_mean, arousal_min_std"
    ]
    for song_id in [song for song in song_ids if song > 2000]:
        values = row(song_id)
        valence = f"{values['valence_mean']},{values['valence_std']}"
        arousal = f"{values['arousal_mean']},{values['arousal_std']}"
        lines.append(f"{song_id},{valence},8.9,0.1,1.1,0.2,{arousal},8.8,0.3,1.2,0.4")
    (root / SONGS_2000_2058).write_bytes("\r\n".join([*lines, ""]).encode())


def _write_dynamic(root: Path, song_ids: list[int]) -> None:
    header = "song_id," + ",".join(f"sample_{15_000 + 500 * index}ms" for index in range(6))
    for name in ("valence", "arousal"):
        lines = [header]
        for song_id in song_ids:
            mean = (true_ratings(song_id)[f"{name}_mean"] - 5) / 4
            samples = mean + 0.1 * np.array([-1, 0, 1, -1, 1, 0])
            num_samples = 6 if song_id % 2 else 3  # a shorter song has a blank tail
            lines.append(
                ",".join([str(song_id), *(f"{x:.6f}" for x in samples[:num_samples]), *[""] * (6 - num_samples)])
            )
        (root / DYNAMIC / f"{name}.csv").write_text("\n".join([*lines, ""]))


def _write_metadata(root: Path, artists: dict[int, str]) -> None:
    """Three files with three orders of columns: quoted tabs, more genre tags than columns, trailing commas."""
    early = [
        f'{song},"\t{song}.mp3","{name}\t","\tSong {song}\t","\tBlues\t"'
        for song, name in artists.items()
        if song <= 1000
    ]
    middle = [
        f'{song},"{name}",An Album,Song {song},Rock,tag,tag,tag,'
        for song, name in artists.items()
        if 1000 < song <= 2000
    ]
    late = [f"{song},Song {song},{name},n/a,Pop,,," for song, name in artists.items() if song > 2000]
    (root / "metadata").mkdir()
    for year, header, lines in (
        (2013, "song_id,album,artist,title,Genre", early),
        (2014, "song_id,artist,album,title,Genre,,", middle),
        (2015, "song_id,title,artist,album,Genre,,,", late),
    ):
        (root / f"metadata/metadata_{year}.csv").write_text("\n".join([header, *lines, ""]), encoding="utf-8")
