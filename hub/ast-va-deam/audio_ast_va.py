# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Decode audio in blocks of constant memory, split it into segments, and aggregate the predictions of segments."""

import http.client
import io
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, reduce

import numpy as np

try:  # needed to decode and to resample; a waveform at the model's rate needs neither
    import soundfile
    import soxr
except ImportError:
    soundfile = soxr = None

RATING_SCALE = (1, 9)  # lowest and highest rating of valence and of arousal, in DEAM and by default
MIN_SEGMENT_SECONDS = 0.5  # a shorter segment at the end of a song is dropped: too short to express a mood
TRUNCATION_TOLERANCE_SECONDS = 0.1  # MP3 headers count encoder delay and padding, at most a few frames of 26 ms
BLOCK_SECONDS = 10.0  # audio in one block
DOWNLOAD_TIMEOUT_SECONDS = 60.0
DOWNLOAD_MEMORY_BYTES = 2**25  # larger downloads are kept in a temporary file

AudioSource = str | os.PathLike | bytes | io.IOBase | np.ndarray
# Start and stop in samples -> blocks, `(num_samples,)` or `(num_samples, num_channels)`.
BlockReader = Callable[[int, int], Iterator[np.ndarray]]


class AudioError(ValueError):
    """
    Audio that cannot be decoded.

    Args:
        message: name of the source, and what is wrong with it.
        reason: kind of the error: `"undecodable"`, `"truncated"` or `"too short"`.
        detail: the message without the name of the source and the reason.
    """

    def __init__(self, message: str, reason: str = "undecodable", detail: str = ""):
        super().__init__(message)
        self.reason = reason
        self.detail = detail or message


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
        source: path, http(s) URL, encoded bytes, binary file, or a waveform of floats in [-1, 1]. The channels of a
            two-dimensional waveform are on its shorter axis.
        sampling_rate: rate of the output, in Hz.
        source_sampling_rate: rate of a waveform, in Hz; is ignored for other sources.
        start_seconds, duration_seconds: of the part to decode, in seconds; `None` decodes to the end.

    Yields:
        Blocks of a mono waveform, `(num_samples,)`, float32.

    Raises:
        AudioError: if the source cannot be decoded, is shorter than its header states, or holds NaN or infinity.
        ValueError: if the part is not valid, or a waveform has no rate or another type or shape.
    """
    if start_seconds < 0 or (duration_seconds is not None and duration_seconds <= 0):
        expected = "start_seconds of at least 0 and a positive duration_seconds"
        raise ValueError(f"Expected {expected}, but got {start_seconds} and {duration_seconds}.")
    if soundfile is None and not (isinstance(source, np.ndarray) and source_sampling_rate == sampling_rate):
        raise ImportError("Expected soundfile and soxr to decode and resample audio: pip install soundfile soxr")
    with _open_source(source, source_sampling_rate) as (rate, end, read_blocks):
        start = round(start_seconds * rate)
        if start >= end > 0:
            raise _audio_error(source, f"expected audio at {start_seconds} s, but it ends at {end / rate:.3f} s.")
        stop = end if duration_seconds is None else min(end, start + round(duration_seconds * rate))
        resampler = None if rate == sampling_rate else soxr.ResampleStream(rate, sampling_rate, 1, dtype="float32")
        for block in read_blocks(start, stop):
            # Adding channel by channel takes a 25th of the time of `mean` over an axis this short.
            mono = reduce(np.add, block.T) / block.shape[1] if block.ndim == 2 else block
            if not np.isfinite(mono).all():
                raise _audio_error(source, "expected finite samples, but got NaN or infinity.")
            yield resampler.resample_chunk(mono) if resampler else mono
        if resampler:
            yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def decode(source: AudioSource, sampling_rate: int, **kwargs) -> np.ndarray:
    """Decode audio into one mono waveform, `(num_samples,)`, as [`stream`] does; an `AudioError` if it is empty."""
    waveform = np.concatenate([np.zeros(0, np.float32), *stream(source, sampling_rate, **kwargs)])
    if not waveform.size:
        raise _audio_error(source, "expected audio, but got no samples.")
    return waveform


def stream_segments(
    source: AudioSource, sampling_rate: int, segment_seconds: float, hop_seconds: float | None = None, **kwargs
) -> Iterator[tuple[float, np.ndarray]]:
    """
    Split a song into segments of equal length: 0-5 s, 5-10 s, ...

    Segment k starts at `k * hop_seconds`. The last segment holds the rest of the song and may be shorter; it is dropped
    if less than `MIN_SEGMENT_SECONDS` of it is in no other segment.

    Args:
        source, sampling_rate, kwargs: as for [`stream`]; a segment's start is counted from the start of the part.
        segment_seconds: length of a segment, in seconds.
        hop_seconds: step between the starts of segments, in seconds; `None` means `segment_seconds`, no overlap.

    Yields:
        Start in seconds, and waveform `(num_samples,)`, of each segment.

    Raises:
        AudioError: as for [`stream`], and if the song is shorter than `MIN_SEGMENT_SECONDS`.
        ValueError: as for [`stream`], and if `segment_seconds` or `hop_seconds` are out of range.
    """
    segment_samples, hop_samples = segment_sizes(sampling_rate, segment_seconds, hop_seconds)
    buffer, start, num_segments = np.zeros(0, np.float32), 0, 0
    for block in stream(source, sampling_rate, **kwargs):
        buffer = np.concatenate([buffer, block])
        while len(buffer) >= segment_samples:
            yield start / sampling_rate, buffer[:segment_samples]
            buffer, start, num_segments = buffer[hop_samples:], start + hop_samples, num_segments + 1
    # With overlap, the buffer also holds samples of the previous segment.
    num_new = len(buffer) - (segment_samples - hop_samples if num_segments else 0)
    if num_new >= MIN_SEGMENT_SECONDS * sampling_rate:
        yield start / sampling_rate, buffer
    elif not num_segments:
        detail = f"expected at least {MIN_SEGMENT_SECONDS} s of audio, but got {len(buffer) / sampling_rate:.3f} s."
        raise _audio_error(source, detail, reason="too short")


def segment_sizes(sampling_rate: int, segment_seconds: float, hop_seconds: float | None) -> tuple[int, int]:
    """Length of a segment, and step between segments, in samples; raises a ValueError if they are out of range."""
    hop_seconds = segment_seconds if hop_seconds is None else hop_seconds
    if segment_seconds < MIN_SEGMENT_SECONDS:
        raise ValueError(f"Expected segment_seconds of at least {MIN_SEGMENT_SECONDS}, but got {segment_seconds}.")
    if not 0 < hop_seconds <= segment_seconds:
        raise ValueError(f"Expected hop_seconds in (0, segment_seconds={segment_seconds}], but got {hop_seconds}.")
    return round(segment_seconds * sampling_rate), max(1, round(hop_seconds * sampling_rate))


def aggregate_segments(predictions: np.ndarray, durations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Compute valence and arousal of a song: the mean over its segments, weighted by their length.

    Args:
        predictions: valence and arousal of each segment.
        durations: length of each segment, in any unit.

    Shape:
        `(num_segments, 2)` and `(num_segments,)` -> `(2,)` and `(2,)`, float64.

    Returns:
        Mean, and population standard deviation, over the segments.

    Raises:
        ValueError: if there are no segments, or not as many durations.
    """
    predictions, weights = np.asarray(predictions, np.float64), np.asarray(durations, np.float64)
    if predictions.ndim != 2 or weights.shape != predictions.shape[:1] or not weights.size:
        expected = "predictions of shape (num_segments, 2) and as many durations"
        raise ValueError(f"Expected {expected}, but got {predictions.shape} and {weights.shape}.")
    weights = weights[:, None] / weights.sum()
    mean = (weights * predictions).sum(axis=0)
    return mean, np.sqrt((weights * (predictions - mean) ** 2).sum(axis=0))


