# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The table of frames: predicted and annotated valence and arousal of the moments of songs, one row for each moment."""

from pathlib import Path

import pandas as pd

from ..data.rated_songs import typed_song_ids
from ..hub.files import FRAME_PREDICTIONS_FILE
from ..metrics import DIMENSIONS
from .tables import PREDICTED

DYNAMIC = tuple(f"dynamic_{dimension}" for dimension in DIMENSIONS)  # annotations, from -1 to 1
FRAME_COLUMNS = ("song_id", "group", "time", *PREDICTED, *DYNAMIC)  # seconds into the file; predictions on 1-9


def write_frames(frames: pd.DataFrame, output_dir: str | Path) -> None:
    """
    Write a table of frames as `frame_predictions.csv`.

    Raises:
        ValueError: for a table without `FRAME_COLUMNS`, or with a value that is missing or infinite.
    """
    _check_frames(frames, "the table of frames")
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    path = Path(output_dir) / FRAME_PREDICTIONS_FILE
    frames[list(FRAME_COLUMNS)].to_csv(path, index=False, float_format="%.4f")


def read_frames(folder: str | Path) -> pd.DataFrame | None:
    """
    Read the table that [`write_frames`] wrote to a folder; None where there is none.

    Raises:
        ValueError: as for [`write_frames`].
    """
    path = Path(folder) / FRAME_PREDICTIONS_FILE
    if not path.is_file():
        return None
    frames = pd.read_csv(path, dtype={"song_id": str, "group": str}, keep_default_na=False)
    _check_frames(frames, repr(str(path)))
    ids = typed_song_ids(pd.concat([frames["song_id"], frames["group"]]))
    return frames.assign(song_id=ids[: len(frames)], group=ids[len(frames) :])


def _check_frames(frames: pd.DataFrame, name: str) -> None:
    if missing := [column for column in FRAME_COLUMNS if column not in frames]:
        columns, without = ", ".join(FRAME_COLUMNS), ", ".join(missing)
        raise ValueError(f"Expected the columns {columns} in {name}, but got none called {without}.")
    for column in FRAME_COLUMNS[2:]:
        if not pd.to_numeric(frames[column], errors="coerce").abs().lt(float("inf")).all():
            raise ValueError(f"Expected finite numbers in the column {column} of {name}, but got others.")
