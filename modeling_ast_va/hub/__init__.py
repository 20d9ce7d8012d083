# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Folders of models for the Hub: save, check, describe and publish them."""

from ..lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__, {"folder": ["check_hub_folder", "push_folder", "save_hub_folder"], "card": ["write_model_card"]}
)
