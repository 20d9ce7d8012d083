# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Prediction of songs with onnxruntime: the results of the pipeline without torch and transformers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import onnxruntime

from ..audio_ast_va import DIMENSIONS, Segment, segment_sizes, stream_segments
from ..decoding_ast_va import source_name
from ..hub.files import HASHED_FILES
from ..results_ast_va import ResultSettings, SongSegments, check_ratings, song_result
from ..uncertainty_ast_va import COVERAGE

BATCH_SIZE = 4  # the intermediate values of so many segments stay in the cache of a core


class OnnxPipeline:
    """
    Predicts valence and arousal of songs with a file that [`export_onnx`] wrote, on the CPU.

    Several threads may call it at the same time; each song uses one core.

    Args:
        path: ONNX file.
        batch_size: number of segments in a batch.

    Attributes:
        fingerprint: of the model that was exported.
        hashes: SHA-256 of the files of the model, by the names of `HASHED_FILES`.
        has_frames: whether there is a course of songs with two moments a second.
        before_batch: called before each batch; what it raises ends the song.

    Raises:
        ValueError: for another file.
    """

    def __init__(self, path: str | os.PathLike[str], batch_size: int = BATCH_SIZE):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            metadata = self._session.get_modelmeta().custom_metadata_map
            self.sampling_rate = int(metadata["sampling_rate"])
            self.segment_seconds = float(metadata["segment_seconds"])
            self._settings = ResultSettings(**json.loads(metadata["settings"]))
            self.fingerprint = metadata["fingerprint"]
            self.hashes = {name: metadata[name] for name in HASHED_FILES}
        except Exception as error:  # the errors of onnxruntime have no common class
            expected = f"a file that ast-va export of this version wrote in {os.fspath(path)!r}"
            raise ValueError(f"Expected {expected}, but got {type(error).__name__}: {error}") from error
        self._names = [output.name for output in self._session.get_outputs()]
        self.batch_size, self.has_frames = batch_size, "frames" in self._names
        self.before_batch: Callable[[], None] = lambda: None

    def __call__(
        self,
        song: Any,
        *,
        on_error: str = "raise",
        segment_hop_seconds: float | None = None,
        coverage: float = COVERAGE,
        frames: bool = False,
    ) -> dict[str, Any]:
        """Predict a song; arguments, result and errors are those of [`MusicEmotionPipeline`] for one song."""
        segment_sizes(self.sampling_rate, self.segment_seconds, segment_hop_seconds)  # refuses a bad hop
        try:
            segments, warning = self._predict(song, segment_hop_seconds)
        except (ValueError, TypeError, OSError) as error:
            if on_error == "raise":
                raise
            return {"error": str(error) or repr(error)}
        return song_result(segments, [self._settings], coverage=coverage, frames=frames, warning=warning)

    def _predict(self, song: Any, hop_seconds: float | None) -> tuple[SongSegments, str]:
        """The predictions of the segments of a song, and the warning of its file."""
        source, source_rate = song, None
        if not isinstance(song, (str, os.PathLike)):
            from ..songs_ast_va import as_source  # on use: it imports torch

            source, source_rate = as_source(song, self.sampling_rate)
        options: dict[str, Any] = {"source_sampling_rate": source_rate}
        stream = stream_segments(source, self.sampling_rate, self.segment_seconds, hop_seconds, **options)
        times, warning, batches = list[tuple[float, float, float]](), "", list[list[np.ndarray]]()
        for batch in self._batches(stream):
            self.before_batch()
            batches.append(self._session.run(None, {"waveform": np.stack([one.waveform for one in batch])}))
            warning = batch[-1].warning
            for start, waveform, weight, _ in batch:
                times.append((start, start + len(waveform) / self.sampling_rate, weight))
        outputs = dict(zip(self._names, map(np.concatenate, zip(*batches))))
        starts, ends, weights = np.transpose(times)
        ratings = np.stack([outputs.pop(name) for name in DIMENSIONS], axis=1)[:, None]
        check_ratings(ratings, starts, source_name(source), self._settings.label_range)
        of_heads = {name: values[:, None] for name, values in outputs.items()}
        return SongSegments(starts, ends, weights, ratings, **of_heads), warning

    def _batches(self, segments: Iterator[Segment]) -> Iterator[Sequence[Segment]]:
        """Segments in batches; all segments of a song have one length."""
        batch: list[Segment] = []
        for segment in segments:
            batch.append(segment)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch:
            yield batch
