# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Evaluation of a model on a split of DEAM: metrics, a row for each song, plots."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from datasets import Dataset

from .arguments import ASTVATrainingArguments
from .deam import load_deam
from .feature_extraction_ast_va import ASTVAFeatureExtractor
from .metrics import DIMENSIONS, METRICS, songs_from_segments
from .modeling_ast_va import ASTVAForRegression
from .plots import save_evaluation_plots
from .protocol import load_protocol
from .splits import SPLITS
from .trainer import ASTVATrainer, build_trainer

PREDICTIONS_FILE = "predictions.csv"


def evaluate_model(
    model: str | Path,
    data_dir: str | Path,
    *,
    split: str = "test",
    output_dir: str | Path | None = None,
    labels: str | None = None,
    split_by: str | None = None,
    split_seed: int | None = None,
    segment_hop_seconds: float | None = None,
    batch_size: int = 32,
    num_proc: int | None = None,
    cache_dir: str | Path | None = None,
) -> dict[str, float]:
    """
    Evaluate a saved model on a split of DEAM, print the metrics, and write them, a row a song, and plots.

    Args:
        model: folder or Hub id.
        data_dir, split_by, labels, split_seed, segment_hop_seconds, num_proc, cache_dir: as for [`load_deam`]. What is
            not given is as in training, so that the test split holds what training never saw.
        split: `"train"`, `"validation"` or `"test"`.
        output_dir: where everything goes; without it `evaluation_SPLIT` in the model's folder.
        batch_size: segments a step.

    Returns:
        Metrics such as `test_song_valence_ccc`.

    Raises:
        ValueError: for an unknown split, and as [`load_deam`].
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {SPLITS}, but is {split!r}.")
    network = ASTVAForRegression.from_pretrained(model)
    feature_extractor = ASTVAFeatureExtractor.from_pretrained(model)
    protocol = load_protocol(model)
    splits = load_deam(
        data_dir,
        labels=labels or protocol.get("labels", "corrected"),
        split_by=split_by or protocol.get("split_by", "artist"),
        segment_seconds=feature_extractor.segment_seconds,
        segment_hop_seconds=segment_hop_seconds or protocol.get("segment_hop_seconds"),
        seed=protocol.get("split_seed", 42) if split_seed is None else split_seed,
        feature_extractor=feature_extractor,
        num_proc=num_proc or os.cpu_count(),
        cache_dir=cache_dir,
    )
    with tempfile.TemporaryDirectory() as scratch:
        args = ASTVATrainingArguments(
            output_dir=scratch,
            per_device_eval_batch_size=batch_size,
            eval_strategy="no",
            save_strategy="no",
            load_best_model_at_end=False,
        )
        metrics, songs = evaluate_split(build_trainer(network, feature_extractor, args), splits[split], split)
    print(f"{split}: {len(songs)} songs, {len(splits[split])} segments\n{format_metrics(metrics, split)}")
    output_dir = Path(output_dir or Path(model) / f"evaluation_{split}")
    save_evaluation(metrics, songs, split, output_dir)
    print(f"Metrics, predictions and plots are in {output_dir}")
    return metrics


def evaluate_split(trainer: ASTVATrainer, dataset: Dataset, split: str) -> tuple[dict[str, float], pd.DataFrame]:
    """
    Predict a split and judge it, per segment and per song.

    Args:
        trainer: of the model.
        dataset: segments with log-mels, as `load_deam` gives them.
        split: prefix of the metrics.

    Returns:
        Metrics such as `test_song_valence_ccc`, and a row for each song: `song_id`, rated `valence` and `arousal`, and
        `predicted_valence`, `predicted_arousal` with their deviations over the `num_segments` segments.
    """
    output = trainer.predict(dataset, metric_key_prefix=split)
    columns = dataset.select_columns(["song_id", "duration_seconds"])[:]
    songs = songs_from_segments(columns["song_id"], output.label_ids, output.predictions, columns["duration_seconds"])
    table = pd.DataFrame({"song_id": songs.song_ids, "split": split})
    for column, dimension in enumerate(DIMENSIONS):
        table[dimension] = songs.references[:, column].round(4)
        table[f"predicted_{dimension}"] = songs.predictions[:, column]
        table[f"predicted_{dimension}_std"] = songs.prediction_stds[:, column]
    table["num_segments"] = songs.num_segments
    return output.metrics, table


def save_evaluation(metrics: Mapping[str, float], songs: pd.DataFrame, split: str, output_dir: str | Path) -> None:
    """Write the metrics as `{split}_results.json`, a row a song as `predictions.csv`, and the plots."""
    output_dir = Path(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    write_json(output_dir / f"{split}_results.json", dict(metrics))
    songs.to_csv(output_dir / PREDICTIONS_FILE, index=False, float_format="%.4f")
    rated = songs[list(DIMENSIONS)].to_numpy()
    predicted = songs[[f"predicted_{dimension}" for dimension in DIMENSIONS]].to_numpy()
    save_evaluation_plots(rated, predicted, output_dir)


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