def quadrant(valence: float, arousal: float, midpoint: float = sum(RATING_SCALE) / 2) -> str:
    """Name the quadrant of the valence-arousal plane (Russell, 1980); `midpoint` itself counts as high."""
    if arousal >= midpoint:
        return "Excited" if valence >= midpoint else "Distressed"
    return "Calm" if valence >= midpoint else "Sad"


@contextmanager
def _open_source(source: AudioSource, rate: int | None) -> Iterator[tuple[int, int, BlockReader]]:
    """Sampling rate, number of samples, and reader of blocks, of any source."""
    if isinstance(source, np.ndarray):
        if rate is None:
            raise ValueError("Expected source_sampling_rate of a waveform in Hz, but got None.")
        if source.ndim not in (1, 2) or not np.issubdtype(source.dtype, np.floating):
            expected = "a waveform of floats in [-1, 1], (num_samples,) or (num_channels, num_samples)"
            raise ValueError(f"Expected {expected}, but got {source.dtype} of shape {source.shape}.")
        waveform = source.T if source.ndim == 2 and source.shape[0] < source.shape[1] else source
        yield rate, source.size and len(waveform), partial(_array_blocks, waveform, rate)
        return
    with _open_file(source) as file:
        try:
            sound = soundfile.SoundFile(file)
        except soundfile.LibsndfileError as error:
            # libsndfile's own message claims that the file does not exist.
            raise _audio_error(source, "expected an audio file, but its format is not recognised.") from error
        with sound:
            yield sound.samplerate, sound.frames, partial(_file_blocks, sound, source)


