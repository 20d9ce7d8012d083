# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The library's `Trainer`, for training and evaluation alike: batches, augmentation, metrics of songs, Hub folders."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import DatasetDict
from transformers import EarlyStoppingCallback, ProgressCallback, Trainer

from .arguments import ASTVATrainingArguments
from .augmentation import spec_augment
from .feature_extraction_ast_va import ASTVAFeatureExtractor
from .hub import push_folder, save_hub_folder
from .metrics import compute_metrics
from .model_card import write_model_card
from .modeling_ast_va import ASTVAForRegression


class ASTVATrainer(Trainer):
    """`Trainer` that augments training batches, judges songs, and saves complete Hub folders."""

    def compute_loss(self, model, inputs, **kwargs):
        if model.training:
            # Here and not in the collator: evaluation shares that one, and masks are drawn faster on the device.
            masked = spec_augment(inputs["input_values"], self.args.frequency_mask_bins, self.args.time_mask_frames)
            inputs = {**inputs, "input_values": masked}
        return super().compute_loss(model, inputs, **kwargs)

    def evaluation_loop(self, dataloader, *args, metric_key_prefix="eval", **kwargs):
        # The library passes predictions only: which song a segment belongs to comes from the dataset at hand.
        columns = dataloader.dataset.select_columns(["song_id", "duration_seconds"])[:]
        self.compute_metrics = functools.partial(
            compute_metrics, song_ids=columns["song_id"], durations=columns["duration_seconds"]
        )
        output = super().evaluation_loop(dataloader, *args, metric_key_prefix=metric_key_prefix, **kwargs)
        # The library's mean over batches also counts what a process repeats to fill its last one: with two processes,
        # another checkpoint could be the best. The loss is the mean squared error, which is exact.
        output.metrics[f"{metric_key_prefix}_loss"] = output.metrics[f"{metric_key_prefix}_mse"]
        return output

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        # The library would also pickle the arguments, and leave the pipeline out.
        if self.args.should_save:
            model = self.accelerator.unwrap_model(self.model)
            save_hub_folder(model, self.processing_class, output_dir or self.args.output_dir)

    def push_to_hub(
        self, commit_message="End of training", blocking=True, token=None, revision=None, private=None, **kwargs
    ):
        # The library would push a card without results, whatever else lies in the folder, and not all of the code.
        self.save_model(_internal_call=True)
        if not self.is_world_process_zero():
            return None
        write_model_card(self.args.output_dir)
        return push_folder(
            self.args.output_dir,
            self.args.hub_model_id or Path(self.args.output_dir).absolute().name,
            private=self.args.hub_private_repo if private is None else private,
            revision=revision or self.args.hub_revision,
            commit_message=commit_message,
            token=token or self.args.hub_token,
        )


class ProgressLines(ProgressCallback):
    """The library's progress bars, with what a person follows in place of all forty metrics."""

    SHOWN = ("loss", "eval_loss", "eval_song_valence_ccc", "eval_song_arousal_ccc")

    def on_log(self, args, state, control, logs=None, **kwargs):
        shown = {name: logs[name] for name in self.SHOWN if name in logs}
        if shown:
            super().on_log(args, state, control, logs={"epoch": logs.get("epoch"), **shown}, **kwargs)


def collate(rows: Sequence[dict[str, Any]], feature_extractor: ASTVAFeatureExtractor) -> dict[str, torch.Tensor]:
    """Rows of `load_deam` as a batch: `input_values` `(batch, num_frames, num_mel_bins)`, normalised, and `labels`."""
    log_mels = torch.from_numpy(np.stack([row["input_values"] for row in rows]))
    labels = torch.from_numpy(np.stack([row["labels"] for row in rows])).float()
    return {"input_values": feature_extractor.normalize(log_mels), "labels": labels}


def build_trainer(
    model: ASTVAForRegression,
    feature_extractor: ASTVAFeatureExtractor,
    args: ASTVATrainingArguments,
    splits: DatasetDict | None = None,
) -> ASTVATrainer:
    """The trainer of a model: with splits to train it, without to evaluate it."""
    callbacks = []
    if splits is not None and args.early_stopping_patience and args.eval_strategy != "no":
        callbacks.append(EarlyStoppingCallback(args.early_stopping_patience))
    trainer = ASTVATrainer(
        model=model,
        args=args,
        data_collator=functools.partial(collate, feature_extractor=feature_extractor),
        train_dataset=splits["train"] if splits else None,
        eval_dataset=splits["validation"] if splits else None,
        processing_class=feature_extractor,
        compute_metrics=compute_metrics,
        callbacks=callbacks,
    )
    if not args.disable_tqdm:
        trainer.remove_callback(ProgressCallback)
        trainer.add_callback(ProgressLines)
    return trainer
