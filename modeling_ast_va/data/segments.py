# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
From songs to rows of segments, with their log-mels where a feature extractor is given, cached on disk.

Each song is decoded once, by [`stream_segments`], which the pipeline uses too. The cache contains neither labels nor
names, so it serves every split, both readings of the labels, and every mean and std.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
        feature_extractor: computes `input_values`, without normalisation.
        num_proc, cache_dir: as for [`map_songs`].

    Shape:
        `input_values`: `(max_length, num_mel_bins)` in each row.

    Returns:
        Rows of `FEATURES`, and `input_values` where a feature extractor is given. `reason` is empty for a segment, else
        `"undecodable"`, `"truncated"`, `"silent"` or `"too short"` (for one segment), which `detail` explains.
    """
    features = Features(FEATURES)
    settings: dict[str, Any] = {}
    if feature_extractor:
        shape = (feature_extractor.max_length, feature_extractor.num_mel_bins)
        features["input_values"] = Array2D(shape, "float32")
        settings = feature_extractor.to_dict()
    cut = {"segment_seconds": segment_seconds, "hop_seconds": hop_seconds, "feature_extractor": feature_extractor}
    return map_songs(
        partial(_cut_song, **cut),
        songs,
        name="segments",
        key={
            "version": SEGMENTS_VERSION,
            "segment_seconds": float(segment_seconds),
            "hop_seconds": float(hop_seconds or segment_seconds),
            "feature_extractor": {name: value for name, value in settings.items() if name not in UNCACHED_SETTINGS},
        },
        features=features,
        num_proc=num_proc,
        cache_dir=cache_dir,
        desc="Songs to log-mels" if feature_extractor else "Songs to segments",
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
    song: dict[str, Any],
    segment_seconds: float,
    hop_seconds: float | None,
    feature_extractor: ASTVAFeatureExtractor | None,
) -> dict[str, Any]:
    """The rows of a song, as columns."""
    rate = _sampling_rate(feature_extractor)
    rows: dict[str, Any]
    try:
        starts, waveforms = _decode_song(song["path"], rate, segment_seconds, hop_seconds)
    except AudioError as error:
        reason, detail = error.reason, error.detail
        rows = {"segment_index": [None], "start_seconds": [None], "duration_seconds": [None]}
        input_values = [None]
    else:
        reason, detail = "", ""
        rows = {
            "segment_index": list(range(len(starts))),
            "start_seconds": starts,
            "duration_seconds": [len(waveform) / rate for waveform in waveforms],
        }
        if feature_extractor:
            with _one_torch_thread():
                batch = feature_extractor(waveforms, sampling_rate=rate, return_tensors="np", do_normalize=False)
            input_values = batch["input_values"]
    if feature_extractor:
        rows["input_values"] = input_values
    same = {"song_id": song["song_id"], "reason": reason, "detail": detail}
    return rows | {name: [value] * len(rows["segment_index"]) for name, value in same.items()}


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


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """Limit torch to one thread: more do not survive a fork, and slow each other down on shared cores."""
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(num_threads)


def _sampling_rate(feature_extractor: ASTVAFeatureExtractor | None) -> int:
    return feature_extractor.sampling_rate if feature_extractor else SAMPLING_RATE
