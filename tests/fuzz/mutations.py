# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Audio files damaged at random, and what must come of them: a rating on the scale, or an error."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from music import chords
from pyav_files import encode

SECONDS = 4.0
SAMPLING_RATE = 48_000
LIBSNDFILE = [
    ("pcm.wav", "WAV", "PCM_16"),
    ("float.wav", "WAV", "FLOAT"),
    ("double.wav", "WAV", "DOUBLE"),
    ("adpcm.wav", "WAV", "MS_ADPCM"),
    ("song.flac", "FLAC", "PCM_16"),
    ("song.ogg", "OGG", "VORBIS"),
    ("song.opus", "OGG", "OPUS"),
    ("song.mp3", "MP3", "MPEG_LAYER_III"),
    ("song.aiff", "AIFF", "PCM_24"),
    ("song.au", "AU", "FLOAT"),
    ("song.caf", "CAF", "PCM_16"),
    ("song.w64", "W64", "PCM_16"),
]
FFMPEG = [
    ("aac.m4a", "ipod", "aac"),
    ("alac.m4a", "ipod", "alac"),
    ("song.aac", "adts", "aac"),
    ("song.wma", "asf", "wmav2"),
    ("song.webm", "webm", "libopus"),
    ("song.mka", "matroska", "pcm_s16le"),
    ("song.ac3", "ac3", "ac3"),
    ("song.wv", "wv", "wavpack"),
]


def write_songs(folder: Path) -> list[Path]:
    """Write a song of `SECONDS` in every format; returns the files."""
    waveform = chords(SECONDS, SAMPLING_RATE, num_channels=2)
    for name, container, subtype in LIBSNDFILE:
        soundfile.write(folder / name, waveform, SAMPLING_RATE, format=container, subtype=subtype)
    for name, container, codec in FFMPEG:
        encode(folder / name, waveform, container, codec, SAMPLING_RATE)
    return sorted(folder.iterdir())


def mutate(encoded: bytes, rng: np.random.Generator) -> bytes:
    """Damage a file once to three times: bits, runs of bytes, its header, its length."""
    content = bytearray(encoded)
    for _ in range(rng.integers(1, 4)):
        start = int(rng.integers(len(content))) if content else 0
        length = int(2 ** rng.uniform(0, 14))
        match rng.integers(8):
            case 0:  # single bits
                for position in rng.integers(max(1, len(content)), size=rng.integers(1, 30)):
                    content[position : position + 1] = bytes(
                        byte ^ (1 << int(rng.integers(8))) for byte in content[position : position + 1]
                    )
            case 1:  # noise
                content[start : start + length] = rng.bytes(len(content[start : start + length]))
            case 2:  # all bits or none
                fill = rng.choice([b"\x00", b"\xff"])
                content[start : start + length] = bytes(fill) * len(content[start : start + length])
            case 3:  # cut off
                del content[start:]
            case 4:  # cut out
                del content[start : start + length]
            case 5:  # repeated
                content[start:start] = content[start : start + length]
            case 6:  # inserted
                content[start:start] = rng.bytes(length)
            case 7:  # the header
                for position in rng.integers(min(200, max(1, len(content))), size=rng.integers(1, 6)):
                    content[position : position + 1] = rng.bytes(len(content[position : position + 1]))
    return bytes(content)


def mutated_song(songs: list[Path], seed: int) -> tuple[str, bytes]:
    """Name and content of the mutated file with this number."""
    rng = np.random.default_rng(seed)
    song = songs[seed % len(songs)]
    return song.name, mutate(song.read_bytes(), rng)


def find_fault(result: dict[str, Any], label_range: tuple[float, float] = (1.0, 9.0)) -> str:
    """What is wrong with the result of a mutated file; empty if nothing is."""
    if "error" in result:
        return "" if isinstance(result["error"], str) and result["error"] else "an error without text"
    low, high = label_range
    for row in (result, *result["segments"]):
        for name in ("valence", "arousal"):
            if not (math.isfinite(row[name]) and low <= row[name] <= high):
                return f"{name} {row[name]}"
    return "" if result["segments"] else "no segments"
