# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The place for songs: what the page knows of the limits."""

from __future__ import annotations

import json
import re
from html import unescape

from modeling_ast_va.app.drop import PAGE, drop_template


def test_the_page_knows_the_limits():
    for is_batch, num_songs in ((False, 1), (True, 20)):
        html = drop_template("Drop & go", 16000, is_batch=is_batch)
        limits = json.loads(unescape(re.search("data-limits='([^']*)'", html)[1]))
        assert limits == {"bytes": 10**8, "seconds": 900, "songs": num_songs, "rate": 16000}
        assert ("multiple>" in html) == is_batch
        assert ".opus" in html
        assert "<strong>Drop &amp; go</strong>" in html
        assert "up to 100 MB and 15 minutes" in html
        assert not re.search(r"[A-Z]{4}", html), "a placeholder is not filled in"


def test_gradio_does_not_evaluate_the_template():
    """It takes templates for JavaScript template strings and for Handlebars."""
    assert not re.search(r"[$`]|{{", drop_template("A song", 16000))


def test_files_of_the_page_load_nothing():
    for path in PAGE.iterdir():
        assert "://" not in path.read_text(encoding="utf-8"), path.name
