# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Pre-training: an encoder learns the embeddings of teachers on augmented windows of music without labels."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict

from ..data.statistics import normalization_statistics
from ..data.tracks import Track
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..hub.encoder_card import write_encoder_card
from ..hub.files import LOSS_PLOT_FILE, PROTOCOL_FILE, RESULTS_FILE, read_json, write_json
from ..hub.folder import save_encoder
from ..hub.pretraining import describe_pretraining
from ..plots import plot_loss_curves
from .arguments import Arguments, DataArguments
from .audio_augmentation import draw_windows
from .augmented_windows import EMBEDDING, load_augmented
from .auxiliary import AuxiliaryTargets
from .distillation import WINDOWS_SEED, only_of, songs_of
from .losses import auxiliary_sizes
from .run import measures_statistics, start, train_steps
from .segment_descriptors import describe_segments
from .teacher_encoders import StudentAudioEncoder, TeacherSource
from .teacher_fit import measure_fit
from .teachers import teacher_name
from .trainer import ASTVATrainer, build_trainer
from .training_arguments import ASTVATrainingArguments
from .unlabeled import describe_unlabeled, load_unlabeled

logger = logging.getLogger(__name__)


def pretrain(arguments: Arguments) -> dict[str, float]:
    """
    Train an encoder to predict what teachers compute of augmented windows, and write it to `output_dir`.

    A share of the songs, `validation_ratio`, is kept aside: at the end, R2 of the embeddings of each teacher is
    measured on the windows that have no other songs in them. Windows with songs of both kinds are not used.

    Returns:
        Metrics: `train_...`, and `eval_NAME_embeddings_r2` for each teacher.

    Raises:
        ValueError: for settings, music or an `output_dir` that do not work.
    """
    data, settings, training = arguments
    without_validation = {"eval_strategy": "no", "load_best_model_at_end": False}
    # The head of the ratings learns nothing here.
    args = ASTVATrainingArguments(**{**training, **without_validation, "ddp_find_unused_parameters": True})
    checkpoint, model, feature_extractor = start(data, settings, args)
    rate, seconds = feature_extractor.sampling_rate, feature_extractor.segment_seconds
    teachers = [TeacherSource(name, of_file, rate, seconds) for name, of_file in data.encoders]
    with args.main_process_first(desc="augmented windows"):
        unlabeled = _load_unlabeled(data, feature_extractor)
        splits = _load_windows(data, unlabeled, teachers, feature_extractor)
    if measures_statistics(data, settings):
        feature_extractor.mean, feature_extractor.std = normalization_statistics(splits["train"])
    encoders = [StudentAudioEncoder(teacher, device="cpu", num_threads=1) for teacher in teachers]
    targets = embedding_targets(splits, encoders, args.teacher_weight)
    model.set_num_auxiliary_targets(sum(auxiliary_sizes(targets)))

    training_set, contents = DatasetDict(train=splits["train"]), f"{len(splits['train']):,} augmented windows"
    descriptors = describe_segments(data, model, feature_extractor, splits["train"], args.device)
    options: dict[str, Any] = {"descriptors": descriptors, "contents": contents}
    trainer = build_trainer(model, feature_extractor, args, training_set, targets, **options)
    train_steps(trainer, checkpoint)
    if trainer.is_world_process_zero():
        _write_results(trainer, data, splits, unlabeled, encoders)
    args.distributed_state.wait_for_everyone()
    return read_json(Path(args.output_dir) / RESULTS_FILE)


