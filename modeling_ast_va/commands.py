# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The commands of `ast-va`. The functions that they call are imported on use: parsing does not wait for torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from typing import Any

from . import checkpoints, evaluation, hub, prediction, training
from . import demo as demo_songs
from .argument_parser import ArgumentParser, check_file, check_output, device_name, number
from .data.splits import LABELS, SPLIT_BY, SPLITS
from .hub.files import (
    AST_MODEL_TYPE,
    CONFIG_FILE,
    MODEL_TYPE,
    PROTOCOL_FILE,
    REPORT_FILE,
    REQUIRED_FILES,
    SEGMENT_PREDICTIONS_FILE,
    WEIGHTS_FILE,
    check_model,
    check_repo_id,
    check_revision,
    require_files,
)

RELEASED_MODEL = Path(__file__).parents[1] / "hub" / "ast-va-deam"  # in a clone of the repository
DTYPES = ("float32", "bfloat16", "float16")
AS_TRAINED = "(default: as in training)"
OF_SPLIT = ("labels", "split_by", "split_seed", "num_folds", "validation_ratio")
# Flags of several commands, and those of the split.
FLAGS: dict[str, dict[str, Any]] = {
    "segment_hop_seconds": {
        "type": number(float, 0, above=True),
        "help": "step from segment to segment (default: no overlap)",
    },
    "batch_size": {"type": number(int, 1), "help": "segments in a batch (default: 16)"},
    "num_proc": {"type": number(int, 1), "help": "processes that decode (default: one per core)"},
    "cache_dir": {"help": "folder of cached log-mels (default: the cache of datasets)"},
    "labels": {"choices": LABELS, "help": AS_TRAINED},
    "split_by": {"choices": SPLIT_BY, "help": AS_TRAINED},
    "split_seed": {"type": number(int, 0), "help": AS_TRAINED},
    "num_folds": {"type": number(int, 2), "help": AS_TRAINED},
    "validation_ratio": {"type": number(float, 0), "help": AS_TRAINED},
}


