# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The evaluation loop that training and [`evaluate_model`] share: segments to predictions, predictions to metrics."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from numpy.typing import NDArray
from transformers import EvalPrediction

from ..data.log_mels import log_mel_batches
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..metrics import compute_metrics
from ..modeling_ast_va import ASTVAForRegression
from ..pipeline_ast_va import predict_log_mels
from .tables import SPREADS, table_of_segments


class PredictedRows(NamedTuple):
    """
    Predictions of segments in their order, in rating points, with valence and arousal on the last axis.

    Args:
        ratings: `(n, 2)`.
        error_stds, rater_stds: `(n, 2)`; None of a model without a head of spreads.
        frames: of the time steps, `(n, num_steps, 2)`; None of a model without a head of the course.
    """

    ratings: NDArray[np.float32]
    error_stds: NDArray[np.float32] | None = None
    rater_stds: NDArray[np.float32] | None = None
    frames: NDArray[np.float32] | None = None


def concatenate(parts: Sequence[PredictedRows]) -> PredictedRows:
    """The predictions of several parts of the rows, at least one."""
    ratings, *optional = zip(*parts)
    return PredictedRows(
        np.concatenate(ratings), *(None if fields[0] is None else np.concatenate(fields) for fields in optional)
    )


@torch.no_grad()
def predict_rows(
    model: ASTVAForRegression, feature_extractor: ASTVAFeatureExtractor, rows: Dataset, batch_size: int
) -> PredictedRows:
    """
    Predict segments in their order.

    Args:
        model: used in evaluation mode, on the device where it is; its mode is restored.
        rows: segments with log-mels, as [`load_ratings`] returns them.
    """
    parts = []
    was_training = model.training
    model.eval()
    try:
        for batch in log_mel_batches(rows, batch_size):
            log_mels = torch.from_numpy(batch).to(model.device)
            ratings, *optional = predict_log_mels(model, feature_extractor, log_mels)
            arrays = (None if one is None else one.cpu().numpy() for one in optional)
            parts.append(PredictedRows(ratings.cpu().numpy(), *arrays))
    finally:
        model.train(was_training)
    return concatenate(parts)


def evaluate_rows(rows: Dataset, predicted: PredictedRows, prefix: str) -> tuple[dict[str, float], pd.DataFrame]:
    """
    Metrics of predictions of segments, per segment and per song.

    Args:
        rows, predicted: the segments, as [`load_ratings`] returns them, and as [`predict_rows`] predicts them.
        prefix: of the metrics: the name of the split, or `"eval"`.

    Returns:
        Metrics with names such as `test_valence_ccc` and `test_song_valence_ccc`, and the table of
        [`table_of_segments`] with `prefix` as its column `split`, and of a model with a head of spreads with these.
    """
    references = np.asarray(rows.with_format(None)["labels"][:], dtype=np.float32)  # as training takes them
    segments = table_of_segments(rows, references, predicted.ratings).assign(split=prefix)
    if predicted.error_stds is not None:
        true_stds = np.stack(rows.with_format(None)["label_stds"][:])
        for columns, values in zip(SPREADS, (predicted.error_stds, predicted.rater_stds, true_stds)):
            segments[list(columns)] = values
    evaluated = EvalPrediction(predicted.ratings, references)
    metrics = compute_metrics(evaluated, segments["song_id"], segments["weight_seconds"])
    return {f"{prefix}_{name}": value for name, value in metrics.items()}, segments
