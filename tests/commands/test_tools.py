# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tests of the commands for trying and measuring."""

from __future__ import annotations

from modeling_ast_va.cli import main


def test_benchmarks_are_part_of_the_repository_only(capsys, monkeypatch):
    monkeypatch.setattr("modeling_ast_va.commands.tools.find_spec", lambda name: None)
    assert main(["benchmark"]) == 2
    assert "Run python scripts/benchmark.py in a clone" in capsys.readouterr().err
