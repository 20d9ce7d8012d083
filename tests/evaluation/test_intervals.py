# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Intervals: quantiles counted by hand, scale and correlation of known errors, coverage of drawn songs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from modeling_ast_va.evaluation.intervals import calibrated_stds, conformal_quantiles, fit_uncertainty
from modeling_ast_va.evaluation.tables import ERROR_STDS, PREDICTED
from modeling_ast_va.metrics import DIMENSIONS
from modeling_ast_va.uncertainty_ast_va import song_interval


def draw_songs(num_songs, seed=0, correlation=0.5):
    """Songs whose errors are normal, twice as large as their predicted spreads, which differ by song."""
    rng = np.random.default_rng(seed)
    stds = rng.uniform(0.1, 0.5, (num_songs, 2))
    noise = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], num_songs)
    predicted = rng.uniform(4, 6, (num_songs, 2))
    columns = dict(zip(DIMENSIONS, (predicted + 2 * stds * noise).T)) | dict(zip(PREDICTED, predicted.T))
    songs = pd.DataFrame({"song_id": np.arange(num_songs), **columns, **dict(zip(ERROR_STDS, stds.T))})
    return songs.assign(group=songs["song_id"] // 2, subset="", fold=songs["song_id"] // 2 % 5)


def intervals(songs, fitted, coverage):
    predicted, stds = songs[list(PREDICTED)].to_numpy(), calibrated_stds(songs, fitted)
    return song_interval(predicted, stds, fitted.conformal_quantiles, coverage, (1, 9))


def test_quantiles_have_the_rank_of_one_more_score():
    scores = np.random.default_rng(0).permutation(np.arange(1.0, 100))  # 1 to 99
    np.testing.assert_array_equal(conformal_quantiles(scores, 1000), np.arange(1, 100))
    of_ten = conformal_quantiles(np.arange(1.0, 11), 1000)
    for level, expected in ((1, 1), (9, 1), (10, 2), (50, 6), (90, 10), (91, 1000), (99, 1000)):
        assert of_ten[level - 1] == expected, level
    assert conformal_quantiles(np.array([5.0]), 2)[-1] == 5  # never falls


def test_scale_and_exponent_are_those_of_the_errors():
    fitted = fit_uncertainty(draw_songs(4000))
    np.testing.assert_allclose(fitted.scale, 2, rtol=0.1)
    np.testing.assert_allclose(fitted.exponent, 1, atol=0.05)
    assert fitted.error_correlation == pytest.approx(0.5, abs=0.03)
    normal_quantiles = [0.6745, 1.2816, 1.6449, 1.96]  # of absolute values, at 50, 80, 90 and 95 %
    np.testing.assert_allclose(fitted.conformal_quantiles[:, [49, 79, 89, 94]], [normal_quantiles] * 2, atol=0.08)


def test_spreads_that_differ_too_much_are_drawn_together():
    songs = draw_songs(4000)
    fitted = fit_uncertainty(songs)
    exaggerated = songs.assign(**{name: songs[name] ** 2 for name in ERROR_STDS})
    np.testing.assert_allclose(fit_uncertainty(exaggerated).exponent, fitted.exponent / 2, atol=0.011)
    np.testing.assert_allclose(calibrated_stds(exaggerated, fit_uncertainty(exaggerated)).mean(), 0.6, atol=0.02)
    shuffled = songs.assign(predicted_valence_error_std=songs["predicted_valence_error_std"].to_numpy()[::-1])
    assert fit_uncertainty(shuffled).exponent[0] < 0.1  # spreads of other songs say nothing


def test_a_small_table_by_hand():
    table = pd.DataFrame({"valence": [6.0, 3.0], "arousal": [4.0, 6.0]}).assign(**dict.fromkeys(PREDICTED, 5.0))
    table = table.assign(**dict.fromkeys(ERROR_STDS, 1.0))  # errors 1, -2 and -1, 1
    fitted = fit_uncertainty(table)
    np.testing.assert_allclose(fitted.scale, [np.sqrt(2.5), 1])
    assert fitted.error_correlation == pytest.approx((-1 - 2) / 2 / np.sqrt(2.5))
    assert fitted.conformal_quantiles[0, [0, 32]].tolist() == pytest.approx([1 / np.sqrt(2.5)] * 2)
    assert fitted.conformal_quantiles[0, [33, 65]].tolist() == pytest.approx([2 / np.sqrt(2.5)] * 2)
    assert fitted.conformal_quantiles[0, 66] == pytest.approx(8 / np.sqrt(2.5))


def test_intervals_cover_new_songs_as_often_as_they_say():
    fitted, songs = fit_uncertainty(draw_songs(4000, seed=1)), draw_songs(4000, seed=2)
    rated = songs[list(DIMENSIONS)].to_numpy()
    for coverage in (0.5, 0.8, 0.9, 0.95):
        low, high = np.moveaxis(intervals(songs, fitted, coverage), -1, 0)
        np.testing.assert_allclose(((low <= rated) & (rated <= high)).mean(axis=0), coverage, atol=0.02)


def test_what_few_songs_leave_open_spans_the_scale():
    songs = draw_songs(20)
    fitted = fit_uncertainty(songs)
    assert np.isfinite(fitted.conformal_quantiles).all()
    assert (np.diff(fitted.conformal_quantiles) >= 0).all()
    assert (intervals(songs, fitted, 0.99) == [1.0, 9.0]).all()
    assert (np.diff(intervals(songs, fitted, 0.8)) < 4).all()


def test_tables_without_usable_spreads_are_refused():
    songs = draw_songs(10)
    with pytest.raises(ValueError, match=r"a table without predicted_arousal_error_std\."):
        fit_uncertainty(songs.drop(columns="predicted_arousal_error_std"))
    for value in (0, -1, np.nan):
        with pytest.raises(ValueError, match="Expected spreads of errors above 0"):
            fit_uncertainty(songs.assign(predicted_valence_error_std=[value] + [1.0] * 9))
    with pytest.raises(ValueError, match="Expected predictions with errors, but got none for 10 songs"):
        fit_uncertainty(songs.assign(predicted_valence=songs["valence"]))
