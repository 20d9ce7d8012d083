# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Hand-made descriptors of log-mel spectrograms from music information retrieval, computed in torch.

A few thousand segments are not enough to learn what a beat or a key is, so these features are given to the network.

Source:
    Timbre, loudness, spectral shape and contrast: Peeters (2004), "A large set of audio features"; Jiang et al. (2002),
    ICME. Rhythm, the autocorrelation of the spectral flux: Scheirer (1998), JASA 103(1). Harmony, chroma and its
    correlation with key profiles: Krumhansl (1990), "Cognitive Foundations of Musical Pitch".
"""

from itertools import pairwise

import numpy as np
import torch
from torch import nn
from transformers.audio_utils import hertz_to_mel, mel_to_hertz

NUM_COEFFICIENTS = 20  # cepstral coefficients of the timbre
LOUDNESS_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
ROLLOFF = 0.85  # share of the weight of a frame below the roll-off
NUM_GROUPS = 8  # groups of neighbouring bands, for contrast and texture
RHYTHM_EDGES = (0.0, 0.1, 0.3, 0.62, 1.0)  # as shares of all bands; each range between edges has its own flux
LAG_SECONDS = (0.06, 1.6)  # shortest and longest lag of the autocorrelation
NUM_LAG_RANGES = 32
BEAT_SECONDS = 0.24  # shortest time between beats: 250 beats per minute
HARMONY_HERTZ = (100.0, 3000.0)  # frequencies from which chroma is computed
PEAK_BANDS = 9  # a peak exceeds the mean of so many neighbouring bands
PITCH_WIDTH = 0.35  # standard deviation of the Gaussian weights of a pitch class, in semitones
CHORD_SECONDS = 0.2  # distance between the frames that are compared for a change of harmony
MIDDLE_C = 261.63  # Hz

# Mean ratings by listeners of how well each of the twelve notes fits C major and C minor: Krumhansl (1990), p. 30.
KEY_PROFILES = (
    (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
)


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
        self.rhythm_edges = [round(num_mel_bins * share) for share in RHYTHM_EDGES]
        # Plain attributes and not buffers: `model.half()` would round buffers, and loading would not fill them.
        # Made from arrays, because `from_pretrained` builds the model on the "meta" device, which holds no values.
        self.cosines = _constant(cosine_matrix(num_mel_bins, min(NUM_COEFFICIENTS, num_mel_bins)))
        self.band_positions = _constant(np.linspace(0, 1, num_mel_bins))
        self.quantiles = _constant(np.array(LOUDNESS_QUANTILES))
        self.pitch_classes = _constant(pitch_class_weights(mel_band_centres(num_mel_bins, f_min, f_max)))
        self.keys = _constant(key_templates())

    @property
    def group_sizes(self) -> dict[str, int]:
        """Number of descriptors of each group, in the order of the output."""
        num_fluxes = len(self.rhythm_edges)  # all bands, and each range of bands
        return {
            "timbre": 3 * self.cosines.shape[1],  # mean, deviation, deviation of the steps
            "loudness": 2 + len(LOUDNESS_QUANTILES) + 3,  # moments, quantiles; range, steps, share below the mean
            "shape": 2 * 4,  # moments of centroid, bandwidth, roll-off and flatness
            "contrast": 2 * NUM_GROUPS,  # moments
            "rhythm": len(self.lag_edges) - 1 + 4 * num_fluxes,  # lag ranges; beat, deviation, mean, maximum
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
            groups = [
                self.timbre(log_mel),
                self.loudness(log_mel),
                self.shape(log_mel),
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

    def loudness(self, log_mel: torch.Tensor) -> torch.Tensor:
        """Loudness of the frames: moments, quantiles, range, deviation of steps, share below mean, `(batch, 10)`."""
        loudness = _loudness_of_frames(log_mel)
        quantiles = torch.quantile(loudness, self.quantiles.to(loudness.device), dim=1).T
        below_mean = (loudness < loudness.mean(dim=1, keepdim=True)).float().mean(dim=1, keepdim=True)
        steps = deviation(loudness.diff(dim=1)[:, :, None])
        return torch.cat(
            [moments(loudness[:, :, None]), quantiles, quantiles[:, -1:] - quantiles[:, :1], steps, below_mean], dim=1
        )

    def shape(self, log_mel: torch.Tensor) -> torch.Tensor:
        """Moments of centroid, bandwidth, roll-off and flatness of the frames, `(batch, 8)`."""
        weights, positions = log_mel.softmax(dim=2), self.band_positions.to(log_mel.device)
        centroid = (weights * positions).sum(dim=2)
        variance = (weights * positions.square()).sum(dim=2) - centroid.square()
        bandwidth = variance.clamp_min(1e-8).sqrt()
        rolloff = (weights.cumsum(dim=2) < ROLLOFF).float().mean(dim=2)
        flatness = log_mel.mean(dim=2) - _loudness_of_frames(log_mel)
        return moments(torch.stack([centroid, bandwidth, rolloff, flatness], dim=2))

    def contrast(self, log_mel: torch.Tensor) -> torch.Tensor:
        """Moments of the difference between peaks and valleys in each group of bands, `(batch, 16)`."""
        contrasts = []
        for first, last in pairwise(self.group_edges):
            bands = log_mel[:, :, first:last].sort(dim=2).values
            num_extremes = max(1, (last - first) // 6)
            contrasts.append(bands[:, :, -num_extremes:].mean(dim=2) - bands[:, :, :num_extremes].mean(dim=2))
        return moments(torch.stack(contrasts, dim=2))

    def rhythm(self, flux: torch.Tensor) -> torch.Tensor:
        """
        Largest autocorrelation of the flux of all bands in each range of lags; then strongest beat, deviation, mean and
        maximum of the flux of all bands and of each range of bands, `(batch, num_lag_ranges + 20)`.
        """
        ranges = [(0, flux.shape[2]), *pairwise(self.rhythm_edges)]
        strengths = torch.stack([flux[:, :, first:last].mean(dim=2) for first, last in ranges], dim=2)
        correlations = autocorrelation(strengths, self.lag_edges[-1])
        over_lags = [correlations[:, first:last, 0].amax(dim=1) for first, last in pairwise(self.lag_edges)]
        strongest_beat = correlations[:, self.beat_lag :].amax(dim=1)
        of_strengths = [strongest_beat, deviation(strengths), strengths.mean(dim=1), strengths.amax(dim=1)]
        return torch.cat([torch.stack(over_lags, dim=1), *of_strengths], dim=1)

    def texture(self, log_mel: torch.Tensor, flux: torch.Tensor) -> torch.Tensor:
        """Roughness of each group of bands along time, along frequency and of the mean spectrum, `(batch, 24)`."""
        along_time = flux.abs().mean(dim=1)
        along_frequency = log_mel.diff(n=2, dim=2).abs().mean(dim=1)
        of_mean = log_mel.mean(dim=1).diff(n=2, dim=1).abs()
        edges = [*self.group_edges[:-1], log_mel.shape[2] - 2]
        return torch.stack(
            [
                roughness[:, first:last].mean(dim=1)
                for roughness in (along_time, along_frequency, of_mean)
                for first, last in pairwise(edges)
            ],
            dim=1,
        )

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
        surroundings = nn.functional.avg_pool1d(
            log_mel, PEAK_BANDS, stride=1, padding=PEAK_BANDS // 2, count_include_pad=False
        )
        return (log_mel - surroundings).clamp_min(0) @ self.pitch_classes.to(log_mel.device)


def moments(values: torch.Tensor) -> torch.Tensor:
    """Mean and deviation over the frames, `(batch, num_frames, n)` -> `(batch, 2 n)`."""
    return torch.cat([values.mean(dim=1), deviation(values)], dim=1)


def deviation(values: torch.Tensor) -> torch.Tensor:
    """Standard deviation over the frames, `(batch, num_frames, n)` -> `(batch, n)`."""
    return values.var(dim=1, correction=0).clamp_min(1e-12).sqrt()  # the gradient of the root is infinite at 0


def autocorrelation(values: torch.Tensor, max_lag: int) -> torch.Tensor:
    """
    Autocorrelation over the frames for lags of 0 to `max_lag` frames: 1 at lag 0, and 0 for constant values.

    Shape:
        `(batch, num_frames, n)` -> `(batch, max_lag + 1, n)`
    """
    centred = values - values.mean(dim=1, keepdim=True)
    num_points = values.shape[1] + max_lag + 1  # padded with zeros, so that no lag wraps around
    power = torch.fft.rfft(centred, num_points, dim=1).abs().square()
    products = torch.fft.irfft(power, num_points, dim=1)[:, : max_lag + 1]
    return products / products[:, :1].clamp_min(1e-6)


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


def _constant(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    """Vectors along the last axis scaled to norm 1; zeros stay zero."""
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-6)


def _loudness_of_frames(log_mel: torch.Tensor) -> torch.Tensor:
    """Logarithm of the summed power of the bands of each frame, `(batch, num_frames)`."""
    return torch.logsumexp(2 * log_mel, dim=2) / 2
