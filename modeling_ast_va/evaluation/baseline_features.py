# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Hand-made features of songs, the baseline's ears: timbre, harmony, loudness and rhythm as one row of numbers a song.

All but zero crossings come from one magnitude spectrogram. Values of frames are summed up over the song, mostly as mean
and standard deviation.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import librosa
import numpy as np
from datasets import Dataset, Features, List, Value
from datasets.config import HF_DATASETS_CACHE
from numpy.typing import NDArray

from .. import audio_ast_va
from ..audio_ast_va import decode
from ..descriptors_ast_va import KEY_PROFILES

SAMPLING_RATE = 22_050  # Hz
N_FFT, HOP_LENGTH = 2048, 512  # samples
NUM_MEL_BINS, NUM_MFCCS = 64, 20
TOP_DB = 80.0  # what lies further below the loudest counts as silence
LOUDNESS_PERCENTILES = (5, 25, 50, 75, 95)
TEMPO_RANGE = (40.0, 240.0)  # beats a minute


def describe_songs(
    paths: Sequence[str], *, num_proc: int | None = None, cache_dir: str | Path | None = None
) -> NDArray[np.float64]:
    """Describes songs by hand-made features, in several processes, and keeps them on disk.

    The cache file is named after the audio files, their sizes and times of change, and the code that hears them.

    Args:
        paths: of the songs, decoded whole.
        num_proc: processes.
        cache_dir: where the features are kept; None is the cache of `datasets`.

    Shape:
        returns (num_songs, num_features)

    Raises:
        AudioError: a song cannot be decoded.
    """
    stats = [os.stat(path) for path in paths]
    songs = Dataset.from_dict(
        {
            "path": [os.path.abspath(path) for path in paths],
            "num_bytes": [status.st_size for status in stats],
            "modified_ns": [status.st_mtime_ns for status in stats],
        }
    )
    code = [inspect.getsource(module) for module in (audio_ast_va, sys.modules[__name__])]
    content = {"songs": songs.to_list(), "code": code, "librosa": version("librosa")}
    key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]
    cache = Path(cache_dir or HF_DATASETS_CACHE) / "modeling_ast_va"
    cache.mkdir(parents=True, exist_ok=True)
    if num_proc and num_proc > 1:
        # librosa compiles its loops when they are first used, into files that processes must not write at once.
        handmade_features(np.random.default_rng(0).normal(size=SAMPLING_RATE).astype(np.float32))
    rows = songs.map(
        _describe_row,
        remove_columns=songs.column_names,
        features=Features({"features": List(Value("float64"))}),
        num_proc=min(num_proc, len(songs)) if num_proc and num_proc > 1 else None,
        new_fingerprint=key,
        cache_file_name=str(cache / f"features-{key}.arrow"),
        load_from_cache_file=True,
        desc="Songs to hand-made features",
    )
    return np.array(rows["features"][:], dtype=np.float64)


def _describe_row(song: Mapping[str, Any]) -> dict[str, list[float]]:
    return {"features": list(handmade_features(decode(song["path"], SAMPLING_RATE)).values())}


def handmade_features(waveform: NDArray[np.float32]) -> dict[str, float]:
    """Describes one song by numbers with names such as `mfcc_3_mean`; all are finite, for silence too.

    Args:
        waveform: mono, at `SAMPLING_RATE`.

    Shape:
        waveform: (num_samples,)
    """
    magnitudes = np.abs(librosa.stft(waveform, n_fft=N_FFT, hop_length=HOP_LENGTH))  # (bins, frames)
    mel = librosa.feature.melspectrogram(S=magnitudes**2, sr=SAMPLING_RATE, n_mels=NUM_MEL_BINS)
    log_mel = librosa.power_to_db(mel, top_db=TOP_DB)  # (mel bins, frames); absolute, so it keeps the loudness
    chroma = librosa.feature.chroma_stft(S=magnitudes**2, sr=SAMPLING_RATE, tuning=0.0)  # (12, frames)
    return {
        **_timbre(magnitudes, log_mel),
        **_moments("zero_crossing_rate", librosa.feature.zero_crossing_rate(waveform, hop_length=HOP_LENGTH)),
        **_harmony(chroma),
        **_loudness(magnitudes),
        **_rhythm(log_mel),
    }


