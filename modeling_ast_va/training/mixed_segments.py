# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Batches that mix segments of several data sets, such as with labels and without, in stated numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from datasets import Dataset


class MixedSegments(torch.utils.data.Dataset):
    """
    The rows of several data sets, one after the other, and how many rows of each are in a batch.

    Args:
        parts: rows, and their number in a batch; an epoch goes once through the first.
    """

    def __init__(self, parts: Sequence[tuple[Dataset, int]]):
        self.datasets = [rows for rows, _ in parts]
        self.batch_sizes = [size for _, size in parts]
        self._ends = np.cumsum([len(rows) for rows in self.datasets])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """The rows of a batch, in their order; those of one data set are read together."""
        part_of = np.searchsorted(self._ends, indices, side="right")
        found: dict[int, dict[str, Any]] = {}
        for part in np.unique(part_of).tolist():
            positions = np.flatnonzero(part_of == part).tolist()
            first = int(self._ends[part]) - len(self.datasets[part])
            rows = self.datasets[part].__getitems__([indices[position] - first for position in positions])
            found |= dict(zip(positions, rows))
        return [found[position] for position in range(len(indices))]


class MixedSampler(torch.utils.data.Sampler[int]):
    """
    Indices of [`MixedSegments`] in random order, so that every batch has its rows of each data set.

    The rows of a data set come in random order, each once before any comes again. The order depends on the seed and the
    epoch only, so that a resumed run continues it.

    Args:
        segments: to draw from.
        seed: of the order.
    """

    def __init__(self, segments: MixedSegments, seed: int):
        self.sizes = [len(rows) for rows in segments.datasets]
        self.batch_sizes = segments.batch_sizes
        self.seed, self.epoch = seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        num_batches = -(-self.sizes[0] // self.batch_sizes[0])
        return num_batches * sum(self.batch_sizes)

    def __iter__(self) -> Iterator[int]:
        firsts = np.cumsum([0, *self.sizes]).tolist()
        streams = [self._stream(part, first) for part, first in zip(range(len(self.sizes)), firsts)]
        for _ in range(len(self) // sum(self.batch_sizes)):
            for stream, size in zip(streams, self.batch_sizes):
                yield from islice(stream, size)

    def _stream(self, part: int, first: int) -> Iterator[int]:
        """The indices of a data set without end, in a new random order for each time through."""
        generator = np.random.default_rng((self.seed, self.epoch, part))
        while True:
            yield from (first + generator.permutation(self.sizes[part])).tolist()
