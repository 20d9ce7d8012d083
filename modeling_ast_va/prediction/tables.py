# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tables of predictions of any length, written row by row: `.csv`, `.jsonl` or `.parquet`."""

from __future__ import annotations

import csv
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROWS_PER_GROUP = 10_000  # of a Parquet file, held in memory at a time

Rows = Iterable[Mapping[str, Any]]
Columns = Mapping[str, type]

SEGMENT_COLUMNS: Columns = {"path": str, "start": float, "end": float, "valence": float, "arousal": float}


def song_columns(num_models: int = 1) -> Columns:
    """Columns of the table of songs with their types; an ensemble adds the spread over its models."""
    kinds = ("", "_std") if num_models == 1 else ("", "_std", "_spread")
    numbers = [f"{dimension}{kind}" for kind in kinds for dimension in ("valence", "arousal")]
    return {"path": str, **dict.fromkeys(numbers, float), "quadrant": str, "num_segments": int, "error": str}


def table_rows(song: Mapping[str, Any], columns: Columns) -> Iterator[dict[str, Any]]:
    """The row of a song, or the rows of its segments for [`SEGMENT_COLUMNS`]."""
    texts = {name: song[name] and as_text(song[name]) for name in ("path", "error")}
    for row in song["segments"] if columns is SEGMENT_COLUMNS else [song]:
        values = {**row, **texts}
        yield {name: values.get(name) for name in columns}


def as_text(name: str) -> str:
    """Replace bytes of a file name that are not valid text, which a table cannot hold."""
    return os.fsencode(name).decode("utf-8", "replace")


def write_table(rows: Rows, columns: Columns, path: Path) -> None:
    """Write a table under another name and rename it, so that an incomplete table never appears at its path."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    WRITERS[path.suffix](rows, columns, unfinished)
    os.replace(unfinished, path)


def _write_csv(rows: Rows, columns: Columns, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_jsonl(rows: Rows, columns: Columns, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _write_parquet(rows: Rows, columns: Columns, path: Path) -> None:
    import pyarrow  # slow to import, and the other formats do not need it
    import pyarrow.parquet

    types = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
    schema = pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])
    rows = iter(rows)
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        while group := list(itertools.islice(rows, ROWS_PER_GROUP)):
            writer.write_table(pyarrow.Table.from_pylist(group, schema=schema))


WRITERS = {".csv": _write_csv, ".jsonl": _write_jsonl, ".parquet": _write_parquet}