def _array_blocks(waveform: np.ndarray, sampling_rate: int, start: int, stop: int) -> Iterator[np.ndarray]:
    block_samples = round(BLOCK_SECONDS * sampling_rate)
    for position in range(start, stop, block_samples):
        yield waveform[position : min(position + block_samples, stop)].astype(np.float32, copy=False)


def _file_blocks(sound, source: AudioSource, position: int, stop: int) -> Iterator[np.ndarray]:
    rate = sound.samplerate
    if position:
        sound.seek(position)
    while position < stop:
        try:
            block = sound.read(min(stop - position, round(BLOCK_SECONDS * rate)), dtype="float32")
        except soundfile.LibsndfileError as error:
            detail = f"expected audio, but it cannot be decoded beyond {position / rate:.2f} s ({error})."
            raise _audio_error(source, detail) from error
        if not len(block):
            break
        position += len(block)
        yield block
    if stop - position > TRUNCATION_TOLERANCE_SECONDS * rate:
        detail = f"expected {sound.frames / rate:.2f} s of audio as its header states, but got {position / rate:.2f} s."
        raise _audio_error(source, detail, reason="truncated")


@contextmanager
def _open_file(source: AudioSource) -> Iterator:
    """Path or binary file that libsndfile can open; a URL is downloaded."""
    if isinstance(source, bytes):
        yield io.BytesIO(source)
    elif isinstance(source, str) and source.startswith(("http://", "https://")):
        with tempfile.SpooledTemporaryFile(DOWNLOAD_MEMORY_BYTES) as file:
            _download(source, file)
            yield file
    elif isinstance(source, (str, os.PathLike)):
        if not os.path.exists(source):
            raise _audio_error(source, "expected an audio file, but there is none.")
        if not os.path.isfile(source) or not os.path.getsize(source):
            raise _audio_error(source, "expected an audio file, but got a folder or an empty file.")
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
        raise _audio_error(url, f"expected an audio file, but it cannot be downloaded ({error}).") from error
    if announced is not None and file.tell() != int(announced):
        detail = f"expected {announced} bytes as the server states, but got {file.tell()}."
        raise _audio_error(url, detail, reason="truncated")
    file.seek(0)


def _audio_error(source: AudioSource, detail: str, reason: str = "undecodable") -> AudioError:
    if isinstance(source, (str, os.PathLike)):
        name = os.fspath(source)
    elif isinstance(source, bytes):
        name = f"<{len(source)} bytes>"
    elif isinstance(source, np.ndarray):
        name = f"<waveform of shape {source.shape}>"
    else:
        name = f"<{getattr(source, 'name', type(source).__name__)}>"
    return AudioError(f"{name}: {detail}", reason, detail)
