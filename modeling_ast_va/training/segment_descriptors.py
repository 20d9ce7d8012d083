# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The descriptors of segments, computed once for all epochs; they also rate, as the embeddings of teachers do."""

from __future__ import annotations

import numpy as np
import torch
from datasets import Dataset
from datasets.utils import tqdm

from ..data.log_mels import SEGMENT_COLUMNS, log_mel_batches
from ..data.rated_songs import SongId
from ..data.tracks import Track, cut_tracks
from ..descriptors_ast_va import ASTVADescriptors
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..modeling_ast_va import MAX_DESCRIPTOR, ASTVAForRegression
from ..training.arguments import DataArguments
from ..training.regressions import KernelRegression, fit_kernel_regression

BATCH_SIZE = 64
TOLERANCE_SECONDS = 0.01  # rows have times in single precision, which is so exact up to a day


def fit_descriptor_regression(inputs: np.ndarray, targets: np.ndarray) -> KernelRegression:
    """
    Fit the ratings of songs to the means of their descriptors, as [`fit_kernel_regression`] does.

    Standardised values are clipped as in the network, which can then learn the ratings from the same numbers.
    """
    return fit_kernel_regression(inputs, targets, MAX_DESCRIPTOR)


class SegmentDescriptors:
    """
    The descriptors of the segments that train a network.

    They depend on the log-mels alone, and not on the weights or on SpecAugment, so that a network that gets them need
    not compute them again in every epoch. In memory they take 4 bytes a value.

    Args:
        descriptors: of the network.
        feature_extractor: normalises log-mels with its present mean and std.
        device: on which they are computed.
    """

    def __init__(self, descriptors: ASTVADescriptors, feature_extractor: ASTVAFeatureExtractor, device: torch.device):
        self.tracks: dict[SongId, Track] = {}  # by song, whose values are those of segments by the time of their centre
        self._descriptors, self._feature_extractor, self._device = descriptors, feature_extractor, device

    @torch.no_grad()
    def add(self, rows: Dataset) -> None:
        """Compute the descriptors of segments with log-mels, as [`load_ratings`] returns them, or of windows."""
        if not len(rows):  # such as windows, all of which have a test song in them
            return
        values = []
        with tqdm(desc="Descriptors", total=len(rows), unit=" segments") as bar:
            for batch in log_mel_batches(rows, BATCH_SIZE):
                input_values = torch.from_numpy(batch).to(self._device)
                if self._feature_extractor.do_normalize:
                    input_values = self._feature_extractor.normalize(input_values)
                values.append(self._descriptors(input_values).cpu().numpy())
                bar.update(len(batch))
        segments = rows.select_columns(list(SEGMENT_COLUMNS)).with_format(None).to_pandas()
        segments["centre"] = segments["start_seconds"] + segments["duration_seconds"] / 2
        segments = segments.sort_values(["song_id", "centre"])
        songs, centres = segments["song_id"].to_numpy(), segments["centre"].to_numpy()
        self.tracks |= cut_tracks(songs, centres, np.concatenate(values)[segments.index])

    def __call__(self, song_id: SongId, start_seconds: float, duration_seconds: float) -> np.ndarray:
        """
        The descriptors of a segment, `(num_descriptors,)`, float32.

        Raises:
            KeyError: for a song that was not added.
            ValueError: for a segment that was not added.
        """
        track, centre = self.tracks[song_id], start_seconds + duration_seconds / 2
        nearest = np.abs(track.seconds - centre).argmin()
        if abs(track.seconds[nearest] - centre) > TOLERANCE_SECONDS:
            raise ValueError(f"Expected a segment of {song_id!r} that was added, but got one around {centre:g} s.")
        return track.values[nearest]


def describe_segments(
    data: DataArguments,
    model: ASTVAForRegression,
    feature_extractor: ASTVAFeatureExtractor,
    rows: Dataset,
    device: torch.device,
) -> SegmentDescriptors | None:
    """
    The descriptors of the segments that train, for all epochs; None where the network has none, or computes them.

    It computes them where log-mels are not kept either, because the data set may be too large, unless teachers need
    them.
    """
    embedding = model.ast_va.descriptor_embedding
    if embedding is None or (data.log_mels != "cached" and not data.has_teachers):
        return None
    descriptors = SegmentDescriptors(embedding.descriptors, feature_extractor, device)
    descriptors.add(rows)
    return descriptors
