# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Descriptors along songs: those of the network, in the order of time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import Dataset

from modeling_ast_va import ASTVAConfig, ASTVAForRegression
from modeling_ast_va.modeling_ast_va import MAX_DESCRIPTOR
from modeling_ast_va.training import descriptor_tracks
from modeling_ast_va.training.descriptor_tracks import describe_rows, fit_descriptor_regression
from modeling_ast_va.training.regressions import fit_kernel_regression


@pytest.fixture
def embedding(config):
    torch.manual_seed(0)
    described = ASTVAConfig(**{**config.to_diff_dict(), "descriptor_hidden_size": 8, "f_max": 3800.0})
    return ASTVAForRegression(described).ast_va.descriptor_embedding


@pytest.fixture
def rows():
    """Segments of two songs, out of order."""
    columns = {"song_id": [5, 2, 5, 2, 5], "start_seconds": [3.0, 1.0, 0.0, 0.0, 1.5]}
    log_mels = np.random.default_rng(0).normal(-40, 15, (5, 48, 32)).astype(np.float32)
    columns |= {"duration_seconds": [1.0, 1.5, 1.5, 1.5, 1.5], "input_values": log_mels}
    return Dataset.from_dict(columns).with_format("numpy")


@pytest.mark.parametrize("do_normalize", [True, False])
def test_tracks_are_the_descriptors_of_the_network_in_the_order_of_time(
    embedding, feature_extractor, rows, do_normalize, monkeypatch
):
    monkeypatch.setattr(descriptor_tracks, "BATCH_SIZE", 2)
    feature_extractor.mean, feature_extractor.std, feature_extractor.do_normalize = -40.0, 15.0, do_normalize
    tracks = describe_rows(embedding, feature_extractor, rows)
    log_mels = torch.from_numpy(np.stack(rows["input_values"][:]))
    with torch.no_grad():
        expected = embedding.descriptors((log_mels + 40) / 15 if do_normalize else log_mels).numpy()
    assert list(tracks) == [2, 5]
    for song, order, centres in ((2, [3, 1], [0.75, 1.75]), (5, [2, 4, 0], [0.75, 2.25, 3.5])):
        np.testing.assert_allclose(tracks[song].seconds, centres)
        np.testing.assert_allclose(tracks[song].values, expected[order], rtol=1e-4, atol=1e-4)
    assert np.ptp(expected, axis=0).max() > 0.1


def test_the_regression_clips_as_the_network_does():
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=(20, 4)), rng.normal(size=(20, 2))
    expected = fit_kernel_regression(inputs, targets, MAX_DESCRIPTOR)
    np.testing.assert_array_equal(fit_descriptor_regression(inputs, targets)(inputs), expected(inputs))
