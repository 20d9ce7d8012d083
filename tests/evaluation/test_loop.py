# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
import torch
from datasets import Array2D, Dataset, Features, List, Value

from modeling_ast_va import ASTVAConfig, ASTVAForRegression
from modeling_ast_va.evaluation.loop import PredictedRows, concatenate, evaluate_rows, predict_rows
from modeling_ast_va.evaluation.tables import ERROR_STDS, RATER_STDS, TRUE_RATER_STDS
from modeling_ast_va.metrics import evaluate_predictions

NUM_ROWS = 7


@pytest.fixture
def rows(config):
    """Seven segments of four songs, as `load_ratings` returns them."""
    rng = np.random.default_rng(0)
    song_ids = np.arange(NUM_ROWS) // 2
    log_mel = Array2D((config.max_length, config.num_mel_bins), "float32")
    types = {"song_id": "int64", "group": "int64", "subset": "string", "artist": "string"}
    types |= {"start_seconds": "float64", "duration_seconds": "float64", "weight_seconds": "float64"}
    features = {name: Value(type) for name, type in types.items()}
    features |= {"labels": List(Value("float64"), length=2), "input_values": log_mel}
    columns = {
        "song_id": song_ids,
        "group": song_ids,
        "subset": [""] * NUM_ROWS,
        "artist": [f"Artist {song}" for song in song_ids],
        "start_seconds": 5.0 * (np.arange(NUM_ROWS) % 2),
        "duration_seconds": np.full(NUM_ROWS, 5.0),
        "weight_seconds": 5.0 - 2 * (np.arange(NUM_ROWS) % 2),
        "labels": rng.uniform(1, 9, (4, 2)).round(1)[song_ids],
        "input_values": rng.normal(-40, 10, (NUM_ROWS, config.max_length, config.num_mel_bins)).astype(np.float32),
    }
    return Dataset.from_dict(columns, features=Features(features)).with_format("numpy")


def test_predictions_are_those_of_the_model_for_normalised_segments_in_order(model, feature_extractor, rows):
    feature_extractor.mean, feature_extractor.std = -40.0, 10.0
    log_mels = torch.from_numpy(np.stack(rows["input_values"][:]))
    with torch.no_grad():
        expected = model((log_mels + 40) / 10).logits.numpy()
    for batch_size in (3, 32):
        predicted, *optional = predict_rows(model, feature_extractor, rows, batch_size)
        assert optional == [None] * 3
        assert (predicted.dtype, predicted.shape) == (np.float32, (NUM_ROWS, 2))
        np.testing.assert_allclose(predicted, expected, atol=1e-5)
    assert np.ptp(expected, axis=0).min() > 1e-3


def test_the_model_is_evaluated_without_dropout_and_keeps_its_mode(model, feature_extractor, rows):
    expected = predict_rows(model, feature_extractor, rows, 4).ratings
    np.testing.assert_array_equal(predict_rows(model.train(), feature_extractor, rows, 4).ratings, expected)
    assert model.training


def test_outputs_of_the_heads_are_predicted_in_order(config, feature_extractor, rows):
    torch.manual_seed(0)
    heads = {"use_frame_head": True, "use_spread_head": True}
    model = ASTVAForRegression(ASTVAConfig(**{**config.to_diff_dict(), **heads})).eval()
    predicted = predict_rows(model, feature_extractor, rows, 3)
    log_mels = torch.from_numpy(np.stack(rows["input_values"][:]))
    with torch.no_grad():
        outputs = model(feature_extractor.normalize(log_mels))
    expected = (outputs.logits, outputs.error_std, outputs.rater_std, outputs.frame_logits)
    for given, output in zip(predicted, expected, strict=True):
        assert given.dtype == np.float32
        np.testing.assert_allclose(given, output.numpy(), atol=1e-5)
    parts = [PredictedRows(*(one[rows] for one in predicted)) for rows in (slice(2), slice(2, None))]
    for given, whole in zip(concatenate(parts), predicted, strict=True):
        np.testing.assert_array_equal(given, whole)


def test_spreads_are_in_the_table_of_segments_beside_the_true_ones(rows):
    predicted = PredictedRows(*np.random.default_rng(1).uniform(1, 9, (3, NUM_ROWS, 2)).astype(np.float32))
    label_stds = np.random.default_rng(2).uniform(0.5, 1.5, (NUM_ROWS, 2)).astype(np.float32)
    label_stds[-1] = np.nan
    rows = rows.with_format(None).add_column("label_stds", label_stds.tolist()).with_format("numpy")
    _, segments = evaluate_rows(rows, predicted, "test")
    np.testing.assert_array_equal(segments[list(ERROR_STDS)], predicted.error_stds)
    np.testing.assert_array_equal(segments[list(RATER_STDS)], predicted.rater_stds)
    np.testing.assert_allclose(segments[list(TRUE_RATER_STDS)], label_stds)


def test_metrics_are_those_of_segments_and_songs(rows):
    predictions = np.random.default_rng(1).uniform(1, 9, (NUM_ROWS, 2)).astype(np.float32)
    metrics, segments = evaluate_rows(rows, PredictedRows(predictions), "test")
    labels = np.array(rows["labels"][:])
    expected = {f"test_{name}": value for name, value in evaluate_predictions(labels, predictions).items()}
    songs = [np.average(predictions[i : i + 2], axis=0, weights=[5, 3][: NUM_ROWS - i]) for i in range(0, NUM_ROWS, 2)]
    of_songs = evaluate_predictions(labels[::2], np.stack(songs))
    expected |= {f"test_song_{name}": value for name, value in of_songs.items()}
    assert metrics == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert set(segments["split"]) == {"test"}
    assert segments["group"].tolist() == [0, 0, 1, 1, 2, 2, 3]
    np.testing.assert_array_equal(segments[["predicted_valence", "predicted_arousal"]], predictions)
