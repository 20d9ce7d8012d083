# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
from scipy import stats

from modeling_ast_va.evaluation.confidence import bootstrap_intervals, difference_intervals
from modeling_ast_va.metrics import DIMENSIONS, METRICS, evaluate_predictions

NAMES = [*METRICS, *(f"{dimension}_{name}" for dimension in DIMENSIONS for name in METRICS)]


def rated_songs(num_songs, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    references = rng.normal(5, 1.2, (num_songs, 2))
    return references, 5 + 0.6 * (references - 5) + rng.normal(0, noise, (num_songs, 2))


def drawn(references, predictions, groups, seed, num_resamples):
    """The bootstrap as one would write it down: draw groups, put their rows together, call the metrics."""
    numbers, indices = np.unique(groups, return_inverse=True)
    shares = np.full(len(numbers), 1 / len(numbers))
    for counts in np.random.default_rng(seed).multinomial(len(numbers), shares, size=num_resamples):
        rows = np.repeat(np.arange(len(groups)), counts[indices])
        yield evaluate_predictions(references[rows], predictions[rows])


def test_intervals_are_percentiles_of_every_metric_over_the_draws():
    references, predictions = rated_songs(40)
    groups = np.random.default_rng(1).integers(0, 15, 40)
    intervals = bootstrap_intervals(references, predictions, groups, num_resamples=300, confidence=0.9, seed=7)
    resampled = list(drawn(references, predictions, groups, seed=7, num_resamples=300))
    assert set(intervals) == set(NAMES)
    for name in NAMES:
        expected = np.percentile([metrics[name] for metrics in resampled], [5, 95])
        assert intervals[name] == pytest.approx(expected, abs=1e-10)


def test_intervals_of_single_songs_are_scipys():
    references, predictions = rated_songs(80)
    intervals = bootstrap_intervals(references, predictions, range(80), num_resamples=4000)
    for column, dimension in enumerate(DIMENSIONS):
        pair = (references[:, column], predictions[:, column])
        theirs = stats.bootstrap(
            pair, METRICS["ccc"], paired=True, vectorized=False, method="percentile", n_resamples=4000, rng=3
        ).confidence_interval
        # Two draws of 4,000 put the ends of an interval that is 0.3 wide within a few thousandths of each other.
        assert intervals[f"{dimension}_ccc"] == pytest.approx(tuple(theirs), abs=0.015)


def test_intervals_hold_the_truth_as_often_as_they_say_where_songs_come_in_albums():
    """95 % of intervals must hold the true mean error, and would not if songs of an album were drawn one by one."""
    rng = np.random.default_rng(0)
    albums = np.repeat(np.arange(60), 5)
    held = {"albums": 0, "songs": 0}
    for _ in range(120):
        references = rng.normal(5, 1, (300, 2))
        errors = rng.normal(0, 1, (60, 2))[albums] + rng.normal(0, 0.5, (300, 2))
        for name, groups in (("albums", albums), ("songs", range(300))):
            low, high = bootstrap_intervals(references, references + errors, groups, num_resamples=400)["valence_mse"]
            held[name] += low <= 1.25 <= high  # the variance between and within albums
    assert 106 <= held["albums"] <= 119  # 114 of 120, within two and a half standard deviations
    assert held["songs"] < 95


def test_differences_are_of_the_same_draws():
    references, predictions = rated_songs(40)
    others = rated_songs(40, seed=5)[1]
    groups = np.random.default_rng(1).integers(0, 15, 40)
    intervals = difference_intervals(references, predictions, others, groups, num_resamples=200, seed=7)
    ours, theirs = (list(drawn(references, rated, groups, 7, 200)) for rated in (predictions, others))
    for name in NAMES:
        differences = [one[name] - other[name] for one, other in zip(ours, theirs)]
        assert intervals[name] == pytest.approx(np.percentile(differences, [2.5, 97.5]), abs=1e-10)
    assert set(difference_intervals(references, predictions, predictions, groups).values()) == {(0.0, 0.0)}


def test_the_same_seed_gives_the_same_intervals():
    references, predictions = rated_songs(30)
    first, again, other = (
        bootstrap_intervals(references, predictions, range(30), num_resamples=100, seed=seed) for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_constant_predictions_have_the_values_that_the_metrics_give_them():
    references, _ = rated_songs(50)
    intervals = bootstrap_intervals(references, np.full((50, 2), 4.9), range(50), num_resamples=200)
    assert intervals["ccc"] == intervals["pearson_r"] == (0.0, 0.0)
    perfect = bootstrap_intervals(np.full((50, 2), 4.9), np.full((50, 2), 4.9), range(50), num_resamples=200)
    assert perfect["ccc"] == perfect["r2"] == pytest.approx((1.0, 1.0))
    assert perfect["rmse"] == pytest.approx((0.0, 0.0), abs=1e-9)


def test_one_group_has_no_interval():
    assert bootstrap_intervals(*rated_songs(5), [7] * 5) == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [({"groups": [1, 2]}, "a group for each of 5 rows, got 2"), ({"confidence": 95}, "between 0 and 1, got 95")],
)
def test_what_cannot_be_resampled_is_refused(options, message):
    references, predictions = rated_songs(5)
    with pytest.raises(ValueError, match=message):
        bootstrap_intervals(references, predictions, **{"groups": range(5), **options})
