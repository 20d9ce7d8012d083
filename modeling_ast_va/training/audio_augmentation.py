# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Augmented windows of music: pieces with a change of speed, mixtures of two, an equaliser, and gain.

A window is drawn first, as numbers, and rendered later, from the audio files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import soxr

from ..audio_ast_va import decode
from ..data.rated_songs import SongId

SPEED_STD = 0.06  # of the logarithm of the change of speed
MIXED_SHARE, MIX_DB = 0.6, 12  # share of windows that mix two pieces, and the highest difference of their levels
EQUALIZED_SHARE, EQUALIZER_BANDS, EQUALIZER_DB = 0.5, 6, 3  # share, number of bands, and standard deviation of each
LOWEST_BAND_HZ = 60.0
GAIN_DB = 6  # highest, up and down
SILENCE_RMS = 1e-5
MARGIN_SECONDS = 0.05  # decoded after a piece, so that its end is complete after resampling


class Source(NamedTuple):
    """A song out of which windows are cut, and the part of its file that may be used, in seconds."""

    song_id: SongId
    path: str
    start_seconds: float
    stop_seconds: float


def draw_windows(sources: Sequence[Source], num_windows: int, window_seconds: float, seed: int) -> list[dict[str, Any]]:
    """
    Draw augmented windows, as JSON; a song is drawn as often as it is long.

    The draw of a window depends on its position and the seed only: the first ones of a longer list are the same.

    Args:
        window_seconds: length of a window, which no source is shorter than.

    Returns:
        Windows with `pieces`, the first of which gives the level, `mix_db` of the second piece relative to it,
        `equalizer_db` of each band (empty without an equaliser) and `gain_db`. A piece has `source`, its position in
        `sources`, `start_seconds` in its file, and `speed`.
    """
    lengths = np.array([source.stop_seconds - source.start_seconds for source in sources])
    shares = lengths / lengths.sum()
    return [
        _draw_window(sources, shares, window_seconds, np.random.default_rng((seed, index)))
        for index in range(num_windows)
    ]


def _draw_window(
    sources: Sequence[Source], shares: np.ndarray, window_seconds: float, rng: np.random.Generator
) -> dict[str, Any]:
    pieces = []
    for _ in range(2 if rng.random() < MIXED_SHARE else 1):
        index = int(rng.choice(len(sources), p=shares))
        source = sources[index]
        length = source.stop_seconds - source.start_seconds
        speed = min(float(np.exp(rng.normal(0, SPEED_STD))), length / window_seconds)
        start = source.start_seconds + rng.random() * (length - speed * window_seconds)
        pieces.append({"source": index, "start_seconds": round(start, 4), "speed": round(speed, 4)})
    is_equalized = rng.random() < EQUALIZED_SHARE
    return {
        "pieces": pieces,
        "mix_db": round(rng.uniform(-MIX_DB, MIX_DB), 2),
        "equalizer_db": rng.normal(0, EQUALIZER_DB, EQUALIZER_BANDS).round(2).tolist() if is_equalized else [],
        "gain_db": round(rng.uniform(-GAIN_DB, GAIN_DB), 2),
    }


def louder_source(window: dict[str, Any]) -> int:
    """Position of the source of the only piece, or of the louder one of two."""
    return window["pieces"][-1 if window["mix_db"] > 0 else 0]["source"]


def render_window(
    window: dict[str, Any], sources: Sequence[Source], sampling_rate: int, window_seconds: float
) -> np.ndarray:
    """
    The waveform of a window, `(num_samples,)`, float32, within full scale.

    A mixture has the level of its first piece, before gain.

    Raises:
        AudioError: when a file cannot be decoded any more.
    """
    num_samples = round(window_seconds * sampling_rate)
    pieces = [_read_piece(piece, sources, sampling_rate, num_samples) for piece in window["pieces"]]
    waveform, level = pieces[0], _rms(pieces[0])
    if len(pieces) > 1:
        waveform = waveform + pieces[1] * (level / _rms(pieces[1]) * 10 ** (window["mix_db"] / 20))
        waveform = waveform * (level / _rms(waveform))
    if window["equalizer_db"]:
        waveform = equalize(waveform, window["equalizer_db"], sampling_rate)
    waveform = waveform * 10 ** (window["gain_db"] / 20)
    return (waveform / max(1.0, float(np.abs(waveform).max()))).astype(np.float32)


def equalize(waveform: np.ndarray, gains_db: Sequence[float], sampling_rate: int) -> np.ndarray:
    """
    Change the level of bands, which are evenly spaced in the logarithm of frequency up to half the sampling rate.

    Args:
        gains_db: at the centre of each band; between the centres they are linear in the logarithm of frequency.
    """
    spectrum = np.fft.rfft(waveform)
    frequencies = np.fft.rfftfreq(len(waveform), 1 / sampling_rate)
    centres = np.geomspace(LOWEST_BAND_HZ, sampling_rate / 2, len(gains_db))
    gains = np.interp(np.log(np.maximum(frequencies, LOWEST_BAND_HZ)), np.log(centres), gains_db)
    return np.fft.irfft(spectrum * 10 ** (gains / 20), len(waveform))


def _read_piece(piece: dict[str, Any], sources: Sequence[Source], sampling_rate: int, num_samples: int) -> np.ndarray:
    """The waveform of a piece at its speed, `(num_samples,)`; what lies beyond the end of the file is silence."""
    source, speed = sources[piece["source"]], piece["speed"]
    duration = min(num_samples / sampling_rate * speed + MARGIN_SECONDS, source.stop_seconds - piece["start_seconds"])
    read = decode(source.path, sampling_rate, start_seconds=piece["start_seconds"], duration_seconds=duration)
    waveform = soxr.resample(read, sampling_rate * speed, sampling_rate)[:num_samples]
    return np.pad(waveform, (0, num_samples - len(waveform)))


def _rms(waveform: np.ndarray) -> float:
    return max(SILENCE_RMS, float(np.sqrt(np.square(waveform).mean())))
