# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""From songs to rows of segments, with their log-mels where a feature extractor is given, cached on disk.

Each song is decoded once, by `stream_segments`, which the pipeline hears songs through too. The cache holds neither
labels nor names, so that another split, another reading of the labels, or another mean and std starts at once.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Array2D, Dataset, Features, Value
from datasets.config import HF_DATASETS_CACHE

from .. import audio_ast_va
from ..audio_ast_va import AudioError, segment_sizes, stream_segments
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..data.cache import map_songs

SAMPLING_RATE = 44_100  # Hz, of nearly all of DEAM's files; where no feature extractor asks for another
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
    songs: Dataset,
    *,
    segment_seconds: float,
    hop_seconds: float | None,
    feature_extractor: ASTVAFeatureExtractor | None,
    num_proc: int | None,
    cache_dir: str | Path | None,
) -> Dataset:
    """Maps songs to segments: a row a segment, or one row with a `reason` and no `input_values` for an unusable song.

    The folder of the cache is named after all that the rows depend on: the audio files, the settings, and the code of
    this package; not a mean and std, which play no part.

    Args:
        songs: rows of `song_id`, `path`, and whatever else tells whether a file has changed.
        segment_seconds, hop_seconds: as for `stream_segments`.
        feature_extractor: computes `input_values` `(max_length, num_mel_bins)`, without normalisation.
        num_proc: processes that decode; None is one for each core.
        cache_dir: where the rows are kept; None is the cache of `datasets`.

    Returns:
        Rows of `FEATURES`, and `input_values` where a feature extractor is given; `reason` is empty, "undecodable",
        "truncated", "silent" or "too short" (for one segment), `detail` says more.
    """
    features = Features(FEATURES)
    if feature_extractor:
        shape = (feature_extractor.max_length, feature_extractor.num_mel_bins)
        features["input_values"] = Array2D(shape, "float32")
    key = _cache_key(songs, segment_seconds, hop_seconds, feature_extractor)
    return map_songs(
        partial(
            _cut_song,
            segment_seconds=segment_seconds,
            hop_seconds=hop_seconds,
            feature_extractor=feature_extractor,
        ),
        songs.to_list(),
        folder=Path(cache_dir or HF_DATASETS_CACHE) / "modeling_ast_va" / f"deam-{key}",
        features=features,
        num_proc=num_proc,
        desc="Songs to log-mels" if feature_extractor else "Songs to segments",
    )


def check_segments(
    segment_seconds: float, hop_seconds: float | None, feature_extractor: ASTVAFeatureExtractor | None
) -> None:
    """Refuses segments that cannot be cut, or are not those that the feature extractor is made for (ValueError)."""
    segment_sizes(_sampling_rate(feature_extractor), segment_seconds, hop_seconds)
    if feature_extractor and feature_extractor.segment_seconds != segment_seconds:
        raise ValueError(
            f"Expected segments of one length, but segment_seconds is {segment_seconds} and the feature extractor's "
            f"is {feature_extractor.segment_seconds}: a model would be trained on other segments than it hears later."
        )


class UnusableSong(Exception):
    """A song that cannot be used: the reason, one of a few, and a detail."""


def _cut_song(
    song: dict[str, Any],
    segment_seconds: float,
    hop_seconds: float | None,
    feature_extractor: ASTVAFeatureExtractor | None,
) -> dict[str, Any]:
    """Cuts a song into rows, as columns."""
    rate = _sampling_rate(feature_extractor)
    rows: dict[str, Any]
    try:
        starts, waveforms = _hear_song(song["path"], rate, segment_seconds, hop_seconds)
    except UnusableSong as error:
        reason, detail = error.args
        rows = {"segment_index": [None], "start_seconds": [None], "duration_seconds": [None]}
        inputs = [None]
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
            inputs = batch["input_values"]
    if feature_extractor:
        rows["input_values"] = inputs
    same = {"song_id": song["song_id"], "reason": reason, "detail": detail}
    return rows | {name: [value] * len(rows["segment_index"]) for name, value in same.items()}


def _hear_song(
    path: str, rate: int, segment_seconds: float, hop_seconds: float | None
) -> tuple[list[float], list[np.ndarray]]:
    """Decodes a song into starts and waveforms of its segments, or raises UnusableSong."""
    try:
        segments = list(stream_segments(path, rate, segment_seconds, hop_seconds))
    except AudioError as error:
        detail = str(error).removeprefix(f"{path}: ").removeprefix(f"{error.reason}; ")
        raise UnusableSong(error.reason, detail) from error
    starts, waveforms = map(list, zip(*segments))
    segment_samples, _ = segment_sizes(rate, segment_seconds, hop_seconds)
    if len(waveforms[0]) < segment_samples:
        raise UnusableSong(
            "too short", f"{len(waveforms[0]) / rate:.2f} s, less than a segment of {segment_seconds:g} s"
        )
    peak = max(float(np.abs(waveform).max()) for waveform in waveforms)
    if peak < SILENCE_PEAK:
        raise UnusableSong("silent", f"never above {SILENCE_PEAK:g} of full scale")
    return starts, waveforms


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """Keeps torch to one thread: more do not survive a fork, and wait for each other where cores are shared."""
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(num_threads)


def _sampling_rate(feature_extractor: ASTVAFeatureExtractor | None) -> int:
    return feature_extractor.sampling_rate if feature_extractor else SAMPLING_RATE


def _cache_key(
    songs: Dataset, segment_seconds: float, hop_seconds: float | None, feature_extractor: ASTVAFeatureExtractor | None
) -> str:
    modules = [audio_ast_va, sys.modules[__name__]]
    settings: dict[str, Any] = {}
    if feature_extractor:
        modules.append(sys.modules[type(feature_extractor).__module__])
        settings = feature_extractor.to_dict()
        for name in ("mean", "std", "do_normalize"):
            settings.pop(name)
    content = {
        "songs": songs.to_list(),
        "segment_seconds": float(segment_seconds),
        "hop_seconds": float(hop_seconds or segment_seconds),
        "feature_extractor": settings,
        "code": [inspect.getsource(module) for module in modules],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]
