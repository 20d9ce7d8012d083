# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The constants of the descriptors: matrices of transforms, of means, of pitch classes and of keys."""

from collections.abc import Iterable

import numpy as np
import torch
from transformers.audio_utils import hertz_to_mel, mel_to_hertz

HARMONY_HERTZ = (100.0, 3000.0)  # frequencies from which chroma is computed
PITCH_WIDTH = 0.35  # standard deviation of the Gaussian weights of a pitch class, in semitones
MIDDLE_C = 261.63  # Hz

# Mean ratings by listeners of how well each of the twelve notes fits C major and C minor: Krumhansl (1990), p. 30.
KEY_PROFILES = (
    (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
)


def constant(values: np.ndarray) -> torch.Tensor:
    """Values in single precision."""
    return torch.from_numpy(values.astype(np.float32))


def range_means(ranges: Iterable[tuple[int, int]], num_inputs: int) -> np.ndarray:
    """Matrix of the means over ranges of the inputs, each from its first to before its last, `(num_inputs, n)`."""
    columns = [(np.arange(num_inputs) >= first) & (np.arange(num_inputs) < last) for first, last in ranges]
    return np.stack([column / max(1, column.sum()) for column in columns], axis=1)


def cosine_matrix(num_inputs: int, num_coefficients: int) -> np.ndarray:
    """First columns of the orthonormal discrete cosine transform (DCT-II), `(num_inputs, num_coefficients)`."""
    positions = np.arange(num_inputs)[:, None] + 0.5
    matrix = np.cos(np.pi / num_inputs * positions * np.arange(num_coefficients)) * np.sqrt(2 / num_inputs)
    matrix[:, 0] /= np.sqrt(2)
    return matrix


def mel_band_centres(num_mel_bins: int, f_min: float, f_max: float) -> np.ndarray:
    """Centre of each band on Slaney's mel scale, in Hz, `(num_mel_bins,)`."""
    low, high = hertz_to_mel(f_min, mel_scale="slaney"), hertz_to_mel(f_max, mel_scale="slaney")
    return mel_to_hertz(np.linspace(low, high, num_mel_bins + 2), mel_scale="slaney")[1:-1]


def pitch_class_weights(hertz: np.ndarray) -> np.ndarray:
    """
    Weight of a band at each frequency, in Hz, in each pitch class, from C; those of a class sum to 1, or all are 0.

    Shape:
        `(num_mel_bins,)` -> `(num_mel_bins, 12)`
    """
    pitches = 12 * np.log2(np.maximum(hertz, 1.0) / MIDDLE_C)[:, None]
    distances = (pitches - np.arange(12) + 6) % 12 - 6  # semitones
    in_range = (HARMONY_HERTZ[0] < hertz) & (hertz < HARMONY_HERTZ[1])
    weights = np.exp(-0.5 * np.square(distances / PITCH_WIDTH)) * in_range[:, None]
    return weights / np.maximum(weights.sum(axis=0), 1e-6)


def key_templates() -> np.ndarray:
    """Profiles of the 12 major keys from C, then of the minor keys, with mean 0 and norm 1, `(24, 12)`."""
    keys = np.array([np.roll(profile, tonic) for profile in KEY_PROFILES for tonic in range(12)])
    keys -= keys.mean(axis=1, keepdims=True)
    return keys / np.linalg.norm(keys, axis=1, keepdims=True)
