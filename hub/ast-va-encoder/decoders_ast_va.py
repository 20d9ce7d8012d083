# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""What a decoder of audio files returns, and the first decoder, libsndfile. Content decides, not the name of a file."""

import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, BinaryIO, NamedTuple

import numpy as np

try:  # not needed for waveforms
    import soundfile
except ImportError:
    soundfile = None

BLOCK_SECONDS = 10.0  # audio in one block
BLOCK_VALUES = 2**22  # samples of all channels in one block, at most
# Of WAV, AIFF and AU, in the log of libsndfile: the bytes of samples that a header states, and those that are there.
CORRECTED_LENGTH = re.compile(r"(?:data|SSND|Data Size) *: (\d+) \(should be (\d+)\)")
UNKNOWN_LENGTH = 2**31 - 2**16  # from here on a program that wrote to a pipe did not know the length
LIBMPG123_NOTES = re.compile(rb"\[src/libmpg123/|Note: |Warning: (Xing|Encountered|Big change|Real sample)")


class DecodingError(Exception):
    """A decoder cannot open a file, or cannot continue."""


class Decoder(NamedTuple):
    """
    An open file.

    Args:
        sampling_rate: in Hz.
        num_samples: per channel, as the header states it; infinity where it does not.
        read: start and stop in samples -> blocks `(num_samples,)` or `(num_samples, num_channels)`, float32; raises a
            `DecodingError` where it cannot continue.
    """

    sampling_rate: float
    num_samples: float
    read: Callable[[int, float], Iterator[np.ndarray]]


@contextmanager
def open_with_libsndfile(file: BinaryIO) -> Iterator[Decoder]:
    """Open a seekable file with libsndfile; raises a `DecodingError` for one that it does not recognise."""
    if soundfile is None:
        raise ImportError("Expected soundfile to decode audio: pip install soundfile")
    file.seek(0)
    try:
        with _without_notes:
            sound = _open_sequential(_Unnamed(file))
    except soundfile.LibsndfileError as error:
        raise DecodingError(f"libsndfile reports: {error.error_string}") from error
    with sound:
        yield Decoder(sound.samplerate, _stated_samples(sound), partial(_read_libsndfile, sound))


class _Unnamed:
    """A file without its name, by whose ending soundfile would take any content as headerless samples."""

    def __init__(self, file: BinaryIO):
        self._file, self.tell, self.read = file, file.tell, file.read
        if hasattr(file, "readinto"):
            self.readinto = file.readinto

    def seek(self, offset: int, whence: int) -> None:
        with suppress(ValueError, OSError):  # before the beginning, in damaged files: libsndfile looks where it is
            self._file.seek(offset, whence)


def _open_sequential(file: _Unnamed) -> Any:
    """Open a file with soundfile so that reading does not seek, which libmpg123 does not do exactly."""

    class Sequential(soundfile.SoundFile):
        def seekable(self) -> bool:  # otherwise each read ends with a seek to where it ended
            return False

    return Sequential(file)


def _stated_samples(sound) -> float:
    """Samples per channel as the header states them; in formats of PCM, libsndfile counts those that are there."""
    corrected = CORRECTED_LENGTH.search(sound.extra_info)
    if corrected is None or int(corrected[1]) >= UNKNOWN_LENGTH:
        return sound.frames
    stated_bytes, present_bytes = map(int, corrected.groups())
    return round(sound.frames * stated_bytes / max(1, present_bytes))


def _read_libsndfile(sound, position: int, stop: float) -> Iterator[np.ndarray]:
    block_samples = min(round(BLOCK_SECONDS * sound.samplerate), max(1, BLOCK_VALUES // sound.channels))
    try:
        if position:
            with _without_notes:
                sound.seek(position)
        while position < stop:
            with _without_notes:
                block = sound.read(int(min(stop - position, block_samples)), dtype="float32")
            if not len(block):
                return
            position += len(block)
            yield block
    except soundfile.LibsndfileError as error:
        raise DecodingError(f"libsndfile reports: {error.error_string}") from error


class _StderrFilter:
    """
    Holds back what is written to stderr by any part of the process, to write it later without notes of libmpg123.

    libmpg123 cannot be silenced, and its notes name no file. It is in libsndfile, and writes while that reads.
    """

    def __init__(self):
        self._lock, self._num_users = threading.Lock(), 0
        self._stderr, self._held = -1, None

    def __enter__(self) -> None:
        with self._lock:
            self._num_users += 1
            if self._num_users == 1 and sys.__stderr__ is not None:  # otherwise 2 may be any other file
                self._held = self._held or tempfile.TemporaryFile(buffering=0)
                self._stderr = os.dup(2)
                os.dup2(self._held.fileno(), 2)

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._num_users -= 1
            if self._num_users or self._held is None:
                return
            os.dup2(self._stderr, 2)
            os.close(self._stderr)
            if self._held.tell():
                self._held.seek(0)
                kept = [line for line in self._held if line.strip() and not LIBMPG123_NOTES.match(line)]
                self._held.seek(0)
                self._held.truncate()
                if kept:
                    os.write(2, b"".join(kept))


_without_notes = _StderrFilter()
