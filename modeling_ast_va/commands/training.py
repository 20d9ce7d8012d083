# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Commands that train and evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .. import evaluation, training
from ..argument_parser import ArgumentParser, number
from ..data.splits import SPLITS
from ..hub.files import PROTOCOL_FILE, SEGMENT_PREDICTIONS_FILE, check_model, require_files
from ..released import find_model
from ..training.flags import PRETRAIN
from .flags import AS_TRAINED, OF_DATA, OF_SPLIT, add_flags, check_paths, take_source

PRETRAIN_RECIPE = "pretrain.json"


def train(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Train a model on DEAM, on ratings of one's own, or on demo songs."""
    arguments = training.parse_arguments(argv, prog=parser.prog)
    training.check_arguments(arguments)
    training.train(arguments)


def pretrain(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Train an encoder on music without labels, to predict the embeddings of teachers."""
    arguments = training.parse_arguments(argv, prog=parser.prog, command=PRETRAIN, recipe=PRETRAIN_RECIPE)
    training.check_pretraining(arguments)
    training.pretrain(arguments)


def evaluate(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Evaluate a model, the models of all folds, or baselines.

    evaluate --model DIR --data_dir DEAM [--split test] [--baselines]
    evaluate --model DIR --data_csv ratings.csv --label_range 0 1
    evaluate --folds outputs/recipe/fold-* [--baselines --data_dir DEAM]
    evaluate --baselines --data_dir DEAM --output_dir DIR

    On other data than those of its training, a model is evaluated on all songs, as it is and after a linear mapping.
    """
    parser.add_argument("--model", help="folder or Hub id of a model; ast-va-deam is the released one")
    parser.add_argument("--folds", nargs="+", help="folders of training runs, one for each fold, or for each seed too")
    parser.add_argument("--baselines", action="store_true", help="fit and evaluate the baselines too, or only them")
    add_flags(parser, *OF_DATA)
    output_help = "(default: evaluation_SPLIT in the model, outputs/MODEL-on-DATA for other data than those of its "
    parser.add_argument("--output_dir", help=f"{output_help}training, cross_validation beside folds)")
    split_help = "split to evaluate a model on (default: test, or all songs of other data than those of its training)"
    parser.add_argument("--split", choices=(*SPLITS, "all"), help=split_help)
    hop_help = f"step from segment to segment {AS_TRAINED}"
    parser.add_argument("--segment_hop_seconds", type=number(float, 0, above=True), help=hop_help)
    parser.add_argument("--batch_size", type=number(int, 1), help="segments in a batch (default: 32)")
    parser.add_argument("--fold", type=number(int, 0), help=f"fold to evaluate a model on {AS_TRAINED}")
    add_flags(parser, "num_proc", "cache_dir", "log_mels", *OF_SPLIT)
    of_one_model = ("split", "segment_hop_seconds", "batch_size", "fold", "log_mels")
    options = vars(parser.parse_args(argv))
    model, folds = find_model(options.pop("model", "")), options.pop("folds", None)
    has_data = bool({"data_dir", "data_csv"} & options.keys())
    if model:
        if folds or not has_data:
            parser.error("--model needs --data_dir or --data_csv, and cannot be given together with --folds")
        check_paths(options)
        source = take_source(options)
        check_model(model)
        evaluation.evaluate_model(model, source, **options)
    elif folds:
        if unfit := [name for name in (*of_one_model, *OF_SPLIT, "labels") if name in options]:
            parser.error(f"--folds are evaluated as they were trained, without --{', --'.join(unfit)}")
        check_paths(options)
        for folder in folds:
            require_files(Path(folder), PROTOCOL_FILE, SEGMENT_PREDICTIONS_FILE)
        source = take_source(options)
        evaluation.evaluate_folds(folds, source=source, **options)
    elif options.pop("baselines", False):
        if set(of_one_model) & options.keys() or not has_data or "output_dir" not in options:
            names = ", --".join(of_one_model)
            parser.error(f"--baselines alone need --data_dir or --data_csv, and --output_dir, without --{names}")
        check_paths(options)
        source = take_source(options)
        evaluation.evaluate_baselines(source, **options)
    else:
        parser.error("one of the arguments --model, --folds or --baselines is required")
