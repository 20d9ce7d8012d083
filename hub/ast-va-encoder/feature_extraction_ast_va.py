# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Feature extractor: waveforms to normalised log-mel spectrograms, with the front end of librosa or of kaldi."""

import math
from collections.abc import Iterator
from typing import Any, TypeGuard

import numpy as np
import torch
from transformers import BatchFeature, SequenceFeatureExtractor
from transformers.utils import logging

from .decoding_ast_va import MAX_SAMPLE, SAMPLING_RATES
from .frontends_ast_va import FRONTENDS

logger = logging.get_logger(__name__)

COUNTS = ("sampling_rate", "n_fft", "win_length", "hop_length", "num_mel_bins", "max_length")
NUMBERS = ("segment_seconds", "f_min", "f_max", "top_db", "padding_value", "mean", "std")
OPTIONAL = ("win_length", "f_max", "top_db", "padding_value")
STD_RANGE = (1e-3, 1e3)  # of log-mel values; other statistics are not those of spectrograms


class ASTVAFeatureExtractor(SequenceFeatureExtractor):
    r"""
    Constructs a feature extractor: mono waveforms to normalised log-mel spectrograms of fixed length, in torch.

    Args:
        sampling_rate: rate of the waveforms, in Hz.
        n_fft: length of the Fourier transform, in samples.
        win_length: length of the Hann window, in samples; `None` means `n_fft`.
        hop_length: step between frames, in samples.
        num_mel_bins: number of mel bands.
        max_length: number of frames of every spectrogram; shorter ones are padded, longer ones are cut, with a warning.
        segment_seconds: length of the segments that a song is split into, in seconds; at most `max_length` frames.
        f_min, f_max: lower and upper edge of the mel bands, in Hz. Without `f_max`, half the sampling rate.
        frontend: `"librosa"` computes `librosa.power_to_db` of `librosa.feature.melspectrogram`: centred frames, Slaney
            mel bands, dB. `"kaldi"` computes the log-mels of transformers' [`ASTFeatureExtractor`]: whole frames only,
            mean removed, pre-emphasis, kaldi mel bands, natural logarithm; `ref` and `top_db` are ignored.
        ref: power of 0 dB: `"max"` is the maximum of each waveform; a number keeps loudness.
        top_db: range below the maximum of a waveform, in dB; quieter values are raised to it. `None` keeps all values.
        padding_value: log-mel value of padded frames, before normalisation. `None` means the quietest possible value:
            the maximum less `top_db` (without `top_db`, the minimum), or the floor of kaldi.
        do_normalize: whether to subtract `mean` and divide by `std`.
        mean, std: mean and standard deviation of the log-mel values of the training set.
        kwargs: arguments of [`SequenceFeatureExtractor`]. `feature_size` is `num_mel_bins` by default.

    Raises:
        ValueError: if settings are out of range or do not fit each other.

    Example:

    ```python
    >>> feature_extractor = ASTVAFeatureExtractor()
    >>> feature_extractor(torch.rand(5 * 44100), sampling_rate=44100, return_tensors="pt")["input_values"].shape
    torch.Size([1, 432, 128])

    ```"""

    model_input_names = ["input_values"]

    def __init__(
        self,
        sampling_rate: int = 44100,
        n_fft: int = 2048,
        win_length: int | None = None,
        hop_length: int = 512,
        num_mel_bins: int = 128,
        max_length: int = 432,
        segment_seconds: float = 5.0,
        f_min: float = 0.0,
        f_max: float | None = None,
        frontend: str = "librosa",
        ref: str | float = "max",
        top_db: float | None = 80.0,
        padding_value: float | None = None,
        do_normalize: bool = True,
        mean: float = -48.04,
        std: float = 19.74,
        **kwargs,
    ):
        # Without an attention mask, because every spectrogram has max_length frames.
        kwargs = {"feature_size": num_mel_bins, "return_attention_mask": False} | kwargs
        super().__init__(sampling_rate=sampling_rate, padding_value=padding_value, **kwargs)
        self.n_fft, self.win_length, self.hop_length = n_fft, win_length, hop_length
        self.num_mel_bins, self.max_length, self.segment_seconds = num_mel_bins, max_length, segment_seconds
        self.f_min, self.f_max = f_min, f_max
        self.frontend, self.ref, self.top_db = frontend, ref, top_db
        self.do_normalize, self.mean, self.std = do_normalize, mean, std
        self._check_settings()

    def num_frames(self, num_samples: int) -> int:
        """Number of frames of a waveform of `num_samples` samples, before padding or cutting."""
        inside = 0 if FRONTENDS[self.frontend].centered else self.window_samples
        return max(0, 1 + (num_samples - inside) // self.hop_length)

    def normalize(self, log_mel):
        """Subtract `mean` from log-mel values, an array or tensor of any shape, and divide by `std`."""
        return (log_mel - self.mean) / self.std

    def pad(self, processed_features, padding=True, *args, **kwargs):
        """Collate spectrograms into a batch, as [`DataCollatorWithPadding`] and with it [`Trainer`] do."""
        # The base class demands a padding value even where the spectrograms have one length, as those of `__call__`.
        if self.padding_value is None and padding in (True, "longest") and not kwargs.get("pad_to_multiple_of"):
            name, features = self.model_input_names[0], processed_features
            values = [row[name] for row in features] if isinstance(features, (list, tuple)) else features[name]
            padding = len(set(map(len, values))) > 1
        return super().pad(processed_features, padding, *args, **kwargs)

    @torch.no_grad()
    def __call__(
        self,
        raw_speech,
        sampling_rate: int | None = None,
        return_tensors: str | None = None,
        do_normalize: bool | None = None,
        device: str | torch.device = "cpu",
    ) -> BatchFeature:
        """
        Compute the log-mel spectrograms of one or several waveforms.

        Args:
            raw_speech: a mono waveform of floats in [-1, 1], as array, tensor or list; or a batch: a list of waveforms
                of any lengths, or a two-dimensional array or tensor.
            sampling_rate: rate of the waveforms, in Hz; must equal that of the feature extractor.
            return_tensors: `"pt"` or `"np"`; `None` returns a list of arrays.
            do_normalize: overrides the setting of the feature extractor.
            device: device of the computation and of the returned tensor.

        Shape:
            `(num_samples,)` or `(batch, num_samples)` -> `input_values` `(batch, max_length, num_mel_bins)`, float32.

        Raises:
            ValueError: if the rate is missing or different; if a waveform is empty, not mono or not of floats, or has
                samples that are NaN, infinite or far beyond full scale.
        """
        _check(return_tensors in (None, "np", "pt"), 'return_tensors to be "np", "pt" or None', repr(return_tensors))
        _check(sampling_rate == self.sampling_rate, f"sampling_rate={self.sampling_rate} Hz", sampling_rate)
        min_samples = 1 if FRONTENDS[self.frontend].centered else self.window_samples
        waveforms = [_check_waveform(waveform, min_samples).to(device) for waveform in _as_batch(raw_speech)]
        log_mels = waveforms[0].new_empty(len(waveforms), self.max_length, self.num_mel_bins)
        for rows, batch in _group_by_length(waveforms):
            log_mel, floor = FRONTENDS[self.frontend].log_mel(self, batch)
            if log_mel.shape[1] > self.max_length:
                seconds = self.max_length * self.hop_length / self.sampling_rate
                logger.warning_once(
                    f"Only the first {seconds:.2f} s of longer waveforms are used: expected one segment. "
                    'pipeline("music-emotion", ...) splits a song into segments and rates all of it.'
                )
            num_frames = min(log_mel.shape[1], self.max_length)
            log_mels[rows, :num_frames] = log_mel[:, :num_frames]
            log_mels[rows, num_frames:] = floor if self.padding_value is None else self.padding_value
        if self.do_normalize if do_normalize is None else do_normalize:
            log_mels = self.normalize(log_mels)
        input_values = log_mels if return_tensors == "pt" else log_mels.cpu().numpy()
        return BatchFeature({"input_values": list(input_values) if return_tensors is None else input_values})

    @property
    def window_samples(self) -> int:
        """Length of the Hann window, in samples."""
        return self.n_fft if self.win_length is None else self.win_length

    @property
    def mel_bank(self) -> tuple[int, float, float, int]:
        """Number of mel bands, lower and upper edge and sampling rate, in Hz: arguments of `mel_filter_bank`."""
        return (self.num_mel_bins, self.f_min, self.f_max or self.sampling_rate / 2, self.sampling_rate)

    def _check_settings(self) -> None:
        for name in (*COUNTS, *NUMBERS):
            value, is_count = getattr(self, name), name in COUNTS
            is_valid = _is_number(value) and (not is_count or (isinstance(value, int) and value >= 1))
            expected = f"{name} to be {'an integer of at least 1' if is_count else 'a finite number'}"
            _check(is_valid or (value is None and name in OPTIONAL), expected, repr(value))
        _check(isinstance(self.do_normalize, bool), "do_normalize to be True or False", repr(self.do_normalize))
        low, high = SAMPLING_RATES
        _check(low <= self.sampling_rate <= high, f"sampling_rate from {low:,} to {high:,} Hz", self.sampling_rate)
        nyquist, window_samples = self.sampling_rate / 2, self.window_samples
        f_max = nyquist if self.f_max is None else self.f_max
        is_power = _is_number(self.ref) and self.ref > 0
        is_known = isinstance(self.frontend, str) and self.frontend in FRONTENDS
        _check(is_known, f"frontend to be one of {list(FRONTENDS)}", repr(self.frontend))
        _check(1 <= window_samples <= self.n_fft, f"win_length in [1, n_fft={self.n_fft}]", window_samples)
        _check(0 <= self.f_min < f_max, "0 <= f_min < f_max", f"f_min={self.f_min} and f_max={f_max}")
        _check(f_max <= nyquist, f"f_max of at most {nyquist} Hz, half the sampling rate", f_max)
        _check(self.ref == "max" or is_power, 'ref to be "max" or a positive power', repr(self.ref))
        _check(self.top_db is None or self.top_db > 0, "a positive top_db", self.top_db)
        _check(STD_RANGE[0] <= self.std <= STD_RANGE[1], "std from {:g} to {:g}".format(*STD_RANGE), self.std)
        _check(abs(self.mean) <= STD_RANGE[1], f"mean from {-STD_RANGE[1]:g} to {STD_RANGE[1]:g}", self.mean)
        frames = self.num_frames(round(self.segment_seconds * self.sampling_rate))
        expected = f"segment_seconds of 1 to max_length={self.max_length} frames"
        _check(1 <= frames <= self.max_length, expected, f"{self.segment_seconds}, which is {frames} frames")


def _check(is_valid: bool, expected: str, given: Any) -> None:
    if not is_valid:
        raise ValueError(f"Expected {expected}, but got {given}.")


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -math.inf < value < math.inf


def _check_waveform(waveform, min_samples: int) -> torch.Tensor:
    if isinstance(waveform, np.ndarray):
        waveform = np.require(waveform, requirements=["C", "W"])  # torch has no reversed or read-only arrays
    waveform = torch.as_tensor(waveform)
    _check(waveform.ndim == 1, "a mono waveform (num_samples,)", f"shape {tuple(waveform.shape)}")
    _check(waveform.is_floating_point(), "a waveform of floats in [-1, 1]", waveform.dtype)
    _check(len(waveform) >= min_samples, f"a waveform of at least {min_samples} samples", len(waveform))
    waveform = waveform.float()
    lowest, highest = waveform.aminmax()
    is_valid = bool((lowest >= -MAX_SAMPLE) & (highest <= MAX_SAMPLE))  # false for NaN, too
    count = 0 if is_valid else int((~(waveform.abs() <= MAX_SAMPLE)).sum())
    given = f"{count} of {len(waveform)} that are NaN, infinite or larger"
    _check(is_valid, f"finite samples of at most {MAX_SAMPLE:g} times full scale", given)
    return waveform


def _as_batch(raw_speech) -> list:
    """List of waveforms."""
    if isinstance(raw_speech, (np.ndarray, torch.Tensor)):
        return list(raw_speech) if raw_speech.ndim > 1 else [raw_speech]
    if not isinstance(raw_speech, (list, tuple)) or not raw_speech:
        raise ValueError(f"Expected a waveform or a list of waveforms, but got {raw_speech!r:.40}.")
    return [raw_speech] if np.ndim(raw_speech[0]) == 0 else list(raw_speech)


def _group_by_length(waveforms: list[torch.Tensor]) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Rows of the batch, and their waveforms, to compute together: on CPU one at a time, which stays in the cache."""
    groups: dict[int, list[int]] = {}
    for index, waveform in enumerate(waveforms):
        groups.setdefault(index if waveform.device.type == "cpu" else len(waveform), []).append(index)
    for rows in groups.values():
        yield rows, torch.stack([waveforms[row] for row in rows])


__all__ = ["ASTVAFeatureExtractor"]

# The code is saved with every feature extractor, so that it loads where this package is not installed.
ASTVAFeatureExtractor.register_for_auto_class()
