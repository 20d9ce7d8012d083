# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Waveforms that resemble music, for tests."""

from __future__ import annotations

import numpy as np


def chords(seconds: float, sampling_rate: int, seed: int = 0, num_channels: int | None = None) -> np.ndarray:
    """
    A new chord of decaying harmonics each second, in a little noise.

    Returns:
        `(num_samples,)`, or `(num_samples, num_channels)` of different channels; float32 in [-1, 1].
    """
    if num_channels is not None:
        return np.stack([chords(seconds, sampling_rate, seed + i) for i in range(num_channels)], axis=1)
    rng = np.random.default_rng(seed)
    num_samples = round(seconds * sampling_rate)
    waveform = 0.01 * rng.normal(size=num_samples)
    time = np.arange(sampling_rate) / sampling_rate
    for start in range(0, num_samples, sampling_rate):
        root = 110 * 2 ** (rng.integers(24) / 12)
        overtones = root * np.outer(2 ** (np.array([0, 4, 7]) / 12), np.arange(1, 6)).ravel()
        overtones = overtones[overtones < sampling_rate / 2]
        tones = np.sin(2 * np.pi * np.outer(overtones, time)) / len(overtones)
        chord = rng.uniform(0.2, 0.9) * np.exp(-3 * time) * tones.sum(axis=0)
        waveform[start : start + sampling_rate] += chord[: num_samples - start]
    return waveform.clip(-1, 1).astype(np.float32)
