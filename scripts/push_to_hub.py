#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Publish the folder of a model: `python scripts/push_to_hub.py --model DIR --repo_id me/ast-va [--dry_run]`."""

import sys

from modeling_ast_va.cli import main

if __name__ == "__main__":
    sys.exit(main(["push", *sys.argv[1:]], prog="push_to_hub.py"))
