#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Synthesise demo songs in DEAM's layout: `python scripts/make_demo_deam.py --output_dir DIR [--num_songs N]`."""

import sys

from modeling_ast_va.cli import main

if __name__ == "__main__":
    sys.exit(main(["demo", *sys.argv[1:]], prog="make_demo_deam.py"))
