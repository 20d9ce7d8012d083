# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Cross-validation: every song is predicted by the model of its fold, which was not trained on it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from datasets import Dataset, DatasetDict

from ..data.dataset import load_segments, split_dataset
from ..data.sources import DataSource
from ..data.splits import SplitSettings
from ..hub.files import PROTOCOL_FILE, SEGMENT_PREDICTIONS_FILE
from ..hub.protocol import SPLIT_NAMES, label_range_of, load_protocol, trained_split
from ..plots import save_evaluation_plots
from .baselines import predict_baselines, require_scikit_learn
from .calibration import calibrate_folds, fit_calibration
from .report import Report, publish_report
from .tables import predictions, ratings, read_segments, table_of_songs, with_predictions, write_predictions

SEGMENT_SECONDS = 5.0  # of baselines without a model: shorter songs are left out

# What the protocols of all folds of one cross-validation have in common. Seeds of training may differ.
SPLIT = tuple(name for name in SPLIT_NAMES if name != "fold")
SHARED = ("dataset", *SPLIT, "segment_seconds", "segment_hop_seconds", "data_fingerprint")


def evaluate_folds(
    folders: Sequence[str | Path],
    *,
    output_dir: str | Path | None = None,
    baselines: bool = False,
    source: DataSource | None = None,
    num_proc: int | None = None,
    cache_dir: str | Path | None = None,
) -> dict[str, Report]:
    """
    Evaluate the merged test predictions of the models of all folds; print the report, and write it and the predictions.

    The predictions are evaluated with and without calibration: those of a fold are calibrated by the other folds. The
    report also contains the calibration by all folds, which a release uses.

    Args:
        folders: as for [`merge_folds`].
        output_dir: folder of all output; None is `cross_validation` in the parent folder of the first folder.
        baselines: whether to evaluate the baselines too, fitted to the training songs of each fold.
        source: the data set of the folds; only baselines need it.
        num_proc, cache_dir: as for [`load_ratings`].

    Returns:
        For each system the result of [`evaluate_system`].

    Raises:
        ValueError: as for [`merge_folds`]; for baselines without data, or with other data than those of the folds.
        ImportError: for baselines without scikit-learn.
    """
    if baselines:
        if source is None:
            raise ValueError("Expected data_dir or data_csv, which the baselines need, but got neither.")
        require_scikit_learn()
    protocol, segments = merge_folds(folders)
    if len(segments) == 1:  # one seed, and so one model to release
        predicted = segments["model"]
        gain, offset = fit_calibration(table_of_songs(predicted))
        protocol["calibration"] = {"gain": gain.tolist(), "offset": offset.tolist()}
        segments["model, calibrated"] = calibrate_folds(predicted)
    best = list(segments.values())[-1]  # calibrated, or the average over several seeds
    songs = table_of_songs(best)
    tables = {}
    if baselines and source is not None:
        tables = _predict_baselines(source, protocol, num_proc, cache_dir)
        others, keys = next(iter(tables.values())), ["song_id", "fold"]
        if not (songs[keys].equals(others[keys]) and np.allclose(ratings(songs), ratings(others), atol=1e-3)):
            raise ValueError(
                f"Expected the data that the models were trained on, with {len(songs)} songs, but got {len(others)} "
                "songs, in other folds or with other ratings."
            )
    output_dir = output_dir or Path(folders[0]).parent / "cross_validation"
    write_predictions(best, output_dir)
    save_evaluation_plots(ratings(songs), predictions(songs), output_dir)
    return publish_report(segments, tables, protocol, output_dir)


def evaluate_baselines(
    source: DataSource,
    *,
    output_dir: str | Path,
    num_folds: int = 5,
    num_proc: int | None = None,
    cache_dir: str | Path | None = None,
    **settings: Any,
) -> dict[str, Report]:
    """
    Evaluate the baselines without a model by cross-validation; print the report, and write it to `output_dir`.

    Args:
        source: the data set.
        num_proc, cache_dir: as for [`load_ratings`].
        settings: `split_by`, `split_seed`, `validation_ratio`, as for [`trained_split`].

    Returns:
        For each baseline the result of [`evaluate_system`].

    Raises:
        ValueError: as for [`load_ratings`].
        ImportError: without scikit-learn.
    """
    require_scikit_learn()
    labels, split = trained_split({"split_by": "artist"}, num_folds=num_folds, fold=0, **settings)
    protocol: dict[str, Any] = {"labels": source.labels or labels, "split_by": split.split_by, "split_seed": split.seed}
    protocol |= {"num_folds": split.num_folds, "validation_ratio": split.validation_ratio}
    protocol |= {"segment_seconds": SEGMENT_SECONDS, "segment_hop_seconds": None, "label_range": source.label_range}
    return publish_report({}, _predict_baselines(source, protocol, num_proc, cache_dir), protocol, output_dir)


