# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""A model as one ONNX file: from a waveform to valence and arousal, with the front end and the network inside."""

from __future__ import annotations

import hashlib
import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers.audio_utils import mel_filter_bank
from transformers.utils import cached_file

from . import __version__
from .feature_extraction_ast_va import ASTVAFeatureExtractor
from .frontends_ast_va import FRONTENDS, hann_window
from .hub.files import WEIGHTS_FILE
from .hub.protocol import load_protocol
from .modeling_ast_va import ASTVAForRegression
from .pipeline_ast_va import predict_log_mels
from .prediction.run import load_pipeline
from .prediction.whole_file import whole_file

OUTPUTS = ("valence", "arousal")
OPSET = 20


def export_onnx(model: str | PathLike[str], output: str | PathLike[str]) -> None:
    """
    Write a model as an ONNX file that is complete in itself.

    Its input is `waveform` `(batch, num_samples)`: float32, mono, at the sampling rate of the model, of one segment or
    less. Its outputs are `valence` and `arousal`, `(batch,)` each. Its metadata are `sampling_rate`, `segment_seconds`,
    `label_range`, `license` of the weights, `model_sha256`, the hash of their file, and `version` of this package.

    Args:
        model: folder or Hub id.
        output: file to write; its folder is made.

    Raises:
        ValueError: if the model is damaged, or lacks a label.
    """
    pipeline = load_pipeline(str(model), device="cpu")
    extractor = pipeline.feature_extractor
    network = WaveformModel(pipeline.model, extractor).eval()
    example = torch.zeros(2, round(extractor.segment_seconds * extractor.sampling_rate))
    sizes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("num_samples", min=network.log_mel.min_samples)}
    with _without_notes():
        exported = torch.export.export(network, (example,), dynamic_shapes={"waveform": sizes})
        names = {"waveform": {axis: size.__name__ for axis, size in sizes.items()}}
        program = torch.onnx.export(
            exported, dynamic_shapes=names, output_names=OUTPUTS, opset_version=OPSET, verbose=False
        )
    assert program is not None  # it is without a file to write
    low, high = pipeline.model.config.label_range
    program.model.metadata_props.update(
        sampling_rate=str(extractor.sampling_rate),
        segment_seconds=str(extractor.segment_seconds),
        label_range=f"{low},{high}",
        model_sha256=hashlib.sha256(Path(cached_file(model, WEIGHTS_FILE)).read_bytes()).hexdigest(),
        license=load_protocol(model).get("license") or "unknown",
        version=__version__,
    )
    output = Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(output) as unfinished:
        program.save(unfinished)


