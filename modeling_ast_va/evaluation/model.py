# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Evaluation of a saved model on a data set: metrics with confidence intervals, predictions, plots."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
from datasets import Dataset, DatasetDict

from ..audio_ast_va import RATING_SCALE
from ..data.dataset import load_segments, resolve_dataset_split, split_dataset
from ..data.sources import LOG_MELS, DataSource
from ..data.splits import SPLITS, SplitSettings
from ..data.tracks import read_dynamic_tracks
from ..formatting import format_number, format_table
from ..hub.files import write_json
from ..hub.folder import load_model
from ..hub.protocol import LICENSES, load_protocol, trained_split, unsplit_fingerprint
from ..metrics import METRICS
from ..plots import save_evaluation_plots
from ..processes import accelerators
from .annotated_moments import predicted_moments
from .baselines import WINDOW_RIDGE, predict_baselines, predict_moments, require_scikit_learn
from .calibration import NUM_MAPPING_FOLDS, map_linearly
from .course import course_section, with_folds
from .cross_validation import split_folds
from .frames import write_frames
from .loop import PredictedRows, evaluate_rows, predict_rows
from .report import PREFIXES, Section, points_of, publish_report
from .tables import predictions, ratings, table_of_songs, write_predictions

logger = logging.getLogger(__name__)

ALL = "all"  # in place of a split


def evaluate_model(
    model: str | Path,
    source: DataSource,
    *,
    split: str | None = None,
    output_dir: str | Path | None = None,
    segment_hop_seconds: float | None = None,
    batch_size: int = 32,
    baselines: bool = False,
    num_proc: int | None = None,
    cache_dir: str | Path | None = None,
    log_mels: str = LOG_MELS[0],
    **settings: Any,
) -> dict[str, float]:
    """
    Evaluate a saved model on a data set; print the metrics, and write them, the predictions and plots.

    On the data set that the model was trained on, it is evaluated on the test split of training. On another data set
    it is evaluated on all songs, as it is and after a linear mapping by [`map_linearly`], since scales and raters of
    data sets differ.

    Args:
        model: folder or Hub id.
        source: the data set; its `labels` are by default those of training.
        split: `"train"`, `"validation"`, `"test"` or `"all"`; None is as described.
        output_dir: folder of all output; None is `evaluation_SPLIT` in the model's folder, or for all songs
            `outputs/MODEL-on-DATA`.
        baselines: whether to evaluate the baselines too, fitted to the training songs, or in folds of all songs.
        segment_hop_seconds, num_proc, cache_dir, log_mels: as for [`load_ratings`].
        settings: as for [`trained_split`], of the split. What is not given is as in training, so that the test split
            has no songs that the model was trained on.

    Returns:
        Metrics such as `test_song_valence_ccc`.

    Raises:
        ValueError: for a split that is unknown or that these settings do not have, and as for [`load_ratings`].
        ImportError: for baselines without scikit-learn.
    """
    if split not in (None, *SPLITS, ALL):
        raise ValueError(f"Expected a split out of {', '.join((*SPLITS, ALL))}, but got {split!r}.")
    if baselines:
        require_scikit_learn()
    network, feature_extractor = load_model(model)
    protocol = load_protocol(model)
    songs = replace(source, labels=source.labels or trained_split(protocol)[0]).read()
    is_own = is_data_of(protocol, songs.dataset)
    rows = load_segments(
        songs,
        segment_hop_seconds=segment_hop_seconds or (protocol.get("segment_hop_seconds") if is_own else None),
        feature_extractor=feature_extractor,
        num_proc=num_proc,
        cache_dir=cache_dir,
        log_mels=log_mels,
    ).rows
    split = split or ("test" if settings or (is_own and protocol.get("split_by") != "none") else ALL)
    if is_own:
        is_as_trained = "data_fingerprint" in protocol and segment_hop_seconds is None and source.labels is None
        is_same = unsplit_fingerprint({ALL: rows}) == protocol["data_fingerprint"] if is_as_trained else None
        _warn_of_training_songs(protocol, split, settings, is_same)
    split_settings = SplitSettings("none") if split == ALL else trained_split(protocol, **settings)[1]
    split_settings = resolve_dataset_split(rows, split_settings)
    data = DatasetDict({ALL: rows}) if split == ALL else split_dataset(rows, split_settings)
    if split not in data:
        raise ValueError(f"Expected settings with a {split} split, but got only {', '.join(data)}.")
    predicted = predict_rows(network.to([*accelerators(), "cpu"][0]), feature_extractor, data[split], batch_size)
    metrics, segments = evaluate_rows(data[split], predicted, split)
    mapped = None if is_own else map_linearly(segments)
    systems = {"model": segments} | ({} if mapped is None else {"model, linear mapping": mapped})
    tables = _predict_baselines(data, split, num_proc, cache_dir) if baselines else {}
    print(f"{split}: {segments['song_id'].nunique()} songs, {len(segments)} segments\n")
    other_folder = Path("outputs") / f"{Path(model).absolute().name}-on-{Path(songs.dataset).stem}"
    output_dir = output_dir or (other_folder if split == ALL else Path(model) / f"evaluation_{split}")
    save_evaluation(metrics, segments, split, output_dir)
    used = {"dataset": songs.dataset, "split": split, "labels": songs.labels, **asdict(split_settings)}
    frames = _predict_frames(data[split], predicted, network.config, source, protocol)
    sections: dict[str, Section] = {}
    if len(frames):
        write_frames(frames, output_dir)
        path_of = songs.table.set_index("song_id")["path"].to_dict() if baselines else None
        sections["course"] = _course_section(frames, segments, path_of, num_proc, cache_dir)
    publish_report(systems, tables, used | {"label_range": list(songs.label_range)}, output_dir, sections)
    return metrics


