# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Prediction over a music library: files and folders in, a table with one row a song out.

Any number of processes share the songs. Each writes what it hears to a part of its own, and the last to finish puts the
parts together. One thread hears a song, in batches of its own: its numbers depend on nothing else, so that the table is
the same for any number of processes, and after any interruption.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification
from transformers.utils import CONFIG_NAME

from .. import __version__
from ..pipeline_ast_va import MusicEmotionPipeline
from ..prediction.audio_files import file_version, find_audio
from ..prediction.journal import Parts, Place
from ..prediction.tables import WRITERS, write_table
from ..processes import this_process

logger = logging.getLogger(__name__)

DECIMALS = 6  # finer than float32 tells apart
SEGMENT_COLUMNS = {"path": str, "start": float, "end": float, "valence": float, "arousal": float}


def song_columns(num_models: int = 1) -> dict[str, type]:
    """Columns of the table of songs with their types; an ensemble has the spread over its models too."""
    kinds = ("", "_std") if num_models == 1 else ("", "_std", "_spread")
    numbers = [f"{dimension}{kind}" for kind in kinds for dimension in ("valence", "arousal")]
    return {"path": str, **dict.fromkeys(numbers, float), "quadrant": str, "num_segments": int, "error": str}


def split_models(given: Sequence[Sequence[str]]) -> tuple[list[str], list[str]]:
    """
    Models and songs among what follows each `--model`: the first is a model, and so are folders of models after it.

    `--model DIR song.mp3` and `--model DIR DIR song.mp3` then both mean what they say; another Hub id takes another
    `--model`.
    """
    models: list[str] = []
    paths: list[str] = []
    for first, *others in given:
        num_models = sum(1 for _ in itertools.takewhile(lambda other: Path(other, CONFIG_NAME).is_file(), others))
        models += [first, *others[:num_models]]
        paths += others[num_models:]
    return models, paths


def load_pipeline(
    model: str | Path | Sequence[str | Path],
    device: str | None = None,
    batch_size: int = 16,
    dtype: str | torch.dtype = torch.float32,
) -> MusicEmotionPipeline:
    """The pipeline of a saved model, a folder or Hub id, or of several, run by the code of this package."""
    first, *ensemble = [model] if isinstance(model, (str, Path)) else model
    return MusicEmotionPipeline(
        model=AutoModelForAudioClassification.from_pretrained(first, trust_remote_code=False, dtype=dtype),
        feature_extractor=AutoFeatureExtractor.from_pretrained(first, trust_remote_code=False),
        ensemble=ensemble,
        device=device,
        batch_size=batch_size,
        task="music-emotion",
    )


def predict(
    model: str | Path | Sequence[str | Path],
    paths: Sequence[str | Path],
    output: str | Path,
    *,
    segments: bool = False,
    segment_hop_seconds: float | None = None,
    batch_size: int = 16,
    num_workers: int | None = None,
    device: str | None = None,
    dtype: str | torch.dtype = torch.float32,
) -> None:
    """
    Write valence and arousal of every audio file among the paths, one row a song, or one a segment.

    Every process of a launch calls it alike. A run that was interrupted is resumed by the same call: songs that were
    heard, and have not changed since, are not heard again. Files that cannot be heard are named and counted aloud;
    their rows hold the reason in `error`.

    Args:
        model: folder or Hub id, or several: then the average over these models is written, and their spread.
        paths: audio files, folders, URLs.
        output: table to write, by its ending `.csv`, `.jsonl` or `.parquet`. Until it is complete, its parts lie in
            the folder of its name with `.parts`, which all processes must reach.
        segments: whether to write the course over time, a row a segment, in place of songs.
        segment_hop_seconds: step from one segment to the next; without it they touch.
        batch_size: segments a step.
        num_workers: songs that this process hears at a time, each in a thread; without it one for each of its cores.
        device: such as `"cuda:0"`; without it the accelerators of a machine are shared out, else the CPU.
        dtype: precision of the networks.

    Raises:
        ValueError: for no audio file, another ending, parts of another model or other settings, or when not one file
            could be heard.
    """
    output = Path(output)
    if output.suffix not in WRITERS or output.is_dir():
        raise ValueError(f"Expected an output file ending in {', '.join(WRITERS)}, but got {str(output)!r}.")
    files = find_audio(paths)
    output.parent.mkdir(parents=True, exist_ok=True)  # where that fails, hours of listening would be lost
    process = this_process()
    music_emotion = load_pipeline(model, device or process.device, batch_size, dtype)
    settings = {
        "models": fingerprints(music_emotion),
        "segments": segments,
        "segment_hop_seconds": segment_hop_seconds,
        "version": __version__,
    }
    parts = Parts(output.with_name(f"{output.name}.parts"), settings)
    mine = files[process.index :: process.count]
    heard = heard_before(parts, mine)
    if process.index == 0:
        parts.forget_finishers()
    process.meet()  # all know what was heard before; only then may parts grow, or be put together and removed
    if heard:
        print(f"{len(heard)} of {len(mine)} songs were heard before.")
    listen = functools.partial(hear, music_emotion, segments=segments, segment_hop_seconds=segment_hop_seconds)
    songs = in_threads(listen, (file for file in mine if file not in heard), num_workers or process.num_cores)
    progress = tqdm(songs, total=len(mine), initial=len(heard), unit="song", disable=process.index > 0)
    parts.append(process.index, iter(progress))
    if parts.is_last_to_finish(process.count):
        merge(parts, files, output, SEGMENT_COLUMNS if segments else song_columns(len(music_emotion.listeners)))


