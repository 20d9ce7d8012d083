# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Cross-validation: every song predicted by the one model, of as many as there are folds, that never heard it."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..data.dataset import format_left_out, load_segments, split_dataset
from ..data.splits import VALIDATION_RATIO, check_split
from ..evaluation.baselines import predict_baselines, require_scikit_learn
from ..evaluation.calibration import calibrate_folds, fit_calibration
from ..evaluation.model import publish_report
from ..evaluation.report import Report
from ..evaluation.tables import PREDICTED, predictions, ratings, read_segments, table_of_songs, write_predictions
from ..hub.protocol import data_settings, load_protocol
from ..plots import save_evaluation_plots

logger = logging.getLogger(__name__)

SEGMENT_SECONDS = 5.0  # of baselines by themselves: songs shorter than a segment are left out

# What folders must agree in to be folds of one and the same cross-validation; training may be seeded as it likes.
SHARED = (
    "dataset",
    "labels",
    "split_by",
    "split_seed",
    "num_folds",
    "validation_ratio",
    "segment_seconds",
    "segment_hop_seconds",
    "data_fingerprint",
)


class CrossValidation(NamedTuple):
    """Out-of-fold predictions, a row a segment: "model"; or "seed 0", "seed 1" and their "average of 2 seeds"."""

    protocol: dict[str, Any]  # what all folds share
    segments: dict[str, pd.DataFrame]


def evaluate_folds(
    folders: Sequence[str | Path],
    *,
    output_dir: str | Path | None = None,
    baselines: bool = False,
    data_dir: str | Path | None = None,
    num_proc: int | None = None,
    cache_dir: str | Path | None = None,
) -> dict[str, Report]:
    """
    Judge the merged test predictions of the models of all folds, print the report, and write it and the predictions.

    The predictions are judged as they are, and calibrated: those of a fold by the songs of the others. The calibration
    by all of them, which a release takes, stands in the report.

    Args:
        folders: as for [`merge_folds`]; of each, only its protocol and predictions are read.
        output_dir: where everything goes; without it `cross_validation` beside the first folder.
        baselines: also fit the baselines on the training songs of each fold, and judge them beside ours.
        data_dir, num_proc, cache_dir: as for [`load_deam`]; only baselines need them.

    Returns:
        For each system, what [`judge`] says of its out-of-fold predictions.

    Raises:
        ValueError: as [`merge_folds`]; for baselines without data, or with data that are not those of the folds.
        ImportError: for baselines without scikit-learn.
    """
    if baselines and data_dir is None:
        raise ValueError("Baselines hear the songs: expected data_dir, but got none.")
    if baselines:
        require_scikit_learn()
    protocol, segments = merge_folds(folders)
    if len(segments) == 1:  # one seed, and so one model to release
        ours = segments["model"]
        gain, offset = fit_calibration(table_of_songs(ours))
        protocol["calibration"] = {"gain": gain.tolist(), "offset": offset.tolist()}
        segments["model, calibrated"] = calibrate_folds(ours)
    ours = list(segments.values())[-1]  # calibrated, or the average where there are several seeds
    songs = table_of_songs(ours)
    tables = {}
    if baselines and data_dir is not None:
        tables = predict_fold_baselines(data_dir, protocol, num_proc=num_proc, cache_dir=cache_dir)
        _require_same_songs(songs, next(iter(tables.values())))
    output_dir = Path(output_dir or Path(folders[0]).parent / "cross_validation")
    output_dir.mkdir(parents=True, exist_ok=True)
    write_predictions(ours, output_dir)
    save_evaluation_plots(ratings(songs), predictions(songs), output_dir)
    return publish_report(segments, tables, protocol, output_dir)


def evaluate_baselines(
    data_dir: str | Path,
    *,
    output_dir: str | Path,
    labels: str = "corrected",
    split_by: str = "artist",
    split_seed: int = 42,
    num_folds: int = 5,
    validation_ratio: float = VALIDATION_RATIO,
    num_proc: int | None = None,
    cache_dir: str | Path | None = None,
) -> dict[str, Report]:
    """
    Judge the baselines by themselves, out of fold, print the report, and write it.

    Args:
        output_dir: where the report goes.
        num_folds: of the cross-validation.
        data_dir, labels, split_by, split_seed, validation_ratio, num_proc, cache_dir: as for [`load_deam`].

    Returns:
        For each baseline, what [`judge`] says of its out-of-fold predictions.

    Raises:
        ValueError: as [`load_deam`].
        ImportError: without scikit-learn.
    """
    require_scikit_learn()
    protocol = {
        "labels": labels,
        "split_by": split_by,
        "split_seed": split_seed,
        "num_folds": num_folds,
        "validation_ratio": validation_ratio,
        "segment_seconds": SEGMENT_SECONDS,
        "segment_hop_seconds": None,
    }
    tables = predict_fold_baselines(data_dir, protocol, num_proc=num_proc, cache_dir=cache_dir)
    return publish_report({}, tables, protocol, output_dir)


