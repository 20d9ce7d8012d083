# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Commands that train, evaluate and embed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .. import evaluation, training
from ..argument_parser import ArgumentParser, check_output, number
from ..data.splits import SPLITS
from ..hub.files import (
    AST_MODEL_TYPE,
    MODEL_TYPE,
    PROTOCOL_FILE,
    SEGMENT_PREDICTIONS_FILE,
    check_model,
    require_files,
)
from .flags import AS_TRAINED, OF_SPLIT, add_flags, check_paths


def train(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Train a model on DEAM, or on demo songs."""
    arguments = training.parse_arguments(argv, prog=parser.prog)
    training.check_arguments(arguments)
    training.train(arguments)


def evaluate(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Evaluate a model, the models of all folds, or baselines on DEAM.

    evaluate --model DIR --data_dir DEAM [--split test] [--baselines]
    evaluate --folds outputs/recipe/fold-* [--baselines --data_dir DEAM]
    evaluate --baselines --data_dir DEAM --output_dir DIR
    """
    parser.add_argument("--model", help="folder or Hub id of a model")
    parser.add_argument("--folds", nargs="+", help="folders of training runs, one for each fold, or for each seed too")
    parser.add_argument("--baselines", action="store_true", help="fit and evaluate the baselines too, or only them")
    parser.add_argument("--data_dir", help="folder of DEAM, as distributed, or of the demo songs")
    parser.add_argument("--output_dir", help="(default: evaluation_SPLIT in the model, cross_validation beside folds)")
    parser.add_argument("--split", choices=SPLITS, help="split to evaluate a model on (default: test)")
    hop_help = f"step from segment to segment {AS_TRAINED}"
    parser.add_argument("--segment_hop_seconds", type=number(float, 0, above=True), help=hop_help)
    parser.add_argument("--batch_size", type=number(int, 1), help="segments in a batch (default: 32)")
    parser.add_argument("--fold", type=number(int, 0), help=f"fold to evaluate a model on {AS_TRAINED}")
    add_flags(parser, "num_proc", "cache_dir", *OF_SPLIT)
    of_one_model = ("split", "segment_hop_seconds", "batch_size", "fold")
    options = vars(parser.parse_args(argv))
    model, folds = options.pop("model", None), options.pop("folds", None)
    if model:
        if folds or "data_dir" not in options:
            parser.error("--model needs --data_dir, and cannot be given together with --folds")
        check_paths(options)
        check_model(model)
        evaluation.evaluate_model(model, **options)
    elif folds:
        if unfit := [name for name in (*of_one_model, *OF_SPLIT) if name in options]:
            parser.error(f"--folds are evaluated as they were trained, without --{', --'.join(unfit)}")
        check_paths(options)
        for folder in folds:
            require_files(Path(folder), PROTOCOL_FILE, SEGMENT_PREDICTIONS_FILE)
        evaluation.evaluate_folds(folds, **options)
    elif options.pop("baselines", False):
        if set(of_one_model) & options.keys() or not {"data_dir", "output_dir"} <= options.keys():
            parser.error(f"--baselines alone need --data_dir and --output_dir, without --{', --'.join(of_one_model)}")
        check_paths(options)
        evaluation.evaluate_baselines(**options)
    else:
        parser.error("one of the arguments --model, --folds or --baselines is required")


def embed(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Write the embeddings of a teacher, for `train --teacher_embeddings`."""
    parser.add_argument("--model", required=True, help="Hub id or folder of an ASTVA model or an AudioSet AST")
    parser.add_argument("--data_dir", required=True, help="folder of DEAM, as distributed")
    parser.add_argument("--output", required=True, help="NPZ file to write")
    add_flags(parser, "segment_hop_seconds", "batch_size", "num_proc", "cache_dir")
    options = vars(parser.parse_args(argv))
    check_paths(options)
    check_model(options["model"], MODEL_TYPE, AST_MODEL_TYPE)
    check_output(options["output"], is_folder=False)
    training.embed_songs(**options)
