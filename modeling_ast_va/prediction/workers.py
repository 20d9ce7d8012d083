# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Threads that process songs at the same time, on one device or on several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import cycle, islice
from queue import SimpleQueue
from typing import TypeVar

Result = TypeVar("Result")


def map_in_threads(
    functions: Sequence[Callable[[str], Result]], paths: Iterable[str], num_workers: int
) -> Iterator[Result]:
    """
    Process paths in threads and yield the results in the order in which they are finished.

    While one song is decoded, others run through the network. Each thread uses one core and shares no work with
    others, so that a result does not depend on the number of threads. Only a few paths per thread are taken in advance.

    Args:
        functions: one for each device, among which the threads are shared out.
    """
    import torch

    free: SimpleQueue[Callable[[str], Result]] = SimpleQueue()
    for function in islice(cycle(functions), num_workers):
        free.put(function)

    def process(path: str) -> Result:
        function = free.get()
        try:
            return function(path)
        finally:
            free.put(function)

    threads_before = torch.get_num_threads()
    paths = iter(paths)
    pool = ThreadPoolExecutor(num_workers, initializer=torch.set_num_threads, initargs=(1,))
    try:
        waiting = {pool.submit(process, path) for path in islice(paths, 2 * num_workers)}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            waiting |= {pool.submit(process, path) for path in islice(paths, len(done))}
            for future in sorted(done, key=lambda future: future.exception() is not None):
                yield future.result()  # results come before an error, so that they are kept
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads_before)
