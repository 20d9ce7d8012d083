#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Speed of every stage, ours against others, in a table: `python scripts/benchmark.py [--stages decoding log_mel]`."""

import logging
import sys
from argparse import ArgumentParser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks is no part of the installed package

from benchmarks.run import STAGES, benchmark

if __name__ == "__main__":
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--stages", nargs="+", default=(), choices=list(STAGES), help="which; without it, all")
    parser.add_argument("--data_dir", help="DEAM's folder as distributed; without it, demo songs are synthesised")
    parser.add_argument("--repeats", type=int, default=5, help="measured rounds, of which the median counts")
    parser.add_argument("--num_threads", type=int, help="without it, as many as torch takes")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="cuda adds the stage of the GPU")
    parser.add_argument("--output", help="JSON to write after each stage; stages in it are not measured again")
    benchmark(**vars(parser.parse_args()))
