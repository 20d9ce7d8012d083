# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Hand-made descriptors of log-mel spectrograms from music information retrieval, computed in torch.

A few thousand segments are not enough to learn what a beat or a key is, so these features are given to the network.

Source:
    Timbre, loudness, spectral shape and contrast: Peeters (2004), "A large set of audio features"; Jiang et al. (2002),
    ICME. Rhythm, the autocorrelation of the spectral flux: Scheirer (1998), JASA 103(1). Harmony, chroma and its
    correlation with key profiles: Krumhansl (1990), "Cognitive Foundations of Musical Pitch".
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from .descriptor_matrices_ast_va import (
    constant,
    cosine_matrix,
    key_templates,
    mel_band_centres,
    pitch_class_weights,
    range_means,
)

NUM_COEFFICIENTS = 20  # cepstral coefficients of the timbre
LOUDNESS_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
ROLLOFF = 0.85  # share of the weight of a frame below the roll-off
MIN_STEP = 1e-4  # of loudness, above the rounding errors of single precision
NUM_GROUPS = 8  # groups of neighbouring bands, for contrast and texture
RHYTHM_EDGES = (0.0, 0.1, 0.3, 0.62, 1.0)  # as shares of all bands; each range between edges has its own flux
LAG_SECONDS = (0.06, 1.6)  # shortest and longest lag of the autocorrelation
NUM_LAG_RANGES = 32
BEAT_SECONDS = 0.24  # shortest time between beats: 250 beats per minute
PEAK_BANDS = 9  # a peak exceeds the mean of so many neighbouring bands
CHORD_SECONDS = 0.2  # distance between the frames that are compared for a change of harmony


