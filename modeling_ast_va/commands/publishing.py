# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Commands that make and publish the folder of a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .. import checkpoints, hub
from ..argument_parser import ArgumentParser, check_file, check_output, number
from ..hub.files import (
    PROTOCOL_FILE,
    REPORT_FILE,
    REQUIRED_FILES,
    WEIGHTS_FILE,
    check_model,
    check_repo_id,
    check_revision,
    require_files,
)
from .flags import OF_DATA, add_flags, check_paths, take_source


def release(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Make a release of a trained model, or refresh one.

    release --model DIR --cross_validation DIR --output hub/NAME [--data_dir DEAM]
    release --refresh hub/NAME

    With the training data, the fit to them is measured too.
    """
    parser.add_argument("--model", help="folder of a training run")
    parser.add_argument("--cross_validation", help="folder of `evaluate --folds`, for the results in the card")
    parser.add_argument("--output", help="new folder: half-precision weights, settings, code, card")
    parser.add_argument("--refresh", metavar="DIR", help="released folder whose code and card are written again")
    add_flags(parser, *OF_DATA, "num_proc", "cache_dir")
    options = vars(parser.parse_args(argv))
    refreshed = options.pop("refresh", None)
    if options if refreshed else not {"model", "output"} <= options.keys():
        parser.error("expected either --model and --output, or --refresh alone")
    check_paths(options)
    source = take_source(options)
    if not refreshed:
        check_model(options["model"], needs_head=False)
        require_files(Path(options["model"]), PROTOCOL_FILE, WEIGHTS_FILE)
        check_output(options["output"], is_folder=True)
    if "cross_validation" in options:
        require_files(Path(options["cross_validation"]), REPORT_FILE)
    from ..training.release import refresh_release, release_model

    if refreshed:
        refresh_release(refreshed)
    else:
        release_model(**options, source=source)
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
    check_paths(options)
    checkpoints.convert_notebook_checkpoint(**options)
    print(f"Wrote {options['output_dir']}")
