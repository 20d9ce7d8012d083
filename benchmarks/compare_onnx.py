# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Compare an exported model with the model: python -m benchmarks.compare_onnx ast-va.onnx MODEL SONG ..."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence

import numpy as np
import onnxruntime
import torch

from modeling_ast_va.audio_ast_va import aggregate_segments, stream_segments
from modeling_ast_va.pipeline_ast_va import predict_log_mels
from modeling_ast_va.prediction import load_pipeline


def compare_onnx(exported: str, model: str, songs: Sequence[str]) -> dict[str, float]:
    """
    Rate songs in onnxruntime and in torch, each on one thread.

    Args:
        exported, model: ONNX file, and folder or Hub id of the model that it was exported from.
        songs: audio files; all segments of a song are one batch.

    Returns:
        Largest differences of a rating of a segment and of a song, and the median of the milliseconds of a song in
        onnxruntime and in torch, without decoding, and of their ratio.
    """
    torch.set_num_threads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(exported, options)
    pipeline = load_pipeline(model, device="cpu")
    extractor = pipeline.feature_extractor

    def in_onnxruntime(waveforms: np.ndarray) -> np.ndarray:
        return np.stack(session.run(["valence", "arousal"], {"waveform": waveforms}), axis=1)

    @torch.no_grad()
    def in_torch(waveforms: np.ndarray) -> np.ndarray:
        rate = extractor.sampling_rate
        log_mels = extractor(waveforms, sampling_rate=rate, return_tensors="pt", do_normalize=False)["input_values"]
        return predict_log_mels(pipeline.model, extractor, log_mels).ratings.numpy()

    of_segments, of_songs, seconds = [], [], []
    for song in songs:
        segments = list(stream_segments(song, extractor.sampling_rate, extractor.segment_seconds))
        waveforms = np.stack([segment.waveform for segment in segments])
        weights = np.array([segment.weight_seconds for segment in segments])
        begin = time.perf_counter()
        ours = in_onnxruntime(waveforms)
        middle = time.perf_counter()
        theirs = in_torch(waveforms)
        seconds.append((middle - begin, time.perf_counter() - middle))
        of_segments.append(np.abs(ours - theirs).max())
        of_songs.append(np.abs(aggregate_segments(ours, weights)[0] - aggregate_segments(theirs, weights)[0]).max())
    return {
        "segment_difference": float(max(of_segments)),
        "song_difference": float(max(of_songs)),
        "onnxruntime_ms": 1000 * statistics.median(one for one, _ in seconds),
        "torch_ms": 1000 * statistics.median(other for _, other in seconds),
        "ratio": statistics.median(other / one for one, other in seconds),
    }


if __name__ == "__main__":
    for name, value in compare_onnx(sys.argv[1], sys.argv[2], sys.argv[3:]).items():
        print(f"{name}: {value:.3g}")
