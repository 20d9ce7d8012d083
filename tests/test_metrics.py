# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Metrics against scikit-learn, scipy and closed forms, to 1e-12, and their values where a formula is not defined."""

from functools import partial

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
import torch
from transformers import EvalPrediction, Trainer, TrainingArguments

from modeling_ast_va.metrics import (
    DIMENSIONS,
    METRICS,
    compute_metrics,
    concordance_correlation_coefficient,
    evaluate_predictions,
    pearson_r,
    root_mean_squared_error,
    songs_from_segments,
)

TOLERANCE = 1e-12
SONG_IDS = np.array([7, 3, 7, 11, 3, 7])
WEIGHTS = np.array([5.0, 5.0, 2.5, 5.0, 1.0, 5.0])


def song_metrics(song_ids, references, predictions, weights=None):
    songs = songs_from_segments(song_ids, references, predictions, weights)
    results = evaluate_predictions(songs.references, songs.predictions)
    return {f"song_{name}": value for name, value in results.items()}


def r2_score(references, predictions):
    pair = (np.stack([np.asarray(values)] * 2, axis=1) for values in (references, predictions))
    return evaluate_predictions(*pair)["r2"]


def closed_form_ccc(references, predictions):
    """1 - MSE over what the MSE would be for independent variables of the same moments."""
    independent = np.var(references) + np.var(predictions) + (np.mean(references) - np.mean(predictions)) ** 2
    return 1 - np.mean((references - predictions) ** 2) / independent


INDEPENDENT = {
    "mse": sklearn.metrics.mean_squared_error,
    "rmse": sklearn.metrics.root_mean_squared_error,
    "mae": sklearn.metrics.mean_absolute_error,
    "r2": sklearn.metrics.r2_score,
    "pearson_r": lambda references, predictions: scipy.stats.pearsonr(references, predictions).statistic,
    "ccc": closed_form_ccc,
}


@pytest.fixture
def ratings():
    """References and predictions (200, 2), in rating points, correlated and biased."""
    rng = np.random.default_rng(0)
    references = rng.uniform(1, 9, (200, 2))
    return references, 0.6 * references + [2.5, 1.0] + rng.normal(0, 0.8, (200, 2))


@pytest.fixture
def segments():
    """References and predictions (6, 2) of the segments in `SONG_IDS`; the songs' ratings are exact in float32."""
    rating_of = {3: (2.5, 6.25), 7: (5.0, 4.0), 11: (7.5, 3.5)}
    predictions = np.random.default_rng(1).uniform(1, 9, (6, 2))
    return np.array([rating_of[song_id] for song_id in SONG_IDS]), predictions


def test_every_metric_equals_its_independent_reference(ratings):
    references, predictions = ratings
    results = evaluate_predictions(references, predictions)
    assert set(METRICS) == set(INDEPENDENT)
    assert len(results) == 3 * len(METRICS)
    for name, independent in INDEPENDENT.items():
        expected = [independent(references[:, i], predictions[:, i]) for i in range(2)]
        assert results[f"valence_{name}"] == pytest.approx(expected[0], abs=TOLERANCE), name
        assert results[f"arousal_{name}"] == pytest.approx(expected[1], abs=TOLERANCE), name
        assert results[name] == pytest.approx(np.mean(expected), abs=TOLERANCE), name
    assert all(type(value) is float for value in results.values())


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [([1, 2, 3, 4, 5], 1.0), ([2, 3, 4, 5, 6], 0.8), ([2, 4, 6, 8, 10], 8 / 19), ([5, 4, 3, 2, 1], -1.0)],
    ids=["identity", "shift by one", "doubling", "reversal"],
)
def test_ccc_of_worked_examples(predictions, expected):
    ccc = concordance_correlation_coefficient([1, 2, 3, 4, 5], predictions)
    assert ccc == pytest.approx(expected, abs=TOLERANCE)


def test_ccc_is_symmetric_and_never_above_pearson_r_in_magnitude(ratings):
    references, predictions = ratings[0][:, 0], ratings[1][:, 0]
    ccc = concordance_correlation_coefficient(references, predictions)
    assert ccc == pytest.approx(concordance_correlation_coefficient(predictions, references), abs=TOLERANCE)
    assert 0 < ccc < pearson_r(references, predictions)


