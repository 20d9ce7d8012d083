# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Every notebook runs from top to bottom, its solutions too, and prints what its text states."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from notebook_cells import FOLDER, execute, noise, read_notebook, unsupported_numbers, with_solutions

import modeling_ast_va

NOTEBOOKS = [pytest.param(path, id=path.stem) for path in sorted(FOLDER.glob("*.ipynb"))]


@pytest.fixture(autouse=True)
def kernel_environment(tmp_path, monkeypatch):
    """A kernel that imports this package, and that leaves no traces in the user's folders."""
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    paths = [str(Path(modeling_ast_va.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS)
def test_a_notebook_and_its_solutions_run(path, tmp_path):
    executed = execute(with_solutions(read_notebook(path)), tmp_path)
    assert noise(executed) == []
    assert unsupported_numbers(executed) == []
