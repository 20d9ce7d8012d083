# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Lazy packages: a package names its public functions, and imports the file of one when it is first used (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, modules: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """
    The `__getattr__`, `__dir__` and `__all__` of a package that imports its modules on first use.

    Args:
        package: its `__name__`.
        modules: public names by the module of the package that defines them.

    Returns:
        What the package assigns to `__getattr__`, `__dir__` and `__all__`.
    """
    module_of = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f".{module_of[name]}", package), name)
        setattr(sys.modules[package], name, value)  # found at once from now on
        return value

    return get, lambda: sorted({*vars(sys.modules[package]), *module_of}), sorted(module_of)
