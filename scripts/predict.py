#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Valence and arousal of music files: `python scripts/predict.py --model DIR FILE_OR_FOLDER... --output out.csv`."""

import logging
from argparse import ArgumentParser

from modeling_ast_va.prediction import predict

if __name__ == "__main__":
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", metavar="FILE_OR_FOLDER", help="audio files, folders, URLs")
    parser.add_argument("--model", required=True, help="folder or Hub id of a model")
    parser.add_argument("--output", required=True, help="table to write: .csv, .jsonl or .parquet")
    parser.add_argument("--segments", action="store_true", help="a row a segment: the course over time")
    parser.add_argument("--segment_hop_seconds", type=float, help="step from segment to segment; else they touch")
    parser.add_argument("--batch_size", type=int, default=16, help="segments a step")
    parser.add_argument("--device", help="such as cuda:0; without it the first accelerator, else the CPU")
    predict(**vars(parser.parse_args()))
