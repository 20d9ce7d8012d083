# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Rows computed from songs, in files of a few songs each: what is finished outlives every kill.

A file gets its name when it is whole, so that whatever bears one is finished; which songs it holds does not depend on
the number of processes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from datasets import Dataset, Features, concatenate_datasets
from datasets.arrow_writer import ArrowWriter
from datasets.utils import tqdm
from filelock import FileLock

SONGS_PER_SHARD = 16  # so many are done again, at most, by each process that was killed
ORPHAN_POLL_SECONDS = 1.0

Song = dict[str, Any]
Rows = dict[str, Any]  # columns


def map_songs(
    compute: Callable[[Song], Rows],
    songs: list[Song],
    *,
    folder: Path,
    features: Features,
    num_proc: int | None,
    desc: str,
) -> Dataset:
    """
    Computes rows of each song, or takes them from `folder` where they are finished.

    Args:
        compute: gives the rows of a song; elsewhere than on Linux it is pickled.
        songs: in the order of the rows.
        folder: of these songs and this function alone: whoever names it names it after both. Two runs may share it:
            one computes, the other waits.
        features: of the rows.
        num_proc: processes; None is one for each core.
        desc: of the progress bar, which begins at what is finished.

    Returns:
        All rows, memory-mapped.

    Raises:
        RuntimeError: a process was killed.
    """
    starts = range(0, len(songs), SONGS_PER_SHARD)
    parts = [(start, songs[start : start + SONGS_PER_SHARD]) for start in starts]
    shards = {folder / f"{start:06d}-{start + len(part):06d}.arrow": part for start, part in parts}
    if not all(file.is_file() for file in shards):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "lock"):
            for left_by_a_kill in folder.glob("*.tmp"):
                left_by_a_kill.unlink()
            missing = {file: part for file, part in shards.items() if not file.is_file()}
            num_missing = sum(map(len, missing.values()))
            write = partial(_write_shard, compute, features)
            with tqdm(desc=desc, total=len(songs), initial=len(songs) - num_missing, unit=" songs") as bar:
                for num_written in _in_processes(write, missing, num_proc):
                    bar.update(num_written)
    return concatenate_datasets([Dataset.from_file(str(file)) for file in shards])


def _write_shard(compute: Callable[[Song], Rows], features: Features, file: Path, songs: list[Song]) -> int:
    """Writes the rows of a few songs, one song in memory at a time, and returns how many songs."""
    unfinished = file.with_name(f"{file.stem}-{uuid4().hex}.tmp")
    try:
        with ArrowWriter(features=features, path=str(unfinished)) as writer:
            for song in songs:
                writer.write_batch(compute(song))
            writer.finalize()
        os.replace(unfinished, file)
    finally:
        unfinished.unlink(missing_ok=True)
    return len(songs)


def _in_processes(
    write: Callable[[Path, list[Song]], int], shards: Mapping[Path, list[Song]], num_proc: int | None
) -> Iterator[int]:
    num_proc = min(num_proc or _num_cores(), len(shards))
    if num_proc <= 1:
        yield from (write(file, songs) for file, songs in shards.items())
        return
    # A fork starts at once and asks nothing of the caller's script; elsewhere than on Linux, libraries forbid it.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    with ProcessPoolExecutor(num_proc, context, initializer=_follow_parent) as pool:
        try:
            for written in as_completed([pool.submit(write, file, songs) for file, songs in shards.items()]):
                yield written.result()
        except BrokenProcessPool as error:
            raise RuntimeError(
                f"One of {num_proc} processes that prepare songs was killed, as the system does when memory runs out. "
                "What is finished is kept: run this again, with a smaller num_proc where memory is short."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _follow_parent() -> None:
    """Leaves an interrupt to the parent, which stops its processes; ends with the parent where that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(ORPHAN_POLL_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _num_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
