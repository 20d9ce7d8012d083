# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Training: from arguments to a saved folder, and releases."""

from ..lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "arguments": ["check_arguments", "check_pretraining", "parse_arguments"],
        "pretraining": ["pretrain"],
        "run": ["train"],
        "release": ["release_model"],
    },
)
