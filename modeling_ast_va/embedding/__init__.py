# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Embeddings of music by any audio encoder: from audio files to one NPZ file, which training reads."""

from ..lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "run": ["embed"],
        "encoders": ["check_encoder"],
        "loading": ["load_encoder"],
        "embedding_file": ["read_embeddings"],
    },
)
