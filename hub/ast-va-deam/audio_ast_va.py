# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Audio in, segments out, and from segments back to songs: plain functions.

Training, evaluation and the pipeline all hear a song through `stream_segments` and judge it through
`aggregate_segments`, so their numbers agree. Everything streams: memory does not grow with the length of a file.
"""

import http.client
import io
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import reduce

import numpy as np

try:  # only needed where a file is decoded; a waveform at the model's rate needs neither
    import soundfile
    import soxr
except ImportError:
    soundfile = soxr = None

MIN_SEGMENT_SECONDS = 0.5  # a shorter rest of a song is not heard: there is no mood in it
TRUNCATION_TOLERANCE_SECONDS = 0.1  # MP3 headers count encoder delay and padding, at most a few frames of 26 ms
BLOCK_SECONDS = 10.0  # decoded at a time
DOWNLOAD_TIMEOUT_SECONDS = 60.0
DOWNLOAD_MEMORY_BYTES = 2**25  # a larger download goes to a temporary file

AudioSource = str | os.PathLike | bytes | io.IOBase | np.ndarray


class AudioError(ValueError):
    """Audio that cannot be heard. The message names the source; `reason` is undecodable, truncated or too short."""

    def __init__(self, message: str, reason: str = "undecodable"):
        super().__init__(message)
        self.reason = reason


def stream(
    source: AudioSource,
    sampling_rate: int,
    *,
    source_sampling_rate: int | None = None,
    start_seconds: float = 0.0,
    duration_seconds: float | None = None,
) -> Iterator[np.ndarray]:
    """
    Decode, mix down to mono and resample, block by block.

    Args:
        source: path, http(s) URL, encoded bytes, binary file, or a waveform: `(num_samples,)`, or two-dimensional
            with channels on the shorter axis.
        sampling_rate: rate that is wanted, in Hz.
        source_sampling_rate: rate of a waveform, in Hz; a file knows its own.
        start_seconds: where to begin; what lies before is not decoded.
        duration_seconds: how much to decode; `None` is all.

    Yields:
        Blocks of mono float32 samples at `sampling_rate`, `(num_samples,)`.

    Raises:
        AudioError: when nothing can be decoded, less than the file's header states, or NaN or infinity.
        ValueError: for a part that cannot be, or a waveform of another form or without its rate.
    """
    if start_seconds < 0 or (duration_seconds is not None and duration_seconds <= 0):
        raise ValueError(
            "Expected start_seconds of at least 0 and duration_seconds above 0, "
            f"but got {start_seconds} and {duration_seconds}."
        )
    name = describe_source(source)
    with _open_blocks(source, source_sampling_rate, start_seconds, duration_seconds) as (rate, blocks):
        resampler = None
        if rate != sampling_rate:
            _require_decoder()
            resampler = soxr.ResampleStream(rate, sampling_rate, 1, dtype="float32")
        for block in blocks:
            # Channel by channel, in a 25th of the time of `mean` over so short an axis.
            mono = reduce(np.add, block.T) / block.shape[1] if block.ndim == 2 else block
            if not np.isfinite(mono).all():
                raise AudioError(f"{name}: expected finite samples, but it holds NaN or infinity.")
            yield resampler.resample_chunk(mono) if resampler else mono
        if resampler:
            yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def decode(
    source: AudioSource,
    sampling_rate: int,
    *,
    source_sampling_rate: int | None = None,
    start_seconds: float = 0.0,
    duration_seconds: float | None = None,
) -> np.ndarray:
    """
    Decode a whole source, or the part that is asked for, into one waveform.

    Takes what [`stream`] takes.

    Returns:
        `(num_samples,)`, mono float32 at `sampling_rate`.

    Raises:
        AudioError: as [`stream`], and when there is not a single sample.
    """
    blocks = stream(
        source,
        sampling_rate,
        source_sampling_rate=source_sampling_rate,
        start_seconds=start_seconds,
        duration_seconds=duration_seconds,
    )
    waveform = np.concatenate([np.zeros(0, np.float32), *blocks])
    if not waveform.size:
        raise AudioError(f"{describe_source(source)}: expected audio, but it holds no samples.")
    return waveform


def stream_segments(
    source: AudioSource,
    sampling_rate: int,
    segment_seconds: float,
    hop_seconds: float | None = None,
    *,
    source_sampling_rate: int | None = None,
) -> Iterator[tuple[float, np.ndarray]]:
    """
    Cut a song into the segments that a model hears: 0-5 s, 5-10 s, ...

    Segment k starts at `k * hop_seconds`. Segments start as long as some of the song is left that no earlier one
    reached; the last is then shorter, and is left out when shorter than `MIN_SEGMENT_SECONDS`.

    Args:
        source, source_sampling_rate: as for [`stream`].
        sampling_rate: rate that is wanted, in Hz.
        segment_seconds: length of a segment.
        hop_seconds: step from one segment to the next, at most a segment; `None` is a segment: they touch.

    Yields:
        Start in seconds, and waveform `(num_samples,)`, of each segment.

    Raises:
        AudioError: as [`stream`], and when the whole song is shorter than `MIN_SEGMENT_SECONDS`.
    """
    segment_samples, hop_samples = segment_sizes(sampling_rate, segment_seconds, hop_seconds)
    buffer, start, num_segments = np.zeros(0, np.float32), 0, 0
    for block in stream(source, sampling_rate, source_sampling_rate=source_sampling_rate):
        buffer = np.concatenate([buffer, block])
        while len(buffer) >= segment_samples:
            yield start / sampling_rate, buffer[:segment_samples]
            buffer, start, num_segments = buffer[hop_samples:], start + hop_samples, num_segments + 1
    # With overlap the buffer still holds samples that the last segment reached: only a rest beyond them is new.
    num_new = len(buffer) - (segment_samples - hop_samples if num_segments else 0)
    if num_new >= MIN_SEGMENT_SECONDS * sampling_rate:
        yield start / sampling_rate, buffer
    elif not num_segments:
        raise AudioError(
            f"{describe_source(source)}: expected at least {MIN_SEGMENT_SECONDS} s of audio, "
            f"but it holds {len(buffer) / sampling_rate:.3f} s.",
            reason="too short",
        )


def segment_sizes(sampling_rate: int, segment_seconds: float, hop_seconds: float | None) -> tuple[int, int]:
    """Length of a segment and step to the next, in samples; ValueError for a step that would skip or stand still."""
    hop_seconds = segment_seconds if hop_seconds is None else hop_seconds
    if segment_seconds < MIN_SEGMENT_SECONDS:
        raise ValueError(f"segment_seconds must be at least {MIN_SEGMENT_SECONDS}, but is {segment_seconds}.")
    if not 0 < hop_seconds <= segment_seconds:
        raise ValueError(
            f"The hop between segments must lie in (0, segment_seconds={segment_seconds}], but is {hop_seconds}."
        )
    return round(segment_seconds * sampling_rate), max(1, round(hop_seconds * sampling_rate))


def aggregate_segments(predictions: np.ndarray, durations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Valence and arousal of a song: the mean over its segments, weighted by their length.

    Args:
        predictions (`(num_segments, 2)`): valence and arousal of each segment.
        durations (`(num_segments,)`): length of each segment, in any unit.

    Returns:
        Mean `(2,)` and population standard deviation `(2,)` over the segments, float64.
    """
    predictions, weights = np.asarray(predictions, np.float64), np.asarray(durations, np.float64)
    if predictions.ndim != 2 or weights.shape != predictions.shape[:1] or not weights.size:
        raise ValueError(
            "Expected predictions of shape (num_segments, 2) and as many durations, "
            f"but got {predictions.shape} and {weights.shape}."
        )
    weights = weights[:, None] / weights.sum()
    mean = (weights * predictions).sum(axis=0)
    return mean, np.sqrt((weights * (predictions - mean) ** 2).sum(axis=0))


