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
from datasets import Array2D, Dataset, Features, Value

from ..audio_ast_va import Segment, segment_sizes, stream_segments
from ..decoding_ast_va import AudioError
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from .cache import map_songs
from .log_mels import INPUT, compute_log_mels
from .sources import LOG_MELS

# Increase it when rows change for the same songs and settings: with a change of the numbers that this file, the
# decoders, audio_ast_va.py or feature_extraction_ast_va.py compute. Cached rows of other versions are not read again.
SEGMENTS_VERSION = 3
UNCACHED_SETTINGS = ("mean", "std", "do_normalize", "auto_map", "transformers_version")  # do not change the rows

SAMPLING_RATE = 44_100  # Hz, of nearly all files of DEAM; used without a feature extractor
SILENCE_PEAK = 1e-4  # of full scale, -80 dBFS: a song that never exceeds it is silent

PART = ("start_seconds", "duration_seconds")  # of a song that is a part of its file

FEATURES = {
    "song_id": Value("int64"),  # or text
    "segment_index": Value("int64"),
    "start_seconds": Value("float64"),
    "duration_seconds": Value("float64"),
    "weight_seconds": Value("float64"),
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
    log_mels: str = LOG_MELS[0],
) -> Dataset:
    """
    Map songs to rows of segments; an unusable song becomes one row with a `reason` and no `input_values`.

    Args:
        songs: with `song_id` and `path`; `start_seconds` and `duration_seconds` (or `None`) of the part of the file.
        segment_seconds, hop_seconds: length of a segment and step to the next; `None` is the length.
        feature_extractor: computes `input_values`, `(max_length, num_mel_bins)` in each row, without normalisation.
        num_proc, cache_dir: as for [`map_songs`].
        log_mels: `"cached"`, or `"on_the_fly"`: the feature extractor gives only the sampling rate.

    Returns:
        Rows of `FEATURES`, and `input_values` where a feature extractor computes them. `reason` is empty for a segment,
        else `"undecodable"`, `"truncated"`, `"silent"` or `"too short"` (for one segment), which `detail` explains. The
        last segment ends with the song, and `weight_seconds` is what it adds to the one before.
    """
    features = Features(FEATURES)
    if isinstance(songs[0]["song_id"], str):
        features["song_id"] = Value("string")
    rate = _sampling_rate(feature_extractor)
    settings = {} if rate == SAMPLING_RATE else {"sampling_rate": rate}
    if log_mels == "on_the_fly":
        feature_extractor = None
    if feature_extractor:
        features[INPUT] = Array2D((feature_extractor.max_length, feature_extractor.num_mel_bins), "float32")
        settings = feature_extractor.to_dict()
    key = {
        "version": SEGMENTS_VERSION,
        "segment_seconds": float(segment_seconds),
        "hop_seconds": float(hop_seconds or segment_seconds),
        "feature_extractor": {name: value for name, value in settings.items() if name not in UNCACHED_SETTINGS},
    }
    desc = "Songs to log-mels" if feature_extractor else "Songs to segments"
    cut = partial(_cut_song, feature_extractor, rate, segment_seconds, hop_seconds)
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
    rate: int,
    segment_seconds: float,
    hop_seconds: float | None,
    song: dict[str, Any],
) -> dict[str, Any]:
    """The rows of a song, as columns."""
    try:
        segments = _decode_song(song, rate, segment_seconds, hop_seconds)
    except AudioError as error:
        of_song = {"song_id": song["song_id"], "reason": error.reason, "detail": error.detail}
        columns = [*FEATURES, INPUT] if feature_extractor else FEATURES
        return {name: [of_song.get(name)] for name in columns}
    starts, waveforms, weights, _ = zip(*segments)
    rows: dict[str, Any] = {
        "song_id": [song["song_id"]] * len(segments),
        "segment_index": range(len(segments)),
        "start_seconds": [song.get("start_seconds", 0.0) + start for start in starts],
        "duration_seconds": [len(waveform) / rate for waveform in waveforms],
        "weight_seconds": weights,
        "reason": [""] * len(segments),
        "detail": [""] * len(segments),
    }
    if feature_extractor:
        rows[INPUT] = compute_log_mels(waveforms, feature_extractor)
    return rows


def _decode_song(song: dict[str, Any], rate: int, segment_seconds: float, hop_seconds: float | None) -> list[Segment]:
    """The segments of a song; `AudioError` for a truncated or silent one, or one of less than a segment."""
    part = {name: song[name] for name in PART if name in song}
    segments = list(stream_segments(song["path"], rate, segment_seconds, hop_seconds, **part))
    segment_samples, _ = segment_sizes(rate, segment_seconds, hop_seconds)
    duration, reason = len(segments[0].waveform) / rate, ""
    if segments[-1].warning:
        reason, detail = "truncated", f"expected the audio that its header states, but it {segments[-1].warning}."
    elif len(segments[0].waveform) < segment_samples:
        reason, detail = "too short", f"expected at least a segment of {segment_seconds:g} s, but got {duration:.2f} s."
    elif max(float(np.abs(segment.waveform).max()) for segment in segments) < SILENCE_PEAK:
        reason, detail = "silent", f"expected samples above {SILENCE_PEAK:g} of full scale, but got none."
    if reason:
        raise AudioError(f"{song['path']}: {detail}", reason, detail)
    return segments


def _sampling_rate(feature_extractor: ASTVAFeatureExtractor | None) -> int:
    return feature_extractor.sampling_rate if feature_extractor else SAMPLING_RATE
