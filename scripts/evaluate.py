#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Evaluate a model on a split of DEAM: `python scripts/evaluate.py --model DIR --data_dir DEAM [--split test]`."""

import logging
from argparse import ArgumentParser

from modeling_ast_va.evaluation import evaluate_model
from modeling_ast_va.label_audit import LABELS
from modeling_ast_va.splits import SPLIT_BY

if __name__ == "__main__":
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="folder or Hub id of a model")
    parser.add_argument("--data_dir", required=True, help="DEAM's folder as distributed, or that of the demo songs")
    parser.add_argument("--split", default="test", choices=["train", "validation", "test"])
    parser.add_argument("--output_dir", help="where metrics, predictions and plots go; else MODEL/evaluation_SPLIT")
    parser.add_argument("--labels", choices=LABELS, help="without it, as in training")
    parser.add_argument("--split_by", choices=SPLIT_BY, help="without it, as in training")
    parser.add_argument("--split_seed", type=int, help="without it, as in training")
    parser.add_argument("--segment_hop_seconds", type=float, help="without it, as in training")
    parser.add_argument("--batch_size", type=int, default=32, help="segments a step")
    parser.add_argument("--num_proc", type=int, help="processes that decode; without it, one a core")
    parser.add_argument("--cache_dir", help="where log-mels are kept; else datasets' cache")
    evaluate_model(**vars(parser.parse_args()))
