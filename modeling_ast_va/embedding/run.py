# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Embeddings of a music library: from files and folders to one file of embeddings.

Parts of a few songs are written to a folder beside the output, and survive a kill. A part is embedded in batches of its
own, so that the output does not depend on interruptions.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from tqdm.auto import tqdm

from .. import __version__
from ..audio_ast_va import segment_sizes
from ..download_ast_va import is_address
from ..ffmpeg_ast_va import find_ffmpeg
from ..prediction.audio_files import Library, file_version, find_audio
from ..prediction.summary import MAX_NAMED, log_named, log_unusable, printable, skipped_text
from ..processes import num_cores
from .embedding_file import HALF_PRECISION, Embeddings, join_files, read_record, write_embeddings
from .encoders import Encoder
from .loading import load_encoder
from .reading import read_windows

BATCH_SIZE = 16
SONGS_PER_PART = 16  # a run that is killed loses the work on at most this many songs


def embed(
    model: str | Path,
    paths: Sequence[str | Path],
    output: str | Path,
    *,
    layer: int | None = None,
    pooling: str | None = None,
    window_seconds: float | None = None,
    hop_seconds: float | None = None,
    sampling_rate: int | None = None,
    batch_size: int = BATCH_SIZE,
    device: str | None = None,
    trust_remote_code: bool = False,
) -> None:
    """
    Write the embeddings of all windows of audio files to one NPZ file, which [`read_embeddings`] reads.

    The same call continues a run that was interrupted, and does nothing for a finished output of the same files and
    settings. The last window ends with the song. A song that cannot be decoded is logged and counted, and the output
    holds the reason.

    Args:
        paths: audio files, folders, playlists, URLs and addresses of fsspec.
        output: the NPZ file. The unfinished work is in a folder of the same name with `.parts`.
        hop_seconds: step from window to window, in seconds; None is half a window.
        batch_size: windows in a batch, of one song or several.
        model, layer, pooling, window_seconds, sampling_rate, device, trust_remote_code: as for [`load_encoder`].

    Raises:
        ValueError: for arguments that do not fit the model, no audio file, another run with the same output, embeddings
            that are no numbers, or when no file can be decoded.
        OSError: when the output cannot be written; what is embedded so far is kept.
        KeyboardInterrupt: on Ctrl-C; the message says how many songs are kept.
    """
    output, library = Path(output), find_audio(paths)
    log_unusable(library)
    if not library.files:
        expected = f"Expected audio files, but got none in {[str(path) for path in paths]}."
        raise ValueError(f"{expected} {skipped_text(library)}".strip())
    of_encoder = {"layer": layer, "pooling": pooling, "window_seconds": window_seconds, "sampling_rate": sampling_rate}
    encoder = load_encoder(model, **of_encoder, device=device, trust_remote_code=trust_remote_code)  # type: ignore[arg-type]
    if joined := embed_files(encoder, library.files, output, hop_seconds=hop_seconds, batch_size=batch_size):
        _report(joined, output, library)
    else:
        print(f"{output} is complete: it has the embeddings of these files by this model.")


def embed_files(
    encoder: Encoder,
    paths: Sequence[str],
    output: Path,
    *,
    hop_seconds: float | None = None,
    batch_size: int = BATCH_SIZE,
) -> Embeddings | None:
    """
    Write the embeddings of audio files by an encoder, as [`embed`] does, which has the same arguments and errors.

    Returns:
        What is written, without the embeddings themselves; None for an output that was finished before.
    """
    hop_seconds = hop_seconds or encoder.window_seconds / 2
    segment_sizes(encoder.sampling_rate, encoder.window_seconds, hop_seconds)
    record = {**encoder.record, "window_seconds": encoder.window_seconds, "hop_seconds": hop_seconds}
    record |= {"version": __version__, "files": _digest(record, paths)}
    if read_record(output).get("files") == record["files"]:
        return None
    with _folder_of_parts(output) as folder:
        files = _embed_parts(encoder, paths, hop_seconds, batch_size, record, folder)
        return join_files(files, output, record)


@contextmanager
def _folder_of_parts(output: Path) -> Iterator[Path]:
    """The folder of finished parts, which only one run at a time uses; it is removed once the output is written."""
    folder = output.with_name(f"{output.name}.parts")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            yield folder
            shutil.rmtree(folder, ignore_errors=True)  # Windows does not remove the lock, which is an open file
    except Timeout:
        raise ValueError(
            f"Expected one run for each output, but another run is writing {str(output)!r}. Wait until it ends, or "
            "choose another output."
        ) from None


