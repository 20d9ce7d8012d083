# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tables of songs with all columns that a map shows, and the data of a page, read back."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ELEMENT = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


def quadrant_of(valence: float, arousal: float) -> str:
    if valence >= 5:
        return "Excited" if arousal >= 5 else "Calm"
    return "Distressed" if arousal >= 5 else "Sad"


def rated_song(path: str | Path, valence: float, arousal: float, **values: Any) -> dict[str, Any]:
    """A row of a table of songs, with intervals and percentiles."""
    return {
        "path": str(path),
        **{"title": "", "artist": "", "album": "", "valence": valence, "arousal": arousal},
        **{"valence_low": valence - 0.5, "valence_high": valence + 0.5},
        **{"arousal_low": arousal - 0.75, "arousal_high": arousal + 0.75},
        **{"valence_percentile": 68.2, "arousal_percentile": 12.0, "quadrant_probability": 0.81},
        **{"quadrant": quadrant_of(valence, arousal), "warning": "", "error": "", **values},
    }


def failed_song(path: str | Path, error: str = "no audio") -> dict[str, Any]:
    return rated_song(path, np.nan, np.nan, quadrant="", quadrant_probability=np.nan, error=error)


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write a table by its ending, without an index, as `predict` does."""
    table = pd.DataFrame(rows)
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False)
    return path


def frames_of(path: str | Path, ratings: Sequence[tuple[float, float]], step: float = 0.5) -> list[dict[str, Any]]:
    """The rows of a song in a table of frames."""
    return [
        {"path": str(path), "time": i * step, "valence": valence, "arousal": arousal}
        for i, (valence, arousal) in enumerate(ratings)
    ]


def data_of(page: Path) -> dict[str, Any]:
    """What a page knows of its songs."""
    (text,) = ELEMENT.findall(page.read_text("utf-8"))
    return json.loads(text)


def decoded(text: str, dtype: str) -> NDArray[Any]:
    return np.frombuffer(base64.b64decode(text), np.dtype(dtype).newbyteorder("<"))


def values_of(column: Mapping[str, Any]) -> list[str]:
    """A column of texts of which many are the same."""
    return [column["values"][number] for number in decoded(column["index"], "u4")]