def _predict_baselines(
    source: DataSource, protocol: Mapping[str, Any], num_proc: int | None, cache_dir: str | Path | None
) -> dict[str, pd.DataFrame]:
    """Out-of-fold predictions of every baseline, on the folds of a protocol."""
    labels, split = trained_split(protocol, fold=0)
    lengths = {name: protocol[name] for name in ("segment_seconds", "segment_hop_seconds")}
    songs = replace(source, labels=source.labels or labels).read()
    rows = load_segments(songs, **lengths, num_proc=num_proc, cache_dir=cache_dir).rows
    return predict_baselines(split_folds(rows, split), num_proc=num_proc, cache_dir=cache_dir)


def split_folds(rows: Dataset, split: SplitSettings) -> list[DatasetDict]:
    """The splits of every fold."""
    return [split_dataset(rows, replace(split, fold=fold)) for fold in range(split.num_folds or 0)]


def merge_folds(folders: Sequence[str | Path]) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """
    Merge the test predictions of the models that were trained on the folds of one protocol.

    Args:
        folders: output folders of training, or copies of their `protocol.json` and `segment_predictions.csv`: one for
            each fold, or one for each fold and seed of training. The predictions of several seeds are also averaged.

    Returns:
        What the protocols have in common, and the out-of-fold predictions of "model", or of "seed 0", "seed 1" and
        "average of 2 seeds": tables with the columns of [`table_of_segments`] and `fold`.

    Raises:
        ValueError: for a folder that is not of a fold or has another protocol than the first, a fold that is missing or
            given twice, and a song in two folds. The message names the folder.
    """
    if not folders:
        raise ValueError("Expected the folders of all folds, but got none.")
    protocols = [load_protocol(folder) for folder in folders]
    runs: dict[int, dict[int, str | Path]] = {}  # folders by seed and fold
    for folder, protocol in zip(folders, protocols):
        missing = [name for name in (*SHARED, "seed", "fold") if name not in protocol]
        if missing or protocol["num_folds"] is None:
            got = f"a {PROTOCOL_FILE} without {', '.join(missing) or 'fold'}"
            raise ValueError(f"Expected a model of a fold in {str(folder)!r}, but got {got}.")
        if different := [name for name in SHARED if protocol[name] != protocols[0][name]]:
            expected, got = (", ".join(f"{name} {of[name]!r}" for name in different) for of in (protocols[0], protocol))
            raise ValueError(f"Expected {expected} as in {str(folders[0])!r}, but got {got} in {str(folder)!r}.")
        seed, fold = protocol["seed"], protocol["fold"]
        first = runs.setdefault(seed, {}).setdefault(fold, folder)
        if first is not folder:
            both = f"{str(first)!r} and {str(folder)!r}"
            raise ValueError(f"Expected one folder for fold {fold} of seed {seed}, but got {both}.")
    num_folds = protocols[0]["num_folds"]
    for seed, folder_of in runs.items():
        if absent := sorted(set(range(num_folds)) - set(folder_of)):
            raise ValueError(f"Expected {num_folds} folds of seed {seed}, but got none of the folds {absent}.")
    segments = {f"seed {seed}" if len(runs) > 1 else "model": _concatenate(runs[seed]) for seed in sorted(runs)}
    if len(runs) > 1:
        segments[f"average of {len(runs)} seeds"] = _average(list(segments.values()))
    return {name: protocols[0][name] for name in SHARED} | {"label_range": label_range_of(protocols[0])}, segments


def _concatenate(folders: dict[int, str | Path]) -> pd.DataFrame:
    tables = [read_segments(folder).assign(fold=fold) for fold, folder in sorted(folders.items())]
    segments = pd.concat(tables).sort_values(["song_id", "start_seconds"], ignore_index=True)
    num_folds = segments.groupby("song_id")["fold"].nunique()
    if twice := num_folds.index[num_folds > 1].tolist():
        got = f"{twice} in two of {', '.join(map(str, folders.values()))}"
        raise ValueError(f"Expected every song in the {SEGMENT_PREDICTIONS_FILE} of one fold, but got {got}.")
    return segments


def _average(tables: list[pd.DataFrame]) -> pd.DataFrame:
    keys = ["song_id", "fold", "start_seconds"]
    for table in tables[1:]:
        if not table[keys].equals(tables[0][keys]):
            raise ValueError(f"Expected the same segments for every seed, but got {len(table)} and {len(tables[0])}.")
    return with_predictions(tables[0], np.mean([predictions(table) for table in tables], axis=0))
