# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The fit of a model to its auxiliary targets, against closed forms and scikit-learn (1e-6)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import Dataset

from modeling_ast_va.data.tracks import Track
from modeling_ast_va.training.auxiliary import AuxiliaryTargets
from modeling_ast_va.training.teacher_fit import measure_fit


@pytest.fixture
def rows():
    log_mels = 20 * np.random.default_rng(0).normal(size=(6, 48, 32)).astype(np.float32) - 40
    columns = {"song_id": range(6), "start_seconds": [0.0] * 6, "duration_seconds": [1.5] * 6}
    return Dataset.from_dict({**columns, "input_values": log_mels}).with_format("numpy")


def kind(values, name="teacher_embeddings", **options):
    tracks = {song: Track(np.array([0.75]), value[None]) for song, value in values.items()}
    return AuxiliaryTargets(name, 1.0, tracks, 1.5, values, **options)


def test_r2_is_that_of_scikit_learn(model, feature_extractor, rows):
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    first = kind({song: rng.normal(size=3) for song in range(6)}, "first_embeddings")
    second = kind({song: rng.normal(size=2) for song in range(4)}, "second_embeddings")
    ratings = kind({song: rng.normal(size=2) for song in range(6)}, "teacher_ratings", are_ratings=True)
    model.set_num_auxiliary_targets(5)
    model.train()
    fits = measure_fit(model, feature_extractor, rows, [first, ratings, second], batch_size=4)
    assert model.training
    model.eval()
    with torch.no_grad():
        inputs = feature_extractor.normalize(torch.from_numpy(rows["input_values"][:]))
        outputs = model(inputs).auxiliary_logits.numpy()
    assert set(fits) == {"first_embeddings_r2", "second_embeddings_r2"}
    for one, predictions, num_songs in ((first, outputs[:, :3], 6), (second, outputs[:, 3:], 4)):
        targets = np.stack([one(song, 0.0, 1.5) for song in range(num_songs)])
        expected = metrics.r2_score(targets, predictions[:num_songs], multioutput="variance_weighted")
        assert fits[f"{one.name}_r2"] == pytest.approx(expected, abs=1e-6)


def test_a_model_that_knows_the_targets_has_an_r2_of_one(model, feature_extractor, rows):
    model.set_num_auxiliary_targets(3)
    with torch.no_grad():
        inputs = feature_extractor.normalize(torch.from_numpy(rows["input_values"][:]))
        outputs = model(inputs).auxiliary_logits.numpy()
    known = kind(dict(enumerate(outputs)))
    known._mean, known._std = np.zeros(3), np.ones(3)
    assert measure_fit(model, feature_extractor, rows, [known], 4)["teacher_embeddings_r2"] == pytest.approx(
        1, abs=1e-6
    )


def test_targets_of_other_songs_are_not_measured(model, feature_extractor, rows):
    model.set_num_auxiliary_targets(3)
    other = kind({9: np.ones(3)})
    assert measure_fit(model, feature_extractor, rows, [other], 4) == {}
    assert measure_fit(model, feature_extractor, rows, [], 4) == {}
