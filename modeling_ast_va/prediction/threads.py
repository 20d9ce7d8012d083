# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Threads that predict songs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import cycle, islice
from typing import Any

Predictor = Callable[[Any], dict[str, Any]]


def map_in_threads(
    predictors: Sequence[Predictor], songs: Iterable[Any], num_workers: int, stopped: threading.Event | None = None
) -> Generator[dict[str, Any], None, None]:
    """
    Predict songs in threads and yield the results in the order in which they are finished.

    While one song is decoded, others run through the network. Each thread uses one core and shares no work with
    others, so that a result does not depend on the number of threads. Only a few songs per thread are taken in advance.

    Args:
        predictors: one for each device, among which the threads are shared out.
        stopped: is cleared here, and set when no more results are needed, before the songs in work are waited for.
    """
    torch = sys.modules.get("torch")  # if it computes; onnxruntime needs no setting
    if stopped:
        stopped.clear()
    thread, shared = threading.local(), cycle(predictors)

    def start_thread() -> None:
        if torch:
            torch.set_num_threads(1)
        thread.predict = next(shared)

    def process(song: Any) -> dict[str, Any]:
        return thread.predict(song)

    threads_before = torch and torch.get_num_threads()
    songs = iter(songs)
    pool = ThreadPoolExecutor(num_workers, initializer=start_thread)
    try:
        waiting = {pool.submit(process, song) for song in islice(songs, 2 * num_workers)}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            waiting |= {pool.submit(process, song) for song in islice(songs, len(done))}
            for future in sorted(done, key=lambda future: future.exception() is not None):
                yield future.result()  # results come before an error, so that they are kept
    finally:
        if stopped:
            stopped.set()
        pool.shutdown(cancel_futures=True)
        if torch:
            torch.set_num_threads(threads_before)
