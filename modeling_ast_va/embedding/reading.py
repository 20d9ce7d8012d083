# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Reads songs window by window, in threads that are a few windows ahead of what is needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import TypeVar

from ..audio_ast_va import Segment, stream_segments
from ..decoding_ast_va import AudioError

WINDOWS_AHEAD = 32  # of each song in work: they bound the memory, which does not depend on the length of a song

T = TypeVar("T")


def read_windows(
    paths: Iterable[str], sampling_rate: int, window_seconds: float, hop_seconds: float, num_workers: int
) -> Iterator[tuple[int, Segment | str]]:
    """
    Decode songs and split them into windows, as [`stream_segments`] does.

    Args:
        num_workers: songs that are decoded at the same time, each in a thread.

    Yields:
        The position of the song in `paths` and a window, in the order of the songs and of time. What comes last of a
        song that cannot be decoded is the reason, a text, in place of a window.
    """
    read = partial(_read_song, sampling_rate, window_seconds, hop_seconds)
    yield from read_ahead((read(song, path) for song, path in enumerate(paths)), WINDOWS_AHEAD, num_workers)


def _read_song(
    sampling_rate: int, window_seconds: float, hop_seconds: float, song: int, path: str
) -> Iterator[tuple[int, Segment | str]]:
    try:
        for window in stream_segments(path, sampling_rate, window_seconds, hop_seconds):
            yield song, window
    except AudioError as error:
        yield song, str(error)


def read_ahead(iterators: Iterable[Iterator[T]], size: int, num_workers: int) -> Iterator[T]:
    """
    The items of several iterators, one after the other, each computed in a thread.

    Args:
        size: items of each iterator that are computed in advance.
        num_workers: iterators that are computed at the same time; one more waits.
    """
    iterators, waiting = iter(iterators), deque[tuple[Iterator[T], Future[list[T]]]]()
    with ThreadPoolExecutor(num_workers) as pool:

        def compute(iterator: Iterator[T]) -> Future[list[T]]:
            return pool.submit(lambda: list(islice(iterator, size)))

        for iterator in islice(iterators, num_workers + 1):
            waiting.append((iterator, compute(iterator)))
        while waiting:
            iterator, future = waiting.popleft()
            while items := future.result():
                future = compute(iterator)
                yield from items
            waiting.extend((following, compute(following)) for following in islice(iterators, 1))
