# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Training on DEAM with the library's `Trainer`, from arguments to a folder that is a complete Hub repository."""

from __future__ import annotations

import json
import logging
import os
from copy import copy
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, DatasetDict
from transformers import set_seed
from transformers.trainer_utils import IntervalStrategy, get_last_checkpoint

from ..checkpoints.audioset import load_initial_model
from ..data.annotations import find_deam
from ..data.dataset import load_deam, normalization_statistics
from ..data.label_audit import audit_labels, format_audit
from ..demo.folder import make_demo_deam
from ..evaluation.model import evaluate_split, format_metrics, save_evaluation, write_json
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..hub.card import write_model_card
from ..hub.folder import require_token
from ..hub.protocol import PROTOCOL_FILE, describe_protocol
from ..modeling_ast_va import ASTVAForRegression
from ..plots import plot_loss_curves
from ..training.arguments import Arguments, ASTVATrainingArguments, DataArguments, build_new
from ..training.augmentation import check_masks
from ..training.auxiliary import AuxiliaryTargets, rate_by_teacher, read_dynamic_tracks, read_teacher
from ..training.trainer import ASTVATrainer, build_trainer

logger = logging.getLogger(__name__)

DEMO_DIR = Path("data") / "demo_deam"


def train(arguments: Arguments) -> dict[str, float]:
    """
    Train, restore the best checkpoint, evaluate it once on the test split, and write everything to `output_dir`.

    Without a validation split the last weights are kept; without a test split nothing is tested.

    Args:
        arguments: as [`parse_arguments`] reads them.

    Returns:
        All metrics: `train_...`, `eval_...` (validation) and `test_...`, of the splits that there are.

    Raises:
        ValueError: for settings, data or an `output_dir` that cannot work, before the long work starts.
    """
    data, settings, args = arguments
    # Published once and whole, at the end: the library would push every checkpoint, with pickles, and its own card.
    push_to_hub, args = args.push_to_hub, copy(args)
    args.push_to_hub = False
    if push_to_hub:
        require_token(args.hub_token)
    checkpoint = find_checkpoint(args)
    if args.device.type == "cpu":
        torch.set_num_threads(args.num_threads or default_num_threads())
    set_seed(args.seed)
    model, feature_extractor = initial_model(data, settings)
    check_masks(args.frequency_mask_bins, args.time_mask_frames, model.config.max_length, model.config.num_mel_bins)
    check_teacher(data, args)

    with args.main_process_first(desc="log-mels"):
        data_dir, audit, splits = load_splits(data, feature_extractor, args)
    if "validation" not in splits:  # nothing to choose the best checkpoint by: the last weights are kept
        args.eval_strategy, args.load_best_model_at_end = IntervalStrategy.NO, False
    if not data.init_from and not {"mean", "std"} & set(settings):
        feature_extractor.mean, feature_extractor.std = normalization_statistics(splits["train"])

    auxiliary_targets = load_auxiliary_targets(data, args, data_dir, splits["train"])
    model.set_num_auxiliary_targets(sum(kind.num_targets for kind, _ in auxiliary_targets))

    trainer = build_trainer(model, feature_extractor, args, splits, auxiliary_targets)
    result = trainer.train(resume_from_checkpoint=checkpoint)
    trainer.save_state()
    model.set_num_auxiliary_targets(0)  # they have served their purpose
    trainer.save_model()
    trainer.save_metrics("train", result.metrics)
    if "validation" in splits:
        trainer.save_metrics("eval", trainer.evaluate(splits["validation"]))
    if "test" in splits:
        test(trainer, splits["test"])
    if trainer.is_world_process_zero():
        history = trainer.state.log_history
        if any("loss" in entry or "eval_loss" in entry for entry in history):  # a run may end before it logs any
            plot_loss_curves(history, Path(args.output_dir) / "loss_curves.png", trainer.state.best_global_step)
        protocol = describe_protocol(data, args.seed, data_dir, feature_extractor, splits, audit)
        write_json(Path(args.output_dir) / PROTOCOL_FILE, protocol)
        write_model_card(args.output_dir)
    if push_to_hub:
        trainer.push_to_hub()
    args.distributed_state.wait_for_everyone()
    return json.loads((Path(args.output_dir) / "all_results.json").read_text(encoding="utf-8"))


def test(trainer: ASTVATrainer, dataset: Dataset) -> None:
    """Evaluate the test split once; print and write its metrics, predictions and plots."""
    metrics, segments = evaluate_split(trainer, dataset, "test")
    trainer.save_metrics("test", metrics)
    if trainer.is_world_process_zero():
        num_songs = segments["song_id"].nunique()
        print(f"\nTest split: {num_songs} songs, {len(segments)} segments\n{format_metrics(metrics, 'test')}")
        save_evaluation(metrics, segments, "test", trainer.args.output_dir)


