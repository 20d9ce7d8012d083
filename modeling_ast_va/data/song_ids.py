# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
The ranges of DEAM's song ids: songs of MediaEval 2013, 2014 and 2015, which were chosen and rated in different ways.

The first file of song-level ratings holds the first two ranges, the second file the last. Valence and arousal of the
first range are exchanged in the first file; see `label_audit.py`. Songs of the last range are whole songs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

LAST_2013_ID, LAST_2014_ID = 1000, 2000
LAST_EXCHANGED_ID = LAST_2013_ID
FIRST_2015_ID = LAST_2014_ID + 1
LAST_ID = 2058
ID_RANGES = (f"2-{LAST_2013_ID}", f"{LAST_2013_ID + 1}-{LAST_2014_ID}", f"{FIRST_2015_ID}-{LAST_ID}")


def id_range_of(song_ids: ArrayLike) -> NDArray[np.int64]:
    """Index in `ID_RANGES` of the range of each song, `(n,)`; ids above those of DEAM belong to the last range."""
    import numpy as np  # here, since the command line reads the constants only

    return np.digitize(np.asarray(song_ids), (LAST_2013_ID, LAST_2014_ID), right=True)
