# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Trains a tiny model on tiny songs within a second, for tests."""

from __future__ import annotations

from pathlib import Path

from deam_folder import write_deam

from modeling_ast_va.training.arguments import parse_arguments
from modeling_ast_va.training.run import train

SONGS = range(991, 1011)  # half of them published with exchanged labels; 16 train, 2 validate, 2 test
ARTISTS = {song: f"Band {(song - 991) // 2}" for song in SONGS}
SEGMENTS_PER_SONG = 2  # of 2 s, and of the second that is left
TINY = [
    "notebook.json",
    *("--hidden_size", "32", "--num_hidden_layers", "2", "--intermediate_size", "64", "--head_hidden_size", "16"),
    *("--initializer_range", "0.2"),  # large, so that predictions differ from the start
    *("--sampling_rate", "8000", "--n_fft", "256", "--hop_length", "160", "--num_mel_bins", "32"),
    *("--segment_seconds", "2", "--num_proc", "1", "--use_cpu", "true", "--disable_tqdm", "true"),
    *("--num_threads", "1"),
]


def write_songs(root: Path) -> Path:
    """Writes a DEAM folder of songs whose second segment is shorter than their first."""
    return write_deam(root, dict.fromkeys(SONGS, 3.0), artists=ARTISTS)


def tiny_flags(data_dir: Path, output_dir: Path, *flags: str) -> list[str]:
    """The command line of a tiny run of the notebook's network. All runs share a cache of log-mels."""
    cache_dir = data_dir.with_name(f"{data_dir.name}_cache")
    return [*TINY, "--data_dir", str(data_dir), "--cache_dir", str(cache_dir), "--output_dir", str(output_dir), *flags]


def train_tiny(data_dir: Path, output_dir: Path, *flags: str) -> dict[str, float]:
    """Trains as `scripts/train.py` does, with some more flags."""
    return train(parse_arguments(tiny_flags(data_dir, output_dir, *flags)))
