# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Commands that use a trained model on music."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from .. import prediction
from ..argument_parser import ArgumentParser, check_output, device_name, number
from ..hub.files import CONFIG_FILE, check_model
from ..released import RELEASED_MODEL
from .flags import add_flags

DTYPES = ("float32", "bfloat16", "float16")


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
    add_flags(parser, "segment_hop_seconds", "batch_size")
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