def quadrant(valence: float, arousal: float, midpoint: float = 5.0) -> str:
    """Name of the quadrant of the valence-arousal plane (Russell, 1980); the middle counts as high."""
    if arousal >= midpoint:
        return "Excited" if valence >= midpoint else "Distressed"
    return "Calm" if valence >= midpoint else "Sad"


def describe_source(source: AudioSource) -> str:
    """A short name of an audio source for messages."""
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    if isinstance(source, bytes):
        return f"<{len(source)} bytes>"
    if isinstance(source, np.ndarray):
        return f"<waveform of shape {source.shape}>"
    return f"<{getattr(source, 'name', type(source).__name__)}>"


@contextmanager
def _open_blocks(
    source: AudioSource, source_sampling_rate: int | None, start_seconds: float, duration_seconds: float | None
) -> Iterator[tuple[int, Iterable[np.ndarray]]]:
    """Sampling rate and raw blocks, `(num_samples,)` or `(num_samples, num_channels)`, of any source."""
    if isinstance(source, np.ndarray):
        if source_sampling_rate is None:
            raise ValueError("A waveform needs its sampling rate: expected one in Hz, but got None.")
        yield source_sampling_rate, _array_blocks(source, source_sampling_rate, start_seconds, duration_seconds)
        return
    _require_decoder()
    name = describe_source(source)
    with _open_file(source) as file:
        try:
            sound = soundfile.SoundFile(file)
        except soundfile.LibsndfileError as error:
            # Its own text for a path is that the file does not exist, which is not so.
            raise AudioError(f"{name}: expected an audio file, but its format is not recognised.") from error
        with sound:
            yield sound.samplerate, _file_blocks(sound, name, start_seconds, duration_seconds)


