# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Calibration against its closed form (1e-9): mean of the ratings, spread between both, each fold by the others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from modeling_ast_va import ASTVAConfig, ASTVAForRegression
from modeling_ast_va.data.folds import assign_folds
from modeling_ast_va.evaluation.calibration import (
    Calibration,
    calibrate,
    calibrate_folds,
    calibrate_model,
    fit_calibration,
    map_linearly,
)
from modeling_ast_va.evaluation.intervals import Uncertainty
from modeling_ast_va.evaluation.tables import PREDICTED, predictions, ratings, table_of_songs
from modeling_ast_va.metrics import evaluate_predictions


@pytest.fixture
def segments():
    """Two segments of each of 60 songs in three folds; predictions spread half as far as ratings, off by one."""
    rng = np.random.default_rng(0)
    rated = rng.normal(5, 1.2, size=(60, 2))
    predicted = (4 + 0.5 * (rated - 5) + rng.normal(0, 0.4, size=(60, 2))).repeat(2, axis=0)
    predicted += rng.normal(0, 0.1, size=predicted.shape)
    table = pd.DataFrame(
        {"song_id": np.arange(60).repeat(2), "weight_seconds": 3.0, "fold": (np.arange(60) % 3).repeat(2)}
    )
    table[["valence", "arousal"]] = rated.repeat(2, axis=0)
    table[list(PREDICTED)] = predicted
    return table


def test_calibrated_songs_have_the_mean_and_the_spread_in_between(segments):
    songs = table_of_songs(segments)
    calibrated = table_of_songs(calibrate(segments, fit_calibration(songs)))
    np.testing.assert_allclose(predictions(calibrated).mean(axis=0), ratings(songs).mean(axis=0), atol=1e-9)
    correlation = [np.corrcoef(*column)[0, 1] for column in zip(ratings(songs).T, predictions(songs).T)]
    middle = np.sqrt(correlation) * ratings(songs).std(axis=0)
    np.testing.assert_allclose(predictions(calibrated).std(axis=0), middle, atol=1e-9)


def test_a_fold_is_calibrated_by_the_others(segments):
    calibrated = calibrate_folds(segments)
    assert calibrated["song_id"].equals(segments["song_id"])
    songs = table_of_songs(segments)
    others = fit_calibration(songs[songs["fold"] != 1])
    expected = calibrate(segments[segments["fold"] == 1], others)
    np.testing.assert_allclose(predictions(calibrated[calibrated["fold"] == 1]), predictions(expected), atol=1e-9)
    unmoved = segments.copy()
    unmoved.loc[unmoved["fold"] == 1, ["valence", "arousal"]] = 9.0  # its own ratings are not used
    again = calibrate_folds(unmoved)
    np.testing.assert_array_equal(
        predictions(again[again["fold"] == 1]), predictions(calibrated[calibrated["fold"] == 1])
    )


def test_concordance_rises_and_correlation_stays(segments):
    songs, calibrated = table_of_songs(segments), table_of_songs(calibrate_folds(segments))
    before, after = (evaluate_predictions(ratings(table), predictions(table)) for table in (songs, calibrated))
    assert after["ccc"] > before["ccc"] + 0.2
    assert after["pearson_r"] == pytest.approx(before["pearson_r"], abs=0.04)  # each fold has its own calibration


def test_predictions_that_contradict_the_ratings_become_the_mean(segments):
    segments["predicted_valence"] = -segments["predicted_valence"]
    songs = table_of_songs(segments)
    calibrated = table_of_songs(calibrate(segments, fit_calibration(songs)))
    np.testing.assert_allclose(calibrated["predicted_valence"], songs["valence"].mean(), atol=1e-9)
    assert calibrated["predicted_arousal"].std() > 0.5


def test_constant_predictions_are_refused(segments):
    segments["predicted_arousal"] = 5.0
    with pytest.raises(ValueError, match="predictions that vary"):
        fit_calibration(table_of_songs(segments))


