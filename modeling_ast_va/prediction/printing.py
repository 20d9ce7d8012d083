# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Predictions on stdout: a short table for people, and JSON lines for programs."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from typing import Any
from unicodedata import category, east_asian_width

from ..formatting import format_number
from .audio_files import Library
from .summary import QUADRANTS, printable, skipped_text
from .tables import Columns, Rows

SHOWN = ("start", "end", "time", "valence", "arousal")
DECIMALS = 2
NUMBER_WIDTH = len("valence")  # also holds the seconds of two hours
MIN_NAME_WIDTH = 16
NOT_A_TERMINAL = 1000  # columns: a file or a program gets whole names


def print_json(rows: Rows) -> None:
    """Print the lines of a `.jsonl` table, in ASCII: no name in them can control a terminal."""
    for row in rows:
        print(json.dumps(row, allow_nan=False))


def print_table(rows: Rows, columns: Columns, library: Library) -> None:
    """
    Print songs or segments with their ratings, errors and warnings.

    Names are cut at their beginning, so that the numbers fit the terminal; an error may take more than a line.

    Args:
        rows: of the table, with the songs of `library` in their order.
        columns: of the table; `SHOWN` are printed, and the quadrant.
        library: the songs, whose names are in the first column, and what was skipped.
    """
    numbers = [name for name in SHOWN if name in columns]
    widest = max(QUADRANTS, key=len)
    used = (2 + NUMBER_WIDTH) * len(numbers) + len(f"  {widest}")
    space = shutil.get_terminal_size((NOT_A_TERMINAL, 0)).columns - used
    names = max(_width(printable(path)) for path in library.files)
    width = max(min(names, space), MIN_NAME_WIDTH)
    header = [name.rjust(NUMBER_WIDTH) for name in numbers]
    _print(_line("song", width, header, "quadrant" if "quadrant" in columns else ""))
    for row in rows:
        cells = [format_number(row[name], DECIMALS).rjust(NUMBER_WIDTH) for name in numbers]
        _print(_line(printable(row["path"]), width, cells, printable(_remark(row))))
    if skipped := skipped_text(library):
        _print(printable(skipped))


def _remark(row: Mapping[str, Any]) -> str:
    """The quadrant with a warning, or why there is none."""
    if row["error"]:
        return f"not rated: {row['error'].removeprefix(row['path'] + ': ')}"
    warning = f"({row['warning']})" if row["warning"] else ""
    return " ".join(filter(None, (row.get("quadrant"), warning)))


def _line(name: str, width: int, cells: list[str], remark: str) -> str:
    """Cells with the name of the song in the first, which is cut or filled up to a width."""
    if _width(name) > width:
        while _width(name) > width - len("..."):
            name = name[1:]
        name = f"...{name}"
    return "  ".join([name + " " * (width - _width(name)), *cells, remark]).rstrip()


def _width(text: str) -> int:
    """Columns of a terminal: letters of East Asia take two, and accents that are characters of their own none."""
    return sum(2 if east_asian_width(char) in "WF" else 0 if category(char) in ("Mn", "Me") else 1 for char in text)


def _print(line: str) -> None:
    """Print a line, with escapes for what the encoding of stdout does not have."""
    encoding = sys.stdout.encoding or "utf-8"
    print(line.encode(encoding, "backslashreplace").decode(encoding))