def fingerprints(music_emotion: MusicEmotionPipeline) -> list[str]:
    """For each model a hash of all that its answers depend on: weights, and settings of model and front end."""
    hashes = []
    for listener in music_emotion.listeners:
        settings = {**listener.model.config.to_diff_dict(), **listener.feature_extractor.to_dict()}
        for name in ("_name_or_path", "auto_map", "custom_pipelines", "transformers_version"):
            settings.pop(name, None)
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
        for name, tensor in listener.model.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy())
        hashes.append(digest.hexdigest()[:16])
    return hashes


def heard_before(parts: Parts, files: Sequence[str]) -> set[str]:
    """Files that stand in the parts and have not changed since. What failed to download is tried again."""
    versions: dict[str, tuple[float, list[int] | None, bool]] = dict.fromkeys(files, (0.0, None, True))
    for _, song in parts.songs():
        if song["path"] in versions and song["heard_at"] >= versions[song["path"]][0]:
            versions[song["path"]] = (song["heard_at"], song["version"], song["error"] is not None)
    return {
        path
        for path, (heard_at, version, failed) in versions.items()
        if heard_at and version == file_version(path) and not (failed and version is None)
    }


def hear(
    music_emotion: MusicEmotionPipeline, path: str, *, segments: bool, segment_hop_seconds: float | None
) -> dict[str, Any]:
    """What the pipeline says of a song, as it stands in a part."""
    heard_at, version = time.time(), file_version(path)  # before: a file that changes meanwhile is heard again
    music_emotion.call_count = 0  # the library would advise batches of several songs
    result = music_emotion(path, on_error="return", segment_hop_seconds=segment_hop_seconds)
    course = [rounded(segment) for segment in result.pop("segments", [])]
    song = {"path": path, "version": version, "heard_at": heard_at, "error": None, "num_segments": len(course)}
    return {**song, **rounded(result), **({"segments": course} if segments else {})}


def rounded(numbers: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, DECIMALS) if isinstance(value, float) else value for name, value in numbers.items()}


def in_threads(
    listen: Callable[[str], dict[str, Any]], paths: Iterable[str], num_threads: int
) -> Iterator[dict[str, Any]]:
    """
    Hear songs, several at a time, each in a thread; they come as they are done.

    While one is decoded, others run through the network. A thread that shares no work with others waits for none, and
    computes the same numbers whatever else runs. Memory is that of as many songs as there are threads.
    """
    threads_before = torch.get_num_threads()
    paths = iter(paths)
    pool = ThreadPoolExecutor(num_threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        waiting = {pool.submit(listen, path) for path in itertools.islice(paths, 2 * num_threads)}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            waiting |= {pool.submit(listen, path) for path in itertools.islice(paths, len(done))}
            for future in sorted(done, key=lambda future: future.exception() is not None):
                yield future.result()  # an error comes after what others heard
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads_before)


def merge(parts: Parts, files: Sequence[str], output: Path, columns: dict[str, type]) -> None:
    """Put the parts together into one table in the order of the files, remove them, and say what could not be heard."""
    latest: dict[str, tuple[float, Place]] = {}
    for place, song in parts.songs():
        if song["path"] not in latest or song["heard_at"] >= latest[song["path"]][0]:
            latest[song["path"]] = (song["heard_at"], place)
    missing = [path for path in files if path not in latest]
    if missing:
        raise ValueError(f"{len(missing)} files, such as {missing[0]!r}, came meanwhile. Run the same command again.")
    failures: list[str] = []
    write_table(table_rows(parts.read(latest[path][1] for path in files), columns, failures), columns, output)
    parts.remove()
    for error in failures:
        logger.warning("Not heard: %s", error)
    print(f"{len(files) - len(failures)} of {len(files)} songs are in {output}; {len(failures)} could not be heard.")
    if len(failures) == len(files):
        raise ValueError(f"Not one of {len(files)} files could be heard; the reasons stand above.")


def table_rows(
    songs: Iterable[dict[str, Any]], columns: dict[str, type], failures: list[str]
) -> Iterator[dict[str, Any]]:
    """Rows of songs, or of their segments where the columns are theirs; reasons for failures are added to the list."""
    for song in songs:
        path, error = as_text(song["path"]), song["error"] and as_text(song["error"])
        if error:
            failures.append(error)
        rows = song["segments"] if columns == SEGMENT_COLUMNS else [song]
        yield from ({name: row.get(name) for name in columns} | {"path": path} for row in rows)


def as_text(path: str) -> str:
    """A file name may hold bytes that are no text; a table may not."""
    return os.fsencode(path).decode("utf-8", "replace")
