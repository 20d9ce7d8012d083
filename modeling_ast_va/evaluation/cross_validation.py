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
from ..hub.protocol import trained_split
from ..plots import save_evaluation_plots
from .baselines import WINDOW_RIDGE, predict_baselines, predict_moments, require_scikit_learn
from .calibration import calibrate_folds, fit_calibration
from .course import course_section
from .coverage import has_spreads, intervals_section
from .intervals import fit_uncertainty
from .merging import merge_folds, merge_frames
from .report import Report, publish_report
from .tables import predictions, ratings, table_of_songs, write_predictions

SEGMENT_SECONDS = 5.0  # of baselines without a model: shorter songs are left out


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
    output_dir = output_dir or Path(folders[0]).parent / "cross_validation"
    frames, uncalibrated = merge_frames(folders), table_of_songs(list(segments.values())[-1])
    if len(segments) == 1:  # one seed, and so one model to release
        segments["model, calibrated"] = calibrate_folds(segments["model"])
    best = list(segments.values())[-1]  # calibrated, or the average over several seeds
    songs = table_of_songs(best)
    if "model" in segments:
        protocol |= _describe_calibration(uncalibrated, songs)
    options: dict[str, Any] = {"num_proc": num_proc, "cache_dir": cache_dir}
    tables, baselines_of_course = {}, {}
    if baselines and source is not None:
        tables = _predict_baselines(source, protocol, **options)
        _check_songs(songs, next(iter(tables.values())))
        if frames is not None:
            path_of = source.read().table.set_index("song_id")["path"].to_dict()
            baselines_of_course[WINDOW_RIDGE] = predict_moments(frames, path_of, **options)
    write_predictions(best, output_dir)
    save_evaluation_plots(ratings(songs), predictions(songs), output_dir)
    sections = {"intervals": intervals_section(songs, output_dir)} if has_spreads(songs) else {}
    if frames is not None:
        sections["course"] = course_section(frames, uncalibrated, baselines_of_course)
    return publish_report(segments, tables, protocol, output_dir, sections)


def _describe_calibration(songs: pd.DataFrame, calibrated: pd.DataFrame) -> dict[str, Any]:
    """The calibration by the songs of all folds, and the uncertainty of models that predict spreads."""
    fitted: dict[str, Any] = {"calibration": fit_calibration(songs)}
    if has_spreads(calibrated):
        fitted["uncertainty"] = fit_uncertainty(calibrated)
    return {
        part: {name: np.asarray(values).tolist() for name, values in of_part._asdict().items()}
        for part, of_part in fitted.items()
    }


def _check_songs(songs: pd.DataFrame, others: pd.DataFrame) -> None:
    """Check that baselines are of the songs, folds and ratings of the models (ValueError)."""
    keys = ["song_id", "fold"]
    if not (songs[keys].equals(others[keys]) and np.allclose(ratings(songs), ratings(others), atol=1e-3)):
        raise ValueError(
            f"Expected the data that the models were trained on, with {len(songs)} songs, but got {len(others)} "
            "songs, in other folds or with other ratings."
        )


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
