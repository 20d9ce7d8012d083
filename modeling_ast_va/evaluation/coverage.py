# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
How well intervals hold: their coverage and width, and the probabilities of quadrants, on songs of other folds.

Everything that turns a predicted spread into an interval is fitted to the songs of the other folds (cross-conformal
prediction), which share no artist with those of the fold. Intervals of constant width come from the same method with
the same spread for all songs.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..audio_ast_va import RATING_SCALE, quadrant
from ..formatting import format_number, format_table
from ..hub.files import INTERVALS_PLOT_FILE
from ..metrics import DIMENSIONS, pearson_r
from ..plots import plot_coverage
from ..uncertainty_ast_va import COVERAGE, COVERAGE_LEVELS, QUADRANTS, quadrant_probability, song_interval
from .intervals import calibrated_stds, fit_uncertainty
from .report import Section
from .tables import ERROR_STDS, RATER_STDS, TRUE_RATER_STDS, predictions, ratings

COVERAGES = (0.5, 0.8, 0.9, 0.95)  # that are reported
MIDPOINT = sum(RATING_SCALE) / 2

Array = NDArray[np.float64]


class CrossConformal(NamedTuple):
    """Spreads, intervals and probabilities of songs, from the songs of the other folds."""

    stds: Array  # (n, 2), calibrated
    bounds: Array  # (n, 2, 2): at `COVERAGE`, low and high of valence and of arousal
    covered: NDArray[np.bool_]  # (99, n, 2): whether the rating is in the interval at each of `COVERAGE_LEVELS`
    probabilities: Array  # (n, 4), of `QUADRANTS`
    independent_probabilities: Array  # (n, 4), for errors of valence and arousal without correlation


def has_spreads(songs: pd.DataFrame) -> bool:
    """Whether a table is of a model that predicts the spread of its errors."""
    return set(ERROR_STDS) <= set(songs)


def intervals_section(songs: pd.DataFrame, output_dir: str | Path) -> Section:
    """The part of a report on the intervals of a table of songs with a column `fold`; its plot is `intervals.png`."""
    predicted = predict_intervals(songs)
    report = evaluate_intervals(songs, predicted)
    errors, path = ratings(songs) - predictions(songs), Path(output_dir) / INTERVALS_PLOT_FILE
    plot_coverage(COVERAGE_LEVELS, predicted.covered.mean(axis=1), predicted.stds, errors, path)
    return Section(report, format_evaluated_intervals(report))


def predict_intervals(songs: pd.DataFrame) -> CrossConformal:
    """Predict the intervals of a table of songs with a column `fold`, those of each fold from the other folds."""
    num_songs, predicted = len(songs), predictions(songs)
    errors = np.abs(ratings(songs) - predicted)
    stds, bounds = np.empty((num_songs, 2)), np.empty((num_songs, 2, 2))
    covered = np.empty((len(COVERAGE_LEVELS), num_songs, 2), dtype=bool)
    probabilities = np.empty((2, num_songs, len(QUADRANTS)))
    for fold in songs["fold"].unique():
        rows = np.flatnonzero(songs["fold"] == fold)
        fitted = fit_uncertainty(songs[songs["fold"] != fold])
        stds[rows] = calibrated_stds(songs.iloc[rows], fitted)
        quantiles = fitted.conformal_quantiles
        bounds[rows] = song_interval(predicted[rows], stds[rows], quantiles, COVERAGE, RATING_SCALE)
        covered[:, rows] = errors[rows] <= quantiles.T[:, None] * stds[rows]
        for place, correlation in enumerate((fitted.error_correlation, 0.0)):
            probabilities[place, rows] = quadrant_probability(predicted[rows], stds[rows], correlation, MIDPOINT)
    return CrossConformal(stds, bounds, covered, *probabilities)


def evaluate_intervals(songs: pd.DataFrame, predicted: CrossConformal) -> dict[str, Any]:
    """
    Evaluate the intervals that [`predict_intervals`] predicted for a table of songs.

    Returns:
        For each dimension `coverage`, by the coverage that is stated; `coverage_of_thirds`, of the songs with low,
        middle and high predictions at `COVERAGE`; there too, `mean_width` and `constant_mean_width`, in rating points;
        `negative_log_likelihood` of normal errors with the predicted spreads, and `constant_negative_log_likelihood`;
        and `rater_std_r`, the correlation of predicted and true spreads of raters, None without either. For `quadrant`
        the result of [`evaluate_quadrants`].
    """
    constant = predict_intervals(songs.assign(**dict.fromkeys(ERROR_STDS, 1.0)))
    errors = ratings(songs) - predictions(songs)
    likelihoods, constant_likelihoods = (_surprise(errors, system.stds) for system in (predicted, constant))
    level = _level(COVERAGE)
    widths, constant_widths = (np.diff(system.bounds)[..., 0].mean(axis=0) for system in (predicted, constant))
    report: dict[str, Any] = {}
    for i, dimension in enumerate(DIMENSIONS):
        thirds = np.array_split(np.argsort(predictions(songs)[:, i], kind="stable"), 3)
        covered = predicted.covered[..., i]
        report[dimension] = {
            "coverage": {f"{coverage:g}": float(covered[_level(coverage)].mean()) for coverage in COVERAGES},
            "coverage_of_thirds": [float(covered[level, third].mean()) for third in thirds],
            "mean_width": float(widths[i]),
            "constant_mean_width": float(constant_widths[i]),
            "negative_log_likelihood": float(likelihoods[i]),
            "constant_negative_log_likelihood": float(constant_likelihoods[i]),
            "rater_std_r": _rater_std_r(songs, i),
        }
    return report | {"quadrant": evaluate_quadrants(songs, predicted)}


