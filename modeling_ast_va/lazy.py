# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Lazy packages, which import a module when one of its public names is first used (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

Names = tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]


def lazy_names(package: str, modules: Mapping[str, Sequence[str]]) -> Names:
    """Make `__getattr__`, `__dir__` and `__all__` of a package from the public names of each of its modules."""
    module_of = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f".{module_of[name]}", package), name)

    return get, lambda: sorted({*vars(sys.modules[package]), *module_of}), sorted(module_of)
