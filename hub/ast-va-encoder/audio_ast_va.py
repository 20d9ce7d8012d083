# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Resample audio, split it into segments, and aggregate the predictions of segments: in blocks of constant memory."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from .decoding_ast_va import AudioSource, check_sampling_rate, open_audio

try:  # needed to resample; audio at the model's rate does not need it
    import soxr
except ImportError:
    soxr = None

DIMENSIONS = ("valence", "arousal")
RATING_SCALE = (1, 9)  # lowest and highest rating of valence and of arousal, in DEAM and by default
MIN_SEGMENT_SECONDS = 0.5  # less audio than this is too short to express a mood


class Segment(NamedTuple):
    """
    A window of a song.

    Args:
        start_seconds: where it starts in the song, in seconds.
        waveform: mono, `(num_samples,)`, float32.
        weight_seconds: the part of the song that it stands for, in seconds: its weight in the mean over the song.
        warning: in the last segment of a file that ends before its header states: where it ends.
    """

    start_seconds: float
    waveform: np.ndarray
    weight_seconds: float
    warning: str = ""


def stream(
    source: AudioSource,
    sampling_rate: int,
    *,
    source_sampling_rate: int | None = None,
    start_seconds: float = 0.0,
    duration_seconds: float | None = None,
) -> Iterator[np.ndarray]:
    """
    Decode audio, average its channels and resample it, block by block.

    Args:
        source: path, http(s) URL, address of fsspec such as `s3://bucket/song.mp3`, encoded bytes, seekable binary
            file, or a waveform: of floats in [-1, 1], or of integers of 8, 16 or 32 bits, which are scaled by their
            type. The channels of a two-dimensional waveform are on its shorter axis.
        sampling_rate: rate of the output, in Hz.
        source_sampling_rate: rate of a waveform, in Hz; is ignored for other sources.
        start_seconds, duration_seconds: of the part to decode, in seconds; `None` decodes to the end.

    Yields:
        Blocks of a mono waveform, `(num_samples,)`, float32.

    Raises:
        AudioError: if the source cannot be decoded, or holds NaN, infinity or samples far beyond full scale.
        ValueError: if the part is not valid, or a waveform has another rate, type or shape.
    """
    with open_audio(source, source_sampling_rate, start_seconds, duration_seconds) as audio:
        yield from _resample(audio, audio.sampling_rate, sampling_rate)


def decode(source: AudioSource, sampling_rate: int, **kwargs) -> np.ndarray:
    """Decode audio into one mono waveform, `(num_samples,)`, as [`stream`] does."""
    return np.concatenate(list(stream(source, sampling_rate, **kwargs)))


def stream_segments(
    source: AudioSource,
    sampling_rate: int,
    segment_seconds: float,
    hop_seconds: float | None = None,
    *,
    source_sampling_rate: int | None = None,
    start_seconds: float = 0.0,
    duration_seconds: float | None = None,
) -> Iterator[Segment]:
    """
    Split a song into segments of equal length: 0-5 s, 5-10 s, ...

    Segment k starts at `k * hop_seconds`. The rest of the song is in a last segment that is shifted back to end with
    the song, and that has the weight of the rest; a rest of less than `MIN_SEGMENT_SECONDS` is dropped. Only a song
    that is shorter than a segment yields a shorter waveform.

    Args:
        source, sampling_rate, source_sampling_rate, start_seconds, duration_seconds: as for [`stream`]. The times of
            segments count from `start_seconds`.
        segment_seconds: length of a segment, in seconds.
        hop_seconds: step between the starts of segments, in seconds; `None` means `segment_seconds`, no overlap.

    Raises:
        AudioError: as for [`stream`], and if less than `MIN_SEGMENT_SECONDS` can be decoded.
        ValueError: as for [`stream`], and if `segment_seconds` or `hop_seconds` are out of range.
    """
    segment_samples, hop_samples = segment_sizes(sampling_rate, segment_seconds, hop_seconds)
    last, before, buffer, start = None, np.zeros(0, np.float32), np.zeros(0, np.float32), 0
    with open_audio(source, source_sampling_rate, start_seconds, duration_seconds) as audio:
        for block in _resample(audio, audio.sampling_rate, sampling_rate):
            buffer = np.concatenate([buffer, block])
            while len(buffer) >= segment_samples:
                if last:  # is yielded one segment late, to know which is the last
                    yield last
                last = Segment(start / sampling_rate, buffer[:segment_samples], hop_samples / sampling_rate)
                before, buffer, start = buffer[:hop_samples], buffer[hop_samples:], start + hop_samples
    # With overlap, the buffer also holds samples of the last segment.
    num_new = len(buffer) - (segment_samples - hop_samples if last else 0)
    if num_new >= MIN_SEGMENT_SECONDS * sampling_rate:
        if last:
            yield last
        waveform = np.concatenate([before, buffer])[-segment_samples:]
        start += len(buffer) - len(waveform)
        last = Segment(start / sampling_rate, waveform, num_new / sampling_rate)
    if not last:
        detail = f"expected at least {MIN_SEGMENT_SECONDS} s of audio, but got {len(buffer) / sampling_rate:.3f} s."
        raise audio.error(detail, reason="too short")
    yield last._replace(warning=audio.warning)


