# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Commands that use a trained model on music."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from .. import prediction
from ..argument_parser import ArgumentParser, check_output, device_name, number
from ..hub.files import CONFIG_FILE, check_model, check_repo_id
from ..released import RELEASED_MODEL, find_model
from .flags import add_flags

DTYPES = ("float32", "bfloat16", "float16")
COURSES = {
    "segments": "one row per segment: the course over time, as coarse as the segments of the model",
    "frames": "two rows per second: the course over time",
}
OF_FILES = {"as_json": "--json", "course": "--segments and --frames"}
OF_FILES |= {name: f"--{name}" for name in ("escape_formulas", "plot")}
OF_RAY = (
    "model",
    "output",
    "engine",
    "ray_address",
    "coverage",
    "segment_hop_seconds",
    "batch_size",
    "num_workers",
    "device",
    "dtype",
)
OF_DATASETS = ("split", "column", "name", "streaming", "push_to_hub", "private")


def predict(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Predict valence and arousal of audio files, as a table with one row per song.

    Without --output, a short table is printed. Several models, `--model DIR DIR ...`, are averaged. The same command
    continues a run that was interrupted, and after a finished run rates only what is new or changed. With --dataset,
    the ratings are new columns of a data set of the `datasets` library. With --engine ray, all machines of a cluster
    rate the songs, and the output is a folder of Parquet files.
    """
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="FILE_OR_FOLDER",
        help="audio files, folders (searched at any depth), playlists (.m3u, .m3u8, .pls), URLs, addresses of fsspec",
    )
    parser.add_argument("--model", nargs="+", action="append", help="folders or Hub ids (default: the released model)")
    parser.add_argument("--output", help="table to write: .csv, .jsonl or .parquet (default: print a short table)")
    parser.add_argument("--json", dest="as_json", action="store_true", help="print the lines of a .jsonl table")
    course = parser.add_mutually_exclusive_group()
    for name, help_text in COURSES.items():
        course.add_argument(f"--{name}", dest="course", action="store_const", const=name, help=help_text)
    parser.add_argument(
        "--coverage",
        type=number(float, 0.01, 0.99),
        help="share of songs whose mean rating by people is in the interval (default: 0.9)",
    )
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
    parser.add_argument(
        "--engine", choices=("threads", "ray"), help="ray: a Ray cluster rates, into a folder (default: threads)"
    )
    parser.add_argument("--ray_address", help="such as HOST:6379 (default: a cluster that runs here, or this machine)")
    parser.add_argument("--plot", metavar="PNG", help="plot the course over time of a single song")
    _add_dataset_flags(parser)
    options = vars(parser.parse_args(argv))
    models, paths = split_models(options.pop("model", []))
    paths += options.pop("paths", [])
    _check_flags(parser, paths, options)
    models = [find_model(model) for model in models]
    for model in models:
        check_model(model)
    if "dataset" in options:
        prediction.predict_dataset(models or RELEASED_MODEL, options.pop("dataset"), **options)
        return
    if options.pop("engine", "threads") == "ray":
        check_output(options["output"], is_folder=True)
        prediction.predict_with_ray(models or RELEASED_MODEL, paths, **options)
        return
    if "output" in options:
        check_output(options["output"], is_folder=False)
    prediction.predict(models or RELEASED_MODEL, paths, **options)


def _add_dataset_flags(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--dataset",
        metavar="NAME_OR_FOLDER",
        help="data set to rate instead: Hub id, folder of audio, saved data set or .parquet; --output is then a new "
        "folder of `save_to_disk`, or a new .parquet",
    )
    parser.add_argument("--split", help="split of the data set (default: train)")
    parser.add_argument("--column", help="column with the audio (default: audio)")
    parser.add_argument("--name", help="configuration of a data set that has several")
    parser.add_argument(
        "--streaming", action="store_true", help="read the data set while it is rated, with no download"
    )
    parser.add_argument("--push_to_hub", metavar="REPO_ID", help="publish the rated data set, instead of --output")
    parser.add_argument("--private", action="store_true", help="make a new repository private")


def _check_flags(parser: ArgumentParser, paths: Sequence[str], options: Mapping[str, Any]) -> None:
    """Refuse flags that do not go together."""
    if options.get("engine") == "ray":
        if wrong := [OF_FILES.get(name, f"--{name}") for name in options if name not in OF_RAY]:
            parser.error(f"{', '.join(wrong)}: expected without --engine ray only")
        if "output" not in options:
            parser.error("the following arguments are required: --output FOLDER with --engine ray")
    elif "ray_address" in options:
        parser.error("--ray_address: expected together with --engine ray only")
    if "dataset" not in options:
        if wrong := [f"--{name}" for name in OF_DATASETS if name in options]:
            parser.error(f"{', '.join(wrong)}: expected together with --dataset only")
        if not paths:
            parser.error("the following arguments are required: FILE_OR_FOLDER")
        return
    if wrong := [*paths, *(flag for name, flag in OF_FILES.items() if name in options)]:
        parser.error(f"{', '.join(wrong)}: expected without --dataset only")
    if ("output" in options) == ("push_to_hub" in options):
        parser.error("the following arguments are required: either --output or --push_to_hub with --dataset")
    if "private" in options and "push_to_hub" not in options:
        parser.error("--private: expected together with --push_to_hub only")
    if "push_to_hub" in options:
        check_repo_id(options["push_to_hub"])


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
