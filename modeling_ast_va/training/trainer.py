# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The `Trainer` of transformers with augmentation, a named loss, metrics of songs, and Hub folders as checkpoints."""

from __future__ import annotations

import functools
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from accelerate.utils import broadcast, gather_object
from datasets import Dataset, DatasetDict
from transformers import EarlyStoppingCallback, ProgressCallback, Trainer
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, EvalLoopOutput, rotate_checkpoints

from ..data.log_mels import SEGMENT_COLUMNS
from ..evaluation.loop import PredictedRows, concatenate, evaluate_rows, predict_rows
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..hub.files import RESULTS_FILE, read_json, write_json
from ..hub.folder import save_hub_folder
from ..hub.protocol import num_songs
from ..modeling_ast_va import ASTVAForRegression
from ..training.augmentation import spec_augment_mask
from ..training.estimates import TimeEstimate
from ..training.losses import Targets, training_loss, validation_loss
from ..training.mixed_segments import MixedSampler, MixedSegments
from ..training.muon import MuonWithAdamW, parameter_groups
from ..training.resuming import UNFINISHED, publish_checkpoint
from ..training.segment_descriptors import SegmentDescriptors
from ..training.training_arguments import ASTVATrainingArguments

UNLABELED = np.full(2, np.nan)


class ASTVATrainer(Trainer):
    """`Trainer` that augments training batches, evaluates songs, and saves complete Hub folders, all or nothing."""

    def __init__(self, *args, auxiliary_targets: Sequence[Targets] = (), **kwargs):
        super().__init__(*args, **kwargs)
        self.auxiliary_targets = auxiliary_targets  # in the order of the columns of the auxiliary head
        self.terms: dict[str, Any] = defaultdict(float)  # of the loss, summed over the steps since the last log
        self.num_steps = 0.0
        self.is_saving = False  # a checkpoint

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        inputs = dict(inputs)
        labels, label_stds, targets = (inputs.pop(name, None) for name in ("labels", "label_stds", "targets"))
        mask = spec_augment_mask(inputs["input_values"], self.args.frequency_mask_bins, self.args.time_mask_frames)
        outputs = model(**inputs, bool_masked_values=mask)
        of_batch = (labels, label_stds, targets)
        loss, terms = training_loss(outputs, *of_batch, self.args.concordance_weight, self.auxiliary_targets)
        step = 1 / self.current_gradient_accumulation_steps
        self.num_steps += step
        for name, term in terms.items():
            self.terms[name] += step * term.detach()
        return (loss, outputs) if return_outputs else loss

    def create_optimizer(self, model=None):
        args = self.args
        if self.optimizer is None and args.matrix_learning_rate:  # type: ignore[has-type]
            trained = self.model if model is None else model
            rates = (args.weight_decay, args.matrix_learning_rate)
            groups = parameter_groups(trained, self.get_decay_parameter_names(trained), *rates)
            _, options = self.get_optimizer_cls_and_kwargs(args, trained)
            self.optimizer = MuonWithAdamW(groups, **options)
        return super().create_optimizer(model)

    def get_train_dataloader(self):
        if not isinstance(self.train_dataset, MixedSegments):
            return super().get_train_dataloader()
        return self._get_dataloader(
            self.train_dataset,
            description="Training",
            batch_size=sum(self.train_dataset.batch_sizes),
            sampler_fn=lambda segments: MixedSampler(segments, self.args.seed),
            is_training=True,
        )

    def log(self, logs, start_time=None):
        if "loss" in logs:
            for name, total in self.terms.items():
                logs[f"loss_{name}"] = self.accelerator.reduce(total / self.num_steps, reduction="mean").item()
            self.terms.clear()
            self.num_steps = 0.0
        super().log(logs, start_time)

    def evaluation_loop(self, dataloader, *args, metric_key_prefix="eval", **kwargs):
        # As the iterator of a data loader does at its start: the random numbers of training that follow depend on it.
        torch.empty((), dtype=torch.int64).random_()
        predictions, metrics, _ = self.evaluate_split(dataloader.dataset, metric_key_prefix)
        ratings = predictions.ratings
        return EvalLoopOutput(ratings, label_ids=None, metrics=metrics, num_samples=len(ratings))

    def evaluate_split(self, rows: Dataset, prefix: str) -> tuple[PredictedRows, dict[str, float], pd.DataFrame]:
        """Predictions, of which each process makes a share, metrics with the loss, and table of [`evaluate_rows`]."""
        args = self.args
        if args.world_size > 1:
            for buffer in self.model.buffers():  # running statistics: those of the process that saves the model
                broadcast(buffer)
        first, last = (len(rows) * rank // args.world_size for rank in (args.process_index, args.process_index + 1))
        share: list[PredictedRows] = []
        if last > first:
            part = rows.select(range(first, last))
            with self.compute_loss_context_manager():
                share.append(predict_rows(self.model, self.processing_class, part, args.eval_batch_size))
        predictions = concatenate(gather_object(share))
        metrics, segments = evaluate_rows(rows, predictions, prefix)
        metrics[f"{prefix}_loss"] = validation_loss(metrics, prefix, args.concordance_weight)
        return predictions, metrics, segments

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        # The method of the library also pickles the arguments, and leaves the pipeline out.
        if self.args.should_save:
            model = self.accelerator.unwrap_model(self.model)
            save_hub_folder(model, self.processing_class, output_dir or self.args.output_dir)

    def _get_output_dir(self, trial) -> str:
        folder = super()._get_output_dir(trial)
        return os.path.join(folder, UNFINISHED) if self.is_saving else folder

    def _save_checkpoint(self, model, trial) -> None:
        # The method of the library writes into the final folder, and a run that is killed meanwhile leaves half of it.
        name = f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}"
        self.is_saving = True
        super()._save_checkpoint(model, trial)
        unfinished = Path(self._get_output_dir(trial), name)
        self.is_saving = False
        output_dir = Path(self._get_output_dir(trial))
        if self.state.best_global_step == self.state.global_step:
            self.state.best_model_checkpoint = str(output_dir / name)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            self.state.save_to_json(str(unfinished / TRAINER_STATE_NAME))
            publish_checkpoint(unfinished, output_dir / name)
            rotate_checkpoints(
                str(output_dir), self.args.save_total_limit, self.state.best_model_checkpoint, use_mtime=True
            )
        self.accelerator.wait_for_everyone()

    # As the methods of the library, but all or nothing, and with null for NaN, which JSON does not have.
    def save_state(self) -> None:
        if self.is_world_process_zero():
            write_json(Path(self.args.output_dir, TRAINER_STATE_NAME), asdict(self.state))

    def save_metrics(self, split, metrics, combined=True) -> None:
        if self.is_world_process_zero():
            results = Path(self.args.output_dir, RESULTS_FILE)
            write_json(results.with_name(f"{split}_results.json"), metrics)
            write_json(results, (read_json(results) if results.is_file() else {}) | metrics)


