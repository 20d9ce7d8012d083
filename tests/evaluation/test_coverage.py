# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Cross-conformal intervals: coverage of drawn songs, folds that do not see their own errors, scores by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from modeling_ast_va.evaluation.coverage import (
    CrossConformal,
    evaluate_intervals,
    evaluate_quadrants,
    format_evaluated_intervals,
    has_spreads,
    intervals_section,
    predict_intervals,
)
from modeling_ast_va.evaluation.intervals import fit_uncertainty
from modeling_ast_va.evaluation.tables import ERROR_STDS, PREDICTED, RATER_STDS, TRUE_RATER_STDS
from modeling_ast_va.metrics import DIMENSIONS
from modeling_ast_va.uncertainty_ast_va import quadrant_probability, song_interval


@pytest.fixture(scope="module")
def songs():
    """Songs in five folds whose errors are normal, with a spread that is known up to a factor, and correlated."""
    rng, num_songs = np.random.default_rng(0), 2000
    stds = rng.uniform(0.3, 1.2, (num_songs, 2))
    predicted = rng.uniform(3, 7, (num_songs, 2))
    errors = stds * rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], num_songs)
    raters = rng.uniform(1, 2, (num_songs, 2))
    columns = {
        DIMENSIONS: np.clip(predicted + errors, 1, 9),
        PREDICTED: predicted,
        ERROR_STDS: 2 * stds,
        RATER_STDS: raters + rng.normal(0, 0.3, raters.shape),
        TRUE_RATER_STDS: raters,
    }
    table = pd.DataFrame({name: v for names, values in columns.items() for name, v in zip(names, values.T)})
    table.loc[:9, "valence_rater_std"] = np.nan
    return table.assign(fold=np.arange(num_songs) % 5)


@pytest.fixture(scope="module")
def predicted(songs):
    return predict_intervals(songs)


def test_the_intervals_of_a_fold_come_from_the_others(songs, predicted):
    of_fold = (songs["fold"] == 3).to_numpy()
    fitted = fit_uncertainty(songs[~of_fold])
    stds = fitted.scale * songs.loc[of_fold, list(ERROR_STDS)].to_numpy() ** fitted.exponent
    np.testing.assert_allclose(predicted.stds[of_fold], stds)
    rating = songs.loc[of_fold, list(PREDICTED)].to_numpy()
    expected = song_interval(rating, stds, fitted.conformal_quantiles, 0.9, (1, 9))
    np.testing.assert_allclose(predicted.bounds[of_fold], expected)
    rated = songs.loc[of_fold, list(DIMENSIONS)].to_numpy()
    np.testing.assert_array_equal(
        predicted.covered[89, of_fold], (expected[..., 0] <= rated) & (rated <= expected[..., 1])
    )
    correlated = quadrant_probability(rating, stds, fitted.error_correlation, 5)
    np.testing.assert_allclose(predicted.probabilities[of_fold], correlated)
    np.testing.assert_allclose(predicted.independent_probabilities[of_fold], quadrant_probability(rating, stds, 0, 5))
    changed = songs.assign(valence=songs["valence"].where(~of_fold, 9.0))  # its own ratings are not used
    np.testing.assert_array_equal(predict_intervals(changed).bounds[of_fold], predicted.bounds[of_fold])


@pytest.fixture(scope="module")
def report(songs, predicted):
    return evaluate_intervals(songs, predicted)


def test_coverage_is_as_stated_and_intervals_of_differing_width_are_better(songs, predicted, report):
    for i, dimension in enumerate(DIMENSIONS):
        of = report[dimension]
        for coverage, measured in of["coverage"].items():
            assert measured == pytest.approx(float(coverage), abs=0.02)
        assert of["coverage_of_thirds"] == pytest.approx([0.9] * 3, abs=0.04)
        low, high = predicted.bounds[:, i].T
        assert of["coverage"]["0.9"] == np.mean((low <= songs[dimension]) & (songs[dimension] <= high))
        assert of["mean_width"] == pytest.approx(np.mean(high - low))
        assert of["mean_width"] < 0.96 * of["constant_mean_width"]
        errors = songs[dimension] - songs[PREDICTED[i]]
        surprise = -stats.norm.logpdf(errors, scale=predicted.stds[:, i]).mean()
        assert of["negative_log_likelihood"] == pytest.approx(surprise)
        spreads = [errors[songs["fold"] != fold].pow(2).mean() ** 0.5 for fold in songs["fold"]]
        constant = -stats.norm.logpdf(errors, scale=spreads).mean()
        assert of["constant_negative_log_likelihood"] == pytest.approx(constant)
        known = songs[[RATER_STDS[i], TRUE_RATER_STDS[i]]].dropna()
        assert of["rater_std_r"] == pytest.approx(np.corrcoef(known.T)[0, 1])
    assert len(songs[TRUE_RATER_STDS[0]].dropna()) == len(songs) - 10


def test_thirds_are_those_of_the_predictions(songs, predicted):
    wide = predicted._replace(covered=np.broadcast_to((songs[list(PREDICTED)] < 4.2).to_numpy(), (99, len(songs), 2)))
    low, middle, high = evaluate_intervals(songs, wide)["valence"]["coverage_of_thirds"]
    assert (middle, high) == (0, 0)
    assert low == pytest.approx(np.mean(songs["predicted_valence"] < 4.2) * 3, abs=0.01)


def test_scores_of_quadrants_by_hand():
    table = pd.DataFrame({"valence": [6.0, 4.0], "arousal": [7.0, 8.0], "predicted_valence": 6.0})
    table = table.assign(predicted_arousal=6.0)  # rated Excited and Distressed, predicted Excited twice
    correlated = np.array([[0.7, 0.1, 0.1, 0.1], [0.5, 0.1, 0.2, 0.2]])
    nothing = np.zeros((0,))
    predicted = CrossConformal(nothing, nothing, nothing, correlated, np.full((2, 4), 0.25))
    scores = evaluate_quadrants(table, predicted)
    assert (scores["accuracy"], scores["mean_probability"]) == (0.5, pytest.approx(0.6))
    first, second = 0.3**2 + 3 * 0.1**2, 0.5**2 + 0.1**2 + 0.2**2 + 0.8**2
    expected = {"correlated": (first + second) / 2, "independent": 0.75, "bare": (0 + 2) / 2}
    assert scores["brier"] == pytest.approx(expected)
    logs = {"correlated": -(np.log(0.7) + np.log(0.2)) / 2, "independent": -np.log(0.25)}
    assert scores["log_score"] == pytest.approx(logs)


def test_correlated_errors_make_better_probabilities(report):
    scores = report["quadrant"]
    assert scores["brier"]["correlated"] < scores["brier"]["independent"] < scores["brier"]["bare"]
    assert scores["log_score"]["correlated"] < scores["log_score"]["independent"] - 0.01
    assert scores["mean_probability"] == pytest.approx(scores["accuracy"], abs=0.02)


def test_the_section_has_text_and_a_plot(songs, tmp_path):
    section = intervals_section(songs.iloc[:200], tmp_path)
    assert (tmp_path / "intervals.png").stat().st_size > 10_000
    assert section.text == format_evaluated_intervals(section.content)
    share = section.content["arousal"]["coverage"]["0.9"]
    assert f"{share:.1%}" in section.text.splitlines()[3]
    without = songs.drop(columns=list(RATER_STDS))
    assert evaluate_intervals(without, predict_intervals(without))["valence"]["rater_std_r"] is None


def test_models_without_spreads_have_none(songs):
    assert has_spreads(songs)
    assert not has_spreads(songs.drop(columns=ERROR_STDS[0]))
