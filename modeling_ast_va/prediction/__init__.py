# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Prediction over a music library: from audio files to a table."""

from ..lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "loading": ["load_pipeline"],
        "run": ["predict"],
        "datasets": ["predict_dataset"],
        "ray_engine": ["predict_with_ray"],
    },
)
