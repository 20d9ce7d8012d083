# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Hand-made features of songs, the input of the baselines: timbre, harmony, loudness and rhythm as one row of numbers.

All features but the zero crossings come from one magnitude spectrogram. Values of frames are summarised over the song,
mostly by mean and standard deviation.
"""

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
from ..descriptor_matrices_ast_va import KEY_PROFILES
from ..metrics import pearson_r
from ..processes import num_cores

FEATURES_VERSION = 2  # of cached features; increase it with every change of their values or order
SAMPLING_RATE = 22_050  # Hz
N_FFT, HOP_LENGTH = 2048, 512  # samples
NUM_MEL_BINS, NUM_MFCCS = 64, 20
TOP_DB = 80.0  # what is further below the loudest value counts as silence
LOUDNESS_PERCENTILES = (5, 25, 50, 75, 95)
SPECTRAL = (  # of which the features of a song are means and standard deviations
    *("centroid", "bandwidth", "rolloff", "flatness_db", "contrast", "zero_crossing_rate", "chroma", "tonnetz"),
)
TEMPO_RANGE = (40.0, 240.0)  # beats a minute


def describe_songs(
    paths: Sequence[str], *, num_proc: int | None = None, cache_dir: str | Path | None = None
) -> NDArray[np.float64]:
    """
    Compute the hand-made features of songs, `(num_songs, num_features)`, or read them from the cache.

    Args:
        paths: of the songs, which are decoded whole.
        num_proc, cache_dir: as for [`map_songs`].

    Raises:
        AudioError: for a song that cannot be decoded.
    """
    num_proc = num_proc or num_cores()
    if num_proc > 1:
        compile_librosa()
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


def compile_librosa() -> None:
    """librosa compiles its loops on first use, into files that several processes must not write at the same time."""
    handmade_features(np.random.default_rng(0).normal(size=SAMPLING_RATE).astype(np.float32))


def _describe_song(song: dict[str, Any]) -> dict[str, list[list[float]]]:
    return {"features": [list(handmade_features(decode(song["path"], SAMPLING_RATE)).values())]}


def handmade_features(waveform: NDArray[np.float32]) -> dict[str, float]:
    """The features of one song, mono at `SAMPLING_RATE`, by names such as `mfcc_3_mean`; finite for silence too."""
    import librosa

    frames = frame_features(waveform)
    onset_strength = frames["onset_strength"]
    onsets = librosa.onset.onset_detect(onset_envelope=onset_strength, hop_length=HOP_LENGTH, sr=SAMPLING_RATE)
    features = _moments("mfcc", frames["mfcc"])
    features |= {f"mfcc_{i}_delta_std": float(value) for i, value in enumerate(np.diff(frames["mfcc"]).std(axis=1))}
    for name in SPECTRAL:
        features |= _moments(name, frames[name])
    return {
        **features,
        **_key(frames["chroma"].mean(axis=1)),
        **_loudness(frames["rms"], frames["rms_db"]),
        **_rhythm(onset_strength, len(onsets)),
    }


def frame_features(waveform: NDArray[np.float32]) -> dict[str, NDArray]:
    """The features of the frames of a waveform at `SAMPLING_RATE` by name, `(frames,)` or `(rows, frames)`."""
    import librosa
    from librosa import feature

    magnitudes = np.abs(librosa.stft(waveform, n_fft=N_FFT, hop_length=HOP_LENGTH))  # (bins, frames)
    mel = feature.melspectrogram(S=magnitudes**2, n_mels=NUM_MEL_BINS, sr=SAMPLING_RATE)
    log_mel = librosa.power_to_db(mel, top_db=TOP_DB)  # (mel bins, frames); absolute, so it keeps the loudness
    centroid = feature.spectral_centroid(S=magnitudes, sr=SAMPLING_RATE)
    chroma = feature.chroma_stft(S=magnitudes**2, tuning=0.0, sr=SAMPLING_RATE)  # (12, frames)
    rms = feature.rms(S=magnitudes, frame_length=N_FFT)[0]
    return {
        "mfcc": feature.mfcc(S=log_mel, n_mfcc=NUM_MFCCS),
        "centroid": centroid,
        "bandwidth": feature.spectral_bandwidth(S=magnitudes, centroid=centroid, sr=SAMPLING_RATE),
        "rolloff": feature.spectral_rolloff(S=magnitudes, sr=SAMPLING_RATE),
        "flatness_db": librosa.power_to_db(feature.spectral_flatness(S=magnitudes)),
        "contrast": feature.spectral_contrast(S=magnitudes, sr=SAMPLING_RATE),
        "zero_crossing_rate": feature.zero_crossing_rate(waveform, hop_length=HOP_LENGTH),
        "chroma": chroma,
        "tonnetz": feature.tonnetz(chroma=chroma),
        "rms": rms,
        "rms_db": librosa.amplitude_to_db(rms, top_db=TOP_DB),
        "onset_strength": librosa.onset.onset_strength(S=log_mel, hop_length=HOP_LENGTH, sr=SAMPLING_RATE),
    }


def _key(chroma: NDArray) -> dict[str, float]:
    """How well the best of the twelve major and of the twelve minor keys fits."""
    major, minor = (max(pearson_r(chroma, np.roll(profile, i)) for i in range(12)) for profile in KEY_PROFILES)
    return {"key_major": major, "key_minor": minor, "key_majorness": major - minor}


def _loudness(rms: NDArray, rms_db: NDArray) -> dict[str, float]:
    percentiles = dict(zip(LOUDNESS_PERCENTILES, np.percentile(rms_db, LOUDNESS_PERCENTILES).tolist()))
    features = _moments("rms", rms) | _moments("rms_db", rms_db)
    features |= {f"rms_db_p{p}": value for p, value in percentiles.items()}
    features |= {"rms_db_range": percentiles[95] - percentiles[5], "rms_db_delta_std": float(np.diff(rms_db).std())}
    return features | {"low_energy_ratio": float(np.mean(rms < rms.mean()))}


def _rhythm(onset_strength: NDArray, num_onsets: int) -> dict[str, float]:
    """The beat is the lag with the highest autocorrelation of the onsets, and its clarity is that autocorrelation."""
    import librosa

    frame_rate = SAMPLING_RATE / HOP_LENGTH  # Hz
    deviations = onset_strength - onset_strength.mean()
    energy = float(np.vdot(deviations, deviations))
    shortest, longest = (round(60 / beats * frame_rate) for beats in reversed(TEMPO_RANGE))
    correlation = librosa.autocorrelate(deviations, max_size=longest + 1)[shortest:] / max(energy, 1e-10)
    beat = int(np.argmax(correlation)) if len(correlation) else 0
    return {
        **_moments("onset_strength", onset_strength),
        "onset_strength_max": float(onset_strength.max()),
        "onsets_per_second": num_onsets * frame_rate / len(onset_strength),
        "tempo": 60 * frame_rate / (shortest + beat),
        "pulse_clarity": float(correlation[beat]) if len(correlation) else 0.0,
    }


def _moments(name: str, values: NDArray) -> dict[str, float]:
    """Mean and standard deviation over frames of one row, or of each of several rows with its number."""
    rows = np.atleast_2d(values).astype(np.float64)  # (rows, frames)
    names = [name] if len(rows) == 1 else [f"{name}_{i}" for i in range(len(rows))]
    means = {f"{row}_mean": float(value) for row, value in zip(names, rows.mean(axis=1))}
    return means | {f"{row}_std": float(value) for row, value in zip(names, rows.std(axis=1))}
