# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Decode audio of any source into blocks of a mono waveform: by libsndfile, and by FFmpeg what it cannot decode."""

import io
import math
import numbers
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial, reduce
from typing import Any, BinaryIO

import numpy as np

from .decoders_ast_va import BLOCK_SECONDS, Decoder, DecodingError, open_with_libsndfile
from .download_ast_va import DownloadError, download, is_address, is_web_address, open_address
from .ffmpeg_ast_va import INSTALL_FFMPEG, find_ffmpeg, open_with_ffmpeg

SAMPLING_RATES = (1_000, 1_000_000)  # Hz, lowest and highest that is accepted
MAX_SHORTFALL_SECONDS = 1.0  # headers count encoder delay and padding, or estimate: a file may end so much earlier
MAX_SAMPLE = 1000.0  # 60 dB above full scale; more is a damaged file or another unit
PCM_SCALES = {"uint8": 2.0**7, "int8": 2.0**7, "int16": 2.0**15, "int32": 2.0**31}
MEMORY_BYTES = 2**25  # a larger download, or content of a stream, is kept in a temporary file

AudioSource = str | os.PathLike | bytes | io.IOBase | np.ndarray


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


class AudioReader:
    """
    Iterates once over the blocks of a mono waveform, `(num_samples,)`, float32, at the rate of the source.

    What a decoder cannot decode, or leaves out at the end, the second decoder decodes. Without one, or where that fails
    too, the waveform ends there: a `warning` then says so, if more than `MAX_SHORTFALL_SECONDS` are missing.

    Args:
        name: of the source, for messages.
        decoder: of the source.
        start_seconds, duration_seconds: of the part to decode, in seconds; `None` decodes to the end.
        open_second: opens the second decoder at a given sampling rate.

    Raises:
        AudioError: while iterating, if nothing can be decoded, or for NaN, infinity or samples beyond `MAX_SAMPLE`.
    """

    def __init__(
        self,
        name: str,
        decoder: Decoder,
        start_seconds: float = 0.0,
        duration_seconds: float | None = None,
        open_second: Callable[[float], AbstractContextManager[Decoder]] | None = None,
    ):
        self.name, self.sampling_rate, self.warning = name, decoder.sampling_rate, ""
        self._decoder, self._open_second = decoder, open_second
        self._start = self._position = round(start_seconds * self.sampling_rate)
        duration = math.inf if duration_seconds is None else round(duration_seconds * self.sampling_rate)
        self._stop = min(decoder.num_samples, self._start + duration)
        self._failure = ""

    def __iter__(self) -> Iterator[np.ndarray]:
        if self._start >= self._decoder.num_samples > 0:
            end_seconds = self._decoder.num_samples / self.sampling_rate
            raise self.error(
                f"expected audio at {self._start / self.sampling_rate} s, but it ends at {end_seconds:.3f} s."
            )
        yield from self._decode(self._decoder)
        if self._ends_early() and self._open_second:
            try:
                with self._open_second(self.sampling_rate) as second:
                    self._failure = ""
                    yield from self._decode(second)
            except DecodingError as error:
                self._failure = str(error)
        if self._position == self._start:
            raise self.error(f"expected audio, but got {self._failure or 'no samples'}.")
        if self._ends_early():
            self.warning = f"ends at {self._position / self.sampling_rate:.2f} s"
            if math.isfinite(self._stop):
                self.warning += f" of {self._stop / self.sampling_rate:.2f} s"
            if self._open_second and not find_ffmpeg():
                self.warning += f" (FFmpeg may decode the rest: {INSTALL_FFMPEG})"

    def error(self, detail: str, reason: str = "undecodable") -> AudioError:
        """An error that names the source."""
        return AudioError(f"{self.name}: {detail}", reason, detail)

    def _decode(self, decoder: Decoder) -> Iterator[np.ndarray]:
        """Decode from the present position on, as far as it goes."""
        try:
            for block in decoder.read(self._position, self._stop):
                mono = _mix(block)
                low, high = (mono.min(), mono.max()) if mono.size else (0, 0)
                if not (low >= -MAX_SAMPLE and high <= MAX_SAMPLE):
                    expected = f"finite samples of at most {MAX_SAMPLE:g} times full scale"
                    got = f"{low:g} to {high:g} after {self._position / self.sampling_rate:.2f} s"
                    raise self.error(f"expected {expected}, but got {got}.")
                self._position += len(mono)
                yield mono
        except DecodingError as error:
            self._failure = str(error)

    def _ends_early(self) -> bool:
        if math.isinf(self._stop):
            return bool(self._failure)
        return self._stop - self._position > MAX_SHORTFALL_SECONDS * self.sampling_rate


