# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Files of embeddings: NPZ files with an embedding of each window of each song, which docs/teachers.md describes."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..prediction.whole_file import whole_file

# What numpy raises for damaged NPZ files, found by damaging files at random.
READ_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    OSError,
    EOFError,
    NotImplementedError,
    TypeError,
    LookupError,
)
OF_WINDOWS = ("start_seconds", "window_seconds", "embedding")
OF_SONGS = ("song_id", "path", "file_index", "record")
HALF_PRECISION = np.dtype("<f2")  # takes half the space of single precision, and rounds to 11 significant bits


@dataclass(frozen=True)
class Embeddings:
    """
    Embeddings of windows of songs.

    Args:
        songs: id or path of each song, each once.
        are_paths: whether `songs` are paths.
        song_index: position in `songs` of the song of each window.
        start_seconds: start of each window in its song, in seconds.
        window_seconds: length of a window, in seconds.
        values: the embeddings.
        record: how they were computed: model, settings, and the files that are left out.

    Shape:
        song_index and start_seconds: `(num_windows,)`. values: `(num_windows, num_values)`.
    """

    songs: Sequence[int | str]
    are_paths: bool
    song_index: np.ndarray
    start_seconds: np.ndarray
    window_seconds: float
    values: np.ndarray
    record: dict[str, Any] = field(default_factory=dict)


def read_embeddings(path: str | Path) -> Embeddings:
    """
    Read and check a file of embeddings.

    Raises:
        ValueError: for a missing or damaged file, and for arrays that are missing, of another shape, or not finite.
    """
    arrays = _read_arrays(path, (*OF_WINDOWS, *OF_SONGS))
    index_name = "file_index" if "file_index" in arrays else "song_id"
    expected = (*(("path",) if index_name == "file_index" else ()), index_name, *OF_WINDOWS)
    if missing := ", ".join(name for name in expected if name not in arrays):
        raise ValueError(f"Expected the arrays {', '.join(expected)} in {str(path)!r}, but got no {missing}.")
    for name in OF_WINDOWS:
        if not np.issubdtype(arrays[name].dtype, np.number) or not np.isfinite(arrays[name]).all():
            raise ValueError(f"Expected finite numbers as {name} in {str(path)!r}, but got others.")
    starts, window_seconds, values = (arrays[name] for name in OF_WINDOWS)
    index = arrays[index_name]
    if values.ndim != 2 or not index.shape == starts.shape == values.shape[:1] or window_seconds.ndim:
        raise ValueError(
            f"Expected a row of embedding for each {index_name} and start_seconds in {str(path)!r}, but got the shapes "
            f"{values.shape}, {index.shape} and {starts.shape}."
        )
    if index_name == "song_id":
        if index.dtype.kind not in "iuU":
            raise ValueError(f"Expected whole numbers or texts as song_id in {str(path)!r}, but got {index.dtype}.")
        names, index = np.unique(index, return_inverse=True)
    else:
        names = _checked_paths(path, arrays["path"], index)
    record = _parse_record(path, arrays)
    return Embeddings(names.tolist(), "path" in expected, index, starts, float(window_seconds), values, record)


def read_record(path: Path) -> dict[str, Any]:
    """The record of a file of embeddings; empty where there is no file with a record."""
    try:
        return _parse_record(path, _read_arrays(path, ("record",)))
    except ValueError:
        return {}


def write_embeddings(embeddings: Embeddings, path: Path) -> None:
    """Write embeddings of songs that are paths, in half precision. The file is whole, or does not appear."""
    _write(embeddings, embeddings.values.shape, [embeddings.values], path)


def join_files(files: Sequence[Path], path: Path, record: Mapping[str, Any]) -> Embeddings:
    """
    Write the embeddings of several files, of different songs, to one, with the embeddings of one file in memory.

    Args:
        record: of the new file; the dicts `left_out` and `incomplete` of the files are added to it.

    Returns:
        What is written, without the embeddings themselves.

    Raises:
        ValueError: when no song has an embedding.
    """
    parts = [_without_values(read_embeddings(file)) for file in files]
    firsts = np.cumsum([0, *(len(part.songs) for part in parts)])
    joined = Embeddings(
        [song for part in parts for song in part.songs],
        True,
        np.concatenate([part.song_index + first for part, first in zip(parts, firsts)]),
        np.concatenate([part.start_seconds for part in parts]),
        parts[0].window_seconds,
        parts[0].values,
        {**record, **{name: _merged(part.record[name] for part in parts) for name in ("left_out", "incomplete")}},
    )
    if not joined.songs:
        first = next(iter(joined.record["left_out"].values()), "")
        raise ValueError(f"Expected audio that can be decoded, but got none, as in {first}")
    shape = (len(joined.start_seconds), parts[0].values.shape[1])
    _write(joined, shape, (read_embeddings(file).values for file in files), path)
    return joined


def _without_values(embeddings: Embeddings) -> Embeddings:
    return Embeddings(**{**vars(embeddings), "values": np.empty((0, embeddings.values.shape[1]))})


def _merged(dicts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {name: text for one in dicts for name, text in one.items()}


def _write(embeddings: Embeddings, shape: tuple[int, ...], blocks: Iterable[np.ndarray], path: Path) -> None:
    """Write embeddings whose values, of `shape` together, come in blocks of rows. NPZ files are ZIP archives."""
    arrays = {
        "path": np.array(embeddings.songs, np.str_),
        "file_index": embeddings.song_index.astype(np.int32),
        "start_seconds": embeddings.start_seconds.astype(np.float64),
        "window_seconds": np.array(embeddings.window_seconds),
        "record": np.array(json.dumps(embeddings.record)),
    }
    header = {"descr": HALF_PRECISION.str, "fortran_order": False, "shape": shape}
    with whole_file(path) as unfinished, zipfile.ZipFile(unfinished, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
        with archive.open("embedding.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array_header_1_0(member, header)
            for block in blocks:
                member.write(block.astype(HALF_PRECISION).tobytes())


def _read_arrays(path: str | Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    if not Path(path).is_file():
        raise ValueError(f"Expected an NPZ file of embeddings, but got {str(path)!r}, which is no file.")
    try:
        with np.load(path) as file:
            return {name: file[name] for name in names if name in file}
    except READ_ERRORS as error:
        raise ValueError(f"Expected an NPZ file of embeddings in {str(path)!r}, but got: {error}") from error


def _checked_paths(path: str | Path, paths: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The paths of the songs of a file, if they are different texts and `index` points to them."""
    if paths.dtype.kind != "U" or paths.ndim != 1 or len(np.unique(paths)) < len(paths):
        raise ValueError(f"Expected different paths in {str(path)!r}, but got {paths.dtype} of shape {paths.shape}.")
    if index.dtype.kind not in "iu" or not ((index >= 0) & (index < len(paths))).all():
        raise ValueError(f"Expected file_index to point to the {len(paths)} paths in {str(path)!r}, but it does not.")
    return paths


def _parse_record(path: str | Path, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    try:
        record = json.loads(str(arrays.get("record", "{}")))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Expected the record in {str(path)!r} to be JSON, but got: {error}") from error
    if not isinstance(record, dict):
        raise ValueError(f"Expected the record in {str(path)!r} to be an object, but got {type(record).__name__}.")
    return record
