# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tables of ratings beside predictions, a row a segment or a row a song, as evaluation writes and reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from datasets import Dataset
from numpy.typing import ArrayLike, NDArray

from ..data.splits import song_groups
from ..metrics import DIMENSIONS, songs_from_segments

SONGS_FILE = "predictions.csv"
SEGMENTS_FILE = "segment_predictions.csv"
PREDICTED = tuple(f"predicted_{dimension}" for dimension in DIMENSIONS)
SEGMENT_COLUMNS = ("song_id", "artist", "start_seconds", "duration_seconds", *DIMENSIONS, *PREDICTED)


def table_of_segments(dataset: Dataset, references: ArrayLike, predictions: ArrayLike) -> pd.DataFrame:
    """A row for each segment: `SEGMENT_COLUMNS`.

    Args:
        dataset: the segments, as `load_deam` gives them.
        references, predictions: of each of them, in rating points.

    Shape:
        references, predictions: (n, 2)
    """
    columns = dataset.select_columns(list(SEGMENT_COLUMNS[:4])).with_format(None)[:]
    table = pd.DataFrame({name: columns[name] for name in SEGMENT_COLUMNS[:4]})
    table[list(DIMENSIONS)] = np.asarray(references, dtype=np.float64).round(4)  # labels are held in single precision
    table[list(PREDICTED)] = np.asarray(predictions, dtype=np.float64)
    return table


def table_of_songs(segments: pd.DataFrame) -> pd.DataFrame:
    """A row for each song: ratings, `predicted_valence`, `predicted_arousal` with their deviations over segments.

    Args:
        segments: as `table_of_segments` gives them, of a `split` or `fold`, if such columns are there, which stay.
    """
    songs = songs_from_segments(
        segments["song_id"], ratings(segments), predictions(segments), segments["duration_seconds"]
    )
    first = segments.drop_duplicates("song_id").set_index("song_id").loc[songs.song_ids]
    table = pd.DataFrame({"song_id": songs.song_ids})
    for name in ("split", "fold", "artist"):
        if name in first:
            table[name] = first[name].to_numpy()
    for column, dimension in enumerate(DIMENSIONS):
        table[dimension] = songs.references[:, column]
        table[f"predicted_{dimension}"] = songs.predictions[:, column]
        table[f"predicted_{dimension}_std"] = songs.prediction_stds[:, column]
    table["num_segments"] = songs.num_segments
    return table


def ratings(table: pd.DataFrame) -> NDArray[np.float64]:
    """The ratings of a table: (n, 2)."""
    return table[list(DIMENSIONS)].to_numpy(dtype=np.float64)


def predictions(table: pd.DataFrame) -> NDArray[np.float64]:
    """The predictions of a table: (n, 2)."""
    return table[list(PREDICTED)].to_numpy(dtype=np.float64)


def groups(table: pd.DataFrame) -> list[int]:
    """The group of each row, of one artist or one recording, as `song_groups` numbers them."""
    songs = table.drop_duplicates("song_id")
    no_titles = [""] * len(songs)  # only groups of songs are told by them
    numbers = song_groups(songs["song_id"].tolist(), songs["artist"].tolist(), no_titles)
    group_of = dict(zip(songs["song_id"], numbers))
    return [group_of[song] for song in table["song_id"]]


def write_predictions(segments: pd.DataFrame, output_dir: str | Path) -> None:
    """Write a row a song as `predictions.csv`, and a row a segment as `segment_predictions.csv`."""
    table_of_songs(segments).to_csv(Path(output_dir) / SONGS_FILE, index=False, float_format="%.4f")
    segments.to_csv(Path(output_dir) / SEGMENTS_FILE, index=False, float_format="%.5f")


def read_segments(folder: str | Path) -> pd.DataFrame:
    """Read the `segment_predictions.csv` of a folder.

    Raises:
        ValueError: there is none, or a column is missing.
    """
    path = Path(folder) / SEGMENTS_FILE
    if not path.is_file():
        raise ValueError(
            f"Expected a folder with {SEGMENTS_FILE}, which training leaves, but {str(folder)!r} has none."
        )
    # An artist may be called NA.
    table = pd.read_csv(path, dtype={"artist": str}, keep_default_na=False)
    missing = [name for name in SEGMENT_COLUMNS if name not in table]
    if missing:
        raise ValueError(f"{str(path)!r} has no column {', '.join(missing)}, but {', '.join(map(str, table))}.")
    return table
