# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Models from existing weights: an AudioSet AST of transformers, a saved model, the checkpoint of the notebook."""

from ..lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {"audioset": ["init_from_audioset_ast", "load_initial_model"], "notebook": ["convert_notebook_checkpoint"]},
)