class WaveformModel(nn.Module):
    """Feature extractor and model as one network that can be exported."""

    def __init__(self, model: ASTVAForRegression, extractor: ASTVAFeatureExtractor):
        super().__init__()
        self.log_mel, self.model, self.extractor = LogMel(extractor), model, extractor

    def forward(self, waveform: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`(batch, num_samples)` -> `(batch,)` and `(batch,)`, valence and arousal."""
        ratings = predict_log_mels(self.model, self.extractor, self.log_mel(waveform)).ratings
        return ratings[:, 0], ratings[:, 1]


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
            frames = self.frontend.prepare(frames.double()).float()
        frames = frames * self.window
        if self.frame_size < self.extractor.n_fft:
            frames = nn.functional.pad(frames, (0, self.extractor.n_fft - self.frame_size))
        mel_power = self.mel_power(frames)
        is_inside = (torch.arange(frames.shape[1]) < self.extractor.num_frames(waveform.shape[1]))[:, None]
        # Frames beyond the end must change neither the maximum nor the minimum.
        lowest = torch.where(is_inside, mel_power, math.inf).amin((1, 2), keepdim=True)
        log_mel, floor = self.frontend.logarithm(self.extractor, torch.where(is_inside, mel_power, lowest))
        padding_value = self.extractor.padding_value
        return torch.where(is_inside, log_mel, floor if padding_value is None else padding_value)

    def frames(self, waveform: torch.Tensor) -> torch.Tensor:
        """`(batch, num_samples)` -> `(batch, max_length, frame_size)`, with zeros around the waveform."""
        # From blocks of one hop, because onnxruntime takes five times as long to gather frames sample by sample.
        hop, num_frames = self.extractor.hop_length, self.extractor.max_length
        blocks_per_frame = math.ceil(self.frame_size / hop)
        length = (num_frames + blocks_per_frame - 1) * hop
        padded = nn.functional.pad(waveform, (self.left, length))[:, :length]
        blocks = padded.unflatten(1, (-1, hop))
        parts = [blocks[:, i : i + num_frames, : self.frame_size - i * hop] for i in range(blocks_per_frame)]
        return torch.cat(parts, dim=2)


class MelPower(nn.Module):
    r"""
    Power of frames in each mel band: Fourier transform, squared magnitude and filters as three matrix products.

    With n_fft = R C, sample n = C i + j and bin k = p + R q, the transform of frame x is, with W_m = exp(-2 pi i / m),

        X[k] = sum_j W_n_fft^(p j) W_C^(q j) (sum_i W_R^(p i) x[n])

    The sum over i is a product of real numbers with a complex matrix, and that over j one of complex numbers with a
    matrix for each p. As frames are real, p up to R / 2 gives all bins. With its own transform, and with one matrix of
    all frequencies and samples, onnxruntime takes more than twice as long.

    Args:
        filters: weights of the mel bands, `(n_fft // 2 + 1, num_mel_bins)`.

    Source:
        Cooley and Tukey (1965), Mathematics of Computation 19(90).
    """

    first: torch.Tensor
    second: torch.Tensor
    filters: torch.Tensor

    def __init__(self, filters: np.ndarray, n_fft: int):
        super().__init__()
        divisors = [rows for rows in range(1, n_fft + 1) if n_fft % rows == 0]
        self.rows = min(divisors, key=lambda rows: rows + 2 * (n_fft // rows))  # the fewest operations
        self.columns = n_fft // self.rows
        p, i, j = np.arange(self.rows // 2 + 1), np.arange(self.rows), np.arange(self.columns)
        first = _roots(np.outer(p, i), self.rows)  # (p, i)
        second = _roots(p[:, None, None] * j[:, None], n_fft) * _roots(np.outer(j, j), self.columns)  # (p, j, q)
        first = np.stack([first.real, first.imag], axis=1).reshape(-1, self.rows)
        # Rows and columns are real parts, then imaginary parts.
        second = np.block([[second.real, second.imag], [-second.imag, second.real]])
        bins = (p[:, None] + self.rows * j).ravel()
        bins = np.minimum(bins, n_fft - bins)  # both have the same power, and some p give both
        filters = (filters / np.bincount(bins)[:, None])[bins]
        for name, values in (("first", first), ("second", second), ("filters", filters)):
            self.register_buffer(name, torch.from_numpy(values).float())

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """`(batch, num_frames, n_fft)` -> `(batch, num_frames, num_mel_bins)`."""
        samples = frames.flatten(0, 1).unflatten(1, (self.rows, self.columns))
        inner = (self.first @ samples).flatten(1).unflatten(1, (-1, 2 * self.columns))  # (B T, p, re j | im j)
        spectrum = inner.transpose(0, 1) @ self.second  # (p, B T, re q | im q)
        real, imaginary = spectrum.split(self.columns, dim=2)
        power = real * real + imaginary * imaginary
        return (power.transpose(0, 1).flatten(1) @ self.filters).unflatten(0, frames.shape[:2])


def _roots(exponents: np.ndarray, n: int) -> np.ndarray:
    """Powers of exp(-2 pi i / n)."""
    return np.exp(-2j * np.pi / n * (exponents % n))


@contextmanager
def _without_notes() -> Iterator[None]:
    """Holds back notes of torch about its own code and about packages that are not needed."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
