# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""CSV files with a header, read strictly: a ValueError with file and line refuses what is damaged."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

MAX_SHOWN = 100  # characters of a damaged value in an error
SEPARATORS = {",": "commas", "\t": "tabs"}


def read_csv(
    path: Path, columns: Iterable[str], *, ragged: str = "", separator: str = ","
) -> Iterator[tuple[int, dict[str, str]]]:
    """
    Yield (line number, {column without blanks: stripped value}) of each row that is not blank.

    Args:
        columns: that the file must have; it may have others.
        ragged: rows may be "shorter" or "longer" than the header if it says so.
        separator: of values, one of `SEPARATORS`.

    Raises:
        ValueError: for an unreadable file, NUL bytes, a missing or repeated column, and a row of another length than
            the header or with a line break.
    """
    reader = csv.reader(io.StringIO(_read_text(path), newline=""), delimiter=separator)
    try:
        header = ["".join(name.split()) for name in next(reader, [])]
        _check_header(path, header, columns, separator)
        num_named = max(position for position, name in enumerate(header, start=1) if name)
        for row in reader:
            cells, place = [value.strip() for value in row], f"{path.name} line {reader.line_num}"
            if not any(cells):
                continue
            if any("\n" in value or "\r" in value for value in row):
                raise ValueError(f"{place}: expected no line break in a value, but got one: a quote is open.")
            misfit = "shorter" if len(cells) < num_named else "longer" if any(cells[len(header) :]) else ragged
            if misfit != ragged:
                raise ValueError(f"{place}: expected {num_named} values as in the header, but got {len(cells)}.")
            named = dict.fromkeys(header, "") | dict(zip(header, cells))
            yield reader.line_num, {name: value for name, value in named.items() if name}
    except csv.Error as error:
        raise ValueError(f"{path.name} line {reader.line_num}: expected a CSV file, but got {error}.") from error


def shorten(text: str) -> str:
    """A damaged value as it is shown in an error."""
    return repr(text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "...")


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"Expected to read {str(path)!r}, but the system reports: {error.strerror}.") from error
    if b"\0" in content:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise ValueError(f"{path.name} line {line}: expected text in UTF-8, but got a NUL byte, as in UTF-16.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:  # saved again by a spreadsheet: only names of artists and titles have such letters
        return content.decode("latin-1")


def _check_header(path: Path, header: list[str], columns: Iterable[str], separator: str) -> None:
    missing = [name for name in columns if name not in header]
    if missing:
        names, got = ", ".join(map(repr, missing)), shorten(", ".join(filter(None, header))) if any(header) else "none"
        raise ValueError(f"{path.name}: expected columns {names}, separated by {SEPARATORS[separator]}, but got {got}.")
    for second, name in enumerate(header):
        if name and (first := header.index(name)) < second:
            got = f"as columns {first + 1} and {second + 1}"
            raise ValueError(f"{path.name}: expected column {name!r} once, but got it {got}.")
