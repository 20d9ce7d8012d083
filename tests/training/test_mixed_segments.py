# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Batches that mix data sets: their numbers, their order, and rows as each data set has them."""

from __future__ import annotations

import numpy as np
import pytest
from datasets import Dataset

from modeling_ast_va.training.mixed_segments import MixedSampler, MixedSegments

SIZES, COUNTS = (10, 7, 100), (4, 2, 3)


@pytest.fixture
def segments():
    parts = [Dataset.from_dict({"row": [f"{name}{row}" for row in range(size)]}) for name, size in zip("abc", SIZES)]
    return MixedSegments(list(zip(parts, COUNTS)))


def test_rows_of_a_batch_are_in_its_order(segments):
    rows = segments.__getitems__([16, 0, 9, 10, 17, 116, 0])
    assert [row["row"] for row in rows] == ["b6", "a0", "a9", "b0", "c0", "c99", "a0"]
    assert len(segments) == 117


def test_every_batch_has_its_share_of_each_part(segments):
    sampler = MixedSampler(segments, seed=0)
    indices = np.array(list(sampler)).reshape(-1, sum(COUNTS))
    assert len(sampler) == indices.size == 3 * 9  # as many batches as the first part fills
    names = [[row["row"] for row in segments.__getitems__(batch)] for batch in indices.tolist()]
    for batch in names:
        assert "".join(name[0] for name in batch) == "aaaabbccc"
    first = [name for batch in names for name in batch[:4]]
    assert sorted(first[:10]) == [f"a{row}" for row in range(10)]  # all, before any comes again


def test_the_order_depends_on_seed_and_epoch_only(segments):
    def order(seed, epoch):
        sampler = MixedSampler(segments, seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(0, 1) == order(0, 1)
    assert len({tuple(order(*pair)) for pair in ((0, 0), (0, 1), (1, 0))}) == 3
