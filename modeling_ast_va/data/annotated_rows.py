# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""What rows of segments have of their songs: path, labels, names and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset, Features, List, Value
from datasets.fingerprint import Hasher

from .groups import artist_groups, recording_groups
from .rated_songs import RatedSongs

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS_PER_BLOCK = 2**20
TEXT, PAIR = Value("string"), List(Value("float64"), length=2)
ANNOTATIONS = {"path": TEXT, "labels": PAIR, "label_stds": PAIR, "artist": TEXT, "title": TEXT}


def annotate(song_ids: pa.ChunkedArray, is_usable: NDArray[np.bool_], songs: RatedSongs) -> Dataset:
    """
    Path, labels, names and groups of the song of each segment.

    Args:
        song_ids: of each segment.
        is_usable: whether each segment is one, in place of a song that is left out.
        songs: of the segments.
    """
    table = songs.table
    indices = pc.index_in(song_ids, pa.array(table["song_id"].tolist())).to_numpy()
    # Only usable songs form groups: the draw of a split depends on the lowest song id of each group.
    usable = table[table.index.isin(indices[is_usable])]
    ids = usable["song_id"].tolist()
    groups = artist_groups(ids, usable["artist_key"], songs.duplicates)
    recordings = recording_groups(ids, usable["artist"], usable["title"], songs.duplicates)
    columns: dict[str, Any] = {
        "path": table["path"],
        "labels": table[["valence", "arousal"]].to_numpy(dtype=np.float64).tolist(),
        "label_stds": table[["valence_std", "arousal_std"]].to_numpy(dtype=np.float64).tolist(),
        "artist": table["artist"],
        "title": table["title"],
        "group": table["song_id"].where(~table.index.isin(usable.index), pd.Series(groups, usable.index)),
        "recording": table["song_id"].where(~table.index.isin(usable.index), pd.Series(recordings, usable.index)),
        "subset": table["subset"],
        "split": table["split"],
    }
    song_id = Value("int64" if isinstance(ids[0], int) else "string")
    features = Features(ANNOTATIONS | {"group": song_id, "recording": song_id, "subset": TEXT, "split": TEXT})
    of_songs = pa.table({name: list(column) for name, column in columns.items()}, schema=features.arrow_schema)
    # In blocks, because a column of text holds 2 GB at most. Without a fingerprint, all rows would be pickled for one.
    blocks = [of_songs.take(block) for block in np.split(indices, range(ROWS_PER_BLOCK, len(indices), ROWS_PER_BLOCK))]
    return Dataset(pa.concat_tables(blocks), fingerprint=Hasher.hash([of_songs, indices]))
