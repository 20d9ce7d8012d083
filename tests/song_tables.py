# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tables of songs, as `predict` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modeling_ast_va.prediction.tables import song_columns, table_rows, write_table

COLUMNS = song_columns()


def song(path: str | Path, valence: float | None = 6.5, arousal: float | None = 3.25, **values: Any) -> dict[str, Any]:
    """A song as a line of the journal."""
    numbers = {"valence": valence, "arousal": arousal, "quadrant": "Calm", "num_segments": 1}
    return {**dict.fromkeys(COLUMNS), **numbers, "path": str(path), "segments": [], **values}


def unrated(path: str | Path, error: str = "no audio") -> dict[str, Any]:
    """A song with an error."""
    return song(path, None, None, quadrant=None, num_segments=0, error=error)


def write_songs(path: Path, *songs: dict[str, Any], escape_formulas: bool = False) -> Path:
    """Write a table of songs and return its path."""
    rows = (row for one in songs for row in table_rows(one, COLUMNS))
    write_table(rows, COLUMNS, path, escape_formulas=escape_formulas)
    return path