def _resample(blocks: Iterable[np.ndarray], source_rate: float, sampling_rate: int) -> Iterator[np.ndarray]:
    """Resample blocks of one waveform, `(num_samples,)` each."""
    check_sampling_rate(sampling_rate)
    if source_rate == sampling_rate:
        yield from blocks
        return
    if soxr is None:
        raise ImportError("Expected soxr to resample audio: pip install soxr")
    resampler = soxr.ResampleStream(source_rate, sampling_rate, 1, dtype="float32")
    for block in blocks:
        yield resampler.resample_chunk(block)
    yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def segment_sizes(sampling_rate: int, segment_seconds: float, hop_seconds: float | None) -> tuple[int, int]:
    """Length of a segment, and step between segments, in samples; raises a ValueError if they are out of range."""
    hop_seconds = segment_seconds if hop_seconds is None else hop_seconds
    if segment_seconds < MIN_SEGMENT_SECONDS:
        raise ValueError(f"Expected segment_seconds of at least {MIN_SEGMENT_SECONDS}, but got {segment_seconds}.")
    if not 0 < hop_seconds <= segment_seconds:
        raise ValueError(f"Expected hop_seconds in (0, segment_seconds={segment_seconds}], but got {hop_seconds}.")
    return round(segment_seconds * sampling_rate), max(1, round(hop_seconds * sampling_rate))


def aggregate_segments(predictions: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Compute valence and arousal of a song: the weighted mean over its segments.

    Args:
        predictions: valence and arousal of each segment.
        weights: of each segment, in any unit, such as `weight_seconds` of [`Segment`].

    Shape:
        `(num_segments, 2)` and `(num_segments,)` -> `(2,)` and `(2,)`, float64.

    Returns:
        Mean, and population standard deviation, over the segments.

    Raises:
        ValueError: if there are no segments, or not as many weights.
    """
    predictions, weights = np.asarray(predictions, np.float64), np.asarray(weights, np.float64)
    if predictions.ndim != 2 or weights.shape != predictions.shape[:1] or not weights.size:
        expected = "predictions of shape (num_segments, 2) and as many weights"
        raise ValueError(f"Expected {expected}, but got {predictions.shape} and {weights.shape}.")
    weights = weights[:, None] / weights.sum()
    mean = (weights * predictions).sum(axis=0)
    return mean, np.sqrt((weights * (predictions - mean) ** 2).sum(axis=0))


def quadrant(valence: float, arousal: float, midpoint: float = sum(RATING_SCALE) / 2) -> str:
    """Name the quadrant of the valence-arousal plane (Russell, 1980); `midpoint` itself counts as high."""
    if arousal >= midpoint:
        return "Excited" if valence >= midpoint else "Distressed"
    return "Calm" if valence >= midpoint else "Sad"
