#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Serve an app for browsers that rates songs: `python scripts/app.py [--port PORT]`."""

import sys

from modeling_ast_va.cli import main

if __name__ == "__main__":
    sys.exit(main(["app", *sys.argv[1:]], prog="app.py"))
