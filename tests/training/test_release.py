# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Releases: half the size, the same answers to 0.01, and a card with the cross-validation of the recipe."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import torch
from hub_folder import PROTOCOL, tiny_model, write_hub_folder
from safetensors.torch import load_file
from transformers import AutoModel

from modeling_ast_va.evaluation.model import write_json
from modeling_ast_va.evaluation.report import judge
from modeling_ast_va.hub.card import METRIC_NAMES, write_model_card
from modeling_ast_va.hub.folder import check_hub_folder
from modeling_ast_va.metrics import DIMENSIONS
from modeling_ast_va.training.release import PLOTS, halve_weights, release_model


@pytest.fixture
def trained(tmp_path):
    return write_hub_folder(tmp_path / "trained", {**PROTOCOL, "split_by": "none", "num_songs": {"train": 9}}, {})


@pytest.fixture
def cross_validation(tmp_path):
    """A report of two systems, as evaluation over folds leaves it."""
    songs = pd.DataFrame(
        {
            "song_id": range(990, 1030),
            "artist": [f"Band {i // 2}" for i in range(40)],
            "valence": [3 + i % 5 for i in range(40)],
            "arousal": [2 + i % 6 for i in range(40)],
            "predicted_valence": [3.5 + i % 5 for i in range(40)],
            "predicted_arousal": [2 + (i + 1) % 6 for i in range(40)],
            "fold": [i // 2 % 2 for i in range(40)],
        }
    )
    constant = songs.assign(predicted_valence=5.0, predicted_arousal=5.0)
    folder = tmp_path / "cross_validation"
    folder.mkdir()
    systems = {"model": judge(constant, constant), "constant mean": judge(constant)}
    systems["model, calibrated"] = judge(songs, songs)
    protocol = {"num_folds": 2, "calibration": {"gain": [1.25, 1.125], "offset": [-1.0, -0.5]}}
    write_json(folder / "report.json", {"protocol": protocol, "systems": systems})
    for name in PLOTS:
        (folder / name).write_bytes(b"\x89PNG")
    return folder


def test_a_release_is_half_as_large_and_answers_the_same(trained, tmp_path):
    release_model(trained, tmp_path / "release")
    assert set(check_hub_folder(tmp_path / "release")) >= {"model.safetensors", "README.md", "protocol.json"}
    weights = load_file(tmp_path / "release" / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}
    ours, released = (AutoModel.from_pretrained(folder) for folder in (trained, tmp_path / "release"))
    assert released.dtype == torch.float32
    input_values = torch.randn(3, ours.config.max_length, ours.config.num_mel_bins)
    with torch.no_grad():
        torch.testing.assert_close(released(input_values).logits, ours(input_values).logits, atol=0.01, rtol=0)


def test_the_card_states_the_cross_validation(trained, cross_validation, tmp_path):
    release_model(trained, tmp_path / "release", cross_validation)
    card = (tmp_path / "release" / "README.md").read_text()
    report = json.loads((cross_validation / "report.json").read_text())["systems"]
    for system in ("model, calibrated", "model", "constant mean"):
        ccc = report[system]["song"]["metrics"]["valence_ccc"]
        assert f"| {system}, valence | {ccc['value']:.3f} [{ccc['low']:.3f}, {ccc['high']:.3f}] |" in card
    assert "spread by\n1.25 (valence) and 1.125 (arousal)" in card
    assert "2-fold cross-validation over 40 songs" in card
    assert "split: cross-validation" in card
    assert f"value: {report['model, calibrated']['song']['metrics']['arousal_r2']['value']}" in card
    assert "not split: all songs train" in card
    assert (tmp_path / "release" / "cross_validation.json").read_text() == (
        cross_validation / "report.json"
    ).read_text()


def test_a_release_is_calibrated(trained, cross_validation, tmp_path):
    release_model(trained, tmp_path / "release", cross_validation)
    ours, released = (AutoModel.from_pretrained(folder) for folder in (trained, tmp_path / "release"))
    input_values = torch.randn(3, ours.config.max_length, ours.config.num_mel_bins)
    with torch.no_grad():
        expected = ours(input_values).logits * torch.tensor([1.25, 1.125]) - torch.tensor([1.0, 0.5])
        torch.testing.assert_close(released(input_values).logits, expected, atol=0.01, rtol=0)


def test_what_is_no_release_is_refused(trained, tmp_path):
    with pytest.raises(ValueError, match="is not empty"):
        release_model(trained, trained)
    with pytest.raises(ValueError, match=r"has no report\.json"):
        release_model(trained, tmp_path / "release", tmp_path)
    (trained / "protocol.json").unlink()
    with pytest.raises(ValueError, match=r"has no protocol\.json"):
        release_model(trained, tmp_path / "release")


def test_weights_that_overflow_are_refused(tmp_path):
    model, _ = tiny_model()
    with torch.no_grad():
        model.head.dense.weight[0, 0] = 1e6
    model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"do not fit half precision: head\.dense\.weight"):
        halve_weights(tmp_path / "model.safetensors")


def test_the_card_states_what_evaluation_of_the_training_songs_found(trained, cross_validation, tmp_path):
    release_model(trained, tmp_path / "release", cross_validation)
    results = {f"train_song_{name}_{key}": 0.875 for name in DIMENSIONS for key in METRIC_NAMES}
    write_json(tmp_path / "release" / "train_results.json", results)
    write_model_card(tmp_path / "release")
    card = (tmp_path / "release" / "README.md").read_text()
    assert "| valence | 0.875 | 0.875 | 0.875 | 0.875 |" in card
    assert "heard in training" in card


def test_without_folds_the_card_keeps_the_results_of_the_test_split(tmp_path):
    trained = write_hub_folder(tmp_path / "trained")
    release_model(trained, tmp_path / "release")
    assert (tmp_path / "release" / "README.md").read_text() == (trained / "README.md").read_text()
    assert "value: " in (trained / "README.md").read_text()
