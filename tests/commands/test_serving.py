# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The command that serves the app."""

from __future__ import annotations

from modeling_ast_va.cli import main
from modeling_ast_va.released import RELEASED_MODEL


def test_flags_are_those_of_the_server(monkeypatch):
    launched = []
    monkeypatch.setattr("modeling_ast_va.app.launch", lambda **options: launched.append(options), raising=False)
    assert main(["app"]) == 0
    line = "app --model ast-va-deam --host 0.0.0.0 --port 8000 --num_workers 2 --device cpu --in_browser"
    assert main(line.split()) == 0
    others = {"host": "0.0.0.0", "port": 8000, "num_workers": 2, "device": "cpu", "in_browser": True}
    assert launched == [{"model": str(RELEASED_MODEL)}, {"model": str(RELEASED_MODEL), **others}]
