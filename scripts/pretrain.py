#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Pre-train an encoder: `accelerate launch scripts/pretrain.py --unlabeled_dir DIR --teachers MODEL... [flags]`."""

import sys

from modeling_ast_va.cli import main

if __name__ == "__main__":
    sys.exit(main(["pretrain", *sys.argv[1:]], prog="pretrain.py"))