def embedding_targets(
    splits: Mapping[str, Dataset], encoders: Sequence[StudentAudioEncoder], weight: float
) -> list[AuxiliaryTargets]:
    """The embeddings of each teacher as targets of all windows, standardised over those of training."""
    windows, embeddings, centres = [], [], []
    for rows in splits.values():
        columns = rows.select_columns(["song_id", "duration_seconds", EMBEDDING])[:]
        windows += columns["song_id"].tolist()
        centres.append(columns["duration_seconds"][:, None] / 2)
        embeddings.append(columns[EMBEDDING].astype(np.float32))
    seconds, values = np.concatenate(centres), np.concatenate(embeddings)
    of_teachers = np.split(values, np.cumsum([encoder.num_values for encoder in encoders])[:-1], axis=1)
    training, share = splits["train"]["song_id"], weight / len(encoders)
    targets, names = [], list[str]()
    for encoder, of_teacher in zip(encoders, of_teachers):
        tracks = {window: Track(seconds[row], of_teacher[row : row + 1]) for row, window in enumerate(windows)}
        names.append(teacher_name(encoder.record["model"], names))
        options = (f"{names[-1]}_embeddings", share, tracks, encoder.window_seconds)
        targets.append(AuxiliaryTargets(*options, map(str, training)))
    return targets


def _load_unlabeled(data: DataArguments, feature_extractor: ASTVAFeatureExtractor) -> Dataset:
    """The segments of the music, of which only the songs and their lengths are used, and so no log-mels."""
    options: dict[str, Any] = {"num_proc": data.num_proc, "cache_dir": data.cache_dir, "log_mels": "on_the_fly"}
    return load_unlabeled(str(data.unlabeled_dir), feature_extractor, [], **options)


def _load_windows(
    data: DataArguments,
    unlabeled: Dataset,
    teachers: Sequence[TeacherSource],
    feature_extractor: ASTVAFeatureExtractor,
) -> DatasetDict:
    """The augmented windows, in the splits `train` and, where it has any, `validation`."""
    pool = songs_of([unlabeled], {})
    windows = draw_windows(pool, data.num_augmented_windows, feature_extractor.segment_seconds, WINDOWS_SEED)
    options: dict[str, Any] = {"num_proc": data.num_proc, "cache_dir": data.cache_dir}
    rows = load_augmented(windows, pool, teachers, feature_extractor, **options)
    order = np.random.default_rng(data.split_seed).permutation(len(pool))
    num_aside = round(data.validation_ratio * len(pool))
    parts = {"train": order[num_aside:], "validation": order[:num_aside]}
    splits = DatasetDict()
    for name, songs in parts.items():
        if used := only_of({pool[index].song_id for index in songs}, windows, pool):
            splits[name] = rows.select(used)
    if "train" not in splits:
        raise ValueError(f"Expected augmented windows to train on, but got none of {data.num_augmented_windows}.")
    return splits


def _write_results(
    trainer: ASTVATrainer,
    data: DataArguments,
    splits: DatasetDict,
    unlabeled: Dataset,
    encoders: Sequence[StudentAudioEncoder],
) -> None:
    """Measure the fit, and write it with the encoder, the plot of the losses, and the protocol."""
    model, feature_extractor, folder = trainer.model, trainer.processing_class, Path(trainer.args.output_dir)
    if "validation" in splits:
        options = (splits["validation"], trainer.auxiliary_targets, trainer.args.eval_batch_size)
        fits = measure_fit(model, feature_extractor, *options)
        trainer.save_metrics("eval", {f"eval_{name}": value for name, value in fits.items()})
        for name, value in fits.items():
            print(f"{name.removesuffix('_r2').replace('_', ' ')}, songs kept aside: R2 {value:.3f}")
    model.set_num_auxiliary_targets(0)
    save_encoder(model.ast_va, feature_extractor, folder)
    if any("loss" in entry for entry in trainer.state.log_history):  # a short run may end before it logs any
        plot_loss_curves(trainer.state.log_history, folder / LOSS_PLOT_FILE)
    protocol = describe_pretraining(
        seed=trainer.args.seed,
        feature_extractor=feature_extractor,
        teachers=[encoder.record for encoder in encoders],
        unlabeled=describe_unlabeled(unlabeled),
        num_windows={name: len(rows) for name, rows in splits.items()},
        license=data.license,
    )
    write_json(folder / PROTOCOL_FILE, protocol)
    write_encoder_card(folder, folder.absolute().name)
