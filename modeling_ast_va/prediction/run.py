# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Prediction over a music library: from files and folders to a table.

One thread predicts a song, in batches of its own, so that the table does not depend on the number of threads or on
interruptions. torch is imported inside functions, so that errors in arguments do not wait for it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from .. import __version__
from ..processes import accelerators, num_cores
from ..registration import TASK
from .audio_files import file_version, find_audio
from .journal import Journal
from .tables import SEGMENT_COLUMNS, WRITERS, as_text, song_columns, table_rows, write_table

if TYPE_CHECKING:
    import torch

    from ..pipeline_ast_va import MusicEmotionPipeline

logger = logging.getLogger(__name__)

Models = str | Path | Sequence[str | Path]
Predictor = Callable[[str], dict[str, Any]]
DECIMALS = 6  # beyond the precision of float32


def load_pipeline(
    model: Models, device: str | None = None, batch_size: int = 16, dtype: str | torch.dtype = "float32"
) -> MusicEmotionPipeline:
    """
    Load the pipeline of a saved model, or of an ensemble, with the code of this package.

    Args:
        model: folder or Hub id, or several for an ensemble.
        device: such as `"cuda:0"`; None is the choice of transformers.
        dtype: precision of the weights.
    """
    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

    from ..pipeline_ast_va import MusicEmotionPipeline

    first, *ensemble = [model] if isinstance(model, (str, Path)) else model
    network = AutoModelForAudioClassification.from_pretrained(first, trust_remote_code=False, dtype=dtype)
    extractor = AutoFeatureExtractor.from_pretrained(first, trust_remote_code=False)
    return MusicEmotionPipeline(
        model=network, feature_extractor=extractor, ensemble=ensemble, device=device, batch_size=batch_size, task=TASK
    )


def predict(
    model: Models,
    paths: Sequence[str | Path],
    output: str | Path,
    *,
    segments: bool = False,
    segment_hop_seconds: float | None = None,
    batch_size: int = 16,
    num_workers: int | None = None,
    device: str | None = None,
    dtype: str | torch.dtype = "float32",
    plot: str | Path | None = None,
) -> None:
    """
    Write a table with valence and arousal of each audio file, one row per song or one per segment.

    A run that was interrupted is resumed by the same call: songs that are in its journal and have not changed since are
    not predicted again. Files that cannot be decoded are logged and counted; their rows hold the reason in `error`.

    Args:
        model: folder or Hub id, or several for an ensemble, whose mean and spread are in the table.
        output: table ending in `.csv`, `.jsonl` or `.parquet`. Until it is complete, its songs are in the journal, the
            file of the same name with `.journal`.
        segments: whether to write one row per segment, the course over time, instead of one per song.
        segment_hop_seconds: step from segment to segment, in seconds; None is the length of a segment.
        num_workers: songs that are processed at the same time, each in a thread; None is one for each core.
        device: such as `"cuda:0"`; None is all accelerators of the machine, or the CPU.
        dtype: precision of the models.
        plot: PNG file for a plot of the course over time, for a single song.

    Raises:
        ValueError: for several processes, another ending, no audio file, another run with the same output, a journal
            of other models or settings, or when no file can be decoded.
    """
    if (num_processes := int(os.environ.get("WORLD_SIZE", "1"))) > 1:
        raise ValueError(
            f"Expected a single process, but got {num_processes} (WORLD_SIZE): accelerate launch is for training. "
            "predict uses all cores and accelerators of a machine by itself; --num_workers limits them."
        )
    if num_workers is not None and num_workers < 1:
        raise ValueError(f"Expected num_workers of at least 1, but got {num_workers}.")
    output = Path(output)
    if output.suffix not in WRITERS or output.is_dir():
        raise ValueError(f"Expected an output file ending in {', '.join(WRITERS)}, but got {str(output)!r}.")
    files = find_audio(paths)
    if plot is not None and len(files) > 1:
        raise ValueError(f"Expected a single song to plot, but got {len(files)}.")
    output.parent.mkdir(parents=True, exist_ok=True)
    with Journal(output.with_name(f"{output.name}.journal")) as journal:
        devices = [device] if device else accelerators() or ["cpu"]
        num_workers = num_workers or max(num_cores(), len(devices))
        pipelines = [load_pipeline(model, name, batch_size, dtype) for name in devices[:num_workers]]
        options: dict[str, Any] = {"segments": segments or plot is not None, "segment_hop_seconds": segment_hop_seconds}
        fingerprints = [_fingerprint(member) for member in pipelines[0].members]
        journal.start({"models": fingerprints, **options, "version": __version__})
        _predict_songs([partial(predict_song, one, **options) for one in pipelines], files, journal, num_workers)
        if plot is not None and not journal[files[0]]["error"]:
            from ..plots import plot_course

            plot_course(journal[files[0]]["segments"], plot)
        columns = SEGMENT_COLUMNS if segments else song_columns(len(pipelines[0].members))
        write_table((row for file in files for row in table_rows(journal[file], columns)), columns, output)
        errors = [as_text(error) for file in files if (error := journal[file]["error"])]
        journal.path.unlink()
    for error in errors:
        logger.warning("Cannot be decoded: %s", error)
    print(f"{len(files) - len(errors)} of {len(files)} songs are in {output}; {len(errors)} could not be decoded.")
    if len(errors) == len(files):
        raise ValueError(f"Expected audio that can be decoded, but got none in {len(files)} files (see the warnings).")


