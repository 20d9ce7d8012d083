# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Flags that several commands have, and checks of their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..argument_parser import ArgumentParser, check_output, number
from ..data.splits import LABELS, SPLIT_BY

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


def add_flags(parser: ArgumentParser, *names: str) -> None:
    """Add flags by name."""
    for name in names:
        parser.add_argument(f"--{name}", **FLAGS[name])


def check_paths(options: Mapping[str, Any]) -> None:
    """Check the folder of DEAM and the folders to write (ValueError)."""
    if "data_dir" in options:
        from ..data.annotations import find_deam

        find_deam(options["data_dir"])
    for name in ("output_dir", "cache_dir"):
        if name in options:
            check_output(options[name], is_folder=True)
