# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Rows computed from songs and cached on disk, in shards of a few songs each.

A complete shard gets its final name and survives a kill: the next run continues from it. Its content does not depend on
the number of processes.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from datasets import Dataset, Features, concatenate_datasets
from datasets.arrow_writer import ArrowWriter
from datasets.config import HF_DATASETS_CACHE
from datasets.utils import tqdm
from filelock import FileLock

from ..processes import num_cores, process_context

SONGS_PER_SHARD = 16  # a process that is killed loses the work on at most this many songs
MAX_SHARDS = 128  # the shards of all rows stay open, and systems allow 256 or 1,024 open files: then more songs in each
ROWS_PER_BATCH = 1000

Song = dict[str, Any]
Columns = dict[str, Any]
Shard = list[Song]  # as `identify` returns them


def map_songs(
    compute: Callable[[Song], Columns],
    songs: list[Song],
    *,
    name: str,
    key: Mapping[str, Any],
    features: Features,
    num_proc: int | None,
    cache_dir: str | Path | None,
    desc: str,
    unit: str = " songs",
) -> Dataset:
    """
    Compute rows of each song, or read them from the cache; returns all rows, memory-mapped.

    The cache is found again by `name`, `key`, the songs, and the size and modification time of their files. Two runs
    may use it at the same time: one computes while the other waits. Files must not change meanwhile, so that nothing is
    kept of a folder that vanished or is being copied.

    Args:
        compute: returns the rows of a song as columns; must be picklable on other systems than Linux.
        songs: in the order of the rows, each with the `path` of its file.
        name: of what is computed, such as `"segments"`; the cache folder begins with it.
        key: all else that the rows depend on, as JSON: settings, and the version of the code that computes them.
        features: of the rows.
        num_proc: processes; `None` is one for each core.
        cache_dir: where the rows are kept; `None` is the cache of `datasets`.
        desc, unit: of the progress bar, which starts at the number of finished songs.

    Raises:
        ValueError: when the file of a song has vanished or changed since the call.
        OSError: when the cache cannot be written, or a process was killed.
    """
    songs = [identify(song) for song in songs]
    folder = Path(cache_dir or HF_DATASETS_CACHE) / "modeling_ast_va" / f"{name}-{_digest(songs, key)}"
    bounds = [*range(0, len(songs), max(SONGS_PER_SHARD, -(-len(songs) // MAX_SHARDS))), len(songs)]
    shards = {folder / f"{start:06d}-{stop:06d}.arrow": songs[start:stop] for start, stop in pairwise(bounds)}
    if not all(file.is_file() for file in shards):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "lock"):
            for unfinished in folder.glob("*.tmp"):
                unfinished.unlink()
            missing = {file: part for file, part in shards.items() if not file.is_file()}
            num_finished = len(songs) - sum(map(len, missing.values()))
            write = partial(_write_shard, compute, features)
            with tqdm(desc=desc, total=len(songs), initial=num_finished, unit=unit) as bar:
                for num_written in _in_processes(write, missing, num_proc or num_cores()):
                    bar.update(num_written)
    with _naming(folder):
        return concatenate_datasets([Dataset.from_file(str(file)) for file in shards])


def identify(song: Song) -> Song:
    """What the rows of a song depend on: the song, and the version of its file (ValueError where that is missing)."""
    try:
        file = os.stat(song["path"])
    except OSError as error:
        raise ValueError(f"Expected the file {song['path']!r}, but the system reports: {error.strerror}.") from error
    return song | {"path": os.path.abspath(song["path"]), "size": file.st_size, "modified_ns": file.st_mtime_ns}


def check_unchanged(song: Song) -> None:
    """Check that the file of a song is still as [`identify`] found it (ValueError)."""
    if identify(song) != song:
        raise ValueError(f"Expected {song['path']!r} to stay as it was, but it has changed meanwhile.")


def _digest(songs: list[Song], key: Mapping[str, Any]) -> str:
    content = json.dumps({"songs": songs, "key": key}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


@contextmanager
def _naming(folder: Path) -> Iterator[None]:
    """Name the cache folder in an error of the system."""
    try:
        yield
    except OSError as error:
        reason = f"the system reports: {error.strerror or error}" if folder.is_dir() else "it has vanished"
        raise OSError(f"Expected to keep prepared songs in the cache folder {str(folder)!r}, but {reason}.") from error


def _write_shard(compute: Callable[[Song], Columns], features: Features, file: Path, songs: Shard) -> int:
    """Write the rows of a few songs, with one song of arrays in memory at a time, and return the number of songs."""
    unfinished = file.with_name(f"{file.stem}-{uuid4().hex}.tmp")
    try:
        with _naming(file.parent):
            with ArrowWriter(features=features, path=str(unfinished)) as writer:
                for columns in _join_small(map(compute, songs)):
                    writer.write_batch(columns)
                for song in songs:
                    check_unchanged(song)
                writer.finalize()
            os.replace(unfinished, file)
    finally:
        unfinished.unlink(missing_ok=True)
    return len(songs)


def _join_small(songs: Iterable[Columns]) -> Iterator[Columns]:
    """Join the rows of songs without arrays: reading a table takes time for each batch that was written."""
    joined: Columns = {}
    for columns in songs:
        has_arrays = any(isinstance(values, np.ndarray) for values in columns.values())
        if joined and (has_arrays or len(next(iter(joined.values()))) >= ROWS_PER_BATCH):
            yield joined
            joined = {}
        if has_arrays:
            yield columns
        else:
            joined = {name: [*joined.get(name, ()), *values] for name, values in columns.items()}
    if joined:
        yield joined


def _in_processes(write: Callable[[Path, Shard], int], shards: Mapping[Path, Shard], num_proc: int) -> Iterator[int]:
    num_proc = min(num_proc, len(shards))
    if num_proc <= 1:
        yield from (write(file, songs) for file, songs in shards.items())
        return
    with ProcessPoolExecutor(num_proc, process_context(), initializer=_follow_parent) as pool:
        try:
            for written in as_completed([pool.submit(write, file, songs) for file, songs in shards.items()]):
                yield written.result()
        except BrokenProcessPool as error:
            raise OSError(
                f"Expected {num_proc} processes to prepare songs, but one of them was killed, as the system does when "
                "memory runs out. Finished songs are kept: run this again, with a smaller num_proc if memory is short."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _follow_parent() -> None:
    """Leave an interrupt to the parent, which stops its processes, and end when the parent was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