class ProgressLines(ProgressCallback):
    """The progress bars of the library, with four metrics in place of all forty."""

    SHOWN = ("loss", "eval_loss", "eval_song_valence_ccc", "eval_song_arousal_ccc")

    def on_log(self, args, state, control, logs=None, **kwargs):
        shown = {name: logs[name] for name in self.SHOWN if name in logs}
        if shown:
            super().on_log(args, state, control, logs={"epoch": logs.get("epoch"), **shown}, **kwargs)


def collate(
    rows: list[dict[str, Any]],
    extractor: ASTVAFeatureExtractor,
    auxiliary_targets: Sequence[Targets] = (),
    descriptors: SegmentDescriptors | None = None,
) -> dict[str, torch.Tensor]:
    """
    Make a batch of rows of [`load_ratings`], normalised unless `do_normalize` is false.

    Rows without labels get NaN.

    Shape:
        input_values `(batch, num_frames, num_mel_bins)`, labels and label_stds `(batch, 2)`, targets
        `(batch, num_targets)`, descriptors `(batch, num_descriptors)`.
    """
    log_mels = torch.from_numpy(np.stack([row["input_values"] for row in rows]))
    batch = {"input_values": extractor.normalize(log_mels) if extractor.do_normalize else log_mels}
    for name in ("labels", "label_stds"):
        batch[name] = torch.from_numpy(np.stack([row.get(name, UNLABELED) for row in rows])).float()
    segment_of = itemgetter(*SEGMENT_COLUMNS)
    if descriptors is not None:
        batch["descriptors"] = torch.from_numpy(np.stack([descriptors(*segment_of(row)) for row in rows]))
    if auxiliary_targets:
        targets = [np.concatenate([kind(*segment_of(row)) for kind in auxiliary_targets]) for row in rows]
        batch["targets"] = torch.from_numpy(np.stack(targets))
    return batch


def build_trainer(
    model: ASTVAForRegression,
    feature_extractor: ASTVAFeatureExtractor,
    args: ASTVATrainingArguments,
    splits: DatasetDict,
    auxiliary_targets: Sequence[Targets] = (),
    parts: Sequence[tuple[Dataset, int]] = (),
    *,
    descriptors: SegmentDescriptors | None = None,
    contents: str | None = None,
) -> ASTVATrainer:
    """
    The trainer of a model on the splits `train` and, where there is one, `validation`.

    Args:
        parts: rows without labels, and how many of them are in each batch.
        descriptors: of all rows that train; None leaves their computation to the network.
        contents: what is trained on, for the first line of the output; by default songs and segments.
    """
    validation, training_set = splits.get("validation"), splits["train"]
    if parts:
        training_set = MixedSegments([(training_set, args.per_device_train_batch_size), *parts])
    collator = functools.partial(
        collate, extractor=feature_extractor, auxiliary_targets=auxiliary_targets, descriptors=descriptors
    )
    trainer = ASTVATrainer(
        model, args, collator, training_set, validation, feature_extractor, auxiliary_targets=auxiliary_targets
    )
    if validation is not None and args.early_stopping_patience and args.eval_strategy != "no":
        trainer.add_callback(EarlyStoppingCallback(args.early_stopping_patience))
    if contents is None:
        contents = f"{num_songs(splits['train']):,} songs, {len(splits['train']):,} segments"
    trainer.add_callback(TimeEstimate(contents))
    if not args.disable_tqdm:
        trainer.remove_callback(ProgressCallback)
        trainer.add_callback(ProgressLines)
    return trainer