# 0.1 has no exact mean in binary: the variance of three of them rounds to more than zero.
@pytest.mark.parametrize("constant", [0.1, 5.0, 5.1])
def test_metrics_of_constants_are_defined(constant):
    constants, varying = np.full(3, constant), np.array([2.0, 4.0, 7.0])
    for references, predictions in ((varying, constants), (constants, varying), (constants, constants + 1)):
        assert concordance_correlation_coefficient(references, predictions) == 0.0
        assert pearson_r(references, predictions) == 0.0
    assert concordance_correlation_coefficient(constants, constants) == 1.0
    assert pearson_r(constants, constants) == 0.0
    assert [r2_score(constants, predictions) for predictions in (constants, constants + 1, varying)] == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("predictions", [[5.0, 5.0, 5.0], [6.0, 6.0, 6.0], [4.0, 5.0, 6.0]])
def test_r2_of_constant_references_is_that_of_scikit_learn(predictions):
    references = [5.0, 5.0, 5.0]
    assert r2_score(references, predictions) == sklearn.metrics.r2_score(references, predictions)


@pytest.mark.parametrize("scale", [np.finfo(np.float32).tiny, np.finfo(np.float32).max])
def test_metrics_are_finite_for_the_extremes_of_float32(scale):
    references = np.array([[0.1, 0.3], [0.4, 0.2], [0.9, 1.0]], dtype=np.float32) * scale
    for predictions in (references, references[::-1], np.zeros_like(references)):
        assert np.isfinite(list(evaluate_predictions(references, predictions).values())).all()


def test_one_segment_has_metrics():
    results = evaluate_predictions([[3.0, 4.0]], [[3.5, 4.0]])
    assert (results["valence_mae"], results["valence_ccc"], results["arousal_ccc"]) == (0.5, 0.0, 1.0)


@pytest.mark.parametrize(
    ("references", "predictions", "message"),
    [
        (np.zeros((3, 2)), np.zeros((4, 2)), r"\(3, 2\) and \(4, 2\)"),
        (np.zeros((3, 3)), np.zeros((3, 3)), r"\(3, 3\) and \(3, 3\)"),
        (np.zeros(3), np.zeros(3), r"\(3,\) and \(3,\)"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "at least one"),
        (
            np.zeros((2, 2)),
            [[0, np.nan], [np.inf, np.nan]],
            "finite predictions, but got 3 of 4 values NaN or infinite",
        ),
        ([[0, np.nan], [0, 0]], np.zeros((2, 2)), "finite references, but got 1 of 4 values NaN or infinite"),
    ],
)
def test_bad_input_is_refused(references, predictions, message):
    with pytest.raises(ValueError, match=message):
        evaluate_predictions(references, predictions)


@pytest.mark.parametrize("metric", [concordance_correlation_coefficient, pearson_r, root_mean_squared_error])
def test_metrics_of_one_dimension_refuse_bad_input(metric):
    for references, predictions, message in (
        ([1.0, 2.0], [1.0], r"\(2,\) and \(1,\)"),
        ([[1.0]], [[1.0]], r"\(1, 1\) and \(1, 1\)"),
        ([], [], "at least one"),
        ([1.0, 2.0], [1.0, np.nan], "finite predictions, but got 1 of 2 values"),
    ):
        with pytest.raises(ValueError, match=message):
            metric(references, predictions)


def test_songs_are_the_duration_weighted_means_of_their_segments(segments):
    references, predictions = segments
    songs = songs_from_segments(SONG_IDS, references, predictions, WEIGHTS)
    assert songs.song_ids.tolist() == [3, 7, 11]
    assert songs.num_segments.tolist() == [2, 3, 1]
    assert songs.references.tolist() == [[2.5, 6.25], [5.0, 4.0], [7.5, 3.5]]
    for row, song_id in enumerate(songs.song_ids):
        own, weights = predictions[song_id == SONG_IDS], WEIGHTS[song_id == SONG_IDS]
        mean = np.average(own, axis=0, weights=weights)
        std = np.sqrt(np.average((own - mean) ** 2, axis=0, weights=weights))
        np.testing.assert_allclose(songs.predictions[row], mean, rtol=0, atol=TOLERANCE)
        np.testing.assert_allclose(songs.prediction_stds[row], std, rtol=0, atol=TOLERANCE)


