# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tables of predictions of any length, written row by row: `.csv`, `.jsonl` or `.parquet`."""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ..audio_ast_va import DIMENSIONS
from .whole_file import whole_file

if TYPE_CHECKING:
    import pyarrow

ROWS_PER_GROUP = 10_000  # of a Parquet file, held in memory at a time

Rows = Iterable[Mapping[str, Any]]
Columns = Mapping[str, type]

# Columns of a table of the course, by its name in the line of a song.
COURSES: dict[str, Columns] = {
    name: {"path": str, **dict.fromkeys((*times, *DIMENSIONS), float), "warning": str, "error": str}
    for name, times in {"segments": ("start", "end"), "frames": ("time",)}.items()
}
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a cell begins with that a spreadsheet computes


def song_columns(num_models: int = 1) -> Columns:
    """
    Columns of the table of songs with their types; an ensemble adds the spread over its models.

    Those of intervals, raters, percentiles and probabilities are empty for a model that does not predict them.
    """
    kinds = ["_rater_std", "_segment_std", "_std", *(["_spread"] if num_models > 1 else [])]
    ratings = [*DIMENSIONS, *(f"{dimension}_{end}" for dimension in DIMENSIONS for end in ("low", "high"))]
    percentiles, spreads = (
        [f"{dimension}{kind}" for kind in of_kind for dimension in DIMENSIONS] for of_kind in (["_percentile"], kinds)
    )
    return {
        **dict.fromkeys(("path", "title", "artist", "album"), str),
        **dict.fromkeys([*ratings, *percentiles], float),
        "quadrant": str,
        **dict.fromkeys(["quadrant_probability", *spreads], float),
        "num_segments": int,
        "warning": str,
        "error": str,
    }


def table_rows(song: Mapping[str, Any], columns: Columns, course: str | None = None) -> Iterator[dict[str, Any]]:
    """The row of a song, or the rows of its course, `"segments"` or `"frames"`; a song with an error has one row."""
    for moment in (song[course] or [{}]) if course else [{}]:
        values = {**song, **moment}
        yield {
            name: as_text(value) if kind is str else value
            for name, kind in columns.items()
            for value in [values.get(name)]
        }


def as_text(name: str | None) -> str | None:
    """Write bytes of a file name that are not text, which a table cannot hold, as in `caf\\xe9.mp3`."""
    return name and re.sub("[\ud800-\udfff]", lambda match: _escape(ord(match[0])), name)


def _escape(surrogate: int) -> str:
    is_byte = 0xDC80 <= surrogate <= 0xDCFF  # as Python reads file names
    return f"\\x{surrogate - 0xDC00:02x}" if is_byte else f"\\u{surrogate:04x}"


def write_table(rows: Rows, columns: Columns, path: Path, *, escape_formulas: bool = False) -> None:
    """Write a table, which is whole or does not appear at its path; `escape_formulas` is for CSV."""
    if escape_formulas:
        rows = (_without_formulas(row) for row in rows)
    with whole_file(path) as unfinished:
        WRITERS[path.suffix](rows, columns, unfinished)


def _without_formulas(row: Mapping[str, Any]) -> dict[str, Any]:
    """Begin texts that a spreadsheet would compute with an apostrophe, as OWASP advises against CSV injection."""
    return {
        name: f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
        for name, value in row.items()
    }


class _LinesOfCsv:
    """Ends lines with a line feed. Only a writer that ends them with both characters puts both in quotes in a cell."""

    def __init__(self, file: TextIO):
        self.file = file

    def write(self, line: str) -> None:
        self.file.write(line.removesuffix("\r\n") + "\n")


def _write_csv(rows: Rows, columns: Columns, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(_LinesOfCsv(file), list(columns), lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_jsonl(rows: Rows, columns: Columns, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)


def arrow_schema(columns: Columns) -> pyarrow.Schema:
    """The types of columns in Parquet."""
    import pyarrow

    types = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
    return pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])


def _write_parquet(rows: Rows, columns: Columns, path: Path) -> None:
    import pyarrow  # slow to import, and the other formats do not need it
    import pyarrow.parquet

    schema, rows = arrow_schema(columns), iter(rows)
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        while group := list(itertools.islice(rows, ROWS_PER_GROUP)):
            writer.write_table(pyarrow.Table.from_pylist(group, schema=schema))


WRITERS = {".csv": _write_csv, ".jsonl": _write_jsonl, ".parquet": _write_parquet}
