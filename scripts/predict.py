#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Valence and arousal of music files: `python scripts/predict.py --model DIR FILE_OR_FOLDER... --output out.csv`.

`accelerate launch scripts/predict.py ...` shares the songs over processes and machines. The same command resumes a run
that was interrupted. Several models, `--model DIR DIR ...`, are averaged.
"""

import logging
from argparse import ArgumentParser, RawDescriptionHelpFormatter

from modeling_ast_va.prediction.run import predict, split_models

if __name__ == "__main__":
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", metavar="FILE_OR_FOLDER", help="audio files, folders, URLs")
    parser.add_argument("--model", required=True, nargs="+", action="append", help="folder or Hub id; folders follow")
    parser.add_argument("--output", required=True, help="table to write: .csv, .jsonl or .parquet")
    parser.add_argument("--segments", action="store_true", help="a row a segment: the course over time")
    parser.add_argument("--segment_hop_seconds", type=float, help="step from segment to segment; else they touch")
    parser.add_argument("--batch_size", type=int, default=16, help="segments a step")
    parser.add_argument("--num_workers", type=int, help="songs heard at a time; else one for each core")
    parser.add_argument("--device", help="such as cuda:0; without it the accelerators are shared out, else the CPU")
    parser.add_argument("--dtype", default="float32", help="precision of the networks, such as bfloat16")
    arguments = vars(parser.parse_intermixed_args())
    models, paths = split_models(arguments.pop("model"))
    paths += arguments.pop("paths")
    if not paths:
        parser.error("the following arguments are required: FILE_OR_FOLDER")
    predict(models, paths, **arguments)