def _predict_frames(
    rows: Dataset, predicted: PredictedRows, config: Any, source: DataSource, protocol: Mapping[str, Any]
) -> pd.DataFrame:
    """The annotated moments of songs of DEAM, as a model with a head of the course predicts them; else no rows."""
    if source.data_dir is None or predicted.frames is None:
        return pd.DataFrame()
    tracks = read_dynamic_tracks(source.data_dir, protocol.get("audio_offset_seconds", 0.0))
    return predicted_moments(rows, predicted.ratings, predicted.frames, config, tracks)


def _course_section(
    frames: pd.DataFrame,
    segments: pd.DataFrame,
    path_of: Mapping[Any, str] | None,
    num_proc: int | None,
    cache_dir: str | Path | None,
) -> Section:
    """The part of a report on the course; with the files of the songs, its baseline is fitted in folds by artist."""
    frames = with_folds(frames)
    baselines = {}
    if path_of is not None and frames["fold"].nunique() > 1:
        baselines[WINDOW_RIDGE] = predict_moments(frames, path_of, num_proc=num_proc, cache_dir=cache_dir)
    return course_section(frames, table_of_songs(segments), baselines)


def is_data_of(protocol: Mapping[str, Any], dataset: str) -> bool:
    """Whether a model was trained on the data set of this name; the demo songs have the folder layout of DEAM."""
    trained_on = protocol.get("dataset")
    return trained_on == dataset or {trained_on, dataset} <= LICENSES.keys()


def _warn_of_training_songs(
    protocol: Mapping[str, Any], split: str, settings: Mapping[str, Any], is_same: bool | None
) -> None:
    """
    Warn where songs to evaluate on may be training songs.

    Args:
        protocol: of the model, which was trained on this data set.
        is_same: whether songs and labels are those of training; None if that is not known.
    """
    if split == ALL:
        if is_same:
            logger.warning("These are the songs that the model was trained on: the results say nothing about others.")
    elif trained_split(protocol, **settings) != trained_split(protocol):
        logger.warning("The split differs from the one of training: its songs may be training songs.")
    elif is_same is False:
        logger.warning(
            "The songs differ from those of training, and so may the split: its songs may be training songs."
        )


def _predict_baselines(
    data: DatasetDict, split: str, num_proc: int | None, cache_dir: str | Path | None
) -> dict[str, pd.DataFrame]:
    """Predictions of the baselines, fitted to the training songs, or for all songs to those of the other folds."""
    options: dict[str, Any] = {"num_proc": num_proc, "cache_dir": cache_dir}
    if split != ALL:
        return predict_baselines([data], split=split, **options)
    folds = SplitSettings("artist", num_folds=NUM_MAPPING_FOLDS, fold=0, validation_ratio=0)
    tables = predict_baselines(split_folds(data[ALL], folds), **options)
    return {name: table.drop(columns="fold") for name, table in tables.items()}


def save_evaluation(metrics: Mapping[str, float], segments: pd.DataFrame, split: str, output_dir: str | Path) -> None:
    """Write the metrics as `{split}_results.json`, the predictions as [`write_predictions`] does, and the plots."""
    write_predictions(segments, output_dir)
    write_json(Path(output_dir) / f"{split}_results.json", dict(metrics))
    songs = table_of_songs(segments)
    save_evaluation_plots(ratings(songs), predictions(songs), output_dir)


def format_metrics(metrics: Mapping[str, float], split: str, label_range: Sequence[float] = RATING_SCALE) -> str:
    """
    The metrics of a split as a table: valence, arousal and their mean, per song and per segment.

    Args:
        label_range: the scale of the ratings; where it is another one, the errors on it are added.
    """
    rows = [
        [f"{unit} {dimension}", *(format_number(metrics[f"{split}_{start}{prefix}{name}"], 4) for name in METRICS)]
        for unit, start in (("song", "song_"), ("segment", ""))
        for dimension, prefix in PREFIXES.items()
    ]
    table = format_table(["", *METRICS], rows)
    point = points_of(label_range)
    if point == 1:
        return table
    factors = {"mse": point**2, "rmse": point, "mae": point}
    rows = [
        [
            f"song {dimension}",
            *(format_number(metrics[f"{split}_song_{prefix}{name}"] * factors[name], 4) for name in factors),
        ]
        for dimension, prefix in PREFIXES.items()
    ]
    low, high = label_range
    return f"{table}\n\nOn the scale of the ratings, {low:g} to {high:g}:\n{format_table(['', *factors], rows)}"
