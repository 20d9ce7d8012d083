# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The log-mels of a feature extractor in operations that ONNX has, most of them products of matrices."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn
from transformers.audio_utils import mel_filter_bank

from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..frontends_ast_va import BANDS_PER_PRODUCT, FRONTENDS, hann_window


class LogMel(nn.Module):
    """
    The log-mels of a feature extractor before normalisation, in operations that ONNX has.

    Unlike the feature extractor, it computes no band in double precision: see docs/onnx.md for the difference.
    """

    window: torch.Tensor

    def __init__(self, extractor: ASTVAFeatureExtractor):
        super().__init__()
        self.extractor, self.frontend = extractor, FRONTENDS[extractor.frontend]
        self.frame_size = extractor.n_fft if self.frontend.centered else extractor.window_samples
        self.left = extractor.n_fft // 2 if self.frontend.centered else 0
        self.min_samples = 1 if self.frontend.centered else self.frame_size
        filters = mel_filter_bank(extractor.n_fft // 2 + 1, *extractor.mel_bank, **self.frontend.mel_bands)
        self.mel_power = MelPower(filters, extractor.n_fft)
        window = (extractor.window_samples, self.frame_size, self.frontend.periodic_window)
        self.register_buffer("window", hann_window(*window, torch.float32, torch.device("cpu")))

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        """`(batch, num_samples)` -> `(batch, max_length, num_mel_bins)`."""
        frames = self.frames(waveform)
        if self.frontend.prepare:
            frames = self.frontend.prepare(frames.transpose(1, 2).double()).transpose(1, 2).float()
        frames = frames * self.window[:, None]
        if self.frame_size < self.extractor.n_fft:
            frames = nn.functional.pad(frames, (0, 0, 0, self.extractor.n_fft - self.frame_size))
        mel_power = self.mel_power(frames).transpose(1, 2)
        is_inside = (torch.arange(frames.shape[2]) < self.extractor.num_frames(waveform.shape[1]))[:, None]
        # Frames beyond the end must change neither the maximum nor the minimum.
        lowest = torch.where(is_inside, mel_power, math.inf).amin((1, 2), keepdim=True)
        log_mel, floor = self.frontend.logarithm(self.extractor, torch.where(is_inside, mel_power, lowest))
        padding_value = self.extractor.padding_value
        return torch.where(is_inside, log_mel, floor if padding_value is None else padding_value)

    def frames(self, waveform: torch.Tensor) -> torch.Tensor:
        """`(batch, num_samples)` -> `(batch, frame_size, max_length)`, with zeros around the waveform."""
        # From blocks of one hop, because onnxruntime takes five times as long to gather frames sample by sample.
        hop, num_frames = self.extractor.hop_length, self.extractor.max_length
        blocks_per_frame = math.ceil(self.frame_size / hop)
        length = (num_frames + blocks_per_frame - 1) * hop
        padded = nn.functional.pad(waveform, (self.left, length))[:, :length]
        blocks = padded.unflatten(1, (-1, hop)).transpose(1, 2)  # (B, hop, num_blocks)
        parts = [blocks[:, : self.frame_size - i * hop, i : i + num_frames] for i in range(blocks_per_frame)]
        return torch.cat(parts, dim=1)


class MelPower(nn.Module):
    r"""
    Power of frames in each mel band: Fourier transform, squared magnitude and filters as matrix products.

    With n_fft = R C, sample n = C i + j and bin k = p + R q, the transform of frame x is, with W_m = exp(-2 pi i / m),

        X[k] = sum_j W_n_fft^(p j) W_C^(q j) (sum_i W_R^(p i) x[n])

    The sum over i is a product of a complex matrix with real numbers, and that over j one of a matrix for each p with
    complex numbers. As frames are real, p up to R / 2 gives all bins. With its own transform, and with one matrix of
    all frequencies and samples, onnxruntime takes more than twice as long. Frames are the last axis, along which
    nothing is reordered: so bins are rows, of which each block of mel bands takes those that it needs.

    Args:
        filters: weights of the mel bands, `(n_fft // 2 + 1, num_mel_bins)`.

    Source:
        Cooley and Tukey (1965), Mathematics of Computation 19(90).
    """

    first: torch.Tensor
    second: torch.Tensor

    def __init__(self, filters: np.ndarray, n_fft: int):
        super().__init__()
        divisors = [rows for rows in range(1, n_fft + 1) if n_fft % rows == 0]
        self.rows = min(divisors, key=lambda rows: rows + 2 * (n_fft // rows))  # the fewest operations
        self.columns = n_fft // self.rows
        p, i, j = np.arange(self.rows // 2 + 1), np.arange(self.rows), np.arange(self.columns)
        first = _roots(np.outer(p, i), self.rows)  # (p, i)
        second = _roots(p[:, None, None] * j, n_fft) * _roots(np.outer(j, j), self.columns)  # (p, q, j)
        first = np.stack([first.real, first.imag], axis=1).reshape(-1, self.rows)
        # Rows and columns are real parts, then imaginary parts.
        second = np.block([[second.real, -second.imag], [second.imag, second.real]])
        self.register_buffer("first", torch.from_numpy(first).float())
        self.register_buffer("second", torch.from_numpy(second).float())
        bins = (p[:, None] + self.rows * j).ravel()
        bins = np.minimum(bins, n_fft - bins)  # both have the same power, and some p give both
        row_of = np.empty(n_fft // 2 + 1, np.int64)
        row_of[bins] = np.arange(len(bins))
        self.blocks: list[tuple[torch.Tensor, torch.Tensor]] = []
        for start in range(0, filters.shape[1], BANDS_PER_PRODUCT):
            weights = filters[:, start : start + BANDS_PER_PRODUCT]
            used = np.flatnonzero(weights.any(axis=1))
            self.blocks.append((torch.from_numpy(row_of[used]), torch.from_numpy(weights[used].T).float()))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """`(batch, n_fft, num_frames)` -> `(batch, num_mel_bins, num_frames)`."""
        samples = frames.unflatten(1, (self.rows, self.columns)).flatten(2)  # (B, R, C T)
        inner = (self.first @ samples).unflatten(2, (self.columns, -1))  # (B, p re | p im, C, T)
        spectrum = self.second @ inner.unflatten(1, (-1, 2)).flatten(2, 3)  # (B, p, re q | im q, T)
        real, imaginary = spectrum.split(self.columns, dim=2)
        power = (real * real + imaginary * imaginary).flatten(1, 2)  # (B, p q, T)
        return torch.cat([weights @ power[:, rows] for rows, weights in self.blocks], dim=1)


def _roots(exponents: np.ndarray, n: int) -> np.ndarray:
    """Powers of exp(-2 pi i / n)."""
    return np.exp(-2j * np.pi / n * (exponents % n))
