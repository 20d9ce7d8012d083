# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
import torch
from scipy import stats

from modeling_ast_va.training.augmentation import check_masks, spec_augment_mask

NUM_FRAMES, NUM_MEL_BINS = 12, 9


def draw_masks(batch_size, frequency_mask_bins, time_mask_frames, seed=0):
    """Masked values, `(batch, num_frames, num_mel_bins)`."""
    torch.manual_seed(seed)
    ones = torch.ones(batch_size, NUM_FRAMES, NUM_MEL_BINS)
    return spec_augment_mask(ones, frequency_mask_bins, time_mask_frames)


def spans(masked):
    """Width and start of the one run of True in each row of `(batch, size)`; fails where there are more."""
    edges = np.diff(masked.numpy().astype(int), axis=1, prepend=0, append=0)
    assert (np.abs(edges).sum(axis=1) <= 2).all()
    return masked.sum(dim=1).numpy(), edges.argmax(axis=1)


def coverage(size, max_width):
    """Probability of each position to be masked: all widths, then all positions, are equally likely."""
    expected = np.zeros(size)
    for width in range(max_width + 1):
        for start in range(size - width + 1):
            expected[start : start + width] += 1 / (size - width + 1) / (max_width + 1)
    return expected


@pytest.mark.parametrize(("axis", "size", "max_widths"), [("time", NUM_FRAMES, (0, 5)), ("bins", NUM_MEL_BINS, (4, 0))])
def test_widths_and_positions_are_uniform_and_each_spectrogram_has_its_own(axis, size, max_widths):
    num_draws, max_width = 20_000, max(max_widths)
    masks = draw_masks(num_draws, *max_widths)
    masked = masks[:, :, 0] if axis == "time" else masks[:, 0]
    widths, starts = spans(masked)
    # The p-value of the chi-squared test of a fixed seed; a wrong distribution gives less than 1e-20.
    assert stats.chisquare(np.bincount(widths, minlength=max_width + 1)).pvalue > 1e-3
    for width in range(1, max_width + 1):
        assert stats.chisquare(np.bincount(starts[widths == width], minlength=size - width + 1)).pvalue > 1e-3
    frequencies = masked.double().mean(dim=0).numpy()
    np.testing.assert_allclose(frequencies, coverage(size, max_width), atol=5 * 0.5 / num_draws**0.5)
    # Rows of the batch are drawn independently, where r is normal with deviation 1 / sqrt(n).
    assert abs(np.corrcoef(widths[:-1], widths[1:])[0, 1]) < 5 / num_draws**0.5


def test_one_band_and_one_span_are_drawn_independently():
    masks = draw_masks(5000, 4, 5)
    in_time, in_bins = masks.all(dim=2), masks.all(dim=1)
    assert torch.equal(masks, in_time[:, :, None] | in_bins[:, None, :])
    (time_widths, _), (bin_widths, _) = spans(in_time), spans(in_bins)
    assert (time_widths.max(), bin_widths.max()) == (5, 4)
    assert abs(np.corrcoef(time_widths, bin_widths)[0, 1]) < 5 / 5000**0.5


def test_no_width_masks_nothing():
    assert not draw_masks(100, 0, 0).any()


def test_the_whole_spectrogram_may_be_masked():
    widths, _ = spans(draw_masks(1000, 0, NUM_FRAMES)[:, :, 0])
    assert (widths.min(), widths.max()) == (0, NUM_FRAMES)


def test_masks_follow_the_seed():
    assert torch.equal(draw_masks(50, 4, 5, seed=1), draw_masks(50, 4, 5, seed=1))
    assert not torch.equal(draw_masks(50, 4, 5, seed=1), draw_masks(50, 4, 5, seed=2))


@pytest.mark.parametrize(
    ("bins", "frames", "message"),
    [
        (NUM_MEL_BINS + 1, 0, "Expected frequency_mask_bins of 0 to 9, the size of a spectrogram, but got 10"),
        (0, NUM_FRAMES + 1, "Expected time_mask_frames of 0 to 12, the size of a spectrogram, but got 13"),
        (-1, 0, "frequency_mask_bins .* but got -1"),
        (0, -1, "time_mask_frames .* but got -1"),
    ],
)
def test_masks_that_do_not_fit_are_refused(bins, frames, message):
    with pytest.raises(ValueError, match=message):
        draw_masks(1, bins, frames)
    with pytest.raises(ValueError, match=message):
        check_masks(bins, frames, NUM_FRAMES, NUM_MEL_BINS)