def test_a_linear_mapping_is_the_regression_on_songs_of_other_artists(segments):
    segments = segments.drop(columns="fold").assign(group=segments["song_id"] // 4, subset="")
    mapped = map_linearly(segments)
    assert list(mapped) == list(segments)
    fold_of = assign_folds(dict(zip(segments["song_id"], segments["group"])), 5)
    songs, fold = table_of_songs(segments), segments["song_id"].map(fold_of)
    fold_of_songs = songs["song_id"].map(fold_of)
    for column, (rated, predicted) in enumerate(zip(("valence", "arousal"), PREDICTED)):
        for number in range(5):
            others, of_fold = songs[fold_of_songs != number], fold == number
            expected = np.poly1d(np.polyfit(others[predicted], others[rated], 1))(segments.loc[of_fold, predicted])
            np.testing.assert_allclose(predictions(mapped)[of_fold, column], expected, atol=1e-9)


def test_a_linear_mapping_of_constant_predictions_is_the_mean_and_of_one_artist_none(segments):
    table = segments.drop(columns="fold").assign(group=segments["song_id"] % 2, subset="")
    mapped = map_linearly(table.assign(**dict.fromkeys(PREDICTED, 3.0)))
    means = ratings(table_of_songs(table[table["group"] == 1])).mean(axis=0)
    np.testing.assert_allclose(predictions(mapped)[mapped["group"] == 0], np.tile(means, (60, 1)), atol=1e-9)
    assert map_linearly(table.assign(group=0)) is None


GAIN, OFFSET = np.array([1.25, 0.8]), np.array([-1.0, 0.5])
UNCERTAINTY = Uncertainty(
    np.array([0.5, 1.2]), np.array([0.5, 1.25]), np.stack([np.arange(99) / 7, np.arange(99) / 3]), 0.123456
)


def outputs_before_and_after(config, input_values, calibration, uncertainty, **heads):
    torch.manual_seed(0)
    model = ASTVAForRegression(ASTVAConfig(**{**config.to_diff_dict(), **heads})).eval()
    with torch.no_grad():
        before = model(input_values)
        calibrate_model(model, calibration, uncertainty)
        return before, model(input_values), model.config


def test_a_calibrated_model_has_calibrated_ratings_course_and_spreads(config, input_values):
    heads = {"use_frame_head": True, "use_spread_head": True}
    calibration = Calibration(GAIN, OFFSET)
    before, after, config = outputs_before_and_after(config, input_values, calibration, UNCERTAINTY, **heads)
    gain, offset, scale, exponent = (torch.from_numpy(one).float() for one in (GAIN, OFFSET, *UNCERTAINTY[:2]))
    close = {"atol": 1e-4, "rtol": 1e-4}
    torch.testing.assert_close(after.logits, gain * before.logits + offset, **close)
    torch.testing.assert_close(after.frame_logits, gain * before.frame_logits + offset, **close)
    torch.testing.assert_close(after.error_std, scale * before.error_std**exponent, **close)
    torch.testing.assert_close(after.rater_std, before.rater_std, **close)
    assert config.error_correlation == 0.1235
    np.testing.assert_array_equal(config.conformal_quantiles, UNCERTAINTY.conformal_quantiles.round(4))


def test_a_model_without_heads_has_calibrated_ratings(config, input_values):
    before, after, config = outputs_before_and_after(config, input_values, Calibration(GAIN, OFFSET), None)
    gain, offset = torch.from_numpy(GAIN).float(), torch.from_numpy(OFFSET).float()
    torch.testing.assert_close(after.logits, gain * before.logits + offset, atol=1e-5, rtol=1e-5)
    assert not config.conformal_quantiles


def test_ratings_that_become_the_mean_leave_finite_spreads(config, input_values):
    calibration = Calibration(np.array([0.0, 1.0]), np.array([5.0, 0.0]))
    _, after, _ = outputs_before_and_after(config, input_values, calibration, UNCERTAINTY, use_spread_head=True)
    torch.testing.assert_close(after.logits[:, 0], torch.full((3,), 5.0))
    assert after.error_std.isfinite().all()
