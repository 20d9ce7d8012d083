# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""A table of songs in a folder of Parquet files, which grows file by file, and from which the next run continues."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .journal import settings_difference
from .run_lock import RunLock
from .songs import is_mendable
from .summary import Summary
from .tables import Columns, arrow_schema, as_text, song_columns
from .whole_file import whole_file

if TYPE_CHECKING:
    import pyarrow

ROWS_PER_PART = 100_000
SECONDS_PER_PART = 60.0  # what a killed run loses at most, beside the songs in work
PART = re.compile(r"part-(\d+)-\d+\.parquet")  # number of the run, then of the file
SETTINGS = b"modeling_ast_va"  # of the run, in the metadata of a file
KEY = "S16"  # of numpy: 1.6 GB for a hundred million songs


def part_columns(num_models: int = 1) -> Columns:
    """Columns of the table of songs, and what a later run compares: the version of the file that was rated."""
    return {**song_columns(num_models), "version": str}


def song_key(path: str, version: str = "") -> bytes:
    """A hash of 16 bytes for a song, or for a song in a version."""
    return hashlib.blake2b(f"{as_text(path)}\0{version}".encode(), digest_size=16).digest()


def version_text(song: Mapping[str, Any]) -> str | None:
    """The cell `version` of a song as [`predict_song`] returns it; None where a later run tries again."""
    if is_mendable(song):
        return None
    return json.dumps([song["version"], *([song["ffmpeg"]] if "ffmpeg" in song else [])])


class RatedParts:
    """
    A folder of Parquet files with rated songs. Each file is whole or does not exist, and is written by one run.

    A song that is rated again has two rows until [`drop_superseded`] removes the older one. As a context manager the
    folder is locked: only one run at a time can write it. On leaving, rows that wait are written.

    Args:
        folder: is made if it does not exist.
        settings: everything that the predictions depend on, as JSON.
        columns: of the table.

    Raises:
        ValueError: on entering, when another run has locked the folder, when it cannot be written, or when it has
            Parquet files of other settings, or of something else.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], columns: Columns):
        self.folder, self.settings = folder, settings
        self.schema = arrow_schema(columns).with_metadata({SETTINGS: json.dumps(settings)})
        self.lock = RunLock(folder, folder / ".lock")
        self.run, self._number = 0, 0
        self._waiting: list[pyarrow.Table] = []
        self._written = time.monotonic()

    def __enter__(self) -> RatedParts:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock.__enter__()
        try:
            for unfinished in self.folder.glob(".part-*.unfinished"):  # of a killed run
                unfinished.unlink()
            for path in self.paths:
                self._check(path)
        except BaseException:
            self.lock.__exit__()
            raise
        self.run = 1 + max((self._run_of(path) for path in self.paths), default=0)
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self.flush()
        finally:
            self.lock.__exit__(*exception)

    @property
    def paths(self) -> list[Path]:
        """The files, from the oldest to the newest."""
        return sorted(self.folder.glob("*.parquet"))

    @property
    def num_rows(self) -> int:
        """Rows in the files."""
        import pyarrow.parquet

        return sum(pyarrow.parquet.read_metadata(path).num_rows for path in self.paths)

    def append(self, rows: pyarrow.Table) -> None:
        """Add rows, which are written with others, at the latest after `SECONDS_PER_PART`."""
        self._waiting.append(rows)
        is_full = sum(map(len, self._waiting)) >= ROWS_PER_PART
        if is_full or time.monotonic() - self._written >= SECONDS_PER_PART:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait into a file."""
        import pyarrow

        if any(map(len, self._waiting)):
            name = f"part-{self.run:05}-{self._number:06}.parquet"
            self._write(pyarrow.concat_tables(self._waiting), self.folder / name)
            self._number += 1
        self._waiting, self._written = [], time.monotonic()

    def finished(self) -> np.ndarray:
        """Sorted keys of the songs with their versions that need not be rated again, `(num_songs,)` of `KEY`."""
        keys = [np.empty(0, KEY)]
        for path in self.paths:
            table = self._read(path, ["path", "version"])
            songs = zip(table["path"].to_pylist(), table["version"].to_pylist())
            keys.append(np.array([song_key(*song) for song in songs if song[1] is not None], KEY))
        return np.sort(np.concatenate(keys))

    def drop_superseded(self) -> tuple[int, int]:
        """
        Keep the newest row of each song.

        Returns:
            How many rows of earlier runs were replaced: ratings, and errors.
        """
        import pyarrow
        import pyarrow.compute

        paths = self.paths
        names = (self._read(path, ["path"])["path"].to_pylist() for path in paths)
        keys = [np.array(list(map(song_key, some)), KEY) for some in names]
        flat = np.concatenate([np.empty(0, KEY), *keys])
        is_newest = np.zeros(len(flat), bool)
        is_newest[len(flat) - 1 - np.unique(flat[::-1], return_index=True)[1]] = True
        num_ratings = num_errors = 0
        for path, kept in zip(paths, np.split(is_newest, np.cumsum([len(one) for one in keys])[:-1])):
            if kept.all():
                continue
            table = self._read(path)
            if self._run_of(path) < self.run:
                errors = pyarrow.compute.is_valid(table["error"]).to_numpy()[~kept].sum()
                num_errors += int(errors)
                num_ratings += int((~kept).sum() - errors)
            if kept.any():
                self._write(table.filter(pyarrow.array(kept)), path)
            else:
                path.unlink()
        return num_ratings, num_errors

    def count(self, summary: Summary) -> None:
        """Count errors, warnings and quadrants of all songs."""
        import pyarrow.compute as compute

        for path in self.paths:
            table = self._read(path, ["path", "quadrant", "warning", "error"])
            is_remarked = compute.or_(compute.is_valid(table["error"]), compute.is_valid(table["warning"]))
            for song in table.filter(is_remarked).to_pylist():
                summary.add(song)
            for quadrant in table.filter(compute.invert(is_remarked))["quadrant"].value_counts().to_pylist():
                summary.quadrants[quadrant["values"]] += quadrant["counts"]

    def _check(self, path: Path) -> None:
        """Check that a file is of a run with these settings."""
        import pyarrow
        import pyarrow.parquet

        expected = f"Expected an output folder of this run, but {str(path)!r}"
        try:
            metadata = pyarrow.parquet.read_schema(path).metadata or {}
        except pyarrow.ArrowInvalid as error:
            raise ValueError(f"{expected} cannot be read: {error}") from error
        if SETTINGS not in metadata or not PART.fullmatch(path.name):
            raise ValueError(f"{expected} is another table. Choose another output.")
        if difference := settings_difference(json.loads(metadata[SETTINGS]), self.settings):
            raise ValueError(f"{expected} has {difference}. Choose another output.")

    def _run_of(self, path: Path) -> int:
        match = PART.fullmatch(path.name)
        return int(match[1]) if match else 0

    def _read(self, path: Path, columns: list[str] | None = None) -> pyarrow.Table:
        import pyarrow.parquet

        return pyarrow.parquet.ParquetFile(path).read(columns)

    def _write(self, rows: pyarrow.Table, path: Path) -> None:
        import pyarrow.parquet

        with whole_file(path) as unfinished:
            pyarrow.parquet.write_table(rows.cast(self.schema), unfinished)
