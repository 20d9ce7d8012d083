# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
From songs to rows of segments, with their log-mels where a feature extractor is given, cached on disk.

Each song is decoded once, by [`stream_segments`], which the pipeline uses too. The cache contains neither labels nor
names, so it serves every split, both readings of the labels, and every mean and std.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Array2D, Dataset, Features, Value

from ..audio_ast_va import AudioError, segment_sizes, stream_segments
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from .cache import map_songs

# Increase it when rows change for the same songs and settings: with a change of the numbers that this file,
# audio_ast_va.py or feature_extraction_ast_va.py computes. Cached rows of other versions are then not read again.
SEGMENTS_VERSION = 1
UNCACHED_SETTINGS = ("mean", "std", "do_normalize", "auto_map", "transformers_version")  # do not change the rows

SAMPLING_RATE = 44_100  # Hz, of nearly all files of DEAM; used without a feature extractor
SILENCE_PEAK = 1e-4  # of full scale, -80 dBFS: a song that never exceeds it is silent

FEATURES = {
    "song_id": Value("int64"),
    "segment_index": Value("int64"),
    "start_seconds": Value("float64"),
    "duration_seconds": Value("float64"),
    "reason": Value("string"),
    "detail": Value("string"),
}


def cut_songs(
    songs: list[dict[str, Any]],
    *,
    segment_seconds: float,
    hop_seconds: float | None,
    feature_extractor: ASTVAFeatureExtractor | None,
    num_proc: int | None,
    cache_dir: str | Path | None,
) -> Dataset:
    """
    Map songs to rows of segments; an unusable song becomes one row with a `reason` and no `input_values`.

    Args:
        songs: with `song_id` and `path`.
        segment_seconds, hop_seconds: length of a segment and step to the next; `None` is the length.
        feature_extractor: computes `input_values`, `(max_length, num_mel_bins)` in each row, without normalisation.
        num_proc, cache_dir: as for [`map_songs`].

    Returns:
        Rows of `FEATURES`, and `input_values` where a feature extractor is given. `reason` is empty for a segment, else
        `"undecodable"`, `"truncated"`, `"silent"` or `"too short"` (for one segment), which `detail` explains.
    """
    features = Features(FEATURES)
    if feature_extractor:
        features["input_values"] = Array2D((feature_extractor.max_length, feature_extractor.num_mel_bins), "float32")
    settings = feature_extractor.to_dict() if feature_extractor else {}
    key = {
        "version": SEGMENTS_VERSION,
        "segment_seconds": float(segment_seconds),
        "hop_seconds": float(hop_seconds or segment_seconds),
        "feature_extractor": {name: value for name, value in settings.items() if name not in UNCACHED_SETTINGS},
    }
    desc = "Songs to log-mels" if feature_extractor else "Songs to segments"
    cut = partial(_cut_song, feature_extractor, segment_seconds, hop_seconds)
    return map_songs(
        cut, songs, name="segments", key=key, features=features, num_proc=num_proc, cache_dir=cache_dir, desc=desc
    )


def check_segments(
    segment_seconds: float, hop_seconds: float | None, feature_extractor: ASTVAFeatureExtractor | None
) -> None:
    """Refuse segments that cannot be cut, or of another length than the feature extractor expects (ValueError)."""
    segment_sizes(_sampling_rate(feature_extractor), segment_seconds, hop_seconds)
    if feature_extractor and feature_extractor.segment_seconds != segment_seconds:
        raise ValueError(
            f"Expected segments of {feature_extractor.segment_seconds} s as the feature extractor has them, but got "
            f"segment_seconds={segment_seconds}: a model must be trained on segments of the length that it predicts."
        )


def _cut_song(
    feature_extractor: ASTVAFeatureExtractor | None,
    segment_seconds: float,
    hop_seconds: float | None,
    song: dict[str, Any],
) -> dict[str, Any]:
    """The rows of a song, as columns."""
    rate = _sampling_rate(feature_extractor)
    try:
        starts, waveforms = _decode_song(song["path"], rate, segment_seconds, hop_seconds)
    except AudioError as error:
        of_song = {"song_id": song["song_id"], "reason": error.reason, "detail": error.detail}
        columns = [*FEATURES, "input_values"] if feature_extractor else FEATURES
        return {name: [of_song.get(name)] for name in columns}
    rows: dict[str, Any] = {
        "song_id": [song["song_id"]] * len(starts),
        "segment_index": range(len(starts)),
        "start_seconds": starts,
        "duration_seconds": [len(waveform) / rate for waveform in waveforms],
        "reason": [""] * len(starts),
        "detail": [""] * len(starts),
    }
    if feature_extractor:
        rows["input_values"] = _log_mels(waveforms, feature_extractor)
    return rows


def _decode_song(
    path: str, rate: int, segment_seconds: float, hop_seconds: float | None
) -> tuple[list[float], list[np.ndarray]]:
    """Starts and waveforms of the segments of a song; `AudioError` for a silent one, or one of less than a segment."""
    starts, waveforms = map(list, zip(*stream_segments(path, rate, segment_seconds, hop_seconds)))
    segment_samples, _ = segment_sizes(rate, segment_seconds, hop_seconds)
    if len(waveforms[0]) < segment_samples:
        detail = f"expected at least a segment of {segment_seconds:g} s, but got {len(waveforms[0]) / rate:.2f} s."
        raise AudioError(f"{path}: {detail}", "too short", detail)
    if max(float(np.abs(waveform).max()) for waveform in waveforms) < SILENCE_PEAK:
        detail = f"expected samples above {SILENCE_PEAK:g} of full scale, but got none."
        raise AudioError(f"{path}: {detail}", "silent", detail)
    return starts, waveforms


def _log_mels(waveforms: list[np.ndarray], feature_extractor: ASTVAFeatureExtractor) -> np.ndarray:
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more do not survive a fork, and slow each other down on shared cores
    try:
        rate = feature_extractor.sampling_rate
        batch = feature_extractor(waveforms, sampling_rate=rate, return_tensors="np", do_normalize=False)
        return batch["input_values"]
    finally:
        torch.set_num_threads(num_threads)


def _sampling_rate(feature_extractor: ASTVAFeatureExtractor | None) -> int:
    return feature_extractor.sampling_rate if feature_extractor else SAMPLING_RATE