def _timbre(magnitudes: NDArray, log_mel: NDArray) -> dict[str, float]:
    mfcc = librosa.feature.mfcc(S=log_mel, n_mfcc=NUM_MFCCS)
    centroid = librosa.feature.spectral_centroid(S=magnitudes, sr=SAMPLING_RATE)
    bandwidth = librosa.feature.spectral_bandwidth(S=magnitudes, sr=SAMPLING_RATE, centroid=centroid)
    features = _moments("mfcc", mfcc)
    features |= {f"mfcc_{i}_delta_std": float(value) for i, value in enumerate(np.diff(mfcc).std(axis=1))}
    features |= _moments("centroid", centroid) | _moments("bandwidth", bandwidth)
    features |= _moments("rolloff", librosa.feature.spectral_rolloff(S=magnitudes, sr=SAMPLING_RATE))
    features |= _moments("flatness_db", librosa.power_to_db(librosa.feature.spectral_flatness(S=magnitudes)))
    return features | _moments("contrast", librosa.feature.spectral_contrast(S=magnitudes, sr=SAMPLING_RATE))


def _harmony(chroma: NDArray) -> dict[str, float]:
    features = _moments("chroma", chroma) | _moments("tonnetz", librosa.feature.tonnetz(chroma=chroma))
    mean = chroma.mean(axis=1)
    fits = {
        mode: max(_correlation(mean, np.roll(profile, tonic)) for tonic in range(12))
        for mode, profile in zip(("major", "minor"), KEY_PROFILES)
    }
    features |= {f"key_{mode}": fit for mode, fit in fits.items()}
    return features | {"key_majorness": fits["major"] - fits["minor"]}


def _loudness(magnitudes: NDArray) -> dict[str, float]:
    rms = librosa.feature.rms(S=magnitudes, frame_length=N_FFT)[0]
    rms_db = librosa.amplitude_to_db(rms, top_db=TOP_DB)
    features = _moments("rms", rms) | _moments("rms_db", rms_db)
    features |= {f"rms_db_p{p}": float(value) for p, value in zip(LOUDNESS_PERCENTILES, _percentiles(rms_db))}
    features["rms_db_range"] = features["rms_db_p95"] - features["rms_db_p5"]
    features["rms_db_delta_std"] = float(np.diff(rms_db).std())
    features["low_energy_ratio"] = float(np.mean(rms < rms.mean()))
    return features


def _rhythm(log_mel: NDArray) -> dict[str, float]:
    onset_strength = librosa.onset.onset_strength(S=log_mel, sr=SAMPLING_RATE, hop_length=HOP_LENGTH)  # (frames,)
    frame_rate = SAMPLING_RATE / HOP_LENGTH  # Hz
    onsets = librosa.onset.onset_detect(onset_envelope=onset_strength, sr=SAMPLING_RATE, hop_length=HOP_LENGTH)
    features = _moments("onset_strength", onset_strength)
    features["onset_strength_max"] = float(onset_strength.max())
    features["onsets_per_second"] = len(onsets) * frame_rate / len(onset_strength)
    # The beat is the lag at which the onsets best resemble themselves; how well they do is its clarity.
    deviations = onset_strength - onset_strength.mean()
    energy = float(np.vdot(deviations, deviations))
    shortest, longest = (round(60 / beats * frame_rate) for beats in reversed(TEMPO_RANGE))
    correlation = librosa.autocorrelate(deviations, max_size=longest + 1)[shortest:] / max(energy, 1e-10)
    beat = int(np.argmax(correlation)) if len(correlation) else 0
    features["tempo"] = 60 * frame_rate / (shortest + beat)
    features["pulse_clarity"] = float(correlation[beat]) if len(correlation) else 0.0
    return features


def _moments(name: str, values: NDArray) -> dict[str, float]:
    """Mean and standard deviation over frames: of one row of frames, or numbered for each of several."""
    rows = np.atleast_2d(values).astype(np.float64)  # (rows, frames)
    names = [name] if len(rows) == 1 else [f"{name}_{i}" for i in range(len(rows))]
    means = {f"{row}_mean": float(value) for row, value in zip(names, rows.mean(axis=1))}
    return means | {f"{row}_std": float(value) for row, value in zip(names, rows.std(axis=1))}


def _percentiles(values: NDArray) -> NDArray:
    return np.percentile(values, LOUDNESS_PERCENTILES)


def _correlation(first: NDArray, second: NDArray) -> float:
    first, second = first - first.mean(), second - second.mean()
    norm = np.linalg.norm(first) * np.linalg.norm(second)
    return float(np.dot(first, second) / norm) if norm > 0 else 0.0
