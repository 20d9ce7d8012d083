# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Calibration: the spread of predictions of new songs, set between the spreads that two measures are best with.

If predictions correlate with the ratings by r, the squared error is lowest with r times the spread of the ratings, and
the concordance is higher with the spread of the ratings itself, as scaled by Trigeorgis et al. (2016, ICASSP, section
4). Calibrated predictions have the geometric mean of both: the square root of r times the spread of the ratings. The
order of songs and their correlation with the ratings do not change.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ..data.folds import assign_folds
from ..metrics import pearson_r
from ..modeling_ast_va import ASTVAForRegression, ASTVASpreadHead
from .intervals import Uncertainty
from .tables import predictions, ratings, table_of_songs, with_predictions

NUM_MAPPING_FOLDS = 5


class Calibration(NamedTuple):
    """`calibrated = gain * predicted + offset`, `(2,)` each: valence and arousal."""

    gain: NDArray[np.float64]
    offset: NDArray[np.float64]


def fit_calibration(songs: pd.DataFrame) -> Calibration:
    """
    Fit the calibration to predictions of songs (see [`table_of_songs`]) that the models were not trained on.

    Raises:
        ValueError: for constant predictions.
    """
    rated, predicted = ratings(songs), predictions(songs)
    if not predicted.std(axis=0).all():
        raise ValueError(f"Expected predictions that vary, but got a constant for {len(songs)} songs.")
    correlation = [pearson_r(*columns) for columns in zip(rated.T, predicted.T)]
    # Predictions with a correlation of 0 or below become the mean.
    gain = np.sqrt(np.maximum(correlation, 0)) * rated.std(axis=0) / predicted.std(axis=0)
    return Calibration(gain, rated.mean(axis=0) - gain * predicted.mean(axis=0))


def calibrate(segments: pd.DataFrame, calibration: Calibration) -> pd.DataFrame:
    """Calibrate the predictions of a table of segments, and so those of its songs, which are their means."""
    return with_predictions(segments, calibration.gain * predictions(segments) + calibration.offset)


def fit_linear_mapping(songs: pd.DataFrame) -> Calibration:
    """Fit the least squares regression of ratings on predictions of songs; its gain is 0 for constant predictions."""
    rated, predicted = ratings(songs), predictions(songs)
    covariance = ((rated - rated.mean(axis=0)) * (predicted - predicted.mean(axis=0))).mean(axis=0)
    variance = predicted.var(axis=0)
    gain = np.divide(covariance, variance, out=np.zeros_like(variance), where=variance > 0)
    return Calibration(gain, rated.mean(axis=0) - gain * predicted.mean(axis=0))


def calibrate_folds(
    segments: pd.DataFrame, fit: Callable[[pd.DataFrame], Calibration] = fit_calibration
) -> pd.DataFrame:
    """Calibrate predictions of segments with a column `fold`: those of each fold by `fit` to all other folds' songs."""
    songs = table_of_songs(segments)
    folds = segments.groupby("fold")
    tables = [calibrate(table, fit(songs[songs["fold"] != fold])) for fold, table in folds]
    return pd.concat(tables).sort_index()


def map_linearly(segments: pd.DataFrame, num_folds: int = NUM_MAPPING_FOLDS) -> pd.DataFrame | None:
    """
    Map predictions to the scale of other ratings, each song by [`fit_linear_mapping`] on songs of other artists.

    Args:
        segments: table of segments; the songs of one `group` stay in one of the folds.
        num_folds: at most as many as there are groups.

    Returns:
        The table with mapped predictions, or None if all songs are of one group.
    """
    group_of = dict(zip(segments["song_id"], segments["group"]))
    num_folds = min(num_folds, len(set(group_of.values())))
    if num_folds < 2:
        return None
    fold_of = assign_folds(group_of, num_folds, subset_of=dict(zip(segments["song_id"], segments["subset"])))
    folds = segments.assign(fold=segments["song_id"].map(fold_of))
    return calibrate_folds(folds, fit_linear_mapping).drop(columns="fold")


@torch.no_grad()
def calibrate_model(model: ASTVAForRegression, calibration: Calibration, uncertainty: Uncertainty | None) -> None:
    """
    Apply a calibration to the last layers of a model, so that its predictions are calibrated.

    Args:
        uncertainty: of the calibrated predictions; None for a model without a head of spreads.
    """
    gain, offset = (torch.from_numpy(values).to(model.head.out_proj.weight) for values in calibration)
    _map_outputs(model.head.out_proj, gain, offset)
    if model.spread_head is not None:
        _undo_for_spreads(model.spread_head, gain, offset)
    if model.frame_head is not None:  # differences from the ratings of the segment
        _map_outputs(model.frame_head.out_proj, gain, torch.zeros_like(offset))
    if model.spread_head is not None and uncertainty is not None:
        # The layer predicts logarithms of spreads: first those of the errors, then those of raters.
        exponent, scale = (torch.from_numpy(values).to(gain) for values in (uncertainty.exponent, uncertainty.scale))
        one, zero = torch.ones_like(exponent), torch.zeros_like(scale)
        _map_outputs(model.spread_head.out_proj, torch.cat([exponent, one]), torch.cat([scale.log(), zero]))
        model.config.conformal_quantiles = uncertainty.conformal_quantiles.round(4).tolist()
        model.config.error_correlation = round(uncertainty.error_correlation, 4)


def _undo_for_spreads(head: ASTVASpreadHead, gain: torch.Tensor, offset: torch.Tensor) -> None:
    """Make a head of spreads, an input of which are the ratings, use them as they are without the calibration."""
    low, high = head.config.label_range
    middle, half = head.config.label_midpoint, (high - low) / 2
    # Ratings of a gain of 0 are constant, and are the middle of the scale for the head.
    inverse = torch.where(gain > 0, 1 / gain, torch.zeros_like(gain))
    shift = torch.where(gain > 0, ((middle - offset) * inverse - middle) / half, torch.zeros_like(gain))
    of_ratings = head.dense.weight[:, -len(gain) :]
    head.dense.bias.add_(of_ratings @ shift)
    of_ratings.mul_(inverse)


def _map_outputs(layer: torch.nn.Linear, gain: torch.Tensor, offset: torch.Tensor) -> None:
    """Multiply the outputs of a layer by `gain`, and add `offset`, `(out_features,)` each."""
    layer.weight.mul_(gain[:, None])
    layer.bias.mul_(gain).add_(offset)
