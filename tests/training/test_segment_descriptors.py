# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Descriptors that are computed once: those of the network, of the right rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file
from tiny_training import train_tiny, write_songs

from modeling_ast_va import ASTVAConfig, ASTVAForRegression
from modeling_ast_va.descriptors_ast_va import ASTVADescriptors
from modeling_ast_va.evaluation import model as evaluation
from modeling_ast_va.modeling_ast_va import MAX_DESCRIPTOR
from modeling_ast_va.training import run as training
from modeling_ast_va.training import segment_descriptors
from modeling_ast_va.training.arguments import DataArguments
from modeling_ast_va.training.regressions import fit_kernel_regression
from modeling_ast_va.training.segment_descriptors import (
    SegmentDescriptors,
    describe_segments,
    fit_descriptor_regression,
)
from modeling_ast_va.training.trainer import collate


@pytest.fixture
def model(config):
    torch.manual_seed(0)
    return ASTVAForRegression(ASTVAConfig(**{**config.to_diff_dict(), "descriptor_hidden_size": 8, "f_max": 3800.0}))


@pytest.fixture
def rows():
    """Segments of two songs, out of order; the last one ends with its song, at a time without a short fraction."""
    columns = {"song_id": [5, 2, 5, 2, 5], "start_seconds": [100 / 3, 1.0, 0.0, 0.0, 1.5]}
    log_mels = np.random.default_rng(0).normal(-40, 15, (5, 48, 32)).astype(np.float32)
    columns |= {"duration_seconds": [1.0, 1.5, 1.5, 1.5, 1.5], "input_values": log_mels}
    return Dataset.from_dict(columns).with_format("numpy")


@pytest.fixture
def expected(model, feature_extractor, rows):
    """The descriptors that the network computes of each row."""
    log_mels = torch.from_numpy(np.stack(rows["input_values"][:]))
    return model.ast_va.descriptor_embedding.descriptors(feature_extractor.normalize(log_mels)).numpy()


@pytest.fixture
def descriptors(model, feature_extractor, rows, monkeypatch):
    monkeypatch.setattr(segment_descriptors, "BATCH_SIZE", 2)
    described = SegmentDescriptors(
        model.ast_va.descriptor_embedding.descriptors, feature_extractor, torch.device("cpu")
    )
    described.add(rows)
    return described


def test_tracks_are_the_descriptors_of_the_network_in_the_order_of_time(descriptors, expected):
    assert list(descriptors.tracks) == [2, 5]
    for song, order, centres in ((2, [3, 1], [0.75, 1.75]), (5, [2, 4, 0], [0.75, 2.25, 100 / 3 + 0.5])):
        np.testing.assert_allclose(descriptors.tracks[song].seconds, centres)
        np.testing.assert_allclose(descriptors.tracks[song].values, expected[order], rtol=1e-4, atol=1e-4)
    assert np.ptp(expected, axis=0).max() > 0.1


def test_log_mels_that_are_not_normalised_are_taken_as_they_are(model, feature_extractor, rows):
    feature_extractor.do_normalize = False
    described = SegmentDescriptors(
        model.ast_va.descriptor_embedding.descriptors, feature_extractor, torch.device("cpu")
    )
    described.add(rows)
    log_mels = torch.from_numpy(np.stack(rows["input_values"][:]))
    expected = model.ast_va.descriptor_embedding.descriptors(log_mels).numpy()
    np.testing.assert_allclose(described.tracks[2].values, expected[[3, 1]], rtol=1e-4, atol=1e-4)


def test_batches_have_the_descriptors_of_their_rows(model, feature_extractor, descriptors, expected, rows):
    batch = collate(list(rows), feature_extractor, (), descriptors)  # rows have times in single precision
    np.testing.assert_allclose(batch["descriptors"].numpy(), expected, rtol=1e-4, atol=1e-4)
    inputs = {name: batch[name] for name in ("input_values", "descriptors")}
    model.eval()
    with torch.no_grad():
        given, computed = model(**inputs), model(batch["input_values"])
        other = model(batch["input_values"], descriptors=batch["descriptors"].flip(0))
    torch.testing.assert_close(given.logits, computed.logits, rtol=1e-5, atol=1e-5)
    assert (other.logits - computed.logits).abs().max() > 1e-4  # those that are given are used


def test_descriptors_of_another_shape_are_refused(model, feature_extractor, descriptors, rows):
    batch = collate(list(rows), feature_extractor, (), descriptors)
    num_descriptors = batch["descriptors"].shape[1]
    expected = rf"Expected descriptors of shape \(5, {num_descriptors}\), but got \(4, {num_descriptors}\)\."
    with pytest.raises(ValueError, match=expected):
        model(batch["input_values"], descriptors=batch["descriptors"][:4])


def test_nothing_is_added_of_no_rows(descriptors, rows):
    descriptors.add(rows.select([]))
    assert list(descriptors.tracks) == [2, 5]


def test_segments_that_were_not_added_are_errors(descriptors):
    with pytest.raises(ValueError, match=r"Expected a segment of 2 that was added, but got one around 1\.25 s\."):
        descriptors(2, 0.5, 1.5)
    with pytest.raises(KeyError):
        descriptors(3, 0.0, 1.5)


@pytest.mark.parametrize(
    ("log_mels", "teachers", "described"),
    [("cached", None, True), ("on_the_fly", None, False), ("on_the_fly", ["a.npz"], True)],
)
def test_where_log_mels_are_not_kept_only_teachers_need_descriptors(
    model, feature_extractor, rows, log_mels, teachers, described
):
    data = DataArguments(data_dir="DEAM", log_mels=log_mels, teacher_embeddings=teachers)
    kept = describe_segments(data, model, feature_extractor, rows, torch.device("cpu"))
    assert (kept is not None) == described


def test_a_network_without_descriptors_has_none(config, feature_extractor, rows):
    data = DataArguments(data_dir="DEAM")
    assert describe_segments(data, ASTVAForRegression(config), feature_extractor, rows, torch.device("cpu")) is None


def test_the_regression_clips_as_the_network_does():
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=(20, 4)), rng.normal(size=(20, 2))
    expected = fit_kernel_regression(inputs, targets, MAX_DESCRIPTOR)
    np.testing.assert_array_equal(fit_descriptor_regression(inputs, targets)(inputs), expected(inputs))


def test_training_is_the_same_whether_descriptors_are_kept_or_computed(tmp_path, monkeypatch):
    write_songs(tmp_path / "deam")
    flags = ["--descriptor_hidden_size", "8", "--num_train_epochs", "2", "--frequency_mask_bins", "8"]
    monkeypatch.setattr(training, "plot_loss_curves", lambda *args: None)
    monkeypatch.setattr(evaluation, "save_evaluation_plots", lambda *args: None)
    computed = []
    forward = ASTVADescriptors.forward
    monkeypatch.setattr(ASTVADescriptors, "forward", lambda self, x: computed.append(len(x)) or forward(self, x))
    train_tiny(tmp_path / "deam", tmp_path / "kept", *flags)
    num_kept = sum(computed)
    monkeypatch.setattr(training, "describe_segments", lambda *args: None)
    train_tiny(tmp_path / "deam", tmp_path / "computed", *flags)
    assert sum(computed) - num_kept == num_kept + 32  # the second epoch computes those of all 32 segments again
    kept, expected = (load_file(tmp_path / name / "model.safetensors") for name in ("kept", "computed"))
    for name, weights in expected.items():
        torch.testing.assert_close(kept[name], weights, rtol=1e-3, atol=1e-4)
