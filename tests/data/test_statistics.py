# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import numpy as np
import pytest
from deam_folder import SMALL_OPTIONS

from modeling_ast_va.data import statistics as module
from modeling_ast_va.data.dataset import load_deam, load_segments
from modeling_ast_va.data.deam import read_deam
from modeling_ast_va.data.statistics import normalization_statistics


@pytest.fixture(scope="module")
def train(deam, cache):
    return load_deam(deam, cache_dir=cache, **SMALL_OPTIONS)["train"]


def test_statistics_are_those_of_all_values(train):
    values = np.stack([row["input_values"] for row in train]).astype(np.float64)
    mean, std = normalization_statistics(train)
    assert mean == pytest.approx(values.mean(), rel=1e-9)
    assert std == pytest.approx(values.std(), rel=1e-9)


def test_statistics_of_many_rows_are_those_of_evenly_spaced_ones(train, monkeypatch):
    monkeypatch.setattr(module, "MAX_ROWS", len(train) // 2)
    rows = train.select([index * len(train) // (len(train) // 2) for index in range(len(train) // 2)])
    values = np.stack(rows["input_values"]).astype(np.float64)
    assert normalization_statistics(train) == pytest.approx((values.mean(), values.std()), rel=1e-9)


def test_statistics_need_rows_with_log_mels(deam, cache, train):
    segments = load_segments(read_deam(deam), segment_seconds=2.0, cache_dir=cache).rows
    with pytest.raises(ValueError, match="Expected rows loaded with a feature_extractor"):
        normalization_statistics(segments)
    with pytest.raises(ValueError, match="Expected rows to measure mean and std, but got 0 rows"):
        normalization_statistics(train.select([]))
