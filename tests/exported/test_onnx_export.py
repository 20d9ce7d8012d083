# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The exported model: its front end, its predictions in onnxruntime, the documented example, and errors."""

from __future__ import annotations

import hashlib
import runpy
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import soundfile
import torch
from music import chords
from onnx_models import RATE, SEGMENT_SECONDS, SETTINGS

from modeling_ast_va import (
    ASTVAFeatureExtractor,
    MusicEmotionPipeline,
)
from modeling_ast_va.cli import main
from modeling_ast_va.exported.log_mel import LogMel, MelPower
from modeling_ast_va.hub.card import render_model_card
from modeling_ast_va.hub.folder import load_model
from modeling_ast_va.pipeline_ast_va import predict_log_mels

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "rate_with_onnx.py"


@pytest.fixture(scope="module", autouse=True)
def few(few_descriptors):
    """The models of this file have few descriptors."""


@pytest.mark.parametrize("n_fft", [512, 400, 30, 17])
def test_mel_power_is_that_of_the_fourier_transform(n_fft):
    rng = np.random.default_rng(0)
    filters, frames = rng.uniform(size=(n_fft // 2 + 1, 5)), rng.normal(size=(2, 3, n_fft))
    filters[:, 2] = 0  # a band that is narrower than the distance of two bins
    expected = np.abs(np.fft.rfft(frames)) ** 2 @ filters
    mel_power = MelPower(filters, n_fft)(torch.from_numpy(frames).float().transpose(1, 2))
    np.testing.assert_allclose(mel_power.transpose(1, 2).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("num_samples", [round(SEGMENT_SECONDS * RATE), 5000, 512])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"ref": 1.0, "win_length": 400, "f_min": 50.0, "f_max": 3000.0},
        {"top_db": None},
        {"padding_value": -50.0, "hop_length": 600},
        {"frontend": "kaldi", "win_length": 400},
    ],
)
def test_log_mels_are_those_of_the_feature_extractor(settings, num_samples):
    extractor = ASTVAFeatureExtractor(**SETTINGS | {"hop_length": 200, "max_length": 64} | settings)
    waveforms = np.stack([chords(SEGMENT_SECONDS, RATE, seed)[:num_samples] for seed in range(2)])
    expected = extractor(waveforms, sampling_rate=RATE, return_tensors="pt", do_normalize=False)["input_values"]
    torch.testing.assert_close(LogMel(extractor)(torch.from_numpy(waveforms)), expected, rtol=0, atol=2e-3)


def test_the_example_of_the_card_runs_unchanged(exported, folder, tmp_path, monkeypatch):
    programs = [block.split("```")[0] for block in render_model_card(folder).split("```python\n")[1:]]
    (program,) = [program for program in programs if "onnxruntime" in program]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ast-va.onnx").symlink_to(exported)
    variables: dict = {}
    exec(program, variables)
    assert variables["waveforms"].shape == (1, round(SEGMENT_SECONDS * RATE))
    assert variables["valence"].shape == variables["arousal"].shape == (1,)


@pytest.mark.parametrize(("batch_size", "num_samples"), [(1, 12000), (3, 12000), (2, 5001)])
def test_onnxruntime_predicts_as_torch(exported, folder, batch_size, num_samples):
    session = onnxruntime.InferenceSession(exported)
    model, extractor = load_model(folder)
    waveforms = np.stack([chords(SEGMENT_SECONDS, RATE, seed)[:num_samples] for seed in range(batch_size)])
    log_mels = extractor(waveforms, sampling_rate=RATE, return_tensors="pt", do_normalize=False)["input_values"]
    with torch.no_grad():
        expected = predict_log_mels(model, extractor, log_mels)
    names = [output.name for output in session.get_outputs()]
    assert names == ["valence", "arousal", "error_stds", "rater_stds", "frames"]
    outputs = dict(zip(names, session.run(None, {"waveform": waveforms})))
    ratings = np.stack([outputs.pop("valence"), outputs.pop("arousal")], axis=1)
    np.testing.assert_allclose(ratings, expected.ratings.numpy(), atol=1e-4)
    for name, values in outputs.items():
        np.testing.assert_allclose(values, getattr(expected, name).numpy(), atol=1e-4, err_msg=name)


def test_metadata_of_the_file(exported, folder):
    session = onnxruntime.InferenceSession(exported)
    metadata = session.get_modelmeta().custom_metadata_map
    weights = (folder / "model.safetensors").read_bytes()
    assert (metadata["sampling_rate"], metadata["segment_seconds"]) == ("8000", "1.5")
    assert (metadata["label_range"], metadata["license"]) == ("1,9", "unknown")
    assert metadata["model_sha256"] == hashlib.sha256(weights).hexdigest()
    assert session.get_inputs()[0].shape == ["batch", "num_samples"]
    assert b".py" not in exported.read_bytes()  # no traces through the code, with the paths of a machine


# The rest is a last segment, too short, or the only segment.
@pytest.mark.parametrize("seconds", [4.0, 3.3, 1.2])
def test_the_example_rates_as_the_pipeline(exported, folder, tmp_path, monkeypatch, seconds):
    path = tmp_path / "song.wav"
    soundfile.write(path, chords(seconds, 44100, num_channels=2), 44100)
    model, extractor = load_model(folder)
    expected = MusicEmotionPipeline(model=model, feature_extractor=extractor)(str(path))
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), str(exported), str(path)])
    results = runpy.run_path(str(EXAMPLE))
    assert len(results["ratings"]) == len(expected["segments"])
    assert results["valence"] == pytest.approx(expected["valence"], abs=1e-3)
    assert results["arousal"] == pytest.approx(expected["arousal"], abs=1e-3)


def test_comparison_with_torch(exported, folder, tmp_path):
    from benchmarks.compare_onnx import compare_onnx

    path = str(tmp_path / "song.wav")
    soundfile.write(path, chords(4, RATE), RATE)
    results = compare_onnx(str(exported), str(folder), [path])
    assert 0 < results["segment_difference"] < 1e-4
    assert results["ratio"] == pytest.approx(results["torch_ms"] / results["onnxruntime_ms"])


def test_the_documentation_shows_the_example():
    assert EXAMPLE.read_text(encoding="utf-8") in (REPOSITORY / "docs" / "onnx.md").read_text(encoding="utf-8")


def test_errors_of_the_command(folder, tmp_path, capsys, monkeypatch):
    command = ["export", "--model", str(folder), "--output"]
    assert main([*command, str(tmp_path / "model.pt")]) == 2
    assert "Expected an output file ending in .onnx" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert main([*command, str(tmp_path / "file" / "model.onnx")]) == 2
    assert "is no folder" in capsys.readouterr().err
    monkeypatch.setattr("modeling_ast_va.commands.exporting.find_spec", lambda name: None)
    assert main([*command, str(tmp_path / "model.onnx")]) == 2
    assert 'pip install "modeling-ast-va[onnx]"' in capsys.readouterr().err
