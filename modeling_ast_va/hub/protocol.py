# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The protocol of a training run: data, labels, split, seeds, command and versions, saved as JSON with the model."""

from __future__ import annotations

import hashlib
import platform
import shlex
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from os import PathLike
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import torch
import transformers
from datasets import Dataset, DatasetDict
from numpy.typing import NDArray
from transformers.utils import cached_file

from ..audio_ast_va import RATING_SCALE
from ..data.rated_songs import RatedSongs
from ..data.splits import LABELS, SplitSettings
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..released import find_model
from .files import PROTOCOL_FILE, read_json_object

# Names of a protocol that say which labels and which split, the fields of `SplitSettings` in order.
SPLIT_NAMES = ("labels", "split_by", "split_seed", "num_folds", "fold", "validation_ratio")
LICENSES = {"DEAM": "cc-by-nc-4.0", "demo songs": "apache-2.0"}  # of the data sets in the folder layout of DEAM
DATA_FLAGS = ("data_dir", "data_csv", "audio_dir", "label_range")


def describe_protocol(
    *,
    songs: RatedSongs,
    split: SplitSettings,
    seed: int,
    segment_hop_seconds: float | None,
    feature_extractor: ASTVAFeatureExtractor,
    splits: DatasetDict,
    base_model: str | None = None,
    distillation: Mapping[str, Any] | None = None,
    license: str | None = None,
    audio_offset_seconds: float = 0.0,
) -> dict[str, Any]:
    """
    Describe a training run, as the content of `protocol.json`: all that a reader of its results must know.

    Args:
        songs: the rated songs.
        split: how the songs were split, as [`resolve_split`] returns it.
        seed: of training.
        segment_hop_seconds: step from segment to segment; None is the length of a segment.
        splits: the segments, as [`load_ratings`] returns them.
        base_model: Hub id or folder of the model that training started from; None for random weights.
        distillation: the teachers, and the music without labels, from which the model learned; empty without any.
        license: of the trained weights; None is the licence of the base model, or else the one that the data ask for.
        audio_offset_seconds: start of the audio files in the clips to which DEAM's dynamic annotations refer.
    """
    base = load_protocol(find_model(str(base_model))) if base_model else {}
    inherited = base.get("license")
    if inherited in (None, "apache-2.0"):  # which asks for nothing beyond the licence of the data
        inherited = LICENSES.get(songs.dataset, "unknown")
    return {
        "dataset": songs.dataset,
        "label_range": list(songs.label_range),
        "label_audit": songs.audit,
        **dict(zip(SPLIT_NAMES, (songs.labels, *astuple(split)))),
        "seed": seed,
        "segment_seconds": feature_extractor.segment_seconds,
        "segment_hop_seconds": segment_hop_seconds,
        "audio_offset_seconds": audio_offset_seconds,
        "num_songs": {name: num_songs(rows) for name, rows in splits.items()},
        "num_segments": {name: len(rows) for name, rows in splits.items()},
        "dataset_fingerprint": fingerprint(splits),
        "data_fingerprint": unsplit_fingerprint(splits),
        "base_model": base_model,
        "pretraining": base.get("pretraining", {}),
        "median_song_seconds": median_song_seconds(splits),
        "distillation": dict(distillation or {}),
        "command": training_command(sys.argv),
        "license": license or inherited,
        "versions": package_versions(),
    }


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that training depends on."""
    packages = (torch, transformers, datasets)
    return {"python": platform.python_version()} | {one.__name__: one.__version__ for one in packages}


def trained_split(protocol: Mapping[str, Any], **given: Any) -> tuple[str, SplitSettings]:
    """
    Labels and split of a training run, or others where they are given.

    Args:
        protocol: of the training run; what it does not state has its default.
        given: any of `SPLIT_NAMES`; None is not given. With another `split_by` than the protocol's, folds and
            validation ratio of the protocol are ignored.

    Raises:
        ValueError: for an unknown name, and for settings that [`SplitSettings`] refuses.
    """
    unknown = sorted(set(given) - set(SPLIT_NAMES))
    if unknown:
        raise ValueError(f"Expected settings out of {', '.join(SPLIT_NAMES)}, but got {', '.join(unknown)}.")
    given = {name: value for name, value in given.items() if value is not None}
    trained = {name: protocol[name] for name in SPLIT_NAMES if name in protocol}
    trained["labels"] = trained.get("labels") or LABELS[0]
    if given.get("split_by", trained.get("split_by")) != trained.get("split_by"):
        trained = {name: trained[name] for name in ("labels", "split_seed") if name in trained}
    settings: dict[str, Any] = {"split_seed": SplitSettings.seed} | trained | given
    labels, seed = settings.pop("labels"), settings.pop("split_seed")
    return labels, SplitSettings(seed=seed, **settings)


def label_range_of(protocol: Mapping[str, Any]) -> list[float]:
    """The scale on which the ratings were given that a model was trained on."""
    return list(protocol.get("label_range", RATING_SCALE))


def load_protocol(model: str | PathLike[str]) -> dict[str, Any]:
    """The protocol that was saved with a model, a folder or Hub id; empty where there is none."""
    path = cached_file(model, PROTOCOL_FILE, _raise_exceptions_for_missing_entries=False)
    return read_json_object(path) if path else {}


def training_command(argv: Sequence[str]) -> str:
    """The command line that started training, without a token of the Hub the folders of one machine, and resumption."""
    _, words = _take_flags(argv, "hub_token", "cache_dir", "output_dir", "resume_from_checkpoint")
    # The console command is installed in any folder, and `python -m` runs a file of the package.
    start = ["ast-va"] if Path(words[0]).name in ("ast-va", "__main__.py") else ["accelerate", "launch", words[0]]
    return shlex.join([*start, *words[1:]])


def release_commands(protocol: Mapping[str, Any], cross_validation: Mapping[str, Any], name: str) -> list[str]:
    """
    The commands that train a released model again, in order: pre-training, folds, evaluation, all songs, release.

    Args:
        protocol: of the released model; all trainings repeat its `command`, except for split and output.
        cross_validation: the report of the folds.
        name: of the folders that the commands write.
    """
    folds, output = cross_validation["protocol"], f"outputs/{name}"
    unused = ("output_dir", "resume_from_checkpoint", "push_to_hub", *SPLIT_NAMES[1:])
    _, words = _take_flags(shlex.split(protocol["command"]), *unused)
    given, _ = _take_flags(words, *DATA_FLAGS)
    train = shlex.join(words)
    if not any(given.values()):
        given["data_dir"] = ["data/demo_deam" if protocol["dataset"] == "demo songs" else "DEAM"]
    data = " ".join(f"--{name} {shlex.join(values)}" for name, values in given.items() if values)
    run = "ast-va {}" if words[0] == "ast-va" else "python scripts/{}.py"
    baselines = "" if all("segment" in report for report in cross_validation["systems"].values()) else " --baselines"
    pretraining = protocol.get("pretraining", {}).get("command")
    return [
        *([f"{pretraining} --output_dir {output}/encoder"] if pretraining else []),
        f"for fold in {' '.join(map(str, range(folds['num_folds'])))}; do\n"
        f"    {train} \\\n"
        f"        --split_by {folds['split_by']} --split_seed {folds['split_seed']} --num_folds {folds['num_folds']} "
        f"--fold $fold --validation_ratio {folds['validation_ratio']:g} --output_dir {output}/fold-$fold\n"
        "done",
        f"{run.format('evaluate')} --folds {output}/fold-* {data}{baselines}",
        f"{train} \\\n    --split_by none --output_dir {output}/all",
        f"{run.format('release')} --model {output}/all --cross_validation {output}/cross_validation "
        f"{data} --output hub/{name}",
    ]


def _take_flags(argv: Sequence[str], *names: str) -> tuple[dict[str, list[str] | None], list[str]]:
    """The values of some flags of a command line, and the line without them."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    for name in names:
        parser.add_argument(f"--{name}", f"--{name.replace('_', '-')}", nargs="*")
    values, rest = parser.parse_known_args(argv)
    return vars(values), rest


