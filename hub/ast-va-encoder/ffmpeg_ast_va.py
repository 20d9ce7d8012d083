# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""FFmpeg, the second decoder: through PyAV where it is installed, else as a program."""

import json
import math
import os
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import IO, Any, BinaryIO

import numpy as np

from .decoders_ast_va import BLOCK_SECONDS, BLOCK_VALUES, Decoder, DecodingError

# Formats whose header has no length, so that FFmpeg estimates it from the bit rate.
FORMATS_WITHOUT_LENGTH = {"aac", "ac3", "amr", "dts", "eac3", "loas", "mp3", "mpeg", "mpegts"}
PROGRAM_SAMPLES = 2**14  # per channel, read from the program at once
INSTALL_FFMPEG = "pip install av"


def find_ffmpeg() -> str | None:
    """Name of the form of FFmpeg that is installed, if any."""
    return "PyAV" if find_spec("av") else "ffmpeg" if shutil.which("ffmpeg") else None


@contextmanager
def open_with_ffmpeg(file: BinaryIO, sampling_rate: float | None = None) -> Iterator[Decoder]:
    """
    Open a seekable file with FFmpeg: through PyAV where it is installed, else with the program `ffmpeg`.

    Args:
        sampling_rate: to resample to, in Hz; `None` keeps the rate of the file.

    Raises:
        DecodingError: if neither is installed, and for a file that FFmpeg does not recognise.
    """
    file.seek(0)
    installed = find_ffmpeg()
    if installed == "PyAV":
        with _open_with_pyav(file, sampling_rate) as decoder:
            yield decoder
    elif installed:
        with _local_path(file) as path, _open_with_program(path, sampling_rate) as decoder:
            yield decoder
    else:
        raise DecodingError(f"only FFmpeg may decode it, and neither PyAV nor ffmpeg is installed: {INSTALL_FFMPEG}")


@contextmanager
def _open_with_pyav(file: BinaryIO, sampling_rate: float | None) -> Iterator[Decoder]:
    try:
        import av  # on use, because it is slow to import; inside `try`, because transformers requires other imports

        # With an open file and without protocols, neither a name nor a playlist makes FFmpeg open anything else.
        options = {"protocol_whitelist": "none"}
        container: Any
        with av.open(file, options=options, metadata_errors="ignore") as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None or stream.codec_context is None or not stream.rate:
                raise DecodingError("it has no audio stream that FFmpeg decodes")
            seconds = _stated_seconds(
                container.format.name,
                float((stream.duration or 0) * stream.time_base),
                (container.duration or 0) / av.time_base,
                has_video=bool(container.streams.video),
            )
            rate = sampling_rate or stream.rate
            yield Decoder(rate, seconds * rate, partial(_read_pyav, container, stream, rate))
    except av.FFmpegError as error:
        raise DecodingError(f"FFmpeg reports: {error.strerror}") from error


def _read_pyav(container: Any, stream: Any, sampling_rate: float, position: int, stop: float) -> Iterator[np.ndarray]:
    def frames() -> Iterator[np.ndarray]:
        resampler: Any = None
        resampled = None
        for packet in container.demux(stream):
            try:
                decoded = packet.decode()
            except av.InvalidDataError:  # a damaged packet, which the program ffmpeg leaves out too
                continue
            for frame in decoded:
                settings = (frame.sample_rate, frame.layout.name, frame.format.name)
                if settings != resampled:  # a stream may change them
                    resampler, resampled = av.AudioResampler("flt", rate=round(sampling_rate)), settings
                yield from map(samples, resampler.resample(frame))
        if resampler:
            yield from map(samples, resampler.resample(None))

    def samples(frame: Any) -> np.ndarray:
        # Interleaved: arrays of planar frames of more than eight channels end the process.
        return frame.to_ndarray().reshape(-1, frame.layout.nb_channels)

    try:
        import av

        yield from _blocks(frames(), sampling_rate, position, stop)
    except av.FFmpegError as error:
        raise DecodingError(f"FFmpeg reports: {error.strerror}") from error


@contextmanager
def _local_path(file: BinaryIO) -> Iterator[str]:
    """Path of an open file; of a copy where it has none."""
    name = getattr(file, "name", None)
    if isinstance(name, (str, bytes)) and os.path.isfile(name) and _is_open_at(file, name):
        yield os.fsdecode(name)
        return
    with tempfile.NamedTemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        copy.flush()
        yield copy.name


