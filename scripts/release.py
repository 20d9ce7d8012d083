#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Make a release: `python scripts/release.py --model DIR --cross_validation DIR --output hub/NAME`."""

import sys

from modeling_ast_va.cli import main

if __name__ == "__main__":
    sys.exit(main(["release", *sys.argv[1:]], prog="release.py"))
