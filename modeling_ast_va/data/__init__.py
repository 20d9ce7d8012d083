# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""From files to `datasets` rows: annotations, labels, splits, and segments with their log-mels."""

from ..lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "dataset": ["load_deam", "load_ratings", "load_segments", "split_dataset"],
        "sources": ["DataSource"],
        "splits": ["SplitSettings"],
        "statistics": ["normalization_statistics"],
    },
)
