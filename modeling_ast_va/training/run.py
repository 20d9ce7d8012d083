# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Training from arguments to a folder that is a complete Hub repository."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, DatasetDict
from transformers import set_seed
from transformers.trainer_utils import IntervalStrategy

from ..checkpoints.audioset import load_initial_model
from ..data.dataset import LoadedSegments, load_segments, normalization_statistics, split_dataset
from ..data.label_audit import format_audit
from ..demo.folder import make_demo_deam
from ..evaluation.model import format_metrics, save_evaluation
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..hub.card import write_model_card
from ..hub.files import LOSS_PLOT_FILE, PROTOCOL_FILE, RESULTS_FILE, read_json, write_json
from ..hub.folder import push_folder, require_token
from ..hub.protocol import describe_protocol
from ..modeling_ast_va import ASTVAForRegression
from ..plots import plot_loss_curves
from ..processes import cores_per_process
from ..settings import build_new
from ..training.arguments import Arguments, DataArguments
from ..training.augmentation import check_masks
from ..training.auxiliary import AuxiliaryTargets, dynamic_targets
from ..training.resuming import checkpoint_to_resume, is_finished, recorded_state, remove_unfinished
from ..training.teachers import check_teacher, teacher_targets
from ..training.trainer import ASTVATrainer, build_trainer
from ..training.training_arguments import ASTVATrainingArguments

logger = logging.getLogger(__name__)
DEMO_DIR = Path("data") / "demo_deam"


def train(arguments: Arguments) -> dict[str, float]:
    """
    Train, restore the best checkpoint, evaluate it on the test split, and write everything to `output_dir`.

    Without a validation split the last weights are kept; without a test split there is no test.

    Returns:
        All metrics: `train_...`, `eval_...` of the validation split and `test_...` of the test split.

    Raises:
        ValueError: for settings, data or an `output_dir` that do not work, before songs are decoded.
    """
    data, settings, training = arguments
    # The library would push every checkpoint, with pickles; this function pushes once, at the end.
    args = ASTVATrainingArguments(**{**training, "push_to_hub": False})
    if training.get("push_to_hub"):
        require_token(args.hub_token)
    if is_finished(args):
        logger.info("The run in %s is finished; more epochs continue it.", args.output_dir)
    else:
        train_and_test(data, settings, args)
    if training.get("push_to_hub") and args.process_index == 0:
        repo_id = args.hub_model_id or Path(args.output_dir).absolute().name
        options = {"private": args.hub_private_repo, "revision": args.hub_revision, "token": args.hub_token}
        push_folder(args.output_dir, repo_id, commit_message="End of training", **options)
    args.distributed_state.wait_for_everyone()
    return read_json(Path(args.output_dir) / RESULTS_FILE)


def train_and_test(data: DataArguments, settings: Mapping[str, Any], args: ASTVATrainingArguments) -> None:
    """Train, or resume training; evaluate on the splits; write everything to `output_dir`."""
    with args.main_process_first(desc="checkpoints"):
        remove_unfinished(args.output_dir)
        checkpoint = checkpoint_to_resume(args)
    check_teacher(data.teacher_embeddings, args.teacher_weight)
    if args.device.type == "cpu":
        torch.set_num_threads(args.num_threads or cores_per_process())
    set_seed(args.seed)
    model, feature_extractor = build_model(data.init_from, settings, args.device)
    check_masks(args.frequency_mask_bins, args.time_mask_frames, model.config.max_length, model.config.num_mel_bins)

    with args.main_process_first(desc="log-mels"):
        data_dir, segments = load_songs(data, feature_extractor)
    if args.process_index == 0:
        print(format_audit(segments.audit))
    splits = split_dataset(segments.rows, data.split_settings)
    if "validation" not in splits:
        args.eval_strategy, args.load_best_model_at_end = IntervalStrategy.NO, False
    if not data.init_from and not {"mean", "std"} & settings.keys():
        feature_extractor.mean, feature_extractor.std = normalization_statistics(splits["train"])
    auxiliary_targets = load_auxiliary_targets(data, args, data_dir, splits["train"])
    model.set_num_auxiliary_targets(sum(kind.num_targets for kind in auxiliary_targets))

    trainer = build_trainer(model, feature_extractor, args, splits, auxiliary_targets)
    train_steps(trainer, checkpoint)
    model.set_num_auxiliary_targets(0)  # used for training only
    trainer.save_model()
    if "validation" in splits:
        trainer.save_metrics("eval", trainer.evaluate())
    if "test" in splits:
        test_model(trainer, splits["test"])
    if trainer.is_world_process_zero():
        write_results(trainer, data, splits, segments.audit)


