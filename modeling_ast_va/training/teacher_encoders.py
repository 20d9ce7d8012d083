# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Audio encoders as teachers: they embed the audio that the student gets, at its sampling rate."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soxr
from datasets.config import HF_DATASETS_CACHE

from ..embedding.encoders import Encoder
from ..embedding.loading import load_encoder
from ..embedding.run import embed_files


class TeacherSource(NamedTuple):
    """
    Where a teacher comes from.

    Args:
        model: as for [`load_encoder`].
        sampling_rate: of an ONNX file whose metadata have none, in Hz; else None.
        student_rate: sampling rate of the student, in Hz.
        segment_seconds: length of the segments of the student, in seconds.
    """

    model: str
    sampling_rate: int | None
    student_rate: int
    segment_seconds: float


class StudentAudioEncoder:
    """
    An [`Encoder`] that takes audio at the sampling rate of the student, and resamples it to its own.

    What the student cannot get, such as high frequencies, the teacher does not get either. The windows are no longer
    than a segment of the student.

    Args:
        source: of the teacher.
        device, num_threads: as for [`load_encoder`].
    """

    def __init__(self, source: TeacherSource, *, device: str | None = None, num_threads: int | None = None):
        options: dict[str, Any] = {"sampling_rate": source.sampling_rate, "device": device, "num_threads": num_threads}
        encoder: Encoder = load_encoder(source.model, **options)
        if encoder.window_seconds > source.segment_seconds:
            encoder = load_encoder(source.model, window_seconds=source.segment_seconds, **options)
        self._encoder = encoder
        self.sampling_rate, self.window_seconds = source.student_rate, encoder.window_seconds
        self.num_values = encoder.num_values
        self.record = {**encoder.record, "audio_sampling_rate": source.student_rate}

    def __call__(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        if self.sampling_rate == self._encoder.sampling_rate:
            return self._encoder(waveforms)
        num_samples = round(len(waveforms[0]) / self.sampling_rate * self._encoder.sampling_rate)
        rates = (self.sampling_rate, self._encoder.sampling_rate)
        return self._encoder([soxr.resample(waveform, *rates)[:num_samples] for waveform in waveforms])

    def embed_segments(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        """
        Embed segments of the student: the mean over the windows in each, which overlap by half.

        Shape:
            `(num_samples,)` each -> `(batch, num_values)`.
        """
        size, num_samples = round(self.window_seconds * self.sampling_rate), len(waveforms[0])
        starts = range(0, max(1, num_samples - size + 1), max(1, size // 2))
        return np.mean([self([one[start : start + size] for one in waveforms]) for start in starts], axis=0)


def embed_songs_of(source: TeacherSource, paths: Sequence[str], cache_dir: str | Path | None) -> Path:
    """
    Embed the windows of songs, or find their embeddings in the cache; returns the file of embeddings.

    Args:
        source: of the teacher.
        paths: of the songs.
        cache_dir: where the file is kept; None is the cache of `datasets`.
    """
    encoder = StudentAudioEncoder(source)
    digest = hashlib.sha256(json.dumps([encoder.record, encoder.window_seconds, *paths]).encode()).hexdigest()[:32]
    output = Path(cache_dir or HF_DATASETS_CACHE) / "modeling_ast_va" / f"{Path(source.model).stem}-{digest}.npz"
    output.parent.mkdir(parents=True, exist_ok=True)
    embed_files(encoder, paths, output)
    return output
