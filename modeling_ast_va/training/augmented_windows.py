# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Augmented windows as rows: log-mels for the student, and the embeddings of every teacher of the same audio.

Source: Beyer et al. (2022), "Knowledge distillation: A good teacher is patient and consistent", CVPR.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Array2D, Dataset, Features, List, Value, concatenate_datasets

from ..data.cache import identify, map_songs
from ..data.log_mels import INPUT, compute_log_mels, one_thread
from ..data.segments import SEGMENTS_VERSION, UNCACHED_SETTINGS
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..training.audio_augmentation import Source, render_window
from ..training.teacher_encoders import StudentAudioEncoder, TeacherSource

# Increase it when windows or embeddings change for the same sources and settings.
WINDOWS_VERSION = 1
WINDOWS_PER_BATCH = 16  # of the encoders
# Windows are cached in blocks: a longer list of windows computes only its last ones.
WINDOWS_PER_BLOCK = 4096
EMBEDDING = "embedding"


def load_augmented(
    windows: Sequence[dict[str, Any]],
    sources: Sequence[Source],
    teachers: Sequence[TeacherSource],
    feature_extractor: ASTVAFeatureExtractor,
    *,
    num_proc: int | None,
    cache_dir: str | Path | None,
) -> Dataset:
    """
    Render augmented windows and embed them, or read them from the cache, which a run that was killed continues.

    Args:
        windows, sources: as [`draw_windows`] takes and returns them.
        feature_extractor: of the student; its mean and std are ignored.
        num_proc: processes that compute, each in one thread on the CPU; None is one for each core.
        cache_dir: as for [`map_songs`].

    Returns:
        A row for each window with `song_id`, a text, `start_seconds` (0), `duration_seconds`, `input_values` as of
        segments, and `embedding`, those of all teachers one after the other. Numbers are kept in half precision.
    """
    encoders = [StudentAudioEncoder(teacher, device="cpu", num_threads=1) for teacher in teachers]
    settings = feature_extractor.to_dict()
    key = {
        "version": [WINDOWS_VERSION, SEGMENTS_VERSION],
        "feature_extractor": {name: value for name, value in settings.items() if name not in UNCACHED_SETTINGS},
        "teachers": [[encoder.record, encoder.window_seconds] for encoder in encoders],
        "sources": [[source, identify({"path": source.path})] for source in sources],
    }
    features = _features(feature_extractor, sum(encoder.num_values for encoder in encoders))
    compute = functools.partial(_compute, tuple(sources), tuple(teachers), feature_extractor)
    batches: list[dict[str, Any]] = []
    for first in range(0, len(windows), WINDOWS_PER_BATCH):
        path = sources[windows[first]["pieces"][0]["source"]].path  # of one file, since a cache is of files
        batches.append({"first": first, "path": path, "windows": windows[first : first + WINDOWS_PER_BATCH]})
    blocks = []
    for start in range(0, len(batches), WINDOWS_PER_BLOCK // WINDOWS_PER_BATCH):
        block = batches[start : start + WINDOWS_PER_BLOCK // WINDOWS_PER_BATCH]
        desc = f"Augmented windows from {block[0]['first']:,} of {len(windows):,}"
        options: dict[str, Any] = {"num_proc": num_proc, "cache_dir": cache_dir, "desc": desc, "unit": " batches"}
        blocks.append(map_songs(compute, block, name="augmented", key=key, features=features, **options))
    return concatenate_datasets(blocks).with_format("numpy")


def _features(feature_extractor: ASTVAFeatureExtractor, num_values: int) -> Features:
    """The columns of the rows."""
    shape = (feature_extractor.max_length, feature_extractor.num_mel_bins)
    seconds = {name: Value("float64") for name in ("start_seconds", "duration_seconds")}
    arrays = {INPUT: Array2D(shape, "float16"), EMBEDDING: List(Value("float16"), length=num_values)}
    return Features({"song_id": Value("string")} | seconds | arrays)


def window_id(index: int) -> str:
    """The `song_id` of an augmented window. No path of a file is like it."""
    return f"augmented window {index}"


@functools.cache
def _encoder(teacher: TeacherSource) -> StudentAudioEncoder:
    """The encoder of this process: one that is made before a fork does not work after it."""
    return StudentAudioEncoder(teacher, device="cpu", num_threads=1)


def _compute(
    sources: Sequence[Source],
    teachers: Sequence[TeacherSource],
    feature_extractor: ASTVAFeatureExtractor,
    batch: dict[str, Any],
) -> dict[str, Any]:
    """The rows of a batch of windows, as columns."""
    seconds, rate = feature_extractor.segment_seconds, feature_extractor.sampling_rate
    waveforms = [render_window(window, sources, rate, seconds) for window in batch["windows"]]
    with one_thread():
        embeddings = np.concatenate([_encoder(one).embed_segments(waveforms) for one in teachers], axis=1)
    with np.errstate(over="ignore"):
        embeddings = embeddings.astype(np.float16)
    if not np.isfinite(embeddings).all():
        names = ", ".join(teacher.model for teacher in teachers)
        raise ValueError(f"Expected embeddings of {names} up to {np.finfo(np.float16).max}, but got larger ones.")
    return {
        "song_id": [window_id(batch["first"] + index) for index in range(len(waveforms))],
        "start_seconds": [0.0] * len(waveforms),
        "duration_seconds": [seconds] * len(waveforms),
        INPUT: compute_log_mels(waveforms, feature_extractor).astype(np.float16),
        EMBEDDING: embeddings,
    }
