# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The protocol of a training run: all that a reader needs beside a number. It travels with the model as JSON."""

from __future__ import annotations

import hashlib
import json
import platform
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
import transformers
from datasets import Dataset, DatasetDict
from transformers.utils import cached_file

from ..data.splits import VALIDATION_RATIO
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..training.arguments import DataArguments

PROTOCOL_FILE = "protocol.json"
DATA_SETTINGS: dict[str, Any] = {  # with their defaults; split_seed is the seed of `load_deam`
    "labels": "corrected",
    "split_by": "artist",
    "split_seed": 42,
    "num_folds": None,
    "fold": None,
    "validation_ratio": VALIDATION_RATIO,
}


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
        "num_folds": data.num_folds,
        "fold": data.fold,
        "validation_ratio": data.validation_ratio,
        "seed": seed,
        "segment_seconds": feature_extractor.segment_seconds,
        "segment_hop_seconds": data.segment_hop_seconds,
        "num_songs": {name: len(set(split["song_id"])) for name, split in splits.items()},
        "num_segments": {name: len(split) for name, split in splits.items()},
        "dataset_fingerprint": fingerprint(splits),
        "data_fingerprint": unsplit_fingerprint(splits),
        "base_model": data.init_from,
        "median_song_seconds": median_song_seconds(splits),
        "teacher": Path(data.teacher_embeddings).name if data.teacher_embeddings else None,
        "teacher_sha256": file_sha256(data.teacher_embeddings) if data.teacher_embeddings else None,
        "command": shlex.join(["accelerate", "launch", *sys.argv]),
        "license": data.license or ("cc-by-nc-4.0" if data.data_dir else "apache-2.0"),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "datasets": datasets.__version__,
        },
    }


def median_song_seconds(splits: DatasetDict) -> float:
    """Median over songs of where the last segment ends, in seconds."""
    ends: dict[int, float] = {}
    for split in splits.values():
        columns = split.select_columns(["song_id", "start_seconds", "duration_seconds"]).with_format("numpy")[:]
        for song, start, duration in zip(*(columns[name].tolist() for name in columns)):
            ends[song] = max(ends.get(song, 0.0), start + duration)
    return float(np.median(list(ends.values())))


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file's content."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def fingerprint(splits: DatasetDict) -> str:
    """SHA-256 of which segments, with which labels, lie in which split: the same data gives the same, anywhere."""
    digest = hashlib.sha256()
    for name, split in splits.items():
        digest.update(name.encode())
        for values in _identity(split):
            digest.update(values.tobytes())
    return digest.hexdigest()


def unsplit_fingerprint(splits: DatasetDict) -> str:
    """SHA-256 of all segments with their labels, however they are split: what the folds of a cross-validation share."""
    parts = [np.concatenate(columns) for columns in zip(*map(_identity, splits.values()))]
    song_ids, start_seconds, _ = parts
    order = np.lexsort((start_seconds, song_ids))
    digest = hashlib.sha256()
    for values in parts:
        digest.update(values[order].tobytes())
    return digest.hexdigest()


def _identity(split: Dataset) -> list[np.ndarray]:
    """Song ids, starts and labels of the segments of a split."""
    names = ["song_id", "start_seconds", "labels"]
    columns = split.select_columns(names).with_format("numpy")[:]
    return [np.ascontiguousarray(columns[name]) for name in names]


def data_settings(protocol: Mapping[str, Any], **given: Any) -> dict[str, Any]:
    """The settings of `load_deam` that say which labels and splits: those given, or else those of a protocol.

    Args:
        protocol: of a training run; what it does not say is as by default.
        given: any of `DATA_SETTINGS`, where None is as good as not given. With another `split_by` than the protocol's,
            its folds and its share of validation songs do not count.

    Raises:
        ValueError: for a name that is no setting.
    """
    unknown = sorted(set(given) - set(DATA_SETTINGS))
    if unknown:
        raise ValueError(f"Expected settings out of {', '.join(DATA_SETTINGS)}, but got {', '.join(unknown)}.")
    given = {name: value for name, value in given.items() if value is not None}
    trained = {name: value for name, value in protocol.items() if name in DATA_SETTINGS}
    if given.get("split_by", trained.get("split_by")) != trained.get("split_by"):
        trained = {name: value for name, value in trained.items() if name in ("labels", "split_seed")}
    settings = DATA_SETTINGS | trained | given
    settings["seed"] = settings.pop("split_seed")
    return settings


def load_protocol(model: str | Path) -> dict[str, Any]:
    """The protocol saved with a model, a folder or Hub id; empty where there is none."""
    path = cached_file(model, PROTOCOL_FILE, _raise_exceptions_for_missing_entries=False)
    return json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
