# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Embeddings of a teacher: written, read, and turned into ratings by a ridge regression (scikit-learn's, 1e-8)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_training import SEGMENTS_PER_SONG, SONGS, write_songs
from transformers import ASTConfig, ASTModel

from modeling_ast_va import ASTVAForRegression, init_from_audioset_ast
from modeling_ast_va.data.dataset import load_deam
from modeling_ast_va.hub.folder import save_hub_folder
from modeling_ast_va.settings import build_new
from modeling_ast_va.training.auxiliary import Track
from modeling_ast_va.training.teachers import (
    RIDGE_STRENGTHS,
    check_teacher,
    embed_songs,
    fit_ridge,
    rate_by_teacher,
    read_teacher,
    teacher_targets,
)

SMALL = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 48}


def teacher_arrays(**changed):
    arrays = {
        "song_id": np.array([3, 3, 2, 3]),
        "start_seconds": np.array([2.0, 0.0, 0.0, 1.0], np.float32),
        "window_seconds": np.array(3.0, np.float32),
        "embedding": np.array([[2.0], [0.0], [5.0], [1.0]], np.float16),
    }
    return {name: array for name, array in (arrays | changed).items() if array is not None}


def test_embeddings_are_sorted_by_song_and_time(tmp_path):
    np.savez(tmp_path / "teacher.npz", **teacher_arrays())
    tracks, window_seconds = read_teacher(tmp_path / "teacher.npz")
    assert window_seconds == 3.0
    assert sorted(tracks) == [2, 3]
    np.testing.assert_allclose(tracks[3].seconds, [1.5, 2.5, 3.5])
    np.testing.assert_allclose(tracks[3].values, [[0], [1], [2]])
    np.testing.assert_allclose(tracks[2].values, [[5]])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"window_seconds": None}, "but got no window_seconds"),
        ({"embedding": np.zeros(4)}, r"the shapes \(4,\), \(4,\)"),
        ({"song_id": np.zeros(3, int)}, r"\(4, 1\), \(3,\) and \(4,\)"),
        ({"embedding": np.full((4, 1), np.nan)}, "Expected finite numbers as embedding"),
    ],
)
def test_bad_files_are_refused(tmp_path, changed, said):
    np.savez(tmp_path / "teacher.npz", **teacher_arrays(**changed))
    with pytest.raises(ValueError, match=said):
        read_teacher(tmp_path / "teacher.npz")


@pytest.mark.parametrize("end", [0, 1, 100, -1, -30])
def test_files_that_are_cut_are_refused(tmp_path, end):
    np.savez(tmp_path / "whole.npz", **teacher_arrays())
    (tmp_path / "teacher.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:end])
    with pytest.raises(ValueError, match=r"embeddings in '.*teacher\.npz', but got"):
        read_teacher(tmp_path / "teacher.npz")


def test_a_missing_teacher_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"none\.npz.*, which is no file"):
        read_teacher(tmp_path / "none.npz")


def noisy_line(num_rows=60, num_inputs=80):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(num_rows, num_inputs))
    targets = inputs @ rng.normal(size=(num_inputs, 2)) + 20 * rng.normal(size=(num_rows, 2)) + [5, -5]
    return inputs - inputs.mean(axis=0), targets


def test_ridge_regression_equals_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    inputs, targets = noisy_line()
    reference = linear_model.RidgeCV(RIDGE_STRENGTHS).fit(inputs, targets)
    assert RIDGE_STRENGTHS[0] < reference.alpha_ < RIDGE_STRENGTHS[-1]  # not one of the ends
    coefficients, intercept = fit_ridge(inputs, targets)
    np.testing.assert_allclose(coefficients.T, reference.coef_, atol=1e-8)
    np.testing.assert_allclose(intercept, reference.intercept_, atol=1e-8)


def test_ratings_are_predicted_from_embeddings():
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(3, 2))
    tracks = {song: Track(np.arange(4.0), rng.normal(size=(4, 3)) + rng.normal(size=3)) for song in range(400)}
    labels = {song: tracks[song].values.mean(axis=0) @ weights + 5 for song in range(300)}
    rated = rate_by_teacher(tracks, labels)
    expected = tracks[350].values @ weights + 5  # not a training song
    np.testing.assert_allclose(rated[350].values, expected, atol=0.3)
    np.testing.assert_array_equal(rated[350].seconds, np.arange(4.0))


def test_unrelated_embeddings_predict_the_mean():
    rng = np.random.default_rng(0)
    tracks = {song: Track(np.zeros(1), rng.normal(size=(1, 50))) for song in range(60)}
    rated = rate_by_teacher(tracks, {song: rng.normal(size=2) for song in range(60)})
    assert np.std([track.values for track in rated.values()]) < 0.3


def test_targets_are_embeddings_and_ratings(tmp_path):
    np.savez(tmp_path / "teacher.npz", **teacher_arrays())
    labels = {2: np.array([3.0, 4.0]), 3: np.array([5.0, 6.0])}
    kinds = teacher_targets(tmp_path / "teacher.npz", 0.5, labels)
    assert [(kind.name, kind.weight, kind.num_targets) for kind in kinds] == [
        ("teacher_embeddings", 0.5, 1),
        ("teacher_ratings", 0.5, 2),
    ]


@pytest.mark.parametrize(("path", "weight"), [("teacher.npz", 0.0), (None, 1.0)])
def test_a_teacher_needs_embeddings_and_a_weight(path, weight):
    with pytest.raises(ValueError, match="Expected teacher_embeddings and teacher_weight together"):
        check_teacher(path, weight)
    check_teacher(None, 0.0)


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return write_songs(tmp_path_factory.mktemp("songs") / "deam")


def test_embeddings_of_a_saved_model(songs, tmp_path):
    settings = {"sampling_rate": 8000, "n_fft": 256, "hop_length": 160, "num_mel_bins": 32, "segment_seconds": 2.0}
    config, feature_extractor = build_new({**SMALL, **settings})
    model = ASTVAForRegression(config).eval()
    save_hub_folder(model, feature_extractor, tmp_path / "model")
    path = tmp_path / "embeddings" / "teacher.npz"
    embed_songs(tmp_path / "model", songs, path, batch_size=3, num_proc=1, cache_dir=tmp_path / "cache")
    tracks, window_seconds = read_teacher(path)
    assert (sorted(tracks), window_seconds) == (list(SONGS), 2.0)
    rows = load_deam(
        songs, split_by="none", segment_seconds=2.0, feature_extractor=feature_extractor, cache_dir=tmp_path / "cache"
    )["train"]
    log_mels = torch.from_numpy(np.stack(rows["input_values"][:]))
    with torch.no_grad():
        expected = model(feature_extractor.normalize(log_mels)).pooler_output.numpy()
    found = np.concatenate([tracks[song].values for song in SONGS])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert all(len(track.seconds) == SEGMENTS_PER_SONG for track in tracks.values())


def test_embeddings_of_an_audioset_ast(songs, tmp_path):
    ASTModel(ASTConfig(**SMALL, max_length=104)).save_pretrained(tmp_path / "ast")
    embed_songs(tmp_path / "ast", songs, tmp_path / "teacher.npz", num_proc=1, cache_dir=tmp_path / "cache")
    tracks, window_seconds = read_teacher(tmp_path / "teacher.npz")
    _, feature_extractor = init_from_audioset_ast(tmp_path / "ast")
    assert window_seconds == feature_extractor.segment_seconds
    assert {track.values.shape[1] for track in tracks.values()} == {32}
