# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The evaluation loop that training and [`evaluate_model`] share: segments to predictions, predictions to metrics."""

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
from .tables import table_of_segments


@torch.no_grad()
def predict_rows(
    model: ASTVAForRegression, feature_extractor: ASTVAFeatureExtractor, rows: Dataset, batch_size: int
) -> NDArray[np.float32]:
    """
    Predict valence and arousal of segments in their order, `(len(rows), 2)`, in rating points.

    Args:
        model: used in evaluation mode, on the device where it is; its mode is restored.
        rows: segments with log-mels, as [`load_ratings`] returns them.
    """
    predictions = []
    was_training = model.training
    model.eval()
    try:
        for batch in log_mel_batches(rows, batch_size):
            log_mels = torch.from_numpy(batch).to(model.device)
            predictions.append(predict_log_mels(model, feature_extractor, log_mels).cpu().numpy())
    finally:
        model.train(was_training)
    return np.concatenate(predictions)


def evaluate_rows(rows: Dataset, predictions: NDArray, prefix: str) -> tuple[dict[str, float], pd.DataFrame]:
    """
    Metrics of predictions of segments, per segment and per song.

    Args:
        rows, predictions: the segments, as [`load_ratings`] returns them, and as [`predict_rows`] predicts them.
        prefix: of the metrics: the name of the split, or `"eval"`.

    Returns:
        Metrics with names such as `test_valence_ccc` and `test_song_valence_ccc`, and the table of
        [`table_of_segments`] with `prefix` as its column `split`.
    """
    references = np.asarray(rows.with_format(None)["labels"][:], dtype=np.float32)  # as training takes them
    segments = table_of_segments(rows, references, predictions).assign(split=prefix)
    evaluated = EvalPrediction(predictions, references)
    metrics = compute_metrics(evaluated, segments["song_id"], segments["weight_seconds"])
    return {f"{prefix}_{name}": value for name, value in metrics.items()}, segments
