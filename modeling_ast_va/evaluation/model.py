# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Evaluation of a model on a split of DEAM: metrics with confidence intervals, predictions, plots."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from datasets import Dataset

from ..data.dataset import load_deam
from ..data.splits import SPLITS
from ..evaluation.report import Report, compare, format_comparison, format_report, judge
from ..evaluation.tables import predictions, ratings, table_of_segments, table_of_songs, write_predictions
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..hub.protocol import data_settings, load_protocol
from ..metrics import METRICS
from ..modeling_ast_va import ASTVAForRegression
from ..plots import save_evaluation_plots
from ..training.arguments import ASTVATrainingArguments
from ..training.trainer import ASTVATrainer, build_trainer

logger = logging.getLogger(__name__)

REPORT_FILE = "report.json"


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
    Evaluate a saved model on a split of DEAM, print the metrics, and write them, the predictions, and plots.

    Args:
        model: folder or Hub id.
        split: `"train"`, `"validation"` or `"test"`.
        output_dir: where everything goes; without it `evaluation_SPLIT` in the model's folder.
        batch_size: segments a step.
        baselines: also fit the baselines on the training songs, and judge them beside the model.
        data_dir, segment_hop_seconds, num_proc, cache_dir: as for [`load_deam`].
        settings: `labels`, `split_by`, `split_seed`, `num_folds`, `fold`, `validation_ratio`, as for [`load_deam`]
            too. What is not given is as in training, so that the test split holds what training never saw.

    Returns:
        Metrics such as `test_song_valence_ccc`.

    Raises:
        ValueError: for a split that is unknown, or that these settings do not have, and as [`load_deam`].
        ImportError: for baselines without scikit-learn.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {SPLITS}, but is {split!r}.")
    if baselines:
        # Here, since librosa takes most of a second to import, and training imports this file.
        from ..evaluation.baselines import predict_baselines, require_scikit_learn

        require_scikit_learn()
    feature_extractor = ASTVAFeatureExtractor.from_pretrained(model)
    protocol = load_protocol(model)
    asked, trained = data_settings(protocol, **settings), data_settings(protocol)
    if protocol and asked | {"labels": trained["labels"]} != trained:
        logger.warning("This is another split than in training: the %s split may hold songs that trained.", split)
    num_proc = num_proc or os.cpu_count()
    data = load_deam(
        data_dir,
        **asked,
        segment_seconds=feature_extractor.segment_seconds,
        segment_hop_seconds=segment_hop_seconds or protocol.get("segment_hop_seconds"),
        feature_extractor=feature_extractor,
        num_proc=num_proc,
        cache_dir=cache_dir,
    )
    if split not in data:
        raise ValueError(f"There is no {split} split, only {', '.join(data)}: see split_by and validation_ratio.")
    network = ASTVAForRegression.from_pretrained(model)
    metrics, segments = _evaluate_network(network, feature_extractor, data[split], split, batch_size)
    tables = predict_baselines([data], split=split, num_proc=num_proc, cache_dir=cache_dir) if baselines else {}
    print(f"{split}: {segments['song_id'].nunique()} songs, {len(segments)} segments\n")
    output_dir = Path(output_dir or Path(model) / f"evaluation_{split}")
    save_evaluation(metrics, segments, split, output_dir)
    publish_report({"model": segments}, tables, {"split": split, **asked}, output_dir)
    return metrics


def _evaluate_network(
    network: ASTVAForRegression, feature_extractor: ASTVAFeatureExtractor, dataset: Dataset, split: str, batch_size: int
) -> tuple[dict[str, float], pd.DataFrame]:
    with tempfile.TemporaryDirectory() as scratch:
        args = ASTVATrainingArguments(
            output_dir=scratch,
            per_device_eval_batch_size=batch_size,
            eval_strategy="no",
            save_strategy="no",
            load_best_model_at_end=False,
        )
        return evaluate_split(build_trainer(network, feature_extractor, args), dataset, split)


def evaluate_split(trainer: ASTVATrainer, dataset: Dataset, split: str) -> tuple[dict[str, float], pd.DataFrame]:
    """
    Predict a split and judge it, per segment and per song.

    Args:
        trainer: of the model.
        dataset: segments with log-mels, as `load_deam` gives them.
        split: prefix of the metrics.

    Returns:
        Metrics such as `test_song_valence_ccc`, and a row for each segment, as [`table_of_segments`], with its `split`.
    """
    output = trainer.predict(dataset, metric_key_prefix=split)
    return output.metrics, table_of_segments(dataset, output.label_ids, output.predictions).assign(split=split)


def save_evaluation(metrics: Mapping[str, float], segments: pd.DataFrame, split: str, output_dir: str | Path) -> None:
    """Write the metrics as `{split}_results.json`, the predictions as [`write_predictions`] does, and the plots."""
    output_dir = Path(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    write_json(output_dir / f"{split}_results.json", dict(metrics))
    write_predictions(segments, output_dir)
    songs = table_of_songs(segments)
    save_evaluation_plots(ratings(songs), predictions(songs), output_dir)


def format_metrics(metrics: Mapping[str, float], split: str) -> str:
    """The metrics of a split as a table: valence, arousal and their mean, per song and per segment."""
    lines = [f"{'':>18}" + "".join(f"{name:>11}" for name in METRICS)]
    for unit, prefix in (("song", f"{split}_song_"), ("segment", f"{split}_")):
        for dimension, start in (("valence", "valence_"), ("arousal", "arousal_"), ("mean", "")):
            values = [metrics[f"{prefix}{start}{name}"] for name in METRICS]
            lines.append(f"{unit:>8} {dimension:>9}" + "".join(f"{value:>11.4f}" for value in values))
    return "\n".join(lines)


def write_json(path: Path, content: Any) -> None:
    """Write readable JSON with sorted keys."""
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def publish_report(
    segments: Mapping[str, pd.DataFrame],
    baselines: Mapping[str, pd.DataFrame],
    protocol: Mapping[str, Any],
    output_dir: str | Path,
) -> dict[str, Report]:
    """
    Judge systems and baselines, print what comes out, and write it as `report.json`.

    Args:
        segments: of each system; the last one is compared with the baselines.
        baselines: songs of each baseline, the same ones.
        protocol: how the songs were split.
        output_dir: created if need be.

    Returns:
        For each system and baseline, what [`judge`] says of it.
    """
    songs = {name: table_of_songs(table) for name, table in segments.items()}
    systems = {name: judge(songs[name], table) for name, table in segments.items()}
    systems |= {name: judge(table) for name, table in baselines.items()}
    report: dict[str, Any] = {"protocol": dict(protocol), "systems": systems}
    print(format_report(systems))
    if segments and baselines:
        ours = list(segments)[-1]
        report["comparison"] = compare(songs[ours], baselines)
        print(f"\n{format_comparison(ours, report['comparison'])}")
    output_dir = Path(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    write_json(output_dir / REPORT_FILE, report)
    print(f"\nThe report is in {output_dir}")
    return systems
