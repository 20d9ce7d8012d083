# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""ONNX files as encoders, against the product that they compute (relative tolerance 1e-4), and those that cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from onnx_files import NUM_SAMPLES, NUM_VALUES, weights, write_onnx

from modeling_ast_va.embedding.loading import load_encoder

RATE = 8000


def noise(*shape):
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("options", [{}, {"batch": 1}, {"squeezes": True}, {"outputs": ("tags", "embedding")}], ids=str)
@pytest.mark.parametrize("num_waveforms", [1, 3])
def test_embeddings_are_those_of_the_file(tmp_path, options, num_waveforms):
    encoder = load_encoder(write_onnx(tmp_path / "tiny.onnx", **options), sampling_rate=RATE)
    waveforms = noise(num_waveforms, NUM_SAMPLES)
    embeddings = encoder(list(waveforms))
    np.testing.assert_allclose(embeddings, waveforms @ weights(), rtol=1e-4, atol=1e-3)
    assert (encoder.window_seconds, encoder.num_values) == (NUM_SAMPLES / RATE, NUM_VALUES)
    assert embeddings.dtype == np.float32


def test_short_waveforms_are_padded_with_silence(tmp_path):
    encoder = load_encoder(write_onnx(tmp_path / "tiny.onnx"), sampling_rate=RATE)
    short = noise(1, NUM_SAMPLES // 2)
    np.testing.assert_allclose(encoder(list(short)), short @ weights()[: NUM_SAMPLES // 2], rtol=1e-4, atol=1e-3)


def test_metadata_state_the_sampling_rate_and_the_window(tmp_path):
    metadata = {"sampling_rate": str(RATE), "segment_seconds": "0.5"}
    encoder = load_encoder(write_onnx(tmp_path / "tiny.onnx", num_samples="samples", metadata=metadata))
    assert (encoder.sampling_rate, encoder.window_seconds) == (RATE, 0.5)
    with pytest.raises(ValueError, match=r"Expected sampling_rate 8000 of .*tiny\.onnx, but got 16000"):
        load_encoder(tmp_path / "tiny.onnx", sampling_rate=16000)


def test_the_record_identifies_the_file(tmp_path):
    first = load_encoder(write_onnx(tmp_path / "tiny.onnx"), sampling_rate=RATE).record
    assert first["model"] == "tiny.onnx"
    assert first["sampling_rate"] == RATE
    second = load_encoder(write_onnx(tmp_path / "tiny.onnx", batch=1), sampling_rate=RATE).record
    assert first["model_fingerprint"] != second["model_fingerprint"]


@pytest.mark.parametrize(
    ("options", "arguments", "said"),
    [
        ({}, {"sampling_rate": None}, "Expected sampling_rate for .*, whose metadata have none"),
        ({}, {"window_seconds": 1.0}, "Expected window_seconds 0.5 .* 4000 samples, but got 1"),
        ({"batch": 4}, {}, "Expected batches of any size or of 1 in .*, but got 4"),
        ({"outputs": ("a", "b")}, {}, "Expected an output embedding of .*, but got a, b"),
        ({"num_samples": "samples"}, {"window_seconds": 1.0}, r"to embed the shape \(2, 8000\), but got"),
        ({"metadata": {"sampling_rate": "CD"}}, {}, "Expected numbers as sampling_rate and segment_seconds"),
        ({}, {"device": "cuda:0"}, "Expected a device that the installed onnxruntime supports, but got cuda:0"),
    ],
)
def test_files_and_arguments_that_do_not_fit_are_refused(tmp_path, options, arguments, said):
    path = write_onnx(tmp_path / "tiny.onnx", **options)
    with pytest.raises(ValueError, match=said):
        load_encoder(path, **{"sampling_rate": RATE, **arguments})


def test_a_damaged_file_is_refused(tmp_path):
    content = write_onnx(tmp_path / "tiny.onnx").read_bytes()
    (tmp_path / "tiny.onnx").write_bytes(content[:-100])
    with pytest.raises(ValueError, match=r"Expected an ONNX file in .*tiny\.onnx', but got"):
        load_encoder(tmp_path / "tiny.onnx", sampling_rate=RATE)