def initial_model(data: DataArguments, settings: dict[str, Any]) -> tuple[ASTVAForRegression, ASTVAFeatureExtractor]:
    """The model to train and its feature extractor: a new one, or from weights that exist."""
    if data.init_from:
        return load_initial_model(data.init_from, settings=settings)
    config, feature_extractor = build_new(settings)
    return ASTVAForRegression(config), feature_extractor


def check_teacher(data: DataArguments, args: ASTVATrainingArguments) -> None:
    """Refuse a teacher without a weight or a weight without a teacher, and a file that is not there (ValueError)."""
    if bool(data.teacher_embeddings) != bool(args.teacher_weight):
        raise ValueError(
            "teacher_embeddings and teacher_weight need each other, but are "
            f"{data.teacher_embeddings!r} and {args.teacher_weight}."
        )
    if data.teacher_embeddings:
        read_teacher(data.teacher_embeddings)


def load_auxiliary_targets(
    data: DataArguments, args: ASTVATrainingArguments, data_dir: Path, training_set: Dataset
) -> list[tuple[AuxiliaryTargets, float]]:
    """
    The kinds of auxiliary targets that are asked for, with their weights in the loss.

    Raises:
        ValueError: for sources that are not there, and for songs without targets.
    """
    labels = dict(zip(training_set["song_id"], training_set["labels"]))
    kinds = []
    if args.dynamic_weight:
        files = find_deam(data_dir).dynamic
        if not files:
            raise ValueError(f"dynamic_weight is {args.dynamic_weight}, but {data_dir} has no dynamic annotations.")
        tracks = read_dynamic_tracks(files, data.audio_offset_seconds)
        kinds.append((AuxiliaryTargets(tracks, 0.0, labels), args.dynamic_weight))
    if data.teacher_embeddings:
        tracks, window_seconds = read_teacher(data.teacher_embeddings)
        embeddings = AuxiliaryTargets(tracks, window_seconds, labels)
        ratings = AuxiliaryTargets(rate_by_teacher(tracks, labels), window_seconds, labels)
        kinds += [(embeddings, args.teacher_weight), (ratings, args.teacher_weight)]
    return kinds


def default_num_threads() -> int:
    """Cores for each process of this machine: `accelerate launch` leaves a process on CPU only one of them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def find_checkpoint(args: ASTVATrainingArguments) -> str | None:
    """
    The checkpoint to go on from, or None to begin anew.

    Raises:
        ValueError: when there is none to resume from, or when a new run would mix its checkpoints with earlier ones.
    """
    last = get_last_checkpoint(args.output_dir) if os.path.isdir(args.output_dir) else None
    wanted = args.resume_from_checkpoint
    if wanted is None or str(wanted).lower() == "false":
        if last is not None:
            raise ValueError(
                f"{args.output_dir!r} already holds checkpoints of an earlier run. Go on with "
                "--resume_from_checkpoint true, or choose another --output_dir."
            )
        return None
    if str(wanted).lower() != "true":
        if not os.path.isdir(wanted):
            raise ValueError(f"Expected a checkpoint folder to resume from, but there is no {wanted!r}.")
        return str(wanted)
    if last is None:
        raise ValueError(f"Expected a checkpoint to resume from in {args.output_dir!r}, but there is none.")
    return last


def load_splits(
    data: DataArguments, feature_extractor: ASTVAFeatureExtractor, args: ASTVATrainingArguments
) -> tuple[Path, list[dict[str, Any]], DatasetDict]:
    """Audit the labels aloud and load the splits, with log-mels; synthesises the demo songs where there is no DEAM."""
    data_dir = Path(data.data_dir) if data.data_dir else DEMO_DIR
    if not data.data_dir and not data_dir.exists():
        logger.warning("No --data_dir: synthesising demo songs in %s.", data_dir)
        make_demo_deam(data_dir)
    audit = audit_labels(data_dir)
    if args.process_index == 0:
        print(format_audit(audit))
    splits = load_deam(
        data_dir,
        labels=data.labels,
        split_by=data.split_by,
        segment_seconds=feature_extractor.segment_seconds,
        segment_hop_seconds=data.segment_hop_seconds,
        seed=data.split_seed,
        num_folds=data.num_folds,
        fold=data.fold,
        validation_ratio=data.validation_ratio,
        feature_extractor=feature_extractor,
        num_proc=data.num_proc or os.cpu_count(),
        cache_dir=data.cache_dir,
    )
    return data_dir, audit, splits