@contextmanager
def open_audio(
    source: AudioSource,
    source_sampling_rate: float | None = None,
    start_seconds: float = 0.0,
    duration_seconds: float | None = None,
) -> Iterator[AudioReader]:
    """
    Open a source for decoding; arguments and errors are those of [`stream`].

    libsndfile decodes what it can, because it is faster and exact. FFmpeg, by PyAV or as a program, decodes the rest.
    """
    if not start_seconds >= 0 or not (duration_seconds is None or duration_seconds > 0):
        expected = "start_seconds of at least 0 and a positive duration_seconds"
        raise ValueError(f"Expected {expected}, but got {start_seconds} and {duration_seconds}.")
    name = source_name(source)
    if isinstance(source, np.ndarray):
        yield AudioReader(name, _open_waveform(source, source_sampling_rate), start_seconds, duration_seconds)
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(_open_file(source))
            open_second: Callable | None = partial(open_with_ffmpeg, file)
            try:
                decoder = stack.enter_context(open_with_libsndfile(file))
            except DecodingError:
                decoder, open_second = stack.enter_context(open_with_ffmpeg(file)), None
        except (DecodingError, DownloadError) as error:
            detail = f"expected an audio file, but {str(error).rstrip('.')}."
            raise AudioError(f"{name}: {detail}", detail=detail) from error
        check_sampling_rate(decoder.sampling_rate, name)
        yield AudioReader(name, decoder, start_seconds, duration_seconds, open_second)


def check_sampling_rate(sampling_rate: float, name: str = "waveform") -> None:
    """Raise an [`AudioError`] for anything but a number within `SAMPLING_RATES`."""
    low, high = SAMPLING_RATES
    if not (isinstance(sampling_rate, numbers.Real) and low <= sampling_rate <= high):
        detail = f"expected a sampling rate from {low:,} to {high:,} Hz, but got {sampling_rate!r}."
        raise AudioError(f"{name}: {detail}", detail=detail)


def _mix(block: np.ndarray) -> np.ndarray:
    """Mean of the channels, float32."""
    with np.errstate(over="ignore", invalid="ignore"):  # infinity and NaN are refused afterwards
        block = block.astype(np.float32, copy=False)
        # Adding channel by channel takes a 25th of the time of `mean` over an axis this short.
        return reduce(np.add, block.T) / block.shape[1] if block.ndim == 2 else block


def _open_waveform(waveform: np.ndarray, sampling_rate: float | None) -> Decoder:
    if sampling_rate is None:
        raise ValueError("Expected source_sampling_rate of a waveform in Hz, but got None.")
    check_sampling_rate(sampling_rate)
    is_pcm = waveform.dtype.name in PCM_SCALES
    if waveform.ndim not in (1, 2) or not (is_pcm or np.issubdtype(waveform.dtype, np.floating)):
        expected = "a waveform of floats in [-1, 1] or of integer PCM, (num_samples,) or (num_channels, num_samples)"
        raise ValueError(f"Expected {expected}, but got {waveform.dtype} of shape {waveform.shape}.")
    if waveform.ndim == 2 and waveform.shape[0] < waveform.shape[1]:
        waveform = waveform.T

    def read(start: int, stop: float) -> Iterator[np.ndarray]:
        block_samples = round(BLOCK_SECONDS * sampling_rate)
        for position in range(start, int(stop), block_samples):
            block = waveform[position : min(position + block_samples, int(stop))]
            scaled = block / PCM_SCALES[block.dtype.name] if is_pcm else block
            yield scaled - 1 if block.dtype == np.uint8 else scaled  # 8 bits are unsigned in PCM

    return Decoder(sampling_rate, waveform.size and len(waveform), read)


@contextmanager
def _open_file(source: AudioSource) -> Iterator[BinaryIO]:
    """A seekable binary file; an http(s) URL is downloaded."""
    file: Any
    with ExitStack() as stack:
        if isinstance(source, bytes):
            file = io.BytesIO(source)
        elif isinstance(source, str) and is_web_address(source):
            file = stack.enter_context(tempfile.SpooledTemporaryFile(MEMORY_BYTES))
            download(source, file)
        elif isinstance(source, str) and is_address(source):
            file = stack.enter_context(open_address(source))
        elif isinstance(source, (str, os.PathLike)):
            if os.path.exists(source) and not os.path.isfile(source):
                raise DecodingError("it is a folder or a device")
            try:
                file = stack.enter_context(open(source, "rb"))
            except OSError as error:
                raise DecodingError(f"the system reports: {error.strerror}") from error
        elif isinstance(source, io.TextIOBase) or not hasattr(source, "read"):
            raise TypeError(f"Expected a path, URL, bytes, binary file or waveform, but got {type(source).__name__}.")
        elif not (hasattr(source, "seekable") and source.seekable()):
            file = stack.enter_context(tempfile.SpooledTemporaryFile(MEMORY_BYTES))
            shutil.copyfileobj(source, file)
        else:
            file = source
        if not file.seek(0, os.SEEK_END):
            raise DecodingError("it is empty")
        yield file


def source_name(source: AudioSource) -> str:
    """The name of a source in messages."""
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    if isinstance(source, bytes):
        return f"<{len(source)} bytes>"
    if isinstance(source, np.ndarray):
        return f"<waveform of shape {source.shape}>"
    return f"<{getattr(source, 'name', type(source).__name__)}>"