def num_songs(rows: Dataset) -> int:
    """The number of songs of segments."""
    return len(set(rows.select_columns(["song_id"]).with_format(None)["song_id"]))


def median_song_seconds(splits: DatasetDict) -> float:
    """Median over songs of the end of the last segment, in seconds."""
    columns = ["song_id", "start_seconds", "duration_seconds"]
    segments = pd.concat(rows.select_columns(columns).to_pandas() for rows in splits.values())
    ends = segments["start_seconds"] + segments["duration_seconds"]
    return float(ends.groupby(segments["song_id"]).max().median())


def fingerprint(splits: Mapping[str, Dataset]) -> str:
    """SHA-256 of the segments and labels of each split; the same data gives the same on every machine."""
    digest = hashlib.sha256()
    for name, rows in splits.items():
        digest.update(name.encode() + b"".join(values.tobytes() for values in _identity(rows)))
    return digest.hexdigest()


def unsplit_fingerprint(splits: Mapping[str, Dataset]) -> str:
    """SHA-256 of all segments and labels, which does not depend on the split: folds of the same data share it."""
    columns = [np.concatenate(parts) for parts in zip(*map(_identity, splits.values()))]
    song_ids, start_seconds, _ = columns
    order = np.lexsort((start_seconds, song_ids))
    return hashlib.sha256(b"".join(values[order].tobytes() for values in columns)).hexdigest()


def _identity(rows: Dataset) -> list[NDArray]:
    """Song ids, starts and labels of segments."""
    columns = rows.select_columns(["song_id", "start_seconds", "labels"]).with_format("numpy")[:]
    return [np.ascontiguousarray(values) for values in columns.values()]
