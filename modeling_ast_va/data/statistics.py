# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Mean and standard deviation of log-mels, which normalise the input of the model."""

from __future__ import annotations

import math

import numpy as np
from datasets import Dataset

from .log_mels import log_mel_batches

BATCH_SIZE = 64
# More than DEAM has. Of more rows, evenly spaced ones differ little, and computing all on the fly takes hours.
MAX_ROWS = 2**18


def normalization_statistics(dataset: Dataset) -> tuple[float, float]:
    """
    Measure mean and population standard deviation of the log-mel values of training rows, in float64.

    They are for `ASTVAFeatureExtractor(mean=..., std=...)`. Padding counts, as in the notebook: the statistics are
    those of the input of the model. Of more than `MAX_ROWS` rows, that many are measured, evenly spaced.

    Raises:
        ValueError: when there are no rows, or rows without log-mels.
    """
    if not len(dataset):
        raise ValueError("Expected rows to measure mean and std, but got 0 rows.")
    if len(dataset) > MAX_ROWS:
        dataset = dataset.select(np.arange(MAX_ROWS) * len(dataset) // MAX_ROWS)
    count, total, total_of_squares = 0, 0.0, 0.0
    for batch in log_mel_batches(dataset, BATCH_SIZE):
        values = batch.astype(np.float64)
        count += values.size
        total += float(values.sum())
        total_of_squares += float(np.vdot(values, values))
    mean = total / count
    return mean, math.sqrt(max(0.0, total_of_squares / count - mean**2))
