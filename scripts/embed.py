#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Write embeddings of audio files: `python scripts/embed.py --model ENCODER SONGS... --output teacher.npz`."""

import sys

from modeling_ast_va.cli import main

if __name__ == "__main__":
    sys.exit(main(["embed", *sys.argv[1:]], prog="embed.py"))
