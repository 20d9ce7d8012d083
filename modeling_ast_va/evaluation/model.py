# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Evaluation of a saved model on a split of DEAM: metrics with confidence intervals, predictions, plots."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from ..data.dataset import load_deam
from ..data.splits import SPLITS
from ..formatting import format_number, format_table
from ..hub.files import write_json
from ..hub.folder import load_model
from ..hub.protocol import load_protocol, trained_split
from ..metrics import METRICS
from ..plots import save_evaluation_plots
from ..processes import accelerators
from .baselines import predict_baselines, require_scikit_learn
from .loop import evaluate_rows, predict_rows
from .report import PREFIXES, publish_report
from .tables import predictions, ratings, table_of_songs, write_predictions

logger = logging.getLogger(__name__)


def evaluate_model(
    model: str | Path,
    data_dir: str | Path,
    *,
    split: str = "test",
    output_dir: str | Path | None = None,
    segment_hop_seconds: float | None = None,
    batch_size: int = 32,
    baselines: bool = False,
    num_proc: int | None = None,
    cache_dir: str | Path | None = None,
    **settings: Any,
) -> dict[str, float]:
    """
    Evaluate a saved model on a split of DEAM; print the metrics, and write them, the predictions and plots.

    Args:
        model: folder or Hub id.
        output_dir: folder of all output; None is `evaluation_SPLIT` in the model's folder.
        baselines: whether to evaluate the baselines too, fitted to the training songs.
        data_dir, segment_hop_seconds, num_proc, cache_dir: as for [`load_deam`].
        settings: as for [`trained_split`]. What is not given is as in training, so that the test split has no songs
            that the model was trained on.

    Returns:
        Metrics such as `test_song_valence_ccc`.

    Raises:
        ValueError: for a split that is unknown or that these settings do not have, and as for [`load_deam`].
        ImportError: for baselines without scikit-learn.
    """
    if split not in SPLITS:
        raise ValueError(f"Expected a split out of {', '.join(SPLITS)}, but got {split!r}.")
    if baselines:
        require_scikit_learn()
    network, feature_extractor = load_model(model)
    protocol = load_protocol(model)
    labels, split_settings = trained_split(protocol, **settings)
    if protocol and split_settings != trained_split(protocol)[1]:
        logger.warning("The split differs from the one of training: %s songs may be training songs.", split)
    data = load_deam(
        data_dir,
        labels=labels,
        **asdict(split_settings),
        segment_seconds=feature_extractor.segment_seconds,
        segment_hop_seconds=segment_hop_seconds or protocol.get("segment_hop_seconds"),
        feature_extractor=feature_extractor,
        num_proc=num_proc,
        cache_dir=cache_dir,
    )
    if split not in data:
        raise ValueError(f"Expected settings with a {split} split, but got only {', '.join(data)}.")
    predicted = predict_rows(network.to([*accelerators(), "cpu"][0]), feature_extractor, data[split], batch_size)
    metrics, segments = evaluate_rows(data[split], predicted, split)
    tables = predict_baselines([data], split=split, num_proc=num_proc, cache_dir=cache_dir) if baselines else {}
    print(f"{split}: {segments['song_id'].nunique()} songs, {len(segments)} segments\n")
    output_dir = output_dir or Path(model) / f"evaluation_{split}"
    save_evaluation(metrics, segments, split, output_dir)
    used = {"split": split, "labels": labels, **asdict(split_settings)}
    publish_report({"model": segments}, tables, used, output_dir)
    return metrics


def save_evaluation(metrics: Mapping[str, float], segments: pd.DataFrame, split: str, output_dir: str | Path) -> None:
    """Write the metrics as `{split}_results.json`, the predictions as [`write_predictions`] does, and the plots."""
    write_predictions(segments, output_dir)
    write_json(Path(output_dir) / f"{split}_results.json", dict(metrics))
    songs = table_of_songs(segments)
    save_evaluation_plots(ratings(songs), predictions(songs), output_dir)


def format_metrics(metrics: Mapping[str, float], split: str) -> str:
    """The metrics of a split as a table: valence, arousal and their mean, per song and per segment."""
    rows = [
        [f"{unit} {dimension}", *(format_number(metrics[f"{split}_{start}{prefix}{name}"], 4) for name in METRICS)]
        for unit, start in (("song", "song_"), ("segment", ""))
        for dimension, prefix in PREFIXES.items()
    ]
    return format_table(["", *METRICS], rows)
