# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
from scipy import stats

from modeling_ast_va.evaluation import confidence
from modeling_ast_va.evaluation.confidence import bootstrap_intervals, mean_interval
from modeling_ast_va.metrics import (
    DIMENSIONS,
    METRICS,
    concordance_correlation_coefficient,
    evaluate_predictions,
)

NAMES = [*METRICS, *(f"{dimension}_{name}" for dimension in DIMENSIONS for name in METRICS)]


@pytest.fixture
def draws(monkeypatch):
    """Sets the number of draws and their seed."""

    def set_draws(num_resamples, seed=0):
        monkeypatch.setattr(confidence, "NUM_RESAMPLES", num_resamples)
        monkeypatch.setattr(confidence, "SEED", seed)

    return set_draws


def rated_songs(num_songs, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    references = rng.normal(5, 1.2, (num_songs, 2))
    return references, 5 + 0.6 * (references - 5) + rng.normal(0, noise, (num_songs, 2))


def drawn(references, predictions, groups, seed, num_resamples):
    """The bootstrap in its plain form: draw groups, concatenate their rows, compute the metrics."""
    numbers, indices = np.unique(groups, return_inverse=True)
    shares = np.full(len(numbers), 1 / len(numbers))
    for counts in np.random.default_rng(seed).multinomial(len(numbers), shares, size=num_resamples):
        rows = np.repeat(np.arange(len(groups)), counts[indices])
        yield evaluate_predictions(references[rows], predictions[rows])


def test_intervals_are_percentiles_of_every_metric_over_the_draws(draws):
    draws(300, seed=7)
    references, predictions = rated_songs(40)
    groups = np.random.default_rng(1).integers(0, 15, 40)
    intervals = bootstrap_intervals(references, predictions, groups)
    resampled = list(drawn(references, predictions, groups, seed=7, num_resamples=300))
    assert set(intervals) == set(NAMES)
    for name in NAMES:
        expected = np.percentile([metrics[name] for metrics in resampled], [2.5, 97.5])
        assert intervals[name] == pytest.approx(expected, abs=1e-10)


def test_intervals_of_single_songs_are_scipys(draws):
    draws(4000)
    references, predictions = rated_songs(80)
    intervals = bootstrap_intervals(references, predictions, range(80))
    options = {"paired": True, "vectorized": False, "method": "percentile", "n_resamples": 4000, "rng": 3}
    for column, dimension in enumerate(DIMENSIONS):
        pair = (references[:, column], predictions[:, column])
        scipys = stats.bootstrap(pair, concordance_correlation_coefficient, **options).confidence_interval
        # With 4,000 resamples, the bounds of an interval 0.3 wide vary by a few thousandths.
        assert intervals[f"{dimension}_ccc"] == pytest.approx(tuple(scipys), abs=0.015)


def test_intervals_contain_the_true_value_as_often_as_stated_for_songs_of_albums(draws):
    """95 % of intervals must contain the true mean error, and would not if songs of an album were drawn one by one."""
    draws(400)
    rng = np.random.default_rng(0)
    albums = np.repeat(np.arange(60), 5)
    covered = {"albums": 0, "songs": 0}
    for _ in range(120):
        references = rng.normal(5, 1, (300, 2))
        errors = rng.normal(0, 1, (60, 2))[albums] + rng.normal(0, 0.5, (300, 2))
        for name, groups in (("albums", albums), ("songs", range(300))):
            low, high = bootstrap_intervals(references, references + errors, groups)["valence_mse"]
            covered[name] += low <= 1.25 <= high  # the variance between and within albums
    assert 106 <= covered["albums"] <= 119  # 114 of 120, within two and a half standard deviations
    assert covered["songs"] < 95


def test_differences_are_of_the_same_draws(draws):
    draws(200, seed=7)
    references, predictions = rated_songs(40)
    others = rated_songs(40, seed=5)[1]
    groups = np.random.default_rng(1).integers(0, 15, 40)
    intervals = bootstrap_intervals(references, predictions, groups, others)
    first, second = (list(drawn(references, predicted, groups, 7, 200)) for predicted in (predictions, others))
    for name in NAMES:
        differences = [one[name] - other[name] for one, other in zip(first, second)]
        assert intervals[name] == pytest.approx(np.percentile(differences, [2.5, 97.5]), abs=1e-10)
    assert set(bootstrap_intervals(references, predictions, groups, predictions).values()) == {(0.0, 0.0)}


def test_the_same_seed_gives_the_same_intervals(draws):
    intervals = []
    for seed in (0, 0, 1):
        draws(100, seed)
        intervals.append(bootstrap_intervals(*rated_songs(30), range(30)))
    assert intervals[0] == intervals[1]
    assert intervals[0] != intervals[2]


def test_constant_predictions_have_the_values_of_the_metrics():
    references, _ = rated_songs(50)
    intervals = bootstrap_intervals(references, np.full((50, 2), 4.9), range(50))
    assert intervals["ccc"] == intervals["pearson_r"] == (0.0, 0.0)
    perfect = bootstrap_intervals(np.full((50, 2), 4.9), np.full((50, 2), 4.9), range(50))
    assert perfect["ccc"] == perfect["r2"] == pytest.approx((1.0, 1.0))
    assert perfect["rmse"] == pytest.approx((0.0, 0.0), abs=1e-9)


def test_one_group_has_no_interval():
    assert bootstrap_intervals(*rated_songs(5), [7] * 5) == {}


def test_groups_of_another_length_are_refused():
    with pytest.raises(ValueError, match="Expected groups of 5 rows, but got 2"):
        bootstrap_intervals(*rated_songs(5), [1, 2])


def test_the_interval_of_a_mean_is_that_of_draws_of_whole_groups(draws):
    draws(200)
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(12), rng.integers(1, 5, 12))
    values = rng.normal(size=len(groups)) + groups / 5
    shuffled = rng.permutation(len(groups))
    drawn_counts = np.random.default_rng(0).multinomial(12, np.full(12, 1 / 12), size=200)
    expected = [np.repeat(values, counts[groups]).mean() for counts in drawn_counts]
    low, high = mean_interval(values[shuffled], groups[shuffled])
    np.testing.assert_allclose([low, high], np.quantile(expected, [0.025, 0.975]))
    assert mean_interval([1.0, 2.0], [3, 3]) is None
