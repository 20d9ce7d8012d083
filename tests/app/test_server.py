# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The server: what it refuses at once, and what it tells gradio."""

from __future__ import annotations

import pytest

from modeling_ast_va.app import server
from modeling_ast_va.cli import main


def test_without_gradio_one_line_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setattr("modeling_ast_va.app.server.find_spec", lambda name: None)
    monkeypatch.setattr("modeling_ast_va.app.server.load_pipeline", lambda *_: pytest.fail("loads a model first"))
    assert main(["app"]) == 2
    expected = 'ast-va app: error: Expected the package gradio: pip install "modeling-ast-va[app]"\n'
    assert capsys.readouterr().err == expected


def test_the_server_is_private():
    options = server._server_options(server.HOST, None)
    assert options["server_name"] == "127.0.0.1"
    assert not any(options[name] for name in ("share", "show_error", "run_history", "mcp_server", "footer_links"))
    assert options["max_file_size"] == 10**8
    assert server.SETTINGS["GRADIO_ANALYTICS_ENABLED"] == "False"
    assert server.MAX_WAITING >= 20
