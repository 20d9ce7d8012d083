# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The predicted course of songs at the moments of their dynamic annotations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from datasets import Dataset
from numpy.typing import NDArray

from ..configuration_ast_va import ASTVAConfig
from ..course_ast_va import song_course
from ..data.rated_songs import SongId
from ..data.tracks import Track
from .frames import DYNAMIC
from .tables import PREDICTED

SAME_TIME = 1e-3  # seconds


def predicted_moments(
    rows: Dataset,
    ratings: NDArray[np.float32],
    frames: NDArray[np.float32],
    config: ASTVAConfig,
    tracks: Mapping[SongId, Track],
) -> pd.DataFrame:
    """
    The table of frames (see [`write_frames`]) of songs that have annotations: a row for each moment of the course.

    The course is that of the pipeline: of segments that follow each other without overlap, and a last one that ends
    with the song. Where the rows overlap, only these are used.

    Args:
        rows: segments, as [`load_ratings`] returns them.
        ratings, frames: their predictions, as of [`predict_rows`].
        config: of the model, which has a head of the course.
        tracks: dynamic annotations, by song.
    """
    columns = ["song_id", "group", "start_seconds", "duration_seconds", "weight_seconds"]
    segments = rows.select_columns(columns).with_format(None).to_pandas()
    steps, tables = np.asarray(config.step_seconds(config.max_length)), []
    for (song, group), of_song in segments.groupby(["song_id", "group"], sort=True):
        if song not in tracks:
            continue
        rating = np.average(ratings[of_song.index], axis=0, weights=of_song["weight_seconds"])
        starts = of_song["start_seconds"] - of_song["start_seconds"].min()
        ends = starts + of_song["duration_seconds"]
        length = of_song["duration_seconds"].max()
        phase = (starts + length / 2) % length - length / 2  # from the nearest multiple of the length
        used = of_song.index[(phase.abs() < SAME_TIME) | (ends == ends.max())]
        spans = starts[used].to_numpy(), ends[used].to_numpy()
        at, course = song_course(*spans, steps, frames[used], rating)
        seconds = at + of_song["start_seconds"].min()
        track = tracks[song]
        nearest = np.abs(track.seconds[:, None] - seconds).argmin(axis=0)
        known = np.abs(track.seconds[nearest] - seconds) < SAME_TIME
        table = pd.DataFrame({"song_id": song, "group": group, "time": seconds[known]})
        table[list(PREDICTED)], table[list(DYNAMIC)] = course[known], track.values[nearest[known]]
        tables.append(table)
    empty = pd.DataFrame(columns=["song_id", "group", "time", *PREDICTED, *DYNAMIC])
    return pd.concat(tables, ignore_index=True) if tables else empty
