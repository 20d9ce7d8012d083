# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The released checkpoints are complete and small, have the code and card of this package, and work."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from music import chords

import modeling_ast_va
from modeling_ast_va import ASTVAFeatureExtractor, ASTVAModel, MusicEmotionPipeline
from modeling_ast_va.exported import OnnxPipeline
from modeling_ast_va.hub.card import render_model_card
from modeling_ast_va.hub.files import CODE_FILES
from modeling_ast_va.hub.folder import check_hub_folder
from modeling_ast_va.prediction import load_pipeline
from modeling_ast_va.prediction.loading import load_rater
from modeling_ast_va.training.release import refresh_release

REPOSITORY = Path(__file__).parents[2]
RELEASES, ENCODER = [REPOSITORY / "hub" / "ast-va-deam"], REPOSITORY / "hub" / "ast-va-encoder"
MAX_WEIGHTS_BYTES = 16 * 2**20


def test_there_are_releases():
    assert sorted((REPOSITORY / "hub").iterdir()) == [*RELEASES, ENCODER]


def test_the_encoder_is_complete_and_of_this_code(tmp_path):
    for name in CODE_FILES:
        assert (ENCODER / name).read_text() == (Path(modeling_ast_va.__file__).parent / name).read_text(), name
    shutil.copytree(ENCODER, tmp_path / ENCODER.name)
    refresh_release(tmp_path / ENCODER.name)
    assert (ENCODER / "README.md").read_text() == (tmp_path / ENCODER.name / "README.md").read_text()
    assert (ENCODER / "model.safetensors").stat().st_size < MAX_WEIGHTS_BYTES
    encoder = ASTVAModel.from_pretrained(ENCODER).eval()
    assert encoder.num_parameters() == 1_247_456


def test_embeddings_of_the_encoder_tell_sounds_apart():
    encoder = ASTVAModel.from_pretrained(ENCODER).eval()
    extractor = ASTVAFeatureExtractor.from_pretrained(ENCODER)
    songs = [chords(6.0, 16000, seed=seed) for seed in (0, 1)] + [np.random.default_rng(0).normal(0, 0.1, 96000)]
    inputs = [extractor(song, sampling_rate=16000, return_tensors="pt")["input_values"] for song in songs]
    with torch.inference_mode():
        first, second, noise = (encoder(one).pooler_output.mean(dim=0) for one in inputs)
    similarity = torch.nn.functional.cosine_similarity
    assert similarity(first, second, dim=0) > similarity(first, noise, dim=0) + 0.2


def test_the_pipeline_without_a_named_model_is_the_release():
    assert load_pipeline().model.name_or_path == str(RELEASES[0])


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_a_release_is_complete_and_of_this_code(release):
    check_hub_folder(release)
    for name in CODE_FILES:
        assert (release / name).read_text() == (Path(modeling_ast_va.__file__).parent / name).read_text(), name
    assert (release / "README.md").read_text() == render_model_card(release)
    assert (release / "model.safetensors").stat().st_size < MAX_WEIGHTS_BYTES


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_the_file_for_onnxruntime_is_that_of_the_release(release):
    rater = load_rater(release, "cpu")
    assert isinstance(rater, OnnxPipeline), "export it again: ast-va export --output hub/ast-va-deam/onnx/model.onnx"
    song = chords(8.0, 16000, seed=0).astype(np.float32)
    result, expected = rater(song, frames=True), load_pipeline(release)(song, frames=True)
    assert list(result) == list(expected)
    for name in ("valence", "arousal", "valence_interval", "quadrant_probability", "arousal_rater_std"):
        np.testing.assert_allclose(result[name], expected[name], atol=1e-3, err_msg=name)
    frames = [[[frame["valence"], frame["arousal"]] for frame in one["frames"]] for one in (result, expected)]
    np.testing.assert_allclose(*frames, atol=1e-3)


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_loud_noise_has_a_higher_arousal_than_a_soft_tone(release):
    music_emotion = load_pipeline(str(release))
    assert isinstance(music_emotion, MusicEmotionPipeline)
    sampling_rate = music_emotion.feature_extractor.sampling_rate
    seconds = np.arange(6 * sampling_rate) / sampling_rate
    noise = np.random.default_rng(0).normal(size=seconds.size).clip(-3, 3) / 3 * (0.4 + 0.6 * (seconds * 2.5 % 1 < 0.3))
    tone = 0.02 * np.sin(2 * np.pi * 220 * seconds)
    loud, soft = (music_emotion({"array": x, "sampling_rate": sampling_rate}) for x in (noise, tone))
    assert loud["arousal"] > soft["arousal"] + 1


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_predictions_for_sounds_that_are_not_music_are_on_the_scale(release):
    music_emotion = load_pipeline(str(release))
    sampling_rate = music_emotion.feature_extractor.sampling_rate
    tone = np.sin(2 * np.pi * 440 * np.arange(3 * sampling_rate) / sampling_rate)
    for waveform in (np.zeros_like(tone), 0.3 * tone, np.random.default_rng(0).normal(size=tone.size) / 5):
        song = music_emotion({"array": waveform, "sampling_rate": sampling_rate})
        assert 1 <= song["valence"] <= 9
        assert 1 <= song["arousal"] <= 9


def test_the_card_in_the_repository_equals_that_of_the_release():
    assert (REPOSITORY / "model_card.md").read_text() == (RELEASES[0] / "README.md").read_text()
