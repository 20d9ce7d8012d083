# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The protocol of a training run: all that a reader needs beside a number. It travels with the model as JSON."""

from __future__ import annotations

import hashlib
import json
import platform
import shlex
import sys
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
import transformers
from datasets import DatasetDict
from transformers.utils import cached_file

from .arguments import DataArguments
from .feature_extraction_ast_va import ASTVAFeatureExtractor

PROTOCOL_FILE = "protocol.json"


def describe_protocol(
    data: DataArguments,
    seed: int,
    data_dir: Path,
    feature_extractor: ASTVAFeatureExtractor,
    splits: DatasetDict,
    audit: list[dict[str, Any]],
) -> dict[str, Any]:
    """All that a reader needs beside a number: data, split, seeds, command, versions."""
    artists_known = any(any(split["artist"]) for split in splits.values())
    return {
        "dataset": "DEAM" if data.data_dir else "demo songs",
        "labels": data.labels,
        # JSON has no NaN, which a correlation is where there is nothing to correlate.
        "label_audit": [{name: None if value != value else value for name, value in row.items()} for row in audit],
        "split_by": "song" if data.split_by == "artist" and not artists_known else data.split_by,
        "split_seed": data.split_seed,
        "seed": seed,
        "segment_seconds": feature_extractor.segment_seconds,
        "segment_hop_seconds": data.segment_hop_seconds,
        "num_songs": {name: len(set(split["song_id"])) for name, split in splits.items()},
        "num_segments": {name: len(split) for name, split in splits.items()},
        "dataset_fingerprint": fingerprint(splits),
        "base_model": data.init_from,
        "command": shlex.join(["accelerate", "launch", *sys.argv]),
        "license": "cc-by-nc-4.0" if data.data_dir else "apache-2.0",
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "datasets": datasets.__version__,
        },
    }


def fingerprint(splits: DatasetDict) -> str:
    """SHA-256 of which segments, with which labels, lie in which split: the same data gives the same, anywhere."""
    digest = hashlib.sha256()
    for name, split in splits.items():
        digest.update(name.encode())
        columns = split.select_columns(["song_id", "start_seconds", "labels"]).with_format("numpy")[:]
        for column in ("song_id", "start_seconds", "labels"):
            digest.update(np.ascontiguousarray(columns[column]).tobytes())
    return digest.hexdigest()


def load_protocol(model: str | Path) -> dict[str, Any]:
    """The protocol saved with a model, a folder or Hub id; empty where there is none."""
    path = cached_file(model, PROTOCOL_FILE, _raise_exceptions_for_missing_entries=False)
    return json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
