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
from ..data.dataset import resolve_dataset_split, split_dataset
from ..data.label_audit import format_audit
from ..data.rated_songs import RatedSongs, SongId
from ..data.splits import SplitSettings
from ..data.statistics import normalization_statistics
from ..data.tracks import Track
from ..evaluation.annotated_moments import predicted_moments
from ..evaluation.frames import write_frames
from ..evaluation.model import format_metrics, save_evaluation
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..hub.card import write_model_card
from ..hub.files import LOSS_PLOT_FILE, PROTOCOL_FILE, RESULTS_FILE, read_json, write_json
from ..hub.folder import push_folder, require_token
from ..hub.protocol import describe_protocol
from ..modeling_ast_va import ASTVAForRegression
from ..plots import plot_loss_curves
from ..processes import cores_per_process
from ..released import find_model
from ..settings import build_new
from ..training.arguments import Arguments, DataArguments
from ..training.augmentation import check_masks
from ..training.distillation import prepare_distillation
from ..training.losses import Targets, auxiliary_sizes
from ..training.resuming import checkpoint_to_resume, is_finished, recorded_state, remove_unfinished
from ..training.segment_descriptors import describe_segments
from ..training.songs import course_targets, has_course, load_rows, read_songs, read_tracks
from ..training.teacher_fit import measure_fit
from ..training.trainer import ASTVATrainer, build_trainer
from ..training.training_arguments import ASTVATrainingArguments

logger = logging.getLogger(__name__)
START = ("sampling_rate", "num_mel_bins", "segment_seconds", "mean", "std")  # of a feature extractor, for the log


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
    trains_course = has_course(data, args)
    if not trains_course:  # a new head of the course would not be trained
        settings = {name: value for name, value in settings.items() if name != "use_frame_head"}
    checkpoint, model, feature_extractor = start(data, settings, args)
    if trains_course and model.frame_head is None:
        expected = f"Expected use_frame_head with dynamic_weight {args.dynamic_weight:g}"
        raise ValueError(f"{expected}, but got a network without a head of the course.")
    with args.main_process_first(desc="log-mels"):
        songs = read_songs(data)
        if args.process_index == 0 and songs.audit:
            print(format_audit(songs.audit))
        rows = load_rows(data, songs, feature_extractor)
    split = resolve_dataset_split(rows, data.split_settings)
    splits = split_dataset(rows, split)
    if "validation" not in splits:
        args.eval_strategy, args.load_best_model_at_end = IntervalStrategy.NO, False
    if measures_statistics(data, settings):
        feature_extractor.mean, feature_extractor.std = normalization_statistics(splits["train"])
    descriptors = describe_segments(data, model, feature_extractor, splits["train"], args.device)
    with args.main_process_first(desc="teachers"):
        distillation = prepare_distillation(data, args, rows, splits["train"], feature_extractor, descriptors)
    tracks = read_tracks(data) if trains_course else {}
    auxiliary_targets: list[Targets] = list(distillation.targets)
    if trains_course:
        auxiliary_targets.insert(0, course_targets(args.dynamic_weight, tracks, model.config, splits["train"]))
    model.set_num_auxiliary_targets(sum(auxiliary_sizes(auxiliary_targets)))
    model.config.label_quantiles = songs.label_quantiles
    # Those of a checkpoint are not of the errors of this model; a release has new ones.
    model.config.conformal_quantiles, model.config.error_correlation = [], 0.0

    options: dict[str, Any] = {"parts": distillation.parts, "descriptors": descriptors}
    trainer = build_trainer(model, feature_extractor, args, splits, auxiliary_targets, **options)
    train_steps(trainer, checkpoint)
    save_and_evaluate(trainer, splits, songs.label_range, tracks)
    if trainer.is_world_process_zero():
        write_results(trainer, data, songs, split, splits, distillation.record)


def start(
    data: DataArguments, settings: Mapping[str, Any], args: ASTVATrainingArguments
) -> tuple[Path | None, ASTVAForRegression, ASTVAFeatureExtractor]:
    """Set threads and seed; return the checkpoint to resume from, and the model and its feature extractor."""
    with args.main_process_first(desc="checkpoints"):
        remove_unfinished(args.output_dir)
        checkpoint = checkpoint_to_resume(args)
    if args.device.type == "cpu":
        torch.set_num_threads(args.num_threads or cores_per_process())
    set_seed(args.seed)
    model, feature_extractor = build_model(data.init_from, settings, args.device)
    check_masks(args.frequency_mask_bins, args.time_mask_frames, model.config.max_length, model.config.num_mel_bins)
    return checkpoint, model, feature_extractor


