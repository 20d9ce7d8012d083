# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Synthesised demo songs in the folder layout of DEAM."""

from ..lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {"folder": ["make_demo_deam"]},
)
