#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Make a release: `python scripts/release.py --model DIR --cross_validation DIR --output hub/NAME`."""

from argparse import ArgumentParser

from modeling_ast_va.training.release import release_model

if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="folder that training left")
    parser.add_argument("--cross_validation", help="folder that `evaluate.py --folds` left, for the card")
    parser.add_argument("--output", required=True, help="the new folder: half-precision weights, settings, code, card")
    release_model(**vars(parser.parse_args()))