def predict_fold_baselines(
    data_dir: str | Path, protocol: Mapping[str, Any], *, num_proc: int | None, cache_dir: str | Path | None
) -> dict[str, pd.DataFrame]:
    """Out-of-fold predictions of every baseline, on the folds of a protocol."""
    num_proc = num_proc or os.cpu_count()
    settings = data_settings(protocol)
    check_split(settings["split_by"], settings["num_folds"], 0, settings["validation_ratio"])
    segments, left_out = load_segments(
        data_dir,
        labels=settings.pop("labels"),
        segment_seconds=protocol["segment_seconds"],
        segment_hop_seconds=protocol["segment_hop_seconds"],
        num_proc=num_proc,
        cache_dir=cache_dir,
    )
    if left_out:
        logger.warning(format_left_out(left_out))
    folds = [split_dataset(segments, **settings | {"fold": fold}) for fold in range(protocol["num_folds"])]
    return predict_baselines(folds, num_proc=num_proc, cache_dir=cache_dir)


def merge_folds(folders: Sequence[str | Path]) -> CrossValidation:
    """Merge the test predictions of the models that were trained on the folds of one protocol.

    Args:
        folders: that training left, or copies of their `protocol.json` and `segment_predictions.csv`: each fold once,
            or once for every one of several training seeds, whose predictions are then also averaged.

    Returns:
        The tables have the columns of `table_of_segments` and `fold`.

    Raises:
        ValueError: a folder is of no fold, or of another protocol than the first; a fold is missing or comes twice; a
            song stands in two folds. The message names the folder.
    """
    if not folders:
        raise ValueError("Expected the folders of all folds, but got none.")
    protocols = [load_protocol(folder) for folder in folders]
    for folder, protocol in zip(folders, protocols):
        _require_same_protocol(folder, protocol, folders[0], protocols[0])
    runs: dict[int, dict[int, str | Path]] = {}
    for folder, protocol in zip(folders, protocols):
        of_seed = runs.setdefault(protocol["seed"], {})
        first = of_seed.setdefault(protocol["fold"], folder)
        if first is not folder:
            raise ValueError(
                f"Fold {protocol['fold']} of seed {protocol['seed']} comes twice: {str(first)!r} and {str(folder)!r}."
            )
    for seed, of_seed in runs.items():
        missing = sorted(set(range(protocols[0]["num_folds"])) - set(of_seed))
        if missing:
            raise ValueError(f"Folds {missing} of seed {seed} are missing: expected {protocols[0]['num_folds']}.")
    several = len(runs) > 1
    segments = {f"seed {seed}" if several else "model": _concatenate(runs[seed]) for seed in sorted(runs)}
    if several:
        segments[f"average of {len(segments)} seeds"] = _average(list(segments.values()))
    return CrossValidation({name: protocols[0][name] for name in SHARED}, segments)


def _require_same_protocol(
    folder: str | Path, protocol: dict[str, Any], first_folder: str | Path, first: dict[str, Any]
) -> None:
    missing = [name for name in (*SHARED, "seed", "fold") if name not in protocol]
    if missing or protocol["num_folds"] is None:
        raise ValueError(
            f"{str(folder)!r} was not trained on a fold: its protocol has no {', '.join(missing) or 'fold'}."
        )
    different = [name for name in SHARED if protocol[name] != first[name]]
    if different:
        values = ", ".join(f"{name} {protocol[name]!r} in place of {first[name]!r}" for name in different)
        raise ValueError(f"{str(folder)!r} is no fold beside {str(first_folder)!r}: it has {values}.")


def _concatenate(folders: dict[int, str | Path]) -> pd.DataFrame:
    """The predictions of all folds, in ascending order of songs and segments."""
    tables = [read_segments(folder).assign(fold=fold) for fold, folder in sorted(folders.items())]
    segments = pd.concat(tables).sort_values(["song_id", "start_seconds"], ignore_index=True)
    num_folds = segments.groupby("song_id")["fold"].nunique()
    twice = num_folds.index[num_folds > 1].tolist()
    if twice:
        raise ValueError(f"Songs {twice} were tested in two folds: {[str(folder) for folder in folders.values()]}.")
    return segments


def _average(tables: list[pd.DataFrame]) -> pd.DataFrame:
    keys = ["song_id", "fold", "start_seconds"]
    for table in tables[1:]:
        if not table[keys].equals(tables[0][keys]):
            raise ValueError("Models of several seeds were tested on different segments.")
    average = np.mean([predictions(table) for table in tables], axis=0)
    return tables[0].assign(**dict(zip(PREDICTED, average.T)))


def _require_same_songs(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Refuses baselines that were tested on other songs, folds or ratings than the models (ValueError)."""
    keys = ["song_id", "fold"]
    same = ours[keys].equals(theirs[keys]) and np.allclose(ratings(ours), ratings(theirs), atol=1e-3)
    if not same:
        raise ValueError(
            f"data_dir gives {len(theirs)} songs in other folds, or with other ratings, than the {len(ours)} that the "
            "models were tested on: expected the data that they were trained with."
        )
