# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Evaluation: a model on a split, the folds of a cross-validation, and baselines."""

from ..lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__, {"model": ["evaluate_model"], "cross_validation": ["evaluate_folds", "evaluate_baselines"]}
)
