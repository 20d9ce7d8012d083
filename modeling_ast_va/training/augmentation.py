# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""SpecAugment: training data with bands and moments missing (Park et al., 2019, Interspeech)."""

import torch


def spec_augment_mask(input_values: torch.Tensor, frequency_mask_bins: int, time_mask_frames: int) -> torch.Tensor:
    """
    What of each spectrogram to mask: one band of frequencies and one stretch of time.

    Widths are drawn uniformly from 0 to the given maximum, then positions, as in the paper; each spectrogram has its
    own. There the model hears 0, the training mean: 0 dB, before normalisation, would be the loudest of all values.

    Args:
        input_values: normalised log-mels.
        frequency_mask_bins: widest band, in mel bins; 0 masks none.
        time_mask_frames: widest stretch, in frames; 0 masks none.

    Shape:
        `(batch, num_frames, num_mel_bins)` -> the same, bool: True where masked.

    Raises:
        ValueError: for a mask that is negative or wider than the spectrogram.
    """
    batch_size, num_frames, num_mel_bins = input_values.shape
    check_masks(frequency_mask_bins, time_mask_frames, num_frames, num_mel_bins)
    in_time = _random_span(batch_size, num_frames, time_mask_frames, input_values.device)
    in_frequency = _random_span(batch_size, num_mel_bins, frequency_mask_bins, input_values.device)
    return in_time[:, :, None] | in_frequency[:, None, :]


def check_masks(frequency_mask_bins: int, time_mask_frames: int, num_frames: int, num_mel_bins: int) -> None:
    """Refuse masks that are negative or wider than a spectrogram of `num_frames` by `num_mel_bins` (ValueError)."""
    for name, width, size in (
        ("frequency_mask_bins", frequency_mask_bins, num_mel_bins),
        ("time_mask_frames", time_mask_frames, num_frames),
    ):
        if not 0 <= width <= size:
            raise ValueError(f"{name} must lie in 0 to {size}, the size of a spectrogram, but is {width}.")


def _random_span(batch_size: int, size: int, max_width: int, device: torch.device) -> torch.Tensor:
    """A random run of True in each row, `(batch, size)`."""
    widths = torch.randint(0, max_width + 1, (batch_size, 1), device=device)
    starts = (torch.rand(batch_size, 1, device=device) * (size - widths + 1)).floor().long()
    positions = torch.arange(size, device=device)
    return (starts <= positions) & (positions < starts + widths)
