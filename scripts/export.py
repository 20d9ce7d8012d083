#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Export the model to ONNX: `python scripts/export.py --output ast-va.onnx`."""

import sys

from modeling_ast_va.cli import main

if __name__ == "__main__":
    sys.exit(main(["export", *sys.argv[1:]], prog="export.py"))