class ASTVADescriptors(nn.Module):
    """
    Computes descriptors of normalised log-mel spectrograms; has no weights.

    Args:
        num_mel_bins: number of bands, spaced on Slaney's mel scale.
        frame_rate: frames per second.
        f_min, f_max: lower edge of the lowest band and upper edge of the highest, in Hz.

    Shape:
        `(batch, num_frames, num_mel_bins)` -> `(batch, num_descriptors)`, float32
    """

    def __init__(self, num_mel_bins: int, frame_rate: float, f_min: float, f_max: float):
        super().__init__()
        edges = np.geomspace(*LAG_SECONDS, NUM_LAG_RANGES + 1) * frame_rate
        self.lag_edges = sorted({max(1, round(edge)) for edge in edges})  # in frames; empty ranges are merged
        self.beat_lag = min(max(1, round(BEAT_SECONDS * frame_rate)), self.lag_edges[-1] - 1)
        self.chord_frames = max(1, round(CHORD_SECONDS * frame_rate))
        self.group_edges = [round(num_mel_bins * group / NUM_GROUPS) for group in range(NUM_GROUPS + 1)]
        rhythm_edges = [round(num_mel_bins * share) for share in RHYTHM_EDGES]
        # Plain attributes and not buffers: `model.half()` would round buffers, and loading would not fill them.
        # Made from arrays, because `from_pretrained` builds the model on the "meta" device, which holds no values.
        self.cosines = constant(cosine_matrix(num_mel_bins, min(NUM_COEFFICIENTS, num_mel_bins)))
        positions = np.linspace(0, 1, num_mel_bins)
        self.range_means = constant(range_means([(0, num_mel_bins), *pairwise(rhythm_edges)], num_mel_bins))
        # Second differences along frequency are two fewer than bands.
        group_edges = [*self.group_edges[:-1], num_mel_bins - 2]
        self.group_means = constant(range_means(pairwise(group_edges), num_mel_bins - 2))
        # Of each range the lags in it, the last one again and again up to the length of the longest range.
        longest = max(last - first for first, last in pairwise(self.lag_edges))
        self.lag_ranges = [
            [min(first + i, last - 1) for i in range(longest)] for first, last in pairwise(self.lag_edges)
        ]
        self.position_powers = constant(np.stack([positions, positions**2], axis=1))
        self.quantiles = constant(np.array(LOUDNESS_QUANTILES))
        num_neighbours = np.convolve(np.ones(num_mel_bins), np.ones(PEAK_BANDS))[PEAK_BANDS // 2 :][:num_mel_bins]
        self.neighbour_shares = constant(1 / num_neighbours)
        self.pitch_classes = constant(pitch_class_weights(mel_band_centres(num_mel_bins, f_min, f_max)))
        self.keys = constant(key_templates())

    @property
    def group_sizes(self) -> dict[str, int]:
        """Number of descriptors of each group, in the order of the output."""
        num_fluxes = self.range_means.shape[1]
        return {
            "timbre": 3 * self.cosines.shape[1],  # mean, deviation, deviation of the steps
            "loudness": 2 + len(LOUDNESS_QUANTILES) + 3,  # moments, quantiles; range, steps, share below the mean
            "shape": 2 * 4,  # moments of centroid, bandwidth, roll-off and flatness
            "contrast": 2 * NUM_GROUPS,  # moments
            "rhythm": len(self.lag_ranges) + 4 * num_fluxes,  # lag ranges; beat, deviation, mean, maximum
            "texture": 3 * NUM_GROUPS,  # along time, along frequency, of the mean spectrum
            "harmony": 4 + 12 + 2 * 2 + 12,  # keys, chroma from the tonic, moments of change and clarity, sorted chroma
        }

    @property
    def num_descriptors(self) -> int:
        """Number of descriptors of a spectrogram."""
        return sum(self.group_sizes.values())

    def forward(self, input_values: torch.Tensor) -> torch.Tensor:
        # Under autocast the matrix products would be rounded to half precision, and differ from those in prediction.
        with torch.autocast(input_values.device.type, enabled=False):
            log_mel = input_values.float()
            flux = log_mel.diff(dim=1)
            # Of each frame relative to its maximum, so that no power overflows.
            maxima = log_mel.amax(dim=2, keepdim=True)
            amplitudes = (log_mel - maxima).exp()
            loudness = maxima[:, :, 0] + amplitudes.square().sum(dim=2).log() / 2
            groups = [
                self.timbre(log_mel),
                self.loudness(loudness),
                self.shape(log_mel, amplitudes, loudness),
                self.contrast(log_mel),
                self.rhythm(flux.clamp_min(0)),
                self.texture(log_mel, flux),
                self.harmony(log_mel),
            ]
            return torch.cat(groups, dim=1)

    def timbre(self, log_mel: torch.Tensor) -> torch.Tensor:
        """Cepstral coefficients: mean, deviation, and deviation of the steps between frames, `(batch, 60)`."""
        coefficients = log_mel @ self.cosines.to(log_mel.device)
        return torch.cat([moments(coefficients), deviation(coefficients.diff(dim=1))], dim=1)

    def loudness(self, loudness: torch.Tensor) -> torch.Tensor:
        """
        Moments, quantiles and range of the loudness of the frames, `(batch, num_frames)`, deviation of its steps, and
        share of frames below the mean, `(batch, 10)`.
        """
        quantiles = torch.quantile(loudness, self.quantiles.to(loudness.device), dim=1).T
        # By a margin, because rounding alone would decide for frames that are all equally loud, as in silence.
        is_below = loudness < loudness.mean(dim=1, keepdim=True) - MIN_STEP
        below_mean = is_below.float().mean(dim=1, keepdim=True)
        steps = deviation(loudness.diff(dim=1)[:, :, None])
        return torch.cat(
            [moments(loudness[:, :, None]), quantiles, quantiles[:, -1:] - quantiles[:, :1], steps, below_mean], dim=1
        )

    def shape(self, log_mel: torch.Tensor, amplitudes: torch.Tensor, loudness: torch.Tensor) -> torch.Tensor:
        """Moments of centroid, bandwidth, roll-off and flatness of the frames, `(batch, 8)`."""
        below = amplitudes.cumsum(dim=2)
        total = below[:, :, -1:]
        centroid, square = (amplitudes @ self.position_powers.to(log_mel.device) / total).unbind(dim=2)
        bandwidth = (square - centroid.square()).clamp_min(1e-8).sqrt()
        rolloff = (below < ROLLOFF * total).float().mean(dim=2)
        flatness = log_mel.mean(dim=2) - loudness
        return moments(torch.stack([centroid, bandwidth, rolloff, flatness], dim=2))

    def contrast(self, log_mel: torch.Tensor) -> torch.Tensor:
        """Moments of the difference between peaks and valleys in each group of bands, `(batch, 16)`."""
        edges, bands = np.array(self.group_edges), log_mel.permute(2, 0, 1).contiguous()
        contrasts: dict[int, torch.Tensor] = {}
        # Groups of one size are computed together: there are many small operations.
        for size in sorted(set(np.diff(edges).tolist())):
            groups = np.flatnonzero(np.diff(edges) == size).tolist()
            of_groups = bands[(edges[groups] + np.arange(size)[:, None]).ravel()]
            values = of_groups.unflatten(0, (size, len(groups)))
            num_extremes = max(1, size // 6)
            # The valleys are the largest of the negated values.
            extremes = torch.stack(largest(torch.cat([values, -values], dim=1).unbind(), num_extremes))
            peaks, valleys = extremes.mean(dim=0).chunk(2)
            contrasts |= dict(zip(groups, peaks + valleys))  # (B, T) of each group
        return moments(torch.stack([contrasts[group] for group in range(NUM_GROUPS)], dim=2))

    def rhythm(self, flux: torch.Tensor) -> torch.Tensor:
        """
        Largest autocorrelation of the flux of all bands in each range of lags; then strongest beat, deviation, mean and
        maximum of the flux of all bands and of each range of bands, `(batch, num_lag_ranges + 20)`.
        """
        strengths = flux @ self.range_means.to(flux.device)  # (B, T - 1, 5)
        correlations = autocorrelation(strengths, self.lag_edges[-1])
        over_lags = correlations[:, :, 0][:, self.lag_ranges].amax(dim=2)
        strongest_beat = correlations[:, self.beat_lag :].amax(dim=1)
        of_strengths = [strongest_beat, deviation(strengths), strengths.mean(dim=1), strengths.amax(dim=1)]
        return torch.cat([over_lags, *of_strengths], dim=1)

    def texture(self, log_mel: torch.Tensor, flux: torch.Tensor) -> torch.Tensor:
        """Roughness of each group of bands along time, along frequency and of the mean spectrum, `(batch, 24)`."""
        along_time = flux.abs().mean(dim=1)
        along_frequency = log_mel.diff(n=2, dim=2).abs().mean(dim=1)
        of_mean = log_mel.mean(dim=1).diff(n=2, dim=1).abs()
        roughness = torch.stack([nn.functional.pad(along_time, (0, -2)), along_frequency, of_mean], dim=1)
        return (roughness @ self.group_means.to(log_mel.device)).flatten(1)

    def harmony(self, log_mel: torch.Tensor) -> torch.Tensor:
        """
        Correlation with the best major and the best minor key, their difference, deviation over all keys; chroma from
        the tonic of the best key; moments of the change and of the clarity of chroma; sorted chroma, `(batch, 32)`.
        """
        chroma = self.chroma(log_mel)  # (B, T, 12)
        mean = chroma.mean(dim=1)
        fits = _unit(mean - mean.mean(dim=1, keepdim=True)) @ self.keys.to(mean.device).T  # (B, 24)
        major, minor = fits[:, :12].amax(dim=1), fits[:, 12:].amax(dim=1)
        keys = torch.stack([major, minor, major - minor, fits.std(dim=1, correction=0)], dim=1)
        tonic = fits.argmax(dim=1, keepdim=True) % 12
        from_tonic = mean.gather(1, (tonic + torch.arange(12, device=mean.device)) % 12)
        shapes = _unit(chroma - chroma.mean(dim=2, keepdim=True))
        step = min(self.chord_frames, chroma.shape[1] - 1)
        change = 1 - (shapes[:, step:] * shapes[:, :-step]).sum(dim=2)
        clarity = chroma.std(dim=2, correction=0)
        by_size = 12 * (mean / mean.sum(dim=1, keepdim=True).clamp_min(1e-6)).sort(dim=1).values
        return torch.cat([keys, from_tonic, moments(change[:, :, None]), moments(clarity[:, :, None]), by_size], dim=1)

    def chroma(self, log_mel: torch.Tensor) -> torch.Tensor:
        """How far the bands of each pitch class, from C, exceed their neighbours, `(batch, num_frames, 12)`."""
        margin = PEAK_BANDS // 2
        padded = nn.functional.pad(log_mel, (margin, margin))
        # Sums of 2, 4, ... neighbours take fewer operations than pooling, which is slow on a CPU.
        sums, width = padded, 1
        while 2 * width < PEAK_BANDS:
            sums, width = sums[..., :-width] + sums[..., width:], 2 * width
        num_bands = log_mel.shape[2]
        sums = sums[..., :num_bands] + sum(padded[..., i : i + num_bands] for i in range(width, PEAK_BANDS))
        excess = (log_mel - sums * self.neighbour_shares.to(log_mel.device)).clamp_min(0)
        return excess @ self.pitch_classes.to(log_mel.device)


def moments(values: torch.Tensor) -> torch.Tensor:
    """Mean and deviation over the frames, `(batch, num_frames, n)` -> `(batch, 2 n)`."""
    return torch.cat([values.mean(dim=1), deviation(values)], dim=1)


def deviation(values: torch.Tensor) -> torch.Tensor:
    """Standard deviation over the frames, `(batch, num_frames, n)` -> `(batch, n)`."""
    return values.var(dim=1, correction=0).clamp_min(1e-12).sqrt()  # the gradient of the root is infinite at 0


def largest(values: Sequence[torch.Tensor], number: int) -> list[torch.Tensor]:
    """
    The largest of some values, elementwise and in descending order.

    Values are inserted one by one into the ordered list. For a few dozen values this takes a quarter of the time of a
    sort, which torch and onnxruntime do row by row.

    Args:
        values: tensors of one shape, at least `number` of them.
    """
    kept: list[torch.Tensor] = []
    for value in values:
        for index, other in enumerate(kept):
            kept[index], value = torch.maximum(other, value), torch.minimum(other, value)
        if len(kept) < number:
            kept.append(value)
    return kept


def autocorrelation(values: torch.Tensor, max_lag: int) -> torch.Tensor:
    """
    Autocorrelation over the frames for lags of 0 to `max_lag` frames: 1 at lag 0, and 0 for constant values.

    Shape:
        `(batch, num_frames, n)` -> `(batch, max_lag + 1, n)`
    """
    centred = (values - values.mean(dim=1, keepdim=True)).transpose(1, 2)  # (B, n, T)
    num_frames = values.shape[1]
    num_points = num_frames + max_lag + 1  # padded with zeros, so that no lag wraps around
    # As products with matrices, so few and small transforms are faster than as fast transforms.
    steps = torch.arange(max(num_frames, max_lag + 1), device=values.device)
    bins = torch.arange(num_points // 2 + 1, device=values.device)
    angles = 2 * torch.pi / num_points * (steps[:, None] * bins % num_points).to(values.dtype)
    cosines, sines = angles.cos(), angles.sin()
    # Bins other than 0 and half the rate count twice, for their negatives.
    counts = 2 - ((bins == 0) | (2 * bins == num_points)).to(values.dtype)
    inverse = (cosines[: max_lag + 1] * counts / num_points).T
    transforms = torch.stack([cosines[:num_frames], sines[:num_frames]])
    products = (centred @ transforms[:, None]).square().sum(dim=0) @ inverse
    return (products / products[..., :1].clamp_min(1e-6)).transpose(1, 2)


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    """Vectors along the last axis scaled to norm 1; zeros stay zero."""
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-6)
