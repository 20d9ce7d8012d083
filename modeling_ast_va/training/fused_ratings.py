# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Ratings that several teachers give together: a ridge regression on the embeddings of each, and a blend of these.

Source: ridge regression: Hoerl and Kennard (1970), Technometrics 12(1). A blend by non-negative least squares of
predictions out of fold: Breiman (1996), "Stacked regressions", Machine Learning 24.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from ..data.folds import assign_folds
from ..data.rated_songs import SongId
from ..metrics import pearson_r
from ..training.auxiliary import Track

RIDGE_STRENGTHS = np.logspace(1, 4, 13)  # for inputs with standard deviation 1
NUM_FOLDS = 5  # of the labelled songs
ALL_SONGS = -1  # in place of a fold: the regressions that are fitted on all labelled songs


class Regression(NamedTuple):
    """A linear map of standardised inputs."""

    mean: np.ndarray  # (num_inputs,)
    std: np.ndarray
    coefficients: np.ndarray  # (num_inputs, num_targets)
    intercept: np.ndarray  # (num_targets,)

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """`(num_rows, num_inputs)` -> `(num_rows, num_targets)`."""
        return (inputs - self.mean) / self.std @ self.coefficients + self.intercept


class FusedRatings:
    """
    The fused regression of teachers, fitted on labelled songs.

    The songs are in folds by group, such as an artist. Each fold has regressions that are fitted on the other folds,
    and which rate its own songs. So no song is rated by a regression that knows its label.

    Args:
        teachers: the tracks of embeddings of each teacher, by song; other songs than those of `labels` are ignored.
        labels: valence and arousal of the labelled songs.
        group_of: the group of each of these songs, which no fold separates.

    Attributes:
        fold_of: the fold of each labelled song.
        weights: of the teachers in the blend, `(num_teachers, num_labels)`.
        correlations: Pearson's r of the blended ratings of songs out of fold with the labels, `(num_labels,)`.
    """

    def __init__(
        self,
        teachers: Sequence[Mapping[SongId, Track]],
        labels: Mapping[SongId, np.ndarray],
        group_of: Mapping[SongId, SongId],
    ):
        groups = {song: group_of[song] for song in labels}
        self.fold_of = assign_folds(groups, min(NUM_FOLDS, len(set(groups.values()))))
        folds = np.array([self.fold_of[song] for song in labels])
        targets = np.stack(list(labels.values())).astype(np.float64)
        inputs = [np.stack([tracks[song].values.mean(axis=0) for song in labels]) for tracks in teachers]
        self._regressions = {
            fold: [fit_regression(means[folds != fold], targets[folds != fold]) for means in inputs]
            for fold in (ALL_SONGS, *sorted(set(folds.tolist())))
        }
        out_of_fold = np.stack(
            [
                [self._regressions[fold][teacher](means[row]) for row, fold in enumerate(folds.tolist())]
                for teacher, means in enumerate(inputs)
            ]
        )  # (num_teachers, num_songs, num_labels)
        self._centre = targets.mean(axis=0)
        columns = range(targets.shape[1])
        blends = [nnls((out_of_fold - self._centre)[..., i].T, (targets - self._centre)[:, i])[0] for i in columns]
        self.weights = np.stack(blends, axis=1)
        blended = self._blend(out_of_fold)
        self.correlations = np.array([pearson_r(targets[:, i], blended[:, i]) for i in columns])

    def rate(self, tracks: Sequence[Track], fold: int) -> Track:
        """
        Rate the windows of a song.

        Args:
            tracks: of embeddings, one for each teacher.
            fold: whose regressions rate; `ALL_SONGS` for music without labels.

        Shape:
            values of the result: `(num_windows, num_labels)`, at the windows of the first teacher.
        """
        seconds = tracks[0].seconds
        rated = [Track(one.seconds, model(one.values)) for model, one in zip(self._regressions[fold], tracks)]
        return Track(seconds, self._blend(np.stack([one.at(seconds) for one in rated])).astype(np.float32))

    def _blend(self, ratings: np.ndarray) -> np.ndarray:
        """`(num_teachers, num_rows, num_labels)` -> `(num_rows, num_labels)`."""
        return self._centre + (self.weights[:, None] * (ratings - self._centre)).sum(axis=0)


def fit_regression(inputs: np.ndarray, targets: np.ndarray) -> Regression:
    """Standardise inputs, and fit a ridge regression by [`fit_ridge`]."""
    inputs = inputs.astype(np.float64)
    mean, std = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-6)
    return Regression(mean, std, *fit_ridge((inputs - mean) / std, targets))


def fit_ridge(inputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Fit a ridge regression with the strength out of `RIDGE_STRENGTHS` that has the lowest leave-one-out error.

    One singular value decomposition gives all errors: without its row, a residual is divided by 1 - its leverage.

    Shape:
        inputs: `(num_rows, num_inputs)`, of mean 0. targets: `(num_rows, num_targets)` -> coefficients
        `(num_inputs, num_targets)` and intercept `(num_targets,)`.
    """
    intercept = targets.mean(axis=0)
    left, values, right = np.linalg.svd(inputs, full_matrices=False)
    projected = left.T @ (targets - intercept)

    def leave_one_out_error(strength: float) -> float:
        shrinkage = values**2 / (values**2 + strength)
        residuals = targets - intercept - left @ (shrinkage[:, None] * projected)
        leverages = 1 / len(inputs) + left**2 @ shrinkage
        return float(np.square(residuals / (1 - leverages[:, None])).mean())

    strength = min(RIDGE_STRENGTHS, key=leave_one_out_error)
    return right.T @ ((values / (values**2 + strength))[:, None] * projected), intercept
