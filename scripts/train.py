#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Train on DEAM or on the demo songs: `accelerate launch scripts/train.py [config.json] [--data_dir DEAM] [flags]`."""

import logging

from modeling_ast_va.training.arguments import parse_arguments
from modeling_ast_va.training.run import train

if __name__ == "__main__":
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    train(parse_arguments())
