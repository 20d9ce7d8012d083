# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Calibration: how widely predictions of unheard songs spread, set midway between what two measures want.

Of predictions that correlate with the ratings by r, squared error wants a spread of r times that of the ratings, and
concordance the ratings' own, as scaling for it has it (Trigeorgis et al., 2016, ICASSP, section 4). Here they get the
geometric mean of both, the square root of r times the spread of the ratings. Ranks and correlation stay.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ..evaluation.tables import PREDICTED, predictions, ratings, table_of_songs
from ..modeling_ast_va import ASTVAForRegression


class Calibration(NamedTuple):
    """`calibrated = gain * predicted + offset`, `(2,)` each: valence and arousal."""

    gain: NDArray[np.float64]
    offset: NDArray[np.float64]


def fit_calibration(songs: pd.DataFrame) -> Calibration:
    """
    The calibration of predictions of songs that their models never heard.

    Args:
        songs: as `table_of_songs` gives them.

    Raises:
        ValueError: for predictions that do not vary.
    """
    rated, predicted = ratings(songs), predictions(songs)
    if not predicted.std(axis=0).all():
        raise ValueError(f"Expected predictions that vary, but got {len(songs)} songs with deviations of 0.")
    correlation = [np.corrcoef(column)[0, 1] for column in zip(rated.T, predicted.T)]
    # Predictions that say nothing, or the contrary, become the mean.
    gain = np.sqrt(np.maximum(correlation, 0)) * rated.std(axis=0) / predicted.std(axis=0)
    return Calibration(gain, rated.mean(axis=0) - gain * predicted.mean(axis=0))


def calibrate(segments: pd.DataFrame, calibration: Calibration) -> pd.DataFrame:
    """A table of segments with its predictions calibrated, and so those of its songs, which are their means."""
    calibrated = calibration.gain * predictions(segments) + calibration.offset
    return segments.assign(**dict(zip(PREDICTED, calibrated.T)))


def calibrate_folds(segments: pd.DataFrame) -> pd.DataFrame:
    """Out-of-fold predictions, those of each fold calibrated by the songs of all others."""
    songs = table_of_songs(segments)
    tables = [
        calibrate(table, fit_calibration(songs[songs["fold"] != fold])) for fold, table in segments.groupby("fold")
    ]
    return pd.concat(tables).sort_index()


@torch.no_grad()
def calibrate_model(model: ASTVAForRegression, calibration: Calibration) -> None:
    """Work a calibration into the last layer of a model, which then predicts so by itself."""
    layer = model.head.out_proj
    gain, offset = (torch.from_numpy(values).to(layer.weight) for values in calibration)
    layer.weight.mul_(gain[:, None])
    layer.bias.mul_(gain).add_(offset)
