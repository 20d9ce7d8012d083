# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tables of songs that `predict` has written, read back."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..argument_parser import check_file
from ..prediction.tables import song_columns

if TYPE_CHECKING:
    import pandas as pd

TEXTS = [name for name, kind in song_columns().items() if kind is str]
NUMBERS = ["valence", "arousal"]
OTHER_KINDS = {"start": " It is a table of segments.", "time": " It is a table of frames."}  # by a column


def read_songs(table: str | Path) -> pd.DataFrame:
    """
    Read a table with one row per song.

    Returns:
        Its rows and columns; a text that is missing is empty.

    Raises:
        ValueError: for another ending, a file that is missing or cannot be read, and a table of something else.
    """
    songs = read_table(table)
    expected = f"Expected a table of songs that predict writes, but {str(table)!r}"
    if missing := [name for name in ("path", *NUMBERS, "quadrant", "error") if name not in songs]:
        kind = next((kind for name, kind in OTHER_KINDS.items() if name in songs), "")
        raise ValueError(f"{expected} has no column {', '.join(missing)}.{kind}")
    check_numbers(songs, NUMBERS, expected)
    texts = [name for name in TEXTS if name in songs]
    return songs.astype(dict.fromkeys(texts, "object")).fillna(dict.fromkeys(texts, ""))


def read_table(table: str | Path) -> pd.DataFrame:
    """Read any table that `predict` writes; ValueError for another ending, and a file that cannot be read."""
    table = Path(table)
    if table.suffix not in READERS:
        raise ValueError(f"Expected a table ending in {', '.join(READERS)}, but got {str(table)!r}.")
    check_file(table, "a table that predict writes")
    try:
        return READERS[table.suffix](table)
    except ValueError as error:  # of pandas, pyarrow, json and the decoding of text
        raise ValueError(f"Expected a table that predict writes, but {str(table)!r} is none: {error}") from error


def check_numbers(rows: pd.DataFrame, names: Sequence[str], expected: str) -> None:
    """Check that columns are numbers, or empty (ValueError that begins with `expected`)."""
    if wrong := [name for name in names if rows[name].notna().any() and rows[name].dtype.kind not in "fi"]:
        raise ValueError(f"{expected} has a {wrong[0]} that is no number.")


def rated(songs: pd.DataFrame) -> pd.DataFrame:
    """The songs that have been rated."""
    return songs[(songs["error"] == "") & songs[NUMBERS].notna().all(axis=1)]


def as_path(name: str) -> str:
    """The path of a file whose name a table has as text; bytes that are not text are written as in `caf\\xe9.mp3`."""
    path = re.sub(r"\\x([89a-f][0-9a-f])", lambda match: chr(0xDC00 + int(match[1], 16)), name)
    return path if os.path.exists(path) else name


def _read_csv(table: Path) -> pd.DataFrame:
    import pandas as pd

    kinds = dict.fromkeys(TEXTS, str)  # a title may be `NA` or `007`
    return pd.read_csv(table, dtype=kinds, keep_default_na=False, na_values=[""])


def _read_jsonl(table: Path) -> pd.DataFrame:
    import pandas as pd

    with table.open(encoding="utf-8") as file:
        return pd.DataFrame([json.loads(line) for line in file])


def _read_parquet(table: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(table)


READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
