#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Measure the speed of every stage: `python scripts/benchmark.py [--stages decoding log_mel]`."""

import sys
from pathlib import Path

from modeling_ast_va.cli import main

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks is not part of the installed package

if __name__ == "__main__":
    sys.exit(main(["benchmark", *sys.argv[1:]], prog="benchmark.py"))
