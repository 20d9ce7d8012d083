# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""What all stages share: songs, threads, the network, and the speed of the machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from modeling_ast_va import ASTVAConfig, ASTVAFeatureExtractor, ASTVAForRegression
from modeling_ast_va.audio_ast_va import decode
from modeling_ast_va.data.annotations import find_deam
from modeling_ast_va.hub.folder import save_hub_folder

ROOT = Path(__file__).parents[1]
SAMPLING_RATE = 44100
SEGMENT_SAMPLES = 5 * SAMPLING_RATE
MATRIX_SIZE = 2048
DECODED_SONGS = 6  # for stages that process one song at a time


@dataclass
class Context:
    """
    Settings of a run.

    Args:
        data_dir: folder in the layout of DEAM.
        work_dir: folder for temporary files.
        repeats: number of measured rounds, of which the median is reported.
        num_threads: threads of torch, and number of processes of the preparation.
        device: `"cpu"` or `"cuda"`; only the stage of the GPU runs on the GPU.
        prepared_songs: size of the data set to prepare, so large that the start of the processes hardly matters, and a
            multiple of the songs in a file for each process.
        num_epochs, batch_size, hidden_size, num_layers: settings of training; the defaults are those of the notebook.
    """

    data_dir: Path
    work_dir: Path
    repeats: int = 5
    num_threads: int = 2
    device: str = "cpu"
    prepared_songs: int = 256
    num_epochs: int = 5
    batch_size: int = 16
    hidden_size: int = 256
    num_layers: int = 4

    @cached_property
    def songs(self) -> list[Path]:
        """Sorted MP3 files of the data set."""
        songs = sorted(find_deam(self.data_dir).audio.glob("*.mp3"))
        if not songs:
            raise ValueError(f"Expected MP3 files in {self.data_dir}, but got none.")
        return songs

    @cached_property
    def segments(self) -> list[np.ndarray]:
        """Waveforms of five seconds from the first songs."""
        waveforms = [decode(song, SAMPLING_RATE) for song in self.songs[:DECODED_SONGS]]
        return [
            waveform[start : start + SEGMENT_SAMPLES]
            for waveform in waveforms
            for start in range(0, len(waveform) - SEGMENT_SAMPLES + 1, SEGMENT_SAMPLES)
        ][:32]

    @property
    def config(self) -> ASTVAConfig:
        """The network of the notebook, or a smaller one."""
        return ASTVAConfig(
            hidden_size=self.hidden_size, num_hidden_layers=self.num_layers, intermediate_size=4 * self.hidden_size
        )

    @cached_property
    def feature_extractor(self) -> ASTVAFeatureExtractor:
        return ASTVAFeatureExtractor()

    @cached_property
    def model_dir(self) -> Path:
        """A saved model with random weights."""
        torch.manual_seed(0)
        save_hub_folder(ASTVAForRegression(self.config), self.feature_extractor, self.work_dir / "model")
        return self.work_dir / "model"

    def batch(
        self, config: ASTVAConfig | None = None, batch_size: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Noise as log-mels `(batch_size, num_frames, num_mel_bins)`, and ratings `(batch_size, 2)`."""
        generator = torch.Generator().manual_seed(0)
        config, batch_size = config or self.config, batch_size or self.batch_size
        log_mels = torch.randn(batch_size, config.max_length, config.num_mel_bins, generator=generator)
        return log_mels, 1 + 8 * torch.rand(batch_size, 2, generator=generator)

    def matrix_rate(self, dtype: torch.dtype, device: str = "cpu", size: int = MATRIX_SIZE) -> float:
        """Floating-point operations per second in large matrix products: the highest rate of this machine."""
        key = dtype, device, size
        if key not in self._rates:
            left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
            times = []
            for _ in range(10):
                start = time.perf_counter()
                torch.mm(left, right)
                synchronize(device)
                times.append(time.perf_counter() - start)
            self._rates[key] = 2 * size**3 / statistics.median(times[2:])
        return self._rates[key]

    @cached_property
    def _rates(self) -> dict[tuple[torch.dtype, str, int], float]:
        return {}

    @property
    def has_fast_bfloat16(self) -> bool:
        """Whether the processor multiplies matrices faster in bfloat16."""
        return self.matrix_rate(torch.bfloat16) > 1.5 * self.matrix_rate(torch.float32)


def synchronize(device: str) -> None:
    """Wait for the operations of a GPU."""
    if device == "cuda":
        torch.cuda.synchronize()


@contextmanager
def torch_threads(num_threads: int) -> Iterator[None]:
    """Limit torch and NumPy to a number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    try:
        with threadpool_limits(num_threads):
            yield
    finally:
        torch.set_num_threads(before)
