# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Ratings that several teachers give together: a regression on the embeddings of each, and a blend of these.

Source: a blend by non-negative least squares of predictions out of fold: Breiman (1996), "Stacked regressions",
Machine Learning 24.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.optimize import nnls

from ..data.folds import assign_folds
from ..data.rated_songs import SongId
from ..data.tracks import Track
from ..metrics import pearson_r

Regression = Callable[[np.ndarray], np.ndarray]  # (num_rows, num_inputs) -> (num_rows, num_targets)
Fit = Callable[[np.ndarray, np.ndarray], Regression]  # to inputs and targets
NUM_FOLDS = 5  # of the labelled songs
ALL_SONGS = -1  # in place of a fold: the regressions that are fitted on all labelled songs


class FusedRatings:
    """
    The fused regression of teachers, fitted on labelled songs.

    The songs are in folds by group, such as an artist. Each fold has regressions that are fitted on the other folds,
    and which rate its own songs. So no song is rated by a regression that knows its label.

    Args:
        teachers: the tracks of embeddings of each teacher, by song; other songs than those of `labels` are ignored.
        labels: valence and arousal of the labelled songs.
        group_of: the group of each of these songs, which no fold separates.
        fits: the regression of each teacher, fitted to inputs and targets of songs.

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
        fits: Sequence[Fit],
    ):
        groups = {song: group_of[song] for song in labels}
        self.fold_of = assign_folds(groups, min(NUM_FOLDS, len(set(groups.values()))))
        folds = np.array([self.fold_of[song] for song in labels])
        targets = np.stack(list(labels.values())).astype(np.float64)
        inputs = [np.stack([tracks[song].values.mean(axis=0) for song in labels]) for tracks in teachers]
        self._regressions = {
            fold: [fit(means[folds != fold], targets[folds != fold]) for fit, means in zip(fits, inputs)]
            for fold in (ALL_SONGS, *sorted(set(folds.tolist())))
        }
        out_of_fold = np.empty((len(inputs), *targets.shape))
        for fold in set(folds.tolist()):
            for teacher, regression in enumerate(self._regressions[fold]):
                out_of_fold[teacher, folds == fold] = regression(inputs[teacher][folds == fold])
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