def _embed_parts(
    encoder: Encoder,
    paths: Sequence[str],
    hop_seconds: float,
    batch_size: int,
    settings: Mapping[str, Any],
    folder: Path,
) -> list[Path]:
    """Embed the parts that are not finished yet; returns the files of all."""
    settings = {name: value for name, value in settings.items() if name != "files"}
    parts = {}
    for start in range(0, len(paths), SONGS_PER_PART):
        songs = paths[start : start + SONGS_PER_PART]
        parts[folder / f"{_digest(settings, songs)}.npz"] = songs
    num_finished = sum(len(songs) for file, songs in parts.items() if file.is_file())
    try:
        with tqdm(desc="Embeddings", total=len(paths), initial=num_finished, unit=" songs") as bar:
            for file, songs in parts.items():
                if not file.is_file():
                    write_embeddings(embed_songs(encoder, songs, hop_seconds, batch_size), file)
                    num_finished += len(songs)
                    bar.update(len(songs))
    except KeyboardInterrupt:
        message = f"Interrupted: {num_finished} songs are kept; the same command continues."
        raise KeyboardInterrupt(message) from None
    return list(parts)


def embed_songs(encoder: Encoder, paths: Sequence[str], hop_seconds: float, batch_size: int) -> Embeddings:
    """Embed songs, in batches of windows of several songs. The record names those that cannot be decoded."""
    song_index, starts, values = [], [], [np.empty((0, encoder.num_values), np.float32)]
    left_out, incomplete = {}, {}

    def waveforms() -> Iterator[np.ndarray]:
        windows = read_windows(paths, encoder.sampling_rate, encoder.window_seconds, hop_seconds, num_cores())
        for song, window in windows:
            if isinstance(window, str):
                left_out[song] = window
                continue
            song_index.append(song)
            starts.append(window.start_seconds)
            if window.warning:
                incomplete[song] = window.warning
            yield window.waveform

    # Windows of different lengths, of songs that are shorter than a window, would need padding in a batch.
    for _, of_one_length in groupby(waveforms(), key=len):
        while batch := list(islice(of_one_length, batch_size)):
            values.append(encoder(batch))
    names = [path if is_address(path) else os.path.abspath(path) for path in paths]
    index = np.array(song_index, np.int64)
    is_kept = ~np.isin(index, list(left_out))
    kept = np.array([song for song in range(len(paths)) if song not in left_out], np.int64)
    return Embeddings(
        songs=[names[song] for song in kept],
        are_paths=True,
        song_index=np.searchsorted(kept, index[is_kept]),
        start_seconds=np.array(starts)[is_kept],
        window_seconds=encoder.window_seconds,
        values=_checked(np.concatenate(values)[is_kept], index[is_kept], paths),
        record={
            "left_out": {names[song]: reason for song, reason in left_out.items()},
            "incomplete": {names[song]: warning for song, warning in incomplete.items()},
        },
    )


def _checked(values: np.ndarray, song_index: np.ndarray, paths: Sequence[str]) -> np.ndarray:
    """Embeddings, if all are numbers of half precision."""
    highest = np.abs(values).max(axis=1)
    if len(wrong := np.flatnonzero(~(highest <= np.finfo(HALF_PRECISION).max))):
        path, value = paths[song_index[wrong[0]]], highest[wrong[0]]
        raise ValueError(f"Expected embeddings up to {np.finfo(HALF_PRECISION).max}, but got {value} for {path}.")
    return values


def _digest(settings: Mapping[str, Any], paths: Sequence[str]) -> str:
    """A hash of settings, and of files and their versions."""
    files = [[path if is_address(path) else os.path.abspath(path), file_version(path)] for path in paths]
    has_ffmpeg = find_ffmpeg() is not None  # it decodes what would be left out without it
    content = json.dumps({"settings": settings, "files": files, "has_ffmpeg": has_ffmpeg}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _report(joined: Embeddings, output: Path, library: Library) -> None:
    """Name the songs that are left out or incomplete, and print what is written."""
    left_out, incomplete = joined.record["left_out"], joined.record["incomplete"]
    warnings = [f"{path} {warning}" for path, warning in incomplete.items()]
    for message, named in (
        ("Left out %s", [*left_out.values()]),
        ("Is embedded as far as it can be decoded: %s", warnings),
    ):
        log_named(message, named[:MAX_NAMED], len(named), "see the record of the output")
    num_windows, num_songs = len(joined.start_seconds), len(joined.songs)
    print(f"{num_windows:,} embeddings of {joined.values.shape[1]} values of {num_songs:,} songs in {output}.")
    print(f"Left out, with the reason in its record: {len(left_out):,}. Incomplete: {len(incomplete):,}.")
    if skipped := skipped_text(library):
        print(printable(skipped))