def test_songs_do_not_depend_on_the_order_of_segments(segments):
    order = np.random.default_rng(2).permutation(len(SONG_IDS))
    names = np.array([f"song {song_id:02}" for song_id in SONG_IDS])
    songs = songs_from_segments(names, *segments, WEIGHTS)
    shuffled = songs_from_segments(names[order], *(array[order] for array in segments), WEIGHTS[order])
    assert songs.song_ids.tolist() == ["song 03", "song 07", "song 11"]
    for array, other in zip(songs[1:], shuffled[1:]):
        np.testing.assert_allclose(array, other, rtol=0, atol=TOLERANCE)


def test_segments_without_weights_have_the_same_weight(segments):
    assert song_metrics(SONG_IDS, *segments) == song_metrics(SONG_IDS, *segments, np.full(6, 5.0))


@pytest.mark.parametrize(
    ("song_ids", "weights", "message"),
    [
        (SONG_IDS[:5], WEIGHTS, r"song_ids of 6 segments, but got the shape \(5,\)"),
        (SONG_IDS, WEIGHTS[:5], r"weights of 6 segments, but got the shape \(5,\)"),
        (SONG_IDS, np.array([5, 5, 5, 5, 5, 0]), "above 0, but got 0.0 to 5.0"),
        (np.array([7, 3, 7, 7, 3, 7]), WEIGHTS, r"\[5.0, 4.0\] and \[7.5, 3.5\] for segments of song 7"),
    ],
)
def test_inconsistent_segments_are_refused(segments, song_ids, weights, message):
    with pytest.raises(ValueError, match=message):
        songs_from_segments(song_ids, *segments, weights)


def test_compute_metrics_takes_logits_from_a_tuple_and_adds_songs_if_they_are_given(segments):
    references, predictions = (array.astype(np.float32) for array in segments)
    per_segment = evaluate_predictions(references, predictions)
    assert compute_metrics(EvalPrediction(predictions, references)) == per_segment
    with_embedding = EvalPrediction((predictions, np.zeros((6, 256))), references)
    results = compute_metrics(with_embedding, song_ids=SONG_IDS, weights=WEIGHTS)
    assert results == per_segment | song_metrics(SONG_IDS, references, predictions, WEIGHTS)
    assert all(type(value) is float for value in results.values())


def test_compute_metrics_refuses_nan(segments):
    references, predictions = segments
    predictions[2, 1] = np.nan
    with pytest.raises(ValueError, match="finite predictions, but got 1 of 12 values"):
        compute_metrics(EvalPrediction(predictions, references))


class Echo(torch.nn.Module):
    """Returns its input in the form of the model's output: a loss, the logits, and an embedding after them."""

    def forward(self, input_values, labels):
        return {
            "loss": torch.nn.functional.mse_loss(input_values, labels),
            "logits": input_values,
            "pooler_output": input_values.repeat(1, 4),
        }


def test_compute_metrics_works_with_the_trainer(segments, tmp_path):
    references, predictions = (array.astype(np.float32) for array in segments)
    dataset = [{"input_values": p, "labels": r} for r, p in zip(references, predictions)]
    trainer = Trainer(
        model=Echo(),
        args=TrainingArguments(str(tmp_path), use_cpu=True, per_device_eval_batch_size=4, disable_tqdm=True),
        compute_metrics=partial(compute_metrics, song_ids=SONG_IDS, weights=WEIGHTS),
    )
    results = trainer.evaluate(dataset)
    expected = evaluate_predictions(references, predictions) | song_metrics(SONG_IDS, references, predictions, WEIGHTS)
    assert {name: results[f"eval_{name}"] for name in expected} == expected
    assert results["eval_loss"] == pytest.approx(expected["mse"], rel=1e-6)  # float32, over two batches


def test_dimensions_are_in_the_order_of_the_columns():
    assert DIMENSIONS == ("valence", "arousal")
    assert evaluate_predictions([[1.0, 1.0]], [[3.0, 1.0]])["valence_mae"] == 2.0
