# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Log-mel spectrograms as librosa and as kaldi compute them: the front ends of [`ASTVAFeatureExtractor`]."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import SequenceFeatureExtractor
from transformers.audio_utils import mel_filter_bank

AMIN = 1e-10  # smallest power before the logarithm, as in librosa.power_to_db
KALDI_FLOOR = 1.192092955078125e-07  # smallest mel energy in kaldi: the epsilon of single precision
KALDI_PREEMPHASIS = 0.97
FRAMES_PER_BLOCK = 64  # frames in one transform on CPU; so many fit into its cache
BANDS_PER_PRODUCT = 16  # mel bands in one matrix product; the fastest on CPU
# Single precision rounds each bin by about e = 1.3e-7 of the root of a frame's mean power M. A band of power P with
# largest weight w is then off by at most e sqrt(2 w M / P), root mean square: by 1e-4 dB if P / (w M) = 5e-5. In music
# the error reaches 5e-4 dB, because the rounding is not quite white: a loud bass reappears at an eighth and a quarter
# of the sampling rate. A quieter band needs double precision, unless it is cut off.
ROUNDED_BELOW = 5e-5  # P / (w M), -43 dB


def mel_power_of(
    extractor: SequenceFeatureExtractor, frames: torch.Tensor, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """Power in each mel band, `(..., num_frames, num_mel_bins)`, and the power below which it needs float64."""
    shape, frames = frames.shape[:-1], frames.flatten(0, -2)
    periodic, prepare = FRONTENDS[extractor.frontend].periodic_window, FRONTENDS[extractor.frontend].prepare
    window = hann_window(extractor.window_samples, frames.shape[1], periodic, dtype, frames.device)
    power = frames.new_empty(len(frames), extractor.n_fft // 2 + 1)
    block_size = FRAMES_PER_BLOCK if frames.device.type == "cpu" else len(frames)
    for block, block_power in zip(frames.split(block_size), power.split(block_size)):
        block = block.to(window.dtype)
        spectrum = torch.fft.rfft((prepare(block) if prepare else block) * window, n=extractor.n_fft)
        # Takes a third of the time of abs().square(), which computes a root only to square it.
        squares = torch.view_as_real(spectrum).square_()
        torch.add(squares[..., 0], squares[..., 1], out=block_power)
    mel_power = power.new_empty(len(power), extractor.num_mel_bins)
    products, largest_weights = _mel_products(extractor.frontend, extractor.n_fft, extractor.mel_bank, power.device)
    for bins, bands, weights in products:
        torch.mm(power[:, bins], weights, out=mel_power[:, bands])
    rounded_below = power.mean(dim=1).view(*shape, 1) * (ROUNDED_BELOW * largest_weights)
    return mel_power.view(*shape, -1), rounded_below


def _librosa_log_mel(extractor: SequenceFeatureExtractor, waveforms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Decibels, as librosa computes them in double precision."""
    padded = torch.nn.functional.pad(waveforms, 2 * [extractor.n_fft // 2])
    frames = padded.unfold(1, extractor.n_fft, extractor.hop_length)
    mel_power, rounded_below = mel_power_of(extractor, frames, torch.float32)
    cut_below = mel_power.amax((1, 2), keepdim=True) * 10 ** (-(extractor.top_db or math.inf) / 10)
    # Whether a band of the frame is between both; two comparisons and `any` take four times as long.
    coarse = torch.minimum(mel_power - cut_below.clamp(min=AMIN), rounded_below - mel_power).amax(dim=-1) > 0
    if coarse.any():
        mel_power[coarse] = mel_power_of(extractor, frames[coarse], torch.float64)[0]
    return _decibels(extractor, mel_power)


def _decibels(extractor: SequenceFeatureExtractor, mel_power: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    decibels = mel_power.clamp_(min=AMIN).log10_().mul_(10)
    maximum = decibels.amax((1, 2), keepdim=True)
    reference = maximum if extractor.ref == "max" else 10 * math.log10(max(AMIN, float(extractor.ref)))
    decibels -= reference
    floor = decibels.amin((1, 2), keepdim=True) if extractor.top_db is None else maximum - reference - extractor.top_db
    return decibels.clamp_(min=floor), floor


def _kaldi_log_mel(extractor: SequenceFeatureExtractor, waveforms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Natural logarithms, as kaldi and transformers' [`ASTFeatureExtractor`] compute them."""
    frames = waveforms.unfold(1, extractor.window_samples, extractor.hop_length)
    # Pre-emphasis removes much of the power, but not the rounding error: all frames need double precision.
    return _natural_logarithms(extractor, mel_power_of(extractor, frames, torch.float64)[0])


def _natural_logarithms(
    extractor: SequenceFeatureExtractor, mel_power: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    return mel_power.clamp_(min=KALDI_FLOOR).log_(), mel_power.new_tensor(KALDI_FLOOR).log_()


def _emphasize(frames: torch.Tensor) -> torch.Tensor:
    """Kaldi's frames, `(..., samples)`: the mean removed, and most of the previous sample subtracted."""
    frames = frames - frames.mean(dim=-1, keepdim=True)
    return frames - KALDI_PREEMPHASIS * torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)


class Frontend(NamedTuple):
    """What differs between the front ends."""

    # (batch, num_samples) -> (batch, num_frames, num_mel_bins), and the smallest value possible, which broadcasts to it
    log_mel: Callable[[SequenceFeatureExtractor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
    # The same from the power in each mel band, which is overwritten.
    logarithm: Callable[[SequenceFeatureExtractor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
    prepare: Callable[[torch.Tensor], torch.Tensor] | None  # what is done to frames before the window
    centered: bool  # whether frames reach beyond the ends of the waveform; otherwise only whole frames count
    periodic_window: bool
    mel_bands: dict[str, Any]  # arguments of mel_filter_bank


SLANEY_BANDS = {"norm": "slaney", "mel_scale": "slaney"}
KALDI_BANDS = {"mel_scale": "kaldi", "triangularize_in_mel_space": True}
FRONTENDS = {
    "librosa": Frontend(
        _librosa_log_mel, _decibels, prepare=None, centered=True, periodic_window=True, mel_bands=SLANEY_BANDS
    ),
    "kaldi": Frontend(
        _kaldi_log_mel,
        _natural_logarithms,
        prepare=_emphasize,
        centered=False,
        periodic_window=False,
        mel_bands=KALDI_BANDS,
    ),
}


@lru_cache(maxsize=8)
def hann_window(size: int, frame_size: int, periodic: bool, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Hann window of `size` samples in the middle of a frame of zeros, `(frame_size,)`."""
    window = torch.hann_window(size, periodic=periodic, dtype=torch.float64)
    left = (frame_size - size) // 2
    window = torch.nn.functional.pad(window, (left, frame_size - size - left))
    return window.to(device, torch.float32 if device.type == "mps" else dtype)  # mps has no double precision


@lru_cache(maxsize=8)
def _mel_products(
    frontend: str, n_fft: int, bank: tuple[int, float, float, int], device: torch.device
) -> tuple[list[tuple[slice, slice, torch.Tensor]], torch.Tensor]:
    """Mel filter bank as small matrix products: their bins, bands and weights; and the largest weight of each band."""
    # A bin is in two bands at most, so that nearly all weights are zero. A group of neighbouring bands needs only the
    # bins that it covers: on CPU the products take a fifth of the time.
    filters = mel_filter_bank(n_fft // 2 + 1, *bank, **FRONTENDS[frontend].mel_bands)
    products = []
    for first in range(0, filters.shape[1], BANDS_PER_PRODUCT):
        bands = slice(first, first + BANDS_PER_PRODUCT)
        used = np.flatnonzero(filters[:, bands].any(axis=1))
        bins = slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 1)
        weights = torch.from_numpy(filters[bins, bands].copy()).to(device, torch.float32)
        products.append((bins, bands, weights))
    return products, torch.from_numpy(filters.max(axis=0)).to(device, torch.float32)