def _is_open_at(file: BinaryIO, path: str | bytes) -> bool:
    """Whether a path leads to an open file: a file in an archive has the name that it has there."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except (OSError, AttributeError):  # it is no file of the system
        return False


@contextmanager
def _open_with_program(path: str, sampling_rate: float | None) -> Iterator[Decoder]:
    url = f"file:{path}"  # a name is not taken for a protocol or a flag
    limits = ["-v", "error", "-protocol_whitelist", "file"]
    resample = [] if sampling_rate is None else ["-ar", str(round(sampling_rate))]
    command = [
        "ffmpeg",
        "-nostdin",
        *limits,
        "-i",
        url,
        "-map",
        "0:a:0",
        *resample,
        "-c:a",
        "pcm_f32be",
        "-f",
        "au",
        "-",
    ]
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=messages)
        samples: IO[bytes] = process.stdout  # type: ignore[assignment]

        def failure() -> str:
            messages.seek(0)
            line = messages.readline().decode(errors="replace").strip() or "no audio"
            return "FFmpeg reports: " + re.sub(r"^\[.*?\] ", "", line).removeprefix(f"{url}: ")

        try:
            header = samples.read(24)
            if len(header) < 24:
                process.wait()
                raise DecodingError(failure())
            _, offset, _, _, rate, num_channels = struct.unpack(">6I", header)
            samples.read(offset - 24)
            seconds = _probe_seconds([*limits, url])
            yield Decoder(rate, seconds * rate, partial(_read_program, process, samples, failure, num_channels, rate))
        finally:
            process.kill()
            samples.close()
            process.wait()


def _read_program(
    process: subprocess.Popen,
    samples: IO[bytes],
    failure: Callable[[], str],
    num_channels: int,
    sampling_rate: float,
    position: int,
    stop: float,
) -> Iterator[np.ndarray]:
    def parts() -> Iterator[np.ndarray]:
        while content := samples.read(4 * num_channels * PROGRAM_SAMPLES):
            num_whole = len(content) // (4 * num_channels)
            values = np.frombuffer(content, ">f4", num_whole * num_channels)
            yield values.astype(np.float32).reshape(num_whole, num_channels)

    yield from _blocks(parts(), sampling_rate, position, stop)
    if process.poll():
        raise DecodingError(failure())


def _probe_seconds(arguments: list[str]) -> float:
    """Length that the header states, by `ffprobe`; infinity where that is not installed."""
    if not shutil.which("ffprobe"):
        return math.inf
    entries = ["-show_entries", "stream=codec_type,duration:format=format_name,duration", "-of", "json"]
    probed = json.loads(subprocess.run(["ffprobe", *entries, *arguments], capture_output=True).stdout or "{}")
    of_file = probed.get("format", {})
    streams = {stream["codec_type"]: stream for stream in reversed(probed.get("streams", []))}  # the first of each type
    of_stream = float(streams.get("audio", {}).get("duration", 0))
    return _stated_seconds(
        of_file.get("format_name", ""), of_stream, float(of_file.get("duration", 0)), has_video="video" in streams
    )


def _stated_seconds(formats: str, of_stream: float, of_file: float, has_video: bool) -> float:
    """Length of the audio as the header states it; infinity where it states none, or only that of the video."""
    if FORMATS_WITHOUT_LENGTH & set(formats.split(",")):
        return math.inf
    return of_stream or (0 if has_video else of_file) or math.inf


def _blocks(parts: Iterable[np.ndarray], sampling_rate: float, position: int, stop: float) -> Iterator[np.ndarray]:
    """Join the small parts of a file, `(num_samples, num_channels)`, to blocks between two positions."""
    block: list[np.ndarray] = []
    num_values, start = 0, 0
    for part in parts:
        used = part[max(0, position - start) : max(0, int(min(stop - start, len(part))))]
        start += len(part)
        if block and block[0].shape[1] != part.shape[1]:
            yield np.concatenate(block)
            block, num_values = [], 0
        if len(used):
            block.append(used)
            num_values += used.size
        if num_values >= min(BLOCK_SECONDS * sampling_rate * part.shape[1], BLOCK_VALUES):
            yield np.concatenate(block)
            block, num_values = [], 0
        if start >= stop:
            break
    if block:
        yield np.concatenate(block)
