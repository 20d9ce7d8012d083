# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""SpecAugment: masks in frequency and time for training batches (Park et al., 2019, Interspeech)."""

import torch


def spec_augment_mask(input_values: torch.Tensor, frequency_mask_bins: int, time_mask_frames: int) -> torch.Tensor:
    """
    Draw a mask for each spectrogram: one band of frequencies and one span of time.

    As in the paper, widths are drawn uniformly from 0 to the maximum, then positions. Masked values become 0 after
    normalisation, the mean of the training set; before it, 0 dB would be the loudest value.

    Args:
        input_values: normalised log-mels.
        frequency_mask_bins, time_mask_frames: widest band, in mel bins, and widest span; 0 masks none.

    Shape:
        `(batch, num_frames, num_mel_bins)` -> the same, bool: True where masked.

    Raises:
        ValueError: for a maximum that is negative or larger than the spectrogram.
    """
    batch_size, num_frames, num_mel_bins = input_values.shape
    check_masks(frequency_mask_bins, time_mask_frames, num_frames, num_mel_bins)
    in_time = _random_span(batch_size, num_frames, time_mask_frames, input_values.device)
    in_frequency = _random_span(batch_size, num_mel_bins, frequency_mask_bins, input_values.device)
    return in_time[:, :, None] | in_frequency[:, None, :]


def check_masks(frequency_mask_bins: int, time_mask_frames: int, num_frames: int, num_mel_bins: int) -> None:
    """Check that masks are not negative or larger than a spectrogram of this size (ValueError)."""
    bins, frames = (frequency_mask_bins, num_mel_bins), (time_mask_frames, num_frames)
    for name, (width, size) in {"frequency_mask_bins": bins, "time_mask_frames": frames}.items():
        if not 0 <= width <= size:
            raise ValueError(f"Expected {name} of 0 to {size}, the size of a spectrogram, but got {width}.")


def _random_span(batch_size: int, size: int, max_width: int, device: torch.device) -> torch.Tensor:
    """One random span of True in each row, `(batch, size)`."""
    widths = torch.randint(0, max_width + 1, (batch_size, 1), device=device)
    starts = (torch.rand(batch_size, 1, device=device) * (size - widths + 1)).floor().long()
    positions = torch.arange(size, device=device)
    return (starts <= positions) & (positions < starts + widths)