def train_steps(trainer: ASTVATrainer, checkpoint: Path | None) -> None:
    """Train from a checkpoint or from the start, and write the record of training."""
    first_step = None if checkpoint is None else recorded_state(checkpoint)["global_step"]
    result = trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    recorded = recorded_state(trainer.args.output_dir)
    if first_step == result.global_step == recorded.get("global_step"):  # training had ended, without its results
        trainer.state.log_history = recorded["log_history"]
        return
    trainer.save_metrics("train", result.metrics)
    trainer.save_state()


def build_model(
    init_from: str | None, settings: Mapping[str, Any], device: torch.device
) -> tuple[ASTVAForRegression, ASTVAFeatureExtractor]:
    """A new model and its feature extractor, or those of a checkpoint, for training on a device."""
    if init_from:
        model, feature_extractor = load_initial_model(init_from, settings=settings)
    else:
        config, feature_extractor = build_new(settings)
        model = ASTVAForRegression(config)
    if device.type == "cpu" and model.config.attention_probs_dropout_prob > 0:
        logger.info("Training on CPU with eager attention, which is faster there with attention dropout.")
        model.set_attn_implementation("eager")
    return model, feature_extractor


def load_songs(data: DataArguments, feature_extractor: ASTVAFeatureExtractor) -> tuple[Path, LoadedSegments]:
    """The folder of the songs and their segments with log-mels. Without `data_dir`, writes and loads the demo songs."""
    data_dir = Path(data.data_dir) if data.data_dir else DEMO_DIR
    if not data.data_dir:
        logger.info("The demo songs are in %s.", data_dir)
        if not data_dir.exists():
            make_demo_deam(data_dir)
    options = {name: getattr(data, name) for name in ("labels", "segment_hop_seconds", "num_proc", "cache_dir")}
    options["segment_seconds"] = feature_extractor.segment_seconds
    return data_dir, load_segments(data_dir, feature_extractor=feature_extractor, **options)


def load_auxiliary_targets(
    data: DataArguments, args: ASTVATrainingArguments, data_dir: Path, training_set: Dataset
) -> list[AuxiliaryTargets]:
    """The kinds of auxiliary targets with a positive weight."""
    labels = dict(zip(training_set["song_id"], training_set["labels"]))
    kinds = []
    if args.dynamic_weight:
        kinds.append(dynamic_targets(data_dir, args.dynamic_weight, data.audio_offset_seconds, labels))
    if data.teacher_embeddings:
        kinds += teacher_targets(data.teacher_embeddings, args.teacher_weight, labels)
    return kinds


def test_model(trainer: ASTVATrainer, rows: Dataset) -> None:
    """Evaluate the test split; print and write metrics, predictions and plots."""
    _, metrics, segments = trainer.evaluate_split(rows, "test")
    trainer.save_metrics("test", metrics)
    if trainer.is_world_process_zero():
        print(f"\nTest split: {segments['song_id'].nunique()} songs, {len(segments)} segments")
        print(format_metrics(metrics, "test"))
        save_evaluation(metrics, segments, "test", trainer.args.output_dir)


def write_results(trainer: ASTVATrainer, data: DataArguments, splits: DatasetDict, audit: list[dict[str, Any]]) -> None:
    """Write the plot of the losses, the protocol, and the card that reports them."""
    folder, history = Path(trainer.args.output_dir), trainer.state.log_history
    if any("loss_mse" in entry or "eval_mse" in entry for entry in history):  # a short run may end before it logs any
        plot_loss_curves(history, folder / LOSS_PLOT_FILE, trainer.state.best_global_step)
    protocol = describe_protocol(
        dataset="DEAM" if data.data_dir else "demo songs",
        labels=data.labels,
        split=data.split_settings,
        seed=trainer.args.seed,
        segment_hop_seconds=data.segment_hop_seconds,
        feature_extractor=trainer.processing_class,
        splits=splits,
        audit=audit,
        base_model=data.init_from,
        teacher=data.teacher_embeddings,
        license=data.license,
    )
    write_json(folder / PROTOCOL_FILE, protocol)
    write_model_card(folder)
