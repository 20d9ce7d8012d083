# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tables of any length, written row by row: `.csv`, `.jsonl` or `.parquet`."""

from __future__ import annotations

import csv
import itertools
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

ROWS_PER_GROUP = 10_000  # of a Parquet file, held in memory at a time

Rows = Iterable[Mapping[str, Any]]
Columns = Mapping[str, type]


def write_table(rows: Rows, columns: Columns, path: Path) -> None:
    """
    Write a table that appears at its path whole or not at all.

    Args:
        rows: values by column; a missing one is None.
        columns: names and types: str, int or float.
        path: its ending says the format, one of `WRITERS`.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    WRITERS[path.suffix](rows, columns, unfinished)
    os.replace(unfinished, path)


def write_csv(rows: Rows, columns: Columns, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_jsonl(rows: Rows, columns: Columns, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps({name: row.get(name) for name in columns}, ensure_ascii=False) + "\n")


def write_parquet(rows: Rows, columns: Columns, path: Path) -> None:
    import pyarrow  # seconds to import, and the other formats need none
    import pyarrow.parquet

    types = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
    schema = pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])
    rows = iter(rows)
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        while group := list(itertools.islice(rows, ROWS_PER_GROUP)):
            writer.write_table(pyarrow.Table.from_pylist(group, schema=schema))


WRITERS: dict[str, Callable[[Rows, Columns, Path], None]] = {
    ".csv": write_csv,
    ".jsonl": write_jsonl,
    ".parquet": write_parquet,
}
