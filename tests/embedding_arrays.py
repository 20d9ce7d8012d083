# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Arrays of small files of embeddings."""

import numpy as np


def embedding_arrays(**changed):
    """The arrays of an NPZ file of embeddings, as other programs write it; None leaves one out."""
    arrays = {
        "song_id": np.array([3, 3, 2, 3]),
        "start_seconds": np.array([2.0, 0.0, 0.0, 1.0], np.float32),
        "window_seconds": np.array(3.0, np.float32),
        "embedding": np.array([[2.0], [0.0], [5.0], [1.0]], np.float16),
    }
    return {name: array for name, array in (arrays | changed).items() if array is not None}
