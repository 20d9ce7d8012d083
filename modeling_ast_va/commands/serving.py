# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The command that serves the app."""

from __future__ import annotations

from collections.abc import Sequence

from .. import app as browser_app
from ..argument_parser import ArgumentParser, device_name, number
from ..hub.files import check_model
from ..released import RELEASED_MODEL, find_model


def app(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Serve an app for browsers: drop or record songs, and see their ratings.

    Only this machine can reach it, unless --host is given. Uploads are deleted once they are rated. docs/app.md
    describes it.
    """
    parser.add_argument("--model", help="folder or Hub id (default: the released model)")
    parser.add_argument("--host", help="address to bind to, such as 0.0.0.0 for every one (default: 127.0.0.1)")
    parser.add_argument("--port", type=number(int, 1), help="port to bind to (default: the first free one from 7860)")
    parser.add_argument(
        "--num_workers", type=number(int, 1), help="songs rated at the same time; others wait (default: 1)"
    )
    parser.add_argument("--device", type=device_name, help="such as cuda:0 (default: an accelerator, or the CPU)")
    parser.add_argument("--in_browser", action="store_true", help="open a browser")
    options = {"model": str(RELEASED_MODEL), **vars(parser.parse_args(argv))}
    options["model"] = find_model(options["model"])
    check_model(options["model"])
    browser_app.launch(**options)