def evaluate_quadrants(songs: pd.DataFrame, predicted: CrossConformal) -> dict[str, Any]:
    """
    Evaluate the probabilities of quadrants for a table of songs.

    Returns:
        `accuracy` of the quadrant that the prediction is in, and `mean_probability` of it, which is equal for
        calibrated probabilities. `brier` (the sum over quadrants of squared errors, from 0 to 2) and `log_score` (the
        negative log probability of the true quadrant), of probabilities with `correlated` and with `independent`
        errors of valence and arousal; `brier` also of the `bare` quadrant, which has the probability 1.

    Source:
        T. Gneiting, A. E. Raftery, "Strictly proper scoring rules, prediction, and estimation", Journal of the American
        Statistical Association 102, 2007, section 3.
    """
    names = [[quadrant(*row) for row in table(songs)] for table in (ratings, predictions)]
    true, named = (np.eye(len(QUADRANTS))[[QUADRANTS.index(name) for name in of_songs]] for of_songs in names)
    probabilities = {"correlated": predicted.probabilities, "independent": predicted.independent_probabilities}
    of_true = {name: np.maximum((of_songs * true).sum(axis=1), 1e-12) for name, of_songs in probabilities.items()}
    return {
        "accuracy": float((true * named).sum(axis=1).mean()),
        "mean_probability": float((probabilities["correlated"] * named).sum(axis=1).mean()),
        "brier": {
            name: float(((of_songs - true) ** 2).sum(axis=1).mean())
            for name, of_songs in (probabilities | {"bare": named}).items()
        },
        "log_score": {name: float(-np.log(of_songs).mean()) for name, of_songs in of_true.items()},
    }


def _level(coverage: float) -> int:
    """The place of a coverage among `COVERAGE_LEVELS`."""
    return int(np.abs(COVERAGE_LEVELS - coverage).argmin())


def _surprise(errors: Array, stds: Array) -> Array:
    """The mean negative log-likelihood of normal errors, `(n, 2)` -> `(2,)`."""
    return (np.log(stds) + (errors / stds) ** 2 / 2).mean(axis=0) + math.log(2 * math.pi) / 2


def _rater_std_r(songs: pd.DataFrame, column: int) -> float | None:
    predicted, true = RATER_STDS[column], TRUE_RATER_STDS[column]
    if not {predicted, true} <= set(songs):
        return None
    known = songs[[predicted, true]].dropna()
    return pearson_r(known[true], known[predicted]) if len(known) else None


def format_evaluated_intervals(report: Mapping[str, Any]) -> str:
    """The result of [`evaluate_intervals`] as text: a table of the dimensions, and a line on quadrants."""
    header = ["", *(f"{coverage:.0%}" for coverage in COVERAGES), "low third", "middle", "high", "width", "constant"]
    rows = []
    for dimension in DIMENSIONS:
        of = report[dimension]
        shares = [*of["coverage"].values(), *of["coverage_of_thirds"]]
        likelihoods = (of["negative_log_likelihood"], of["constant_negative_log_likelihood"], of["rater_std_r"])
        widths = (of["mean_width"], of["constant_mean_width"], *likelihoods)
        rows.append([dimension, *(f"{share:.1%}" for share in shares), *map(format_number, widths)])
    table = format_table([*header, "NLL", "constant", "raters' r"], rows)
    of = report["quadrant"]
    scores = ", ".join(f"{name} {value:.3f}" for name, value in sorted(of["brier"].items()))
    logs = ", ".join(f"{name} {value:.3f}" for name, value in sorted(of["log_score"].items()))
    return (
        f"Intervals from the other folds: songs in the interval by stated coverage, and at {COVERAGE:.0%} by thirds of "
        f"predictions, with mean widths\n{table}\nQuadrant: accuracy {of['accuracy']:.1%}, mean probability "
        f"{of['mean_probability']:.1%}; Brier score: {scores}; log score: {logs}"
    )
