#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Make a map of a music library: `python scripts/map.py emotions.csv --output map.html`."""

import sys

from modeling_ast_va.cli import main

if __name__ == "__main__":
    sys.exit(main(["map", *sys.argv[1:]], prog="map.py"))
