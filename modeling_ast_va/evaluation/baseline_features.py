# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Hand-made features of songs, the input of the baselines: timbre, harmony, loudness and rhythm as one row of numbers.

All features but the zero crossings come from one magnitude spectrogram. Values of frames are summarised over the song,
mostly by mean and standard deviation.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Features, List, Value
from numpy.typing import NDArray

from ..audio_ast_va import decode
from ..data.cache import map_songs
from ..descriptors_ast_va import KEY_PROFILES
from ..metrics import pearson_r
from ..processes import num_cores

FEATURES_VERSION = 1  # of cached features; increase it with every change of their values
SAMPLING_RATE = 22_050  # Hz
N_FFT, HOP_LENGTH = 2048, 512  # samples
NUM_MEL_BINS, NUM_MFCCS = 64, 20
TOP_DB = 80.0  # what is further below the loudest value counts as silence
LOUDNESS_PERCENTILES = (5, 25, 50, 75, 95)
TEMPO_RANGE = (40.0, 240.0)  # beats a minute


def describe_songs(
    paths: Sequence[str], *, num_proc: int | None = None, cache_dir: str | Path | None = None
) -> NDArray[np.float64]:
    """
    Compute the hand-made features of songs, or read them from the cache.

    Args:
        paths: of the songs, which are decoded whole.
        num_proc: processes; None is one for each core.
        cache_dir: where the features are cached; None is the cache of `datasets`.

    Shape:
        returns `(num_songs, num_features)`

    Raises:
        AudioError: for a song that cannot be decoded.
    """
    num_proc = num_proc or num_cores()
    if num_proc > 1:
        # librosa compiles its loops on first use, into files that several processes must not write at the same time.
        handmade_features(np.random.default_rng(0).normal(size=SAMPLING_RATE).astype(np.float32))
    rows = map_songs(
        _describe_song,
        [{"path": os.path.abspath(path)} for path in paths],
        name="baseline_features",
        key={"version": FEATURES_VERSION, "librosa": version("librosa")},
        features=Features({"features": List(Value("float64"))}),
        num_proc=num_proc,
        cache_dir=cache_dir,
        desc="Songs to hand-made features",
    )
    return np.array(rows["features"][:], dtype=np.float64)


def _describe_song(song: dict[str, Any]) -> dict[str, list[list[float]]]:
    return {"features": [list(handmade_features(decode(song["path"], SAMPLING_RATE)).values())]}


def handmade_features(waveform: NDArray[np.float32]) -> dict[str, float]:
    """
    The features of one song, with names such as `mfcc_3_mean`; all are finite, for silence too.

    Args:
        waveform: mono, at `SAMPLING_RATE`.

    Shape:
        waveform: `(num_samples,)`
    """
    import librosa

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
    import librosa

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
    import librosa

    features = _moments("chroma", chroma) | _moments("tonnetz", librosa.feature.tonnetz(chroma=chroma))
    mean = chroma.mean(axis=1)
    fits = {
        mode: max(pearson_r(mean, np.roll(profile, tonic)) for tonic in range(12))
        for mode, profile in zip(("major", "minor"), KEY_PROFILES)
    }
    features |= {f"key_{mode}": fit for mode, fit in fits.items()}
    return features | {"key_majorness": fits["major"] - fits["minor"]}


def _loudness(magnitudes: NDArray) -> dict[str, float]:
    import librosa

    rms = librosa.feature.rms(S=magnitudes, frame_length=N_FFT)[0]
    rms_db = librosa.amplitude_to_db(rms, top_db=TOP_DB)
    percentiles = np.percentile(rms_db, LOUDNESS_PERCENTILES)
    features = _moments("rms", rms) | _moments("rms_db", rms_db)
    features |= {f"rms_db_p{p}": float(value) for p, value in zip(LOUDNESS_PERCENTILES, percentiles)}
    features["rms_db_range"] = features["rms_db_p95"] - features["rms_db_p5"]
    features["rms_db_delta_std"] = float(np.diff(rms_db).std())
    features["low_energy_ratio"] = float(np.mean(rms < rms.mean()))
    return features


def _rhythm(log_mel: NDArray) -> dict[str, float]:
    import librosa

    onset_strength = librosa.onset.onset_strength(S=log_mel, sr=SAMPLING_RATE, hop_length=HOP_LENGTH)  # (frames,)
    frame_rate = SAMPLING_RATE / HOP_LENGTH  # Hz
    onsets = librosa.onset.onset_detect(onset_envelope=onset_strength, sr=SAMPLING_RATE, hop_length=HOP_LENGTH)
    features = _moments("onset_strength", onset_strength)
    features["onset_strength_max"] = float(onset_strength.max())
    features["onsets_per_second"] = len(onsets) * frame_rate / len(onset_strength)
    # The beat is the lag with the highest autocorrelation of the onsets, and its clarity is that autocorrelation.
    deviations = onset_strength - onset_strength.mean()
    energy = float(np.vdot(deviations, deviations))
    shortest, longest = (round(60 / beats * frame_rate) for beats in reversed(TEMPO_RANGE))
    correlation = librosa.autocorrelate(deviations, max_size=longest + 1)[shortest:] / max(energy, 1e-10)
    beat = int(np.argmax(correlation)) if len(correlation) else 0
    features["tempo"] = 60 * frame_rate / (shortest + beat)
    features["pulse_clarity"] = float(correlation[beat]) if len(correlation) else 0.0
    return features


def _moments(name: str, values: NDArray) -> dict[str, float]:
    """Mean and standard deviation over frames of one row, or of each of several rows with its number."""
    rows = np.atleast_2d(values).astype(np.float64)  # (rows, frames)
    names = [name] if len(rows) == 1 else [f"{name}_{i}" for i in range(len(rows))]
    means = {f"{row}_mean": float(value) for row, value in zip(names, rows.mean(axis=1))}
    return means | {f"{row}_std": float(value) for row, value in zip(names, rows.std(axis=1))}
