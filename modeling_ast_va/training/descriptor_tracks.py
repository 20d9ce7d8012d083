# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The descriptors of a network along songs, which rate segments without labels as the embeddings of teachers do."""

from __future__ import annotations

import numpy as np
import torch
from datasets import Dataset

from ..data.log_mels import SEGMENT_COLUMNS, log_mel_batches
from ..data.rated_songs import SongId
from ..data.tracks import Track, cut_tracks
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..modeling_ast_va import MAX_DESCRIPTOR, ASTVADescriptorEmbedding
from ..training.regressions import KernelRegression, fit_kernel_regression

BATCH_SIZE = 64


def fit_descriptor_regression(inputs: np.ndarray, targets: np.ndarray) -> KernelRegression:
    """
    Fit the ratings of songs to the means of their descriptors, as [`fit_kernel_regression`] does.

    Standardised values are clipped as in the network, which can then learn the ratings from the same numbers.
    """
    return fit_kernel_regression(inputs, targets, MAX_DESCRIPTOR)


@torch.no_grad()
def describe_rows(
    embedding: ASTVADescriptorEmbedding, feature_extractor: ASTVAFeatureExtractor, rows: Dataset
) -> dict[SongId, Track]:
    """
    Compute the descriptors of segments, as a track of each song.

    Args:
        embedding: of the network, whose descriptors they are.
        rows: segments with log-mels, as [`load_ratings`] returns them, or augmented windows.
    """
    device, values = embedding.projection.weight.device, []
    for batch in log_mel_batches(rows, BATCH_SIZE):
        input_values = torch.from_numpy(batch).to(device)
        if feature_extractor.do_normalize:
            input_values = feature_extractor.normalize(input_values)
        values.append(embedding.descriptors(input_values).cpu().numpy())
    segments = rows.select_columns(list(SEGMENT_COLUMNS)).with_format(None).to_pandas()
    segments["centre"] = segments["start_seconds"] + segments["duration_seconds"] / 2
    segments = segments.sort_values(["song_id", "centre"])
    return cut_tracks(
        segments["song_id"].to_numpy(), segments["centre"].to_numpy(), np.concatenate(values)[segments.index]
    )