def measures_statistics(data: DataArguments, settings: Mapping[str, Any]) -> bool:
    """Whether mean and standard deviation of the features are those of the training set, and not given."""
    return not data.init_from and not {"mean", "std"} & settings.keys()


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
        model, feature_extractor = load_initial_model(find_model(init_from), settings=settings)
        logger.info(
            "Training starts from %s. Kept: its front end, %d Hz, %d mel bins, segments of %g s, mean %.4g, std %.4g. "
            "Fitted further: all weights, with the statistics of the normalisations and the calibration of the output.",
            init_from,
            *(getattr(feature_extractor, name) for name in START),
        )
    else:
        config, feature_extractor = build_new(settings)
        model = ASTVAForRegression(config)
    if device.type == "cpu" and model.config.attention_probs_dropout_prob > 0:
        logger.info("Training on CPU with eager attention, which is faster there with attention dropout.")
        model.set_attn_implementation("eager")
    return model, feature_extractor


def save_and_evaluate(
    trainer: ASTVATrainer, splits: DatasetDict, label_range: tuple[float, float], tracks: Mapping[SongId, Track]
) -> None:
    """Save the trained model, without its auxiliary layer, and evaluate it on the splits for validation and test."""
    fits = measure_fits(trainer, splits)
    trainer.model.set_num_auxiliary_targets(0)
    trainer.save_model()
    if "validation" in splits:
        trainer.save_metrics("eval", trainer.evaluate() | fits["validation"])
    if "test" in splits:
        test_model(trainer, splits["test"], label_range, fits["test"], tracks)


def measure_fits(trainer: ASTVATrainer, splits: DatasetDict) -> dict[str, dict[str, float]]:
    """Metrics of the auxiliary targets of validation and test, with their prefixes, in the main process."""
    fits: dict[str, dict[str, float]] = {}
    for split, prefix in {"validation": "eval", "test": "test"}.items():
        fits[split] = {}
        if split in splits and trainer.is_world_process_zero():
            options = (splits[split], trainer.auxiliary_targets, trainer.args.eval_batch_size)
            measured = measure_fit(trainer.model, trainer.processing_class, *options)
            fits[split] = {f"{prefix}_{name}": value for name, value in measured.items()}
    return fits


def test_model(
    trainer: ASTVATrainer,
    rows: Dataset,
    label_range: tuple[float, float],
    fits: Mapping[str, float],
    tracks: Mapping[SongId, Track],
) -> None:
    """
    Evaluate the test split; print and write metrics, those of auxiliary targets too, predictions and plots.

    Args:
        tracks: dynamic annotations by song; without any, no course is written.
    """
    predicted, metrics, segments = trainer.evaluate_split(rows, "test")
    metrics |= fits
    trainer.save_metrics("test", metrics)
    if trainer.is_world_process_zero():
        print(f"\nTest split: {segments['song_id'].nunique()} songs, {len(segments)} segments")
        print(format_metrics(metrics, "test", label_range))
        for name, value in fits.items():
            print(f"{name.removeprefix('test_').removesuffix('_r2').replace('_', ' ')}: R2 {value:.3f}")
        save_evaluation(metrics, segments, "test", trainer.args.output_dir)
        if tracks and predicted.frames is not None:
            frames = predicted_moments(rows, predicted.ratings, predicted.frames, trainer.model.config, tracks)
            write_frames(frames, trainer.args.output_dir)


def write_results(
    trainer: ASTVATrainer,
    data: DataArguments,
    songs: RatedSongs,
    split: SplitSettings,
    splits: DatasetDict,
    distillation: Mapping[str, Any],
) -> None:
    """Write the plot of the losses, the protocol, and the card that reports them."""
    folder, history = Path(trainer.args.output_dir), trainer.state.log_history
    if any("loss_mse" in entry or "eval_mse" in entry for entry in history):  # a short run may end before it logs any
        plot_loss_curves(history, folder / LOSS_PLOT_FILE, trainer.state.best_global_step)
    protocol = describe_protocol(
        songs=songs,
        split=split,
        seed=trainer.args.seed,
        segment_hop_seconds=data.segment_hop_seconds,
        feature_extractor=trainer.processing_class,
        splits=splits,
        base_model=data.init_from,
        distillation=distillation,
        license=data.license,
        audio_offset_seconds=data.audio_offset_seconds,
    )
    write_json(folder / PROTOCOL_FILE, protocol)
    write_model_card(folder)
