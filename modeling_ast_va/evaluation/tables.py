# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tables of ratings and predictions, one row for each segment or song, as evaluation writes and reads them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from datasets import Dataset
from numpy.typing import ArrayLike, NDArray

from ..audio_ast_va import aggregate_segments
from ..data.rated_songs import typed_song_ids
from ..hub.files import SEGMENT_PREDICTIONS_FILE, SONG_PREDICTIONS_FILE
from ..metrics import DIMENSIONS, songs_from_segments
from ..uncertainty_ast_va import pool_error_std

PREDICTED = tuple(f"predicted_{dimension}" for dimension in DIMENSIONS)
# Of models that predict spreads, in rating points: of their own error, and of the raters of a song, with the truth.
ERROR_STDS = tuple(f"predicted_{dimension}_error_std" for dimension in DIMENSIONS)
RATER_STDS = tuple(f"predicted_{dimension}_rater_std" for dimension in DIMENSIONS)
TRUE_RATER_STDS = tuple(f"{dimension}_rater_std" for dimension in DIMENSIONS)  # NaN where it is not known
SPREADS: dict[tuple[str, ...], Callable[[NDArray, NDArray], NDArray]] = {  # how segments become songs
    ERROR_STDS: pool_error_std,
    RATER_STDS: lambda stds, weights: aggregate_segments(stds, weights)[0],
    TRUE_RATER_STDS: lambda stds, weights: stds[0],  # all segments have that of the song
}
# Of rows as `load_ratings` returns them.
ROW_COLUMNS = ("song_id", "group", "subset", "artist", "start_seconds", "duration_seconds", "weight_seconds")
SEGMENT_COLUMNS = (*ROW_COLUMNS, *DIMENSIONS, *PREDICTED)


def table_of_segments(rows: Dataset, references: ArrayLike, predictions: ArrayLike) -> pd.DataFrame:
    """
    A table with `SEGMENT_COLUMNS` and one row for each segment.

    Args:
        rows: the segments, as [`load_ratings`] returns them; songs of one `group` are of one artist or recording.
        references, predictions: of the segments, in rating points, `(n, 2)`.
    """
    table = rows.select_columns(list(ROW_COLUMNS)).to_pandas()[list(ROW_COLUMNS)]
    table[list(DIMENSIONS)] = np.asarray(references, dtype=np.float64).round(4)  # labels are held in single precision
    return with_predictions(table, predictions)


def table_of_songs(segments: pd.DataFrame) -> pd.DataFrame:
    """A table with one row for each song: ratings, and predictions with their deviations over segments and spreads."""
    song_ids, weights = segments["song_id"], segments["weight_seconds"]
    songs = songs_from_segments(song_ids, ratings(segments), predictions(segments), weights)
    kept = [name for name in ("split", "fold", "group", "subset", "artist") if name in segments]
    table = segments.drop_duplicates("song_id").set_index("song_id").loc[songs.song_ids, kept].reset_index()
    for column, dimension in enumerate(DIMENSIONS):
        table[dimension] = songs.references[:, column]
        table[f"predicted_{dimension}"] = songs.predictions[:, column]
        table[f"predicted_{dimension}_std"] = songs.prediction_stds[:, column]
    return table.assign(num_segments=songs.num_segments, **_spreads_of_songs(segments))


def _spreads_of_songs(segments: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """The spreads of songs in ascending order of ids, by column: of the columns that the table of segments has."""
    spreads: dict[str, NDArray[np.float64]] = {}
    for columns, pool in SPREADS.items():
        if set(columns) <= set(segments):
            songs = [
                pool(rows[list(columns)].to_numpy(dtype=np.float64), rows["weight_seconds"].to_numpy())
                for _, rows in segments.groupby("song_id")
            ]
            spreads |= dict(zip(columns, np.transpose(songs)))
    return spreads


def ratings(table: pd.DataFrame) -> NDArray[np.float64]:
    """The ratings of a table, `(n, 2)`."""
    return table[list(DIMENSIONS)].to_numpy(dtype=np.float64)


def predictions(table: pd.DataFrame) -> NDArray[np.float64]:
    """The predictions of a table, `(n, 2)`."""
    return table[list(PREDICTED)].to_numpy(dtype=np.float64)


def with_predictions(table: pd.DataFrame, predictions: ArrayLike) -> pd.DataFrame:
    """A copy of a table with these predictions, `(n, 2)`."""
    return table.assign(**dict(zip(PREDICTED, np.asarray(predictions, dtype=np.float64).T)))


def write_predictions(segments: pd.DataFrame, output_dir: str | Path) -> None:
    """Write the table of songs as `predictions.csv` and the table of segments as `segment_predictions.csv`."""
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    table_of_songs(segments).to_csv(Path(output_dir) / SONG_PREDICTIONS_FILE, index=False, float_format="%.4f")
    segments.to_csv(Path(output_dir) / SEGMENT_PREDICTIONS_FILE, index=False, float_format="%.5f")


def read_segments(folder: str | Path) -> pd.DataFrame:
    """
    Read the table of segments that training or [`evaluate_model`] wrote to a folder.

    Raises:
        ValueError: for a missing file or column.
    """
    path = Path(folder) / SEGMENT_PREDICTIONS_FILE
    if not path.is_file():
        raise ValueError(f"Expected a folder with {SEGMENT_PREDICTIONS_FILE}, but got {str(folder)!r} without it.")
    texts = ("song_id", "group", "subset", "artist")
    # An artist may be called NA; the spread of raters may be unknown.
    unknown = {column: [""] for column in TRUE_RATER_STDS}
    table = pd.read_csv(path, dtype=dict.fromkeys(texts, str), keep_default_na=False, na_values=unknown)
    if missing := [name for name in SEGMENT_COLUMNS if name not in table]:
        names, without = ", ".join(SEGMENT_COLUMNS), ", ".join(missing)
        raise ValueError(f"Expected the columns {names} in {str(path)!r}, but got a file without {without}.")
    ids = typed_song_ids(pd.concat([table["song_id"], table["group"]]))
    return table.assign(song_id=ids[: len(table)], group=ids[len(table) :])