def _array_blocks(
    waveform: np.ndarray, sampling_rate: int, start_seconds: float, duration_seconds: float | None
) -> Iterator[np.ndarray]:
    if waveform.ndim not in (1, 2) or not np.issubdtype(waveform.dtype, np.floating):
        raise ValueError(
            "Expected a waveform of floats in [-1, 1], (num_samples,) or (num_channels, num_samples), "
            f"but got {waveform.dtype} of shape {waveform.shape}."
        )
    if waveform.ndim == 2 and waveform.shape[0] < waveform.shape[1]:
        waveform = waveform.T
    start = round(start_seconds * sampling_rate)
    stop = len(waveform) if duration_seconds is None else start + round(duration_seconds * sampling_rate)
    block_samples = round(BLOCK_SECONDS * sampling_rate)
    for position in range(start, min(stop, len(waveform)), block_samples):
        yield waveform[position : min(position + block_samples, stop)].astype(np.float32, copy=False)


def _file_blocks(sound, name: str, start_seconds: float, duration_seconds: float | None) -> Iterator[np.ndarray]:
    rate = sound.samplerate
    start = round(start_seconds * rate)
    if start >= sound.frames > 0:
        raise AudioError(f"{name}: expected audio at {start_seconds} s, but it ends at {sound.frames / rate:.3f} s.")
    if start:
        sound.seek(start)
    wanted = sound.frames - start
    if duration_seconds is not None:
        wanted = min(wanted, round(duration_seconds * rate))
    remaining = wanted
    while remaining > 0:
        try:
            block = sound.read(min(remaining, round(BLOCK_SECONDS * rate)), dtype="float32")
        except soundfile.LibsndfileError as error:
            position = (start + wanted - remaining) / rate
            raise AudioError(f"{name}: damaged; it cannot be decoded beyond {position:.2f} s ({error}).") from error
        if not len(block):
            break
        remaining -= len(block)
        yield block
    if remaining > TRUNCATION_TOLERANCE_SECONDS * rate:
        raise AudioError(
            f"{name}: truncated; expected {sound.frames / rate:.2f} s as its header states, "
            f"but it ends at {(start + wanted - remaining) / rate:.2f} s.",
            reason="truncated",
        )


@contextmanager
def _open_file(source: AudioSource) -> Iterator:
    """A path or binary file that libsndfile can open; downloads a URL."""
    if isinstance(source, bytes):
        yield io.BytesIO(source)
    elif isinstance(source, str) and source.startswith(("http://", "https://")):
        with tempfile.SpooledTemporaryFile(DOWNLOAD_MEMORY_BYTES) as file:
            _download(source, file)
            yield file
    elif isinstance(source, (str, os.PathLike)):
        if not os.path.exists(source):
            raise AudioError(f"{os.fspath(source)}: expected an audio file, but there is none.")
        if not os.path.isfile(source) or not os.path.getsize(source):
            raise AudioError(f"{os.fspath(source)}: expected an audio file, but it is a folder or empty.")
        yield os.fspath(source)
    elif hasattr(source, "read"):
        yield source
    else:
        raise TypeError(f"Expected a path, URL, bytes, binary file or waveform, but got {type(source).__name__}.")


def _download(url: str, file) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "modeling-ast-va"})
    try:
        with urllib.request.urlopen(request, timeout=DOWNLOAD_TIMEOUT_SECONDS) as response:
            announced = response.headers["Content-Length"]
            shutil.copyfileobj(response, file)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise AudioError(f"{url}: cannot be downloaded ({error}).") from error
    if announced is not None and file.tell() != int(announced):
        raise AudioError(
            f"{url}: truncated; expected {announced} bytes as its server announced, but got {file.tell()}.",
            reason="truncated",
        )
    file.seek(0)


def _require_decoder() -> None:
    if soundfile is None:
        raise ImportError("Decoding and resampling audio needs soundfile and soxr: pip install soundfile soxr")
