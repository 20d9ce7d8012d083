# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Paths of any number of songs: of files that are found, and of Parquet tables, which are read piece by piece."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from ..download_ast_va import FSSPEC_ERRORS, is_address
from .audio_files import find_audio

if TYPE_CHECKING:
    import pyarrow
    from pyarrow.dataset import Dataset

TABLE_ENDING = ".parquet"
COLUMN = "path"


class SongPaths:
    """
    The songs of a run.

    Args:
        paths: as for [`find_audio`]; and what ends in `.parquet` is a table, or a folder of tables, with the column
            `path`: paths or addresses of songs.

    Raises:
        ValueError: as [`find_audio`], and for a table that cannot be read, or that has no such column of texts, or a
            row without a path.
    """

    def __init__(self, paths: Sequence[str | Path]):
        names = list(map(str, paths))
        self.library = find_audio(name for name in names if not _is_table(name))
        self.tables = [_open_table(name) for name in names if _is_table(name)]

    def __len__(self) -> int:
        return len(self.library.files) + sum(table.count_rows() for table in self.tables)

    def pieces(self, num_songs: int) -> Iterator[pyarrow.Table]:
        """
        Yield tables of at least `num_songs` songs, except for the last.

        Their columns are `path`, in the bytes of the system, and `position`, from 0 on over all pieces.
        """
        import pyarrow

        files = map(os.fsencode, self.library.files)
        read = (batch.column(0) for table in self.tables for batch in table.to_batches(columns=[COLUMN]))
        chunks, position, count = [], 0, 0
        for chunk in chain(_arrays(files, num_songs), read, [None]):
            if chunk is not None:
                chunks.append(chunk.cast(pyarrow.binary()))
                count += len(chunk)
            if count and (count >= num_songs or chunk is None):
                positions = pyarrow.array(range(position, position + count), pyarrow.int64())
                yield pyarrow.table({COLUMN: pyarrow.chunked_array(chunks), "position": positions})
                chunks, position, count = [], position + count, 0


def _arrays(names: Iterator[bytes], size: int) -> Iterator[pyarrow.Array]:
    import pyarrow

    while some := list(islice(names, size)):
        yield pyarrow.array(some, pyarrow.binary())


def _is_table(name: str) -> bool:
    return name.rstrip("/").lower().endswith(TABLE_ENDING)


def _open_table(name: str) -> Dataset:
    """Open a Parquet file, or a folder of them, and check its column."""
    import pyarrow
    import pyarrow.compute as compute
    import pyarrow.dataset

    expected = f"Expected a Parquet table with a column {COLUMN} of texts, but {name!r}"
    system, path = None, name
    try:
        if is_address(name):
            import fsspec

            system, path = fsspec.core.url_to_fs(name)
        table = pyarrow.dataset.dataset(path, format="parquet", filesystem=system)
        if COLUMN not in table.schema.names:
            raise ValueError(f"it has the columns {', '.join(table.schema.names)}")
        kind = table.schema.field(COLUMN).type
        if not (pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind)):
            raise ValueError(f"its column has the type {kind}")
        if num_empty := table.count_rows(filter=compute.field(COLUMN).is_null()):
            raise ValueError(f"{num_empty} of its rows have none")
    except FSSPEC_ERRORS as error:
        raise ValueError(f"{expected} is none: {error}.") from error
    return table
