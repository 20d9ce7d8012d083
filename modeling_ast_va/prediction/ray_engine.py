# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Prediction over libraries that are too large for one machine, on a cluster of Ray."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from ..uncertainty_ast_va import COVERAGE
from .loading import Models, load_rater
from .rated_parts import RatedParts, part_columns
from .ray_workers import Attempts, SongRater, run_settings
from .run import check_workers
from .song_paths import SongPaths
from .summary import Summary, log_unusable, skipped_text
from .tables import WRITERS

if TYPE_CHECKING:
    import pyarrow
    import torch

SONGS_PER_PIECE = 1_000_000  # that the driver holds at a time
SONGS_PER_TASK = 100  # what is rated again, at most, when a process ends
TASKS_PER_WORKER = 4  # at least, so that all end at about the same time


def predict_with_ray(
    model: Models,
    paths: Sequence[str | Path],
    output: str | Path,
    *,
    ray_address: str | None = None,
    coverage: float = COVERAGE,
    segment_hop_seconds: float | None = None,
    batch_size: int | None = None,
    num_workers: int | None = None,
    device: str | None = None,
    dtype: str | torch.dtype = "float32",
) -> None:
    """
    Write a folder of Parquet files with valence and arousal of each song, rated by all machines of a Ray cluster.

    The files have the columns of the table of songs that [`predict`] writes, and `version`. The same call continues a
    run that was interrupted, and after a finished run rates what is new or changed. A song that ends the process that
    rates it, three times, has the reason in `error`. Songs that are not among the paths any more keep their rows.

    Args:
        model: folder or Hub id, or several for an ensemble; the same on every machine.
        paths: audio files, folders, playlists, URLs and addresses, as for [`predict`]; and Parquet tables, files or
            folders ending in `.parquet`, with a column `path` of paths and addresses. Every machine must be able to
            open the songs.
        output: new folder, or one of an earlier run; on the machine of this call.
        ray_address: of a cluster, such as `"10.0.0.1:6379"` or `"auto"`; None is that of `RAY_ADDRESS` or a cluster on
            this machine, and else starts Ray on this machine alone.
        num_workers: processes on all machines together; None is one for each core.
        device: `"cpu"`; None is the GPUs of the cluster if it has any, shared by the processes.
        coverage, segment_hop_seconds, batch_size, dtype: as for [`predict`].

    Raises:
        ImportError: without the package ray.
        ValueError: for several processes, no songs, a table without paths, an output of another run, another device,
            a cluster that cannot be reached, or when no song can be rated.
        KeyboardInterrupt: on Ctrl-C; the message says how many songs are kept.
    """
    check_ray(output, device)
    check_workers(num_workers)
    songs = SongPaths(paths)
    log_unusable(songs.library)
    num_songs = len(songs)
    if not num_songs:
        expected = f"Expected songs, but got none in {[str(path) for path in paths]}."
        raise ValueError(f"{expected} {skipped_text(songs.library)}".strip())
    options: dict[str, Any] = {"model": model, "batch_size": batch_size, "dtype": dtype, "device": device}
    rater = load_rater(**{**options, "device": "cpu"})
    settings = run_settings(rater, coverage=coverage, segment_hop_seconds=segment_hop_seconds)
    columns = part_columns(len(settings["models"]))
    summary = Summary()
    with RatedParts(Path(output), settings, columns) as parts, _cluster(ray_address):
        parts.drop_superseded()  # of a run that was interrupted
        num_before = parts.num_rows
        raters = {"options": options, "settings": settings, "columns": columns, "folder": os.getcwd()}
        try:
            with tqdm(total=num_songs, unit="song") as progress:
                for rows in _rate(songs, raters, parts, num_workers):
                    progress.update(len(rows))
                    parts.append(rows.filter(rows["path"].is_valid()))
        except KeyboardInterrupt:
            parts.flush()
            kept = f"{parts.num_rows:,} songs are kept; the same command continues."
            raise KeyboardInterrupt(f"Interrupted: {kept}") from None
        parts.flush()
        summary.num_changed, summary.num_retried = parts.drop_superseded()
        summary.num_kept = num_before - summary.num_changed - summary.num_retried
        summary.num_new = parts.num_rows - num_before
        parts.count(summary)
    summary.log()
    print(summary.text(songs.library, Path(output), Path(output)))
    summary.check()


def check_ray(output: str | Path, device: str | None) -> None:
    """Check the output and the device, and that Ray is installed."""
    if Path(output).suffix in WRITERS or Path(output).is_file():
        raise ValueError(f"Expected a folder as output of the engine ray, but got {str(output)!r}.")
    if device not in (None, "cpu"):
        expected = "Expected device cpu or none (the GPUs of the cluster, if it has any) with the engine ray"
        raise ValueError(f"{expected}, but got {device}.")
    if find_spec("ray") is None or find_spec("ray.data") is None:
        raise ImportError('Expected the package ray: pip install "modeling-ast-va[ray]"')


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """Connect to a cluster, or start one on this machine; a connection that is there already is used."""
    import ray

    if ray.is_initialized():
        yield
        return
    try:
        ray.init(address, include_dashboard=False, log_to_driver=False, logging_level=logging.WARNING)
    except ConnectionError as error:
        raise ValueError(f"Expected the address of a Ray cluster, but got {address!r}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _rate(
    songs: SongPaths, raters: Mapping[str, Any], parts: RatedParts, num_workers: int | None
) -> Iterator[pyarrow.Table]:
    """Yield the rows of the songs, in the order in which they are finished."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    resources = ray.cluster_resources()
    num_workers = num_workers or max(1, int(resources.get("CPU", 1)))
    num_gpus = 0.0 if raters["options"]["device"] == "cpu" else resources.get("GPU", 0.0)
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    attempts = ray.remote(Attempts).options(num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here)
    arguments = {**raters, "finished": ray.put(parts.finished()), "attempts": attempts.remote()}
    context = DataContext.get_current().copy()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # it logs the plan of every piece
    with DataContext.current(context):
        for piece in songs.pieces(SONGS_PER_PIECE):
            size = min(SONGS_PER_TASK, math.ceil(len(piece) / (TASKS_PER_WORKER * num_workers)))
            tasks = [piece.slice(start, size) for start in range(0, len(piece), size)]
            rated = ray.data.from_arrow(tasks).map_batches(
                SongRater,
                fn_constructor_kwargs=arguments,
                batch_size=None,
                batch_format="pyarrow",
                num_cpus=1,
                num_gpus=min(1.0, math.floor(1e4 * num_gpus / num_workers) / 1e4),  # the resolution of Ray
                compute=ActorPoolStrategy(min_size=1, max_size=num_workers, initial_size=min(num_workers, len(tasks))),
            )
            yield from rated.iter_batches(batch_size=None, batch_format="pyarrow")
