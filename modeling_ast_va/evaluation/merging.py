# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The predictions of the models of all folds, merged: every song is predicted by the model of its fold."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..hub.files import PROTOCOL_FILE, SEGMENT_PREDICTIONS_FILE
from ..hub.protocol import SPLIT_NAMES, label_range_of, load_protocol
from .frames import read_frames
from .tables import ERROR_STDS, PREDICTED, RATER_STDS, predictions, read_segments, with_predictions

# What the protocols of all folds of one cross-validation have in common. Seeds of training may differ.
SPLIT = tuple(name for name in SPLIT_NAMES if name != "fold")
SHARED = ("dataset", *SPLIT, "segment_seconds", "segment_hop_seconds", "data_fingerprint")


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
    runs = _find_runs(folders, protocols)
    segments = {f"seed {seed}" if len(runs) > 1 else "model": _concatenate(runs[seed]) for seed in runs}
    if len(runs) > 1:
        segments[f"average of {len(runs)} seeds"] = _average(list(segments.values()))
    return {name: protocols[0][name] for name in SHARED} | {"label_range": label_range_of(protocols[0])}, segments


def merge_frames(folders: Sequence[str | Path]) -> pd.DataFrame | None:
    """
    Merge the courses that the models of all folds predict, averaged over seeds; None of models without.

    Args:
        folders: as for [`merge_folds`], with their `frame_predictions.csv`.

    Returns:
        A table with `FRAME_COLUMNS` and `fold`.
    """
    runs = _find_runs(folders, [load_protocol(folder) for folder in folders])
    tables = [_read_frames(of_seed) for of_seed in runs.values()]
    found = [table for table in tables if table is not None]
    if len(found) not in (0, len(tables)):
        raise ValueError(f"Expected courses of all {len(tables)} seeds or of none, but got those of {len(found)}.")
    return _average_frames(found) if found else None


def _find_runs(
    folders: Sequence[str | Path], protocols: Sequence[Mapping[str, Any]]
) -> dict[int, dict[int, str | Path]]:
    """Folders by seed and fold, in ascending order; raises the errors of [`merge_folds`]."""
    runs: dict[int, dict[int, str | Path]] = {}
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
    return {seed: dict(sorted(runs[seed].items())) for seed in sorted(runs)}


def _concatenate(folders: dict[int, str | Path]) -> pd.DataFrame:
    tables = [read_segments(folder).assign(fold=fold) for fold, folder in folders.items()]
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
    columns = [column for column in (*PREDICTED, *ERROR_STDS, *RATER_STDS) if column in tables[0]]
    return tables[0].assign(**{column: np.mean([table[column] for table in tables], axis=0) for column in columns})


def _read_frames(folders: Mapping[int, str | Path]) -> pd.DataFrame | None:
    """
    Read the tables of frames of all folds, with a column `fold`; None if there are none.

    Raises:
        ValueError: if only some folders have such a table.
    """
    tables = {fold: table for fold, folder in folders.items() if (table := read_frames(folder)) is not None}
    if not tables:
        return None
    if missing := [str(folders[fold]) for fold in sorted(set(folders) - set(tables))]:
        raise ValueError(f"Expected a table of frames of all folds or of none, but got none in {', '.join(missing)}.")
    return pd.concat([table.assign(fold=fold) for fold, table in tables.items()], ignore_index=True)


def _average_frames(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Average the courses that several models predict for the same moments; ValueError for different moments."""
    keys = ["song_id", "time", "fold"]
    for table in tables[1:]:
        if not table[keys].equals(tables[0][keys]):
            raise ValueError(f"Expected the same moments for every seed, but got {len(table)} and {len(tables[0])}.")
    return with_predictions(tables[0], np.mean([predictions(table) for table in tables], axis=0))
