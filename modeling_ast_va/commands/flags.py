# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Flags that several commands have, and checks of their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..argument_parser import ArgumentParser, check_output, number
from ..data.sources import LOG_MELS, DataSource
from ..data.splits import LABELS, SPLIT_BY

AS_TRAINED = "(default: as in training)"
OF_DATA = ("data_dir", "data_csv", "audio_dir", "label_range", "labels")
OF_SPLIT = ("split_by", "split_seed", "num_folds", "validation_ratio")
# Flags of several commands, and those of the split.
FLAGS: dict[str, dict[str, Any]] = {
    "segment_hop_seconds": {
        "type": number(float, 0, above=True),
        "help": "step from segment to segment (default: no overlap)",
    },
    "batch_size": {"type": number(int, 1), "help": "segments in a batch (default: 16, or 4 in onnxruntime)"},
    "num_proc": {"type": number(int, 1), "help": "processes that decode (default: one per core)"},
    "log_mels": {
        "choices": LOG_MELS,
        "help": "keep log-mels on disk, or compute them from the audio for every batch (default: cached)",
    },
    "cache_dir": {"help": "folder of cached log-mels (default: the cache of datasets)"},
    "data_dir": {"help": "folder of DEAM, as distributed, or of the demo songs"},
    "data_csv": {"help": "table of ratings: CSV, TSV, JSON Lines or Parquet with path, valence and arousal"},
    "audio_dir": {"help": "folder to which the paths of the table refer (default: that of the table)"},
    "label_range": {
        "type": number(float),
        "nargs": 2,
        "metavar": ("LOW", "HIGH"),
        "help": "lowest and highest rating of the table's scale (default: 1 9)",
    },
    "labels": {"choices": LABELS, "help": f"of DEAM {AS_TRAINED}"},
    "split_by": {"choices": SPLIT_BY, "help": AS_TRAINED},
    "split_seed": {"type": number(int, 0), "help": AS_TRAINED},
    "num_folds": {"type": number(int, 2), "help": AS_TRAINED},
    "validation_ratio": {"type": number(float, 0), "help": AS_TRAINED},
}


def add_flags(parser: ArgumentParser, *names: str) -> None:
    """Add flags by name."""
    for name in names:
        parser.add_argument(f"--{name}", **FLAGS[name])


def take_source(options: dict[str, Any]) -> DataSource | None:
    """Take the flags of the data set out of the options, and check it (ValueError); None where there are none."""
    given = {name: options.pop(name) for name in OF_DATA if name in options}
    if not given:
        return None
    if "label_range" in given:
        given["label_range"] = tuple(given["label_range"])
    source = DataSource(**given)
    source.check()
    return source


def check_paths(options: Mapping[str, Any]) -> None:
    """Check the folders to write (ValueError)."""
    for name in ("output_dir", "cache_dir"):
        if name in options:
            check_output(options[name], is_folder=True)
