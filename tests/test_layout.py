# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The layout of the package: imports point down only, travelling files import only each other, tests mirror folders."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import modeling_ast_va

PACKAGE = Path(modeling_ast_va.__file__).parent
TESTS = Path(__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
TRAVELLING = "travelling"
# From the top down: a file may import from its own row and from the rows below.
LAYERS = (
    {"__main__", "cli", "commands"},
    {"training", "collection", "library_map", "app"},
    {"evaluation", "prediction", "embedding", "demo", "checkpoints", "exported"},
    {"hub"},
    {"data"},
    {"settings", "metrics", "plots", "ccc"},
    {"argument_parser", "released", "formatting", "processes", "lazy", "registration"},
    {TRAVELLING},
)
LEVELS = {name: level for level, names in enumerate(LAYERS) for name in names}


def unit(module: str) -> str:
    """The folder or file of the package that a module such as `data.splits` belongs to."""
    first = module.split(".")[0]
    return TRAVELLING if first.endswith("_ast_va") else first


def imports_of(file: Path) -> set[str]:
    """Modules of the package that a file imports anywhere, as dotted names below the package."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    modules = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = parts[: len(parts) - node.level]
            if node.module:
                modules.add(".".join((*base, node.module)))
            else:
                modules |= {".".join((*base, alias.name)) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module != "modeling_ast_va", f"{file} imports the package by its own name"
    return {module for module in modules if module and not module.startswith("__")}


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(PACKAGE).with_suffix("").parts)


@pytest.mark.parametrize("file", [file for file in FILES if file.name != "__init__.py"], ids=name_of)
def test_imports_point_down(file):
    own = unit(name_of(file))
    assert own in LEVELS, f"{own} has no place among the layers"
    for module in imports_of(file):
        other = unit(module)
        if other == own:
            continue
        if own in ("registration",):  # it loads the travelling files by name, once transformers is imported
            continue
        assert LEVELS[other] >= LEVELS[own], f"{name_of(file)} imports {module}, which is above it"


@pytest.mark.parametrize("file", [file for file in FILES if file.stem.endswith("_ast_va")], ids=name_of)
def test_travelling_files_import_only_each_other(file):
    assert all(module.endswith("_ast_va") for module in imports_of(file)), imports_of(file)


def test_there_is_no_circle():
    graph = {name_of(file): imports_of(file) for file in FILES if file.name != "__init__.py"}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"import circle: {' -> '.join([*path, name])}"
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_tests_mirror_the_folders():
    folders = {file.parent.name for file in FILES if file.parent != PACKAGE and file.parent.name != "ccc"}
    assert folders <= {path.parent.name for path in TESTS.rglob("test_*.py")}