def predict(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Predict valence and arousal of audio files, as a table with one row per song.

    Several models, `--model DIR DIR ...`, are averaged. The same command continues a run that was interrupted, and
    after a finished run rates only what is new or changed.
    """
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="FILE_OR_FOLDER",
        help="audio files, folders (searched at any depth), playlists (.m3u, .m3u8, .pls), URLs",
    )
    parser.add_argument("--model", nargs="+", action="append", help="folders or Hub ids (default: the released model)")
    parser.add_argument("--output", required=True, help="table to write: .csv, .jsonl or .parquet")
    parser.add_argument("--segments", action="store_true", help="one row per segment: the course over time")
    _add_flags(parser, "segment_hop_seconds", "batch_size")
    parser.add_argument(
        "--num_workers", type=number(int, 1), help="songs processed at the same time (default: one per core)"
    )
    parser.add_argument("--device", type=device_name, help="such as cuda:0 (default: all accelerators, or the CPU)")
    parser.add_argument("--dtype", choices=DTYPES, help="precision (default: float32)")
    parser.add_argument(
        "--escape_formulas",
        action="store_true",
        help="in a .csv for a spreadsheet, begin names such as =1+1.mp3 with an apostrophe",
    )
    parser.add_argument("--plot", metavar="PNG", help="plot the course over time of a single song")
    options = vars(parser.parse_args(argv))
    models, paths = split_models(options.pop("model", []))
    paths += options.pop("paths", [])
    if not paths:
        parser.error("the following arguments are required: FILE_OR_FOLDER")
    if not models and not (RELEASED_MODEL / CONFIG_FILE).is_file():
        parser.error("the following arguments are required: --model, a folder or Hub id")
    for model in models:
        check_model(model)
    check_output(options["output"], is_folder=False)
    prediction.predict(models or RELEASED_MODEL, paths, **options)


def train(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Train a model on DEAM or on the demo songs."""
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
    _add_flags(parser, "num_proc", "cache_dir", *OF_SPLIT)
    of_one_model = ("split", "segment_hop_seconds", "batch_size", "fold")
    options = vars(parser.parse_args(argv))
    model, folds = options.pop("model", None), options.pop("folds", None)
    if model:
        if folds or "data_dir" not in options:
            parser.error("--model needs --data_dir, and cannot be given together with --folds")
        _check_paths(options)
        check_model(model)
        evaluation.evaluate_model(model, **options)
    elif folds:
        if unfit := [name for name in (*of_one_model, *OF_SPLIT) if name in options]:
            parser.error(f"--folds are evaluated as they were trained, without --{', --'.join(unfit)}")
        _check_paths(options)
        for folder in folds:
            require_files(Path(folder), PROTOCOL_FILE, SEGMENT_PREDICTIONS_FILE)
        evaluation.evaluate_folds(folds, **options)
    elif options.pop("baselines", False):
        if set(of_one_model) & options.keys() or not {"data_dir", "output_dir"} <= options.keys():
            parser.error(f"--baselines alone need --data_dir and --output_dir, without --{', --'.join(of_one_model)}")
        _check_paths(options)
        evaluation.evaluate_baselines(**options)
    else:
        parser.error("one of the arguments --model, --folds or --baselines is required")


def embed(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Write the embeddings of a teacher model, which `train --teacher_embeddings` reads."""
    parser.add_argument("--model", required=True, help="Hub id or folder of an ASTVA model or an AudioSet AST")
    parser.add_argument("--data_dir", required=True, help="folder of DEAM, as distributed")
    parser.add_argument("--output", required=True, help="NPZ file to write")
    _add_flags(parser, "segment_hop_seconds", "batch_size", "num_proc", "cache_dir")
    options = vars(parser.parse_args(argv))
    _check_paths(options)
    check_model(options["model"], MODEL_TYPE, AST_MODEL_TYPE)
    check_output(options["output"], is_folder=False)
    training.embed_songs(**options)


def release(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Make a release of a trained model, or refresh the code and card of one.

    release --model DIR --cross_validation DIR --output hub/NAME [--data_dir DEAM]
    release --refresh hub/NAME
    """
    parser.add_argument("--model", help="folder of a training run")
    parser.add_argument("--cross_validation", help="folder of `evaluate --folds`, for the results in the card")
    parser.add_argument("--output", help="new folder: half-precision weights, settings, code, card")
    parser.add_argument("--data_dir", help="folder of DEAM, to measure the fit to the training songs")
    parser.add_argument("--refresh", metavar="DIR", help="released folder whose code and card are written again")
    _add_flags(parser, "num_proc", "cache_dir")
    options = vars(parser.parse_args(argv))
    refreshed = options.pop("refresh", None)
    if options if refreshed else not {"model", "output"} <= options.keys():
        parser.error("expected either --model and --output, or --refresh alone")
    _check_paths(options)
    if not refreshed:
        check_model(options["model"])
        require_files(Path(options["model"]), PROTOCOL_FILE, WEIGHTS_FILE)
        check_output(options["output"], is_folder=True)
    if "cross_validation" in options:
        require_files(Path(options["cross_validation"]), REPORT_FILE)
    from .training.release import refresh_release, release_model

    if refreshed:
        refresh_release(refreshed)
    else:
        release_model(**options)
    print(f"Wrote {refreshed or options['output']}")


def push(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Publish the folder of a model on the Hub."""
    parser.add_argument("--model", dest="folder", required=True, help="folder of training, conversion or release")
    parser.add_argument("--repo_id", required=True, help="address on the Hub, such as me/ast-va")
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    parser.add_argument("--revision", help="branch (default: main)")
    parser.add_argument("--commit_message", help="(default: Upload model, code and card)")
    parser.add_argument("--dry_run", action="store_true", help="only check the folder and list its files")
    options = vars(parser.parse_args(argv))
    check_repo_id(options["repo_id"])
    check_revision(options.get("revision"))
    require_files(Path(options["folder"]), *REQUIRED_FILES)
    hub.push_folder(**options)


def convert(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Convert the checkpoint of the notebook to a Hub folder."""
    parser.add_argument("checkpoint_path", metavar="checkpoint", help="best_ast_model.pth, as the notebook saves it")
    parser.add_argument("--output", dest="output_dir", required=True, help="folder to write")
    parser.add_argument("--num_attention_heads", type=number(int, 1), help="NUM_HEADS (default: 4)")
    parser.add_argument("--num_mel_bins", type=number(int, 1), help="N_MELS (default: 128)")
    seconds_help = "SEGMENT_LENGTH (default: what its frames hold)"
    parser.add_argument("--segment_seconds", type=number(float, 0, above=True), help=seconds_help)
    options = vars(parser.parse_args(argv))
    check_file(options["checkpoint_path"], "a checkpoint of torch.save")
    _check_paths(options)
    checkpoints.convert_notebook_checkpoint(**options)
    print(f"Wrote {options['output_dir']}")


def demo(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Synthesise demo songs in the folder layout of DEAM."""
    parser.add_argument("--output_dir", required=True, help="new or empty folder to write")
    parser.add_argument("--num_songs", type=number(int, 1), help="up to 580 (default: 400)")
    parser.add_argument("--seed", type=number(int, 0), help="of songs and ratings (default: 0)")
    parser.add_argument("--song_seconds", type=number(float, 0, above=True), help="length of a song (default: 20)")
    options = vars(parser.parse_args(argv))
    _check_paths(options)
    print(f"Demo songs: {demo_songs.make_demo_deam(**options)}")


def benchmark(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Measure the speed of every stage, compared with other implementations (needs a clone of the repository)."""
    parser.add_argument("--stages", nargs="+", help="stages to measure (default: all)")
    parser.add_argument("--data_dir", help="folder of DEAM, as distributed (default: demo songs)")
    parser.add_argument("--repeats", type=number(int, 1), help="measured rounds (default: 5)")
    parser.add_argument("--num_threads", type=number(int, 1), help="threads of torch (default: its own choice)")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="cuda adds the stage of the GPU (default: cpu)")
    parser.add_argument("--output", help="JSON file, written after each stage; stages in it are not measured again")
    options = vars(parser.parse_args(argv))
    if find_spec("benchmarks") is None:
        raise ValueError(
            "Expected the folder benchmarks of the repository, but got only the package, which does not contain it. "
            "Run python scripts/benchmark.py in a clone."
        )
    from benchmarks.run import benchmark

    benchmark(**options)


COMMANDS = {one.__name__: one for one in (predict, train, evaluate, embed, release, push, convert, demo, benchmark)}


def split_models(given: Sequence[Sequence[str]]) -> tuple[list[str], list[str]]:
    """
    Split the arguments of each `--model` into models and songs: the first argument is a model, and so are the folders
    of models that follow it. Further Hub ids need a `--model` each.
    """
    models: list[str] = []
    paths: list[str] = []
    for first, *others in given:
        folders = list(takewhile(lambda other: Path(other, CONFIG_FILE).is_file(), others))
        models += [first, *folders]
        paths += others[len(folders) :]
    return models, paths


def _check_paths(options: Mapping[str, Any]) -> None:
    """Check the folder of DEAM and the folders to write (ValueError)."""
    if "data_dir" in options:
        from .data.annotations import find_deam

        find_deam(options["data_dir"])
    for name in ("output_dir", "cache_dir"):
        if name in options:
            check_output(options[name], is_folder=True)


def _add_flags(parser: ArgumentParser, *names: str) -> None:
    for name in names:
        parser.add_argument(f"--{name}", **FLAGS[name])
