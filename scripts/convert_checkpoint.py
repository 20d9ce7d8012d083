#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Convert the notebook's checkpoint: `python scripts/convert_checkpoint.py best_ast_model.pth --output DIR`."""

import sys

from modeling_ast_va.cli import main

if __name__ == "__main__":
    sys.exit(main(["convert", *sys.argv[1:]], prog="convert_checkpoint.py"))
