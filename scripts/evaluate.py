#!/usr/bin/env python
# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Evaluate on DEAM: a model, the models of all folds, or baselines; each with `--baselines` beside it.

`python scripts/evaluate.py --model DIR --data_dir DEAM [--split test]`
`python scripts/evaluate.py --folds outputs/recipe/fold-*`
`python scripts/evaluate.py --baselines --data_dir DEAM --output_dir DIR`
"""

import logging
from argparse import ArgumentParser, RawDescriptionHelpFormatter

from modeling_ast_va.data.label_audit import LABELS
from modeling_ast_va.data.splits import SPLIT_BY
from modeling_ast_va.evaluation.cross_validation import evaluate_baselines, evaluate_folds
from modeling_ast_va.evaluation.model import evaluate_model

OF_MODEL = ("split", "segment_hop_seconds", "batch_size", "fold")
OF_SPLIT = ("labels", "split_by", "split_seed", "num_folds", "validation_ratio")


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    systems = parser.add_mutually_exclusive_group()
    systems.add_argument("--model", help="folder or Hub id of a model")
    systems.add_argument(
        "--folds", nargs="+", help="folders that training left, one for each fold, or for each seed too"
    )
    parser.add_argument("--baselines", action="store_true", help="fit and judge them beside it, or by themselves")
    parser.add_argument("--data_dir", help="DEAM's folder as distributed, or that of the demo songs")
    parser.add_argument(
        "--output_dir", help="where all goes; else MODEL/evaluation_SPLIT, or cross_validation beside FOLDS"
    )
    parser.add_argument("--split", choices=["train", "validation", "test"], help="of a model; without it, test")
    parser.add_argument("--labels", choices=LABELS, help="without it, as in training")
    parser.add_argument("--split_by", choices=SPLIT_BY, help="without it, as in training")
    parser.add_argument("--split_seed", type=int, help="without it, as in training")
    parser.add_argument("--num_folds", type=int, help="without it, as in training; 5 for baselines by themselves")
    parser.add_argument("--fold", type=int, help="without it, as in training")
    parser.add_argument("--validation_ratio", type=float, help="without it, as in training")
    parser.add_argument("--segment_hop_seconds", type=float, help="without it, as in training")
    parser.add_argument("--batch_size", type=int, help="segments a step; without it, 32")
    parser.add_argument("--num_proc", type=int, help="processes that decode; without it, one a core")
    parser.add_argument("--cache_dir", help="where log-mels are kept; else datasets' cache")
    options = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}

    model, folds = options.pop("model", None), options.pop("folds", None)
    unfit = [name for name in (*OF_MODEL, *OF_SPLIT) if name in options]
    if model:
        if "data_dir" not in options:
            parser.error("--model needs --data_dir")
        evaluate_model(model, **options)
    elif folds:
        if unfit:
            parser.error(f"--folds are evaluated as they were trained, without --{', --'.join(unfit)}")
        evaluate_folds(folds, **options)
    elif options.pop("baselines"):
        unfit = [name for name in OF_MODEL if name in options]
        if unfit or not {"data_dir", "output_dir"} <= set(options):
            parser.error(
                f"--baselines by themselves need --data_dir and --output_dir, and take no --{', --'.join(OF_MODEL)}"
            )
        evaluate_baselines(**options)
    else:
        parser.error("expected --model, --folds or --baselines")


if __name__ == "__main__":
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    main()