def _fingerprint(member: Any) -> str:
    """A hash of everything that the predictions of a model depend on: weights and settings."""
    import torch

    settings = {**member.model.config.to_diff_dict(), **member.feature_extractor.to_dict()}
    for name in ("_name_or_path", "auto_map", "custom_pipelines", "transformers_version"):
        settings.pop(name, None)
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for name, tensor in member.model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


def predict_song(
    music_emotion: MusicEmotionPipeline, path: str, *, segments: bool, segment_hop_seconds: float | None
) -> dict[str, Any]:
    """Predict a song, as a line of the journal."""
    version = file_version(path)  # before decoding: a file that changes meanwhile is predicted again
    music_emotion.call_count = 0  # otherwise transformers advises batches of several songs
    result = music_emotion(path, on_error="return", segment_hop_seconds=segment_hop_seconds)
    course = [_rounded(segment) for segment in result.pop("segments", [])]
    song = {"path": path, "version": version, "error": None, "num_segments": len(course), **_rounded(result)}
    return {**song, "segments": course} if segments else song


def _is_current(song: dict[str, Any]) -> bool:
    """Whether the file of a song has not changed since. Downloads that failed are tried again."""
    return song["version"] == file_version(song["path"]) and not (song["error"] and song["version"] is None)


def _predict_songs(predictors: Sequence[Predictor], files: Sequence[str], journal: Journal, num_workers: int) -> None:
    """Predict the files that are not in the journal or have changed since, and append them to it."""
    remaining = [file for file in files if file not in journal.positions or not _is_current(journal[file])]
    num_resumed = len(files) - len(remaining)
    if num_resumed:
        print(f"{num_resumed} of {len(files)} songs are already in {journal.path}.")
    songs = map_in_threads(predictors, remaining, num_workers)
    for song in tqdm(songs, total=len(files), initial=num_resumed, unit="song"):
        journal.append(song)


def map_in_threads(predictors: Sequence[Predictor], paths: Iterable[str], num_workers: int) -> Iterator[dict[str, Any]]:
    """
    Predict songs in threads and yield the results in the order in which they are finished.

    While one song is decoded, others run through the network. Each thread uses one core and shares no work with
    others, so that a result does not depend on the number of threads. Only a few paths per thread are taken in advance.

    Args:
        predictors: one for each device, among which the threads are shared out.
    """
    import torch

    thread, shared = threading.local(), cycle(predictors)

    def start_thread() -> None:
        torch.set_num_threads(1)
        thread.predict = next(shared)

    def process(path: str) -> dict[str, Any]:
        return thread.predict(path)

    threads_before = torch.get_num_threads()
    paths = iter(paths)
    pool = ThreadPoolExecutor(num_workers, initializer=start_thread)
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


def _rounded(numbers: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, DECIMALS) if isinstance(value, float) else value for name, value in numbers.items()}
