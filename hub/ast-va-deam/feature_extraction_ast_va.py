# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Feature extractor: waveform to normalised log-mel spectrogram, a whole batch at once, in torch.

Shapes: `num_samples` of a waveform, `num_frames` (T) by `num_mel_bins` (F) of a spectrogram, `num_bins` = n_fft / 2 + 1
of a power spectrum.
"""

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from transformers import BatchFeature, SequenceFeatureExtractor
from transformers.audio_utils import mel_filter_bank

AMIN = 1e-10  # power below this counts as this, as in librosa.power_to_db
KALDI_FLOOR = 1.192092955078125e-07  # the smallest mel energy, single precision's epsilon, as in kaldi
KALDI_PREEMPHASIS = 0.97
FRAMES_PER_BLOCK = 64  # transformed at a time on CPU: so many stay in its cache
BANDS_PER_PRODUCT = 16  # fastest on CPU; see mel_products
ROUNDED_BELOW = 5e-5  # of a frame's mean power, -43 dB: what single precision rounds too coarsely; see _is_coarse
FRONTENDS = ("librosa", "kaldi")


class ASTVAFeatureExtractor(SequenceFeatureExtractor):
    r"""
    Turns mono waveforms into the normalised log-mel spectrograms that an [`ASTVAForRegression`] hears.

    Args:
        sampling_rate: rate of the waveforms, in Hz.
        n_fft: length of the Fourier transform, in samples.
        win_length: length of the Hann window, in samples; `None` is `n_fft`.
        hop_length: step from frame to frame, in samples.
        num_mel_bins: mel bands.
        max_length: frames of every spectrogram: shorter ones are padded, longer ones cut.
        segment_seconds: length of the segments that songs are cut into; at most `max_length` frames.
        f_min: lower edge of the lowest band, in Hz.
        f_max: upper edge of the highest band, in Hz; `None` is half the sampling rate.
        frontend: `"librosa"`: centred frames, Slaney mel bands of equal area, power in dB, as `librosa.power_to_db` of
            `librosa.feature.melspectrogram`. `"kaldi"`: whole frames only, offset removed and pre-emphasised, kaldi mel
            bands, natural logarithm, as the library's [`ASTFeatureExtractor`]; `ref` and `top_db` do not apply.
        ref: power of 0 dB: `"max"`, each waveform's own maximum, or a number, which keeps loudness.
        top_db: range below a waveform's maximum, in dB; what is quieter is raised to it. `None` keeps all.
        padding_value: log-mel value of padded frames, before normalisation; `None` is the quietest value that the
            waveform could have: its maximum less `top_db` (without it, its minimum), or the floor of kaldi.
        do_normalize: whether to apply `mean` and `std`.
        mean, std: of the log-mel values of the training set. The defaults are those of DEAM.

    Raises:
        ValueError: for settings that cannot work; the message names the numbers.

    Example:

    ```python
    >>> import numpy as np
    >>> from modeling_ast_va import ASTVAFeatureExtractor

    >>> feature_extractor = ASTVAFeatureExtractor()
    >>> waveform = np.sin(2 * np.pi * 440 * np.arange(5 * 44100) / 44100)
    >>> feature_extractor(waveform, sampling_rate=44100, return_tensors="pt")["input_values"].shape
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
        kwargs.pop("feature_size", None)  # follows from num_mel_bins
        kwargs.setdefault("return_attention_mask", False)  # every spectrogram has max_length frames
        super().__init__(feature_size=num_mel_bins, sampling_rate=sampling_rate, padding_value=padding_value, **kwargs)
        self.n_fft = n_fft
        self.win_length = win_length
        self.hop_length = hop_length
        self.num_mel_bins = num_mel_bins
        self.max_length = max_length
        self.segment_seconds = segment_seconds
        self.f_min = f_min
        self.f_max = f_max
        self.frontend = frontend
        self.ref = ref
        self.top_db = top_db
        self.do_normalize = do_normalize
        self.mean = mean
        self.std = std
        self._check_settings()

    def num_frames(self, num_samples: int) -> int:
        """Frames of a waveform of `num_samples` samples, before padding or cutting."""
        if self.frontend == "librosa":
            return 1 + num_samples // self.hop_length
        return max(0, 1 + (num_samples - self._window_samples) // self.hop_length)

    def normalize(self, log_mel):
        """Log-mel values, an array or tensor of any shape, with the training set's mean 0 and deviation 1."""
        return (log_mel - self.mean) / self.std

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
        Args:
            raw_speech: one mono waveform `(num_samples,)` of floats in [-1, 1], as array, tensor or list, or a batch:
                a list of these, of any lengths, or an array or tensor `(batch, num_samples)`.
            sampling_rate: rate of the waveforms, in Hz; must be the feature extractor's own.
            return_tensors: `"pt"` or `"np"`; `None` is a list of arrays.
            do_normalize: overrides the setting.
            device: where to compute; a tensor stays there.

        Returns:
            `input_values` `(batch, max_length, num_mel_bins)`, float32.

        Raises:
            ValueError: for a wrong or missing rate, an empty or multi-channel waveform, integers, NaN or infinity.
        """
        if return_tensors not in (None, "np", "pt"):
            raise ValueError(f'return_tensors must be "np", "pt" or None, but is {return_tensors!r}.')
        if sampling_rate != self.sampling_rate:
            raise ValueError(
                f"This feature extractor expects waveforms at {self.sampling_rate} Hz, but sampling_rate is "
                f"{sampling_rate}. Resample them, and pass sampling_rate={self.sampling_rate}."
            )
        waveforms = [self._check_waveform(waveform).to(device) for waveform in _as_batch(raw_speech)]
        log_mels = waveforms[0].new_empty(len(waveforms), self.max_length, self.num_mel_bins)
        for rows, batch in _computed_together(waveforms):
            log_mel, padding_value = self._log_mel(batch)
            num_frames = min(log_mel.shape[1], self.max_length)
            log_mels[rows, :num_frames] = log_mel[:, :num_frames]
            log_mels[rows, num_frames:] = padding_value
        if self.do_normalize if do_normalize is None else do_normalize:
            log_mels = self.normalize(log_mels)
        if return_tensors is None:
            return BatchFeature({"input_values": list(log_mels.cpu().numpy())})
        return BatchFeature({"input_values": log_mels if return_tensors == "pt" else log_mels.cpu().numpy()})

    def _log_mel(self, waveforms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`(batch, num_samples)` -> `(batch, num_frames, num_mel_bins)`, not normalised, and what to pad it with."""
        log_mel, floor = (self._librosa_log_mel if self.frontend == "librosa" else self._kaldi_log_mel)(waveforms)
        return log_mel, floor if self.padding_value is None else log_mel.new_tensor(self.padding_value)

    def _librosa_log_mel(self, waveforms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Decibels `(batch, num_frames, num_mel_bins)`, and the quietest value that they could have `(batch, 1, 1)`."""
        half = self.n_fft // 2
        frames = torch.nn.functional.pad(waveforms, (half, half)).unfold(1, self.n_fft, self.hop_length)
        mel_power, mean_power = self._mel_power(frames, torch.float32)
        coarse = self._is_coarse(mel_power, mean_power)
        if coarse.any():
            mel_power[coarse] = self._mel_power(frames[coarse], torch.float64)[0]
        decibels = mel_power.clamp_(min=AMIN).log10_().mul_(10)
        decibels -= _maximum(decibels) if self.ref == "max" else 10 * math.log10(max(AMIN, float(self.ref)))
        floor = -_maximum(-decibels) if self.top_db is None else _maximum(decibels) - self.top_db
        return decibels.clamp_(min=floor), floor

    def _kaldi_log_mel(self, waveforms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Natural logarithms `(batch, num_frames, num_mel_bins)`, and the quietest value that they could have."""
        frames = waveforms.unfold(1, self._window_samples, self.hop_length)
        # Pre-emphasis takes much of the energy, but not what rounded it: all frames in double precision.
        mel_power, _ = self._mel_power(frames, torch.float64)
        return mel_power.clamp_(min=KALDI_FLOOR).log_(), mel_power.new_tensor(KALDI_FLOOR).log_()

    def _mel_power(self, frames: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """
        Power in each mel band, and the mean power of the bins of the spectrum, which tells how it was rounded.

        Args:
            frames (`(..., num_frames, at most n_fft)`): samples, not windowed.
            dtype: precision of the transform, where the device has it.

        Shape:
            `(..., num_frames, num_mel_bins)` and `(..., num_frames, 1)`, float32.
        """
        kaldi = self.frontend == "kaldi"
        shape, frames = frames.shape[:-1], frames.flatten(0, -2)
        window = hann_window(self._window_samples, frames.shape[1], not kaldi, dtype, frames.device)
        power = frames.new_empty(len(frames), self.n_fft // 2 + 1)
        block_size = FRAMES_PER_BLOCK if frames.device.type == "cpu" else len(frames)
        for block, block_power in zip(frames.split(block_size), power.split(block_size)):
            block = block.to(window.dtype)
            spectrum = torch.fft.rfft((emphasize(block) if kaldi else block) * window, n=self.n_fft)
            # A third of the time of abs().square(), which takes a root only to undo it.
            squares = torch.view_as_real(spectrum).square_()
            torch.add(squares[..., 0], squares[..., 1], out=block_power)
        mel_power = power.new_empty(len(power), self.num_mel_bins)
        for bins, bands, weights in self._mel_products(power.device)[0]:
            torch.mm(power[:, bins], weights, out=mel_power[:, bands])
        return mel_power.view(*shape, -1), power.mean(dim=1).view(*shape, 1)

    def _is_coarse(self, mel_power: torch.Tensor, mean_power: torch.Tensor) -> torch.Tensor:
        """
        Frames in which single precision is too coarse, `(batch, num_frames)`: those with a band that counts, but is
        very quiet beside the loud ones.

        The transform rounds each bin by about e = 1.3e-7 of the root of the mean power M, whatever the bin holds. A
        band of power P, whose largest weight is w, is then off by at most e sqrt(2 w M / P) of it, root mean square:
        where P / (w M) = 5e-5, by 1e-4 dB. In music up to 5e-4 dB occur, since the rounding is not quite white: a loud
        bass comes back at an eighth and a quarter of the sampling rate. What `top_db` or AMIN cuts off does not count,
        and little else in music is so quiet.
        """
        floor = _maximum(mel_power) * (0 if self.top_db is None else 10 ** (-self.top_db / 10))
        limit = mean_power * (ROUNDED_BELOW * self._mel_products(mel_power.device)[1])
        # Above the floor and below the limit; comparing them itself, and `any`, takes four times as long.
        return torch.minimum(mel_power - floor.clamp(min=AMIN), limit - mel_power).amax(dim=-1) > 0

    def _mel_products(self, device: torch.device):
        return mel_products(
            self.sampling_rate, self.n_fft, self.num_mel_bins, self.f_min, self._f_max, self.frontend, device
        )

    @property
    def _window_samples(self) -> int:
        return self.n_fft if self.win_length is None else self.win_length

    @property
    def _f_max(self) -> float:
        return self.sampling_rate / 2 if self.f_max is None else self.f_max

    def _check_settings(self) -> None:
        for name in ("sampling_rate", "n_fft", "hop_length", "num_mel_bins", "max_length"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, but is {getattr(self, name)}.")
        segment_frames = self.num_frames(round(self.segment_seconds * self.sampling_rate))
        if not 1 <= segment_frames <= self.max_length:
            raise ValueError(
                f"A segment of {self.segment_seconds} s has {segment_frames} frames; expected between 1 and "
                f"max_length={self.max_length}."
            )
        if not 1 <= self._window_samples <= self.n_fft:
            raise ValueError(f"win_length must lie in [1, n_fft={self.n_fft}], but is {self.win_length}.")
        if not 0 <= self.f_min < self._f_max <= self.sampling_rate / 2:
            raise ValueError(
                f"Expected 0 <= f_min < f_max <= {self.sampling_rate / 2} Hz, half the sampling rate, "
                f"but f_min is {self.f_min} and f_max is {self.f_max}."
            )
        if self.frontend not in FRONTENDS:
            raise ValueError(f"frontend must be one of {FRONTENDS}, but is {self.frontend!r}.")
        if self.ref != "max" and not (isinstance(self.ref, (int, float)) and self.ref > 0):
            raise ValueError(f'ref must be "max" or a positive power, but is {self.ref!r}.')
        if self.top_db is not None and self.top_db <= 0:
            raise ValueError(f"top_db must be positive, but is {self.top_db}.")
        if not self.std > 0:
            raise ValueError(f"std must be positive, but is {self.std}.")

    def _check_waveform(self, waveform) -> torch.Tensor:
        if isinstance(waveform, np.ndarray):
            waveform = np.require(waveform, requirements=["C", "W"])  # torch has no reversed or read-only arrays
        waveform = torch.as_tensor(waveform)
        if waveform.ndim != 1:
            raise ValueError(
                f"Expected a mono waveform of shape (num_samples,), but got shape {tuple(waveform.shape)}. "
                "Average its channels first."
            )
        if not waveform.is_floating_point():
            raise ValueError(f"Expected a waveform of floats in [-1, 1], but got {waveform.dtype}.")
        if self.num_frames(len(waveform)) < 1 or not len(waveform):
            needed = 1 if self.frontend == "librosa" else self._window_samples
            raise ValueError(f"Expected a waveform of at least {needed} samples, but got {len(waveform)}.")
        # The sum is not finite if a sample is not, and takes a tenth of the time.
        if not torch.isfinite(waveform.sum()) and (count := int((~torch.isfinite(waveform)).sum())):
            raise ValueError(f"Expected finite samples, but {count} of {len(waveform)} are NaN or infinite.")
        return waveform.float()


def _as_batch(raw_speech) -> list:
    """One waveform or many, in any of the accepted forms, as a list of waveforms."""
    if isinstance(raw_speech, (np.ndarray, torch.Tensor)):
        if raw_speech.ndim not in (1, 2):
            raise ValueError(
                "Expected a mono waveform (num_samples,) or a batch of them (batch, num_samples), "
                f"but got shape {tuple(raw_speech.shape)}."
            )
        return list(raw_speech) if raw_speech.ndim == 2 else [raw_speech]
    if not isinstance(raw_speech, (list, tuple)):
        raise ValueError(f"Expected a waveform or a list of waveforms, but got {type(raw_speech).__name__}.")
    if not raw_speech:
        raise ValueError("Expected a waveform or a list of waveforms, but got an empty list.")
    return [raw_speech] if np.ndim(raw_speech[0]) == 0 else list(raw_speech)


def _computed_together(waveforms: list[torch.Tensor]) -> Iterator[tuple[slice | list[int], torch.Tensor]]:
    """
    Which of the waveforms, and these as a batch `(batch, num_samples)`.

    A GPU wants all that are of one length; on CPU one at a time stays in the cache.
    """
    if waveforms[0].device.type == "cpu":
        for index, waveform in enumerate(waveforms):
            yield slice(index, index + 1), waveform[None]
        return
    indices_of: dict[int, list[int]] = {}
    for index, waveform in enumerate(waveforms):
        indices_of.setdefault(len(waveform), []).append(index)
    for indices in indices_of.values():
        yield indices, torch.stack([waveforms[index] for index in indices])


def _maximum(values: torch.Tensor) -> torch.Tensor:
    """Of each of a batch `(batch, num_frames, num_mel_bins)`: `(batch, 1, 1)`."""
    return values.flatten(1).amax(dim=1).view(-1, 1, 1)


@lru_cache(maxsize=8)
def hann_window(
    window_samples: int, frame_samples: int, periodic: bool, dtype: torch.dtype, device: torch.device
) -> torch.Tensor:
    """Hann window in the middle of a frame of zeros, `(frame_samples,)`; single precision where there is no double."""
    window = torch.hann_window(window_samples, periodic=periodic, dtype=torch.float64)
    left = (frame_samples - window_samples) // 2
    window = torch.nn.functional.pad(window, (left, frame_samples - window_samples - left))
    return window.to(device, torch.float32 if device.type == "mps" else dtype)


def emphasize(frames: torch.Tensor) -> torch.Tensor:
    """Kaldi's frames: without their offset, each sample less most of the one before; `(num_frames, samples)`."""
    frames = frames - frames.mean(dim=1, keepdim=True)
    previous = torch.cat([frames[:, :1], frames[:, :-1]], dim=1)
    return frames - KALDI_PREEMPHASIS * previous


@lru_cache(maxsize=8)
def mel_products(
    sampling_rate: int, n_fft: int, num_mel_bins: int, f_min: float, f_max: float, frontend: str, device: torch.device
) -> tuple[list[tuple[slice, slice, torch.Tensor]], torch.Tensor]:
    """
    Mel filter bank as a few small matrix products.

    A bin of the spectrum falls into two bands at most, so nearly all of the `(num_bins, num_mel_bins)` matrix is zero.
    Cut into groups of neighbouring bands, each group needs only the bins that it covers: on CPU a fifth of the time.

    Returns:
        For each group: its bins, its bands, and its weights `(bins, bands)`; and the largest weight of each band
        `(num_mel_bins,)`.
    """
    kaldi = frontend == "kaldi"
    filters = mel_filter_bank(
        num_frequency_bins=n_fft // 2 + 1,
        num_mel_filters=num_mel_bins,
        min_frequency=f_min,
        max_frequency=f_max,
        sampling_rate=sampling_rate,
        norm=None if kaldi else "slaney",
        mel_scale="kaldi" if kaldi else "slaney",
        triangularize_in_mel_space=kaldi,
    )
    products = []
    for first in range(0, num_mel_bins, BANDS_PER_PRODUCT):
        bands = slice(first, min(first + BANDS_PER_PRODUCT, num_mel_bins))
        used = np.flatnonzero(filters[:, bands].any(axis=1))
        bins = slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 1)
        weights = torch.from_numpy(filters[bins, bands].copy())
        products.append((bins, bands, weights.to(device, torch.float32)))
    return products, torch.from_numpy(filters.max(axis=0)).to(device, torch.float32)


__all__ = ["ASTVAFeatureExtractor"]

# The code travels with every saved feature extractor, so that it loads where this package is not installed.
ASTVAFeatureExtractor.register_for_auto_class()
