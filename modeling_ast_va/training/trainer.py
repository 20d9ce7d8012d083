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

from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..hub.card import write_model_card
from ..hub.folder import push_folder, save_hub_folder
from ..metrics import compute_metrics
from ..modeling_ast_va import ASTVAForRegression
from ..training.arguments import ASTVATrainingArguments
from ..training.augmentation import spec_augment_mask
from ..training.auxiliary import AuxiliaryTargets
from ..training.losses import concordance_loss

WeightedTargets = Sequence[tuple[AuxiliaryTargets, float]]  # kinds of auxiliary targets, with their weights in the loss


class ASTVATrainer(Trainer):
    """`Trainer` that augments training batches, judges songs, and saves complete Hub folders."""

    def __init__(self, *args, auxiliary_targets: WeightedTargets = (), **kwargs):
        super().__init__(*args, **kwargs)
        self.auxiliary_targets = auxiliary_targets

    def compute_loss(self, model, inputs, return_outputs=False, **kwargs):
        inputs = dict(inputs)
        if model.training:
            # Here and not in the collator: evaluation shares that one, and masks are drawn faster on the device.
            inputs["bool_masked_values"] = spec_augment_mask(
                inputs["input_values"], self.args.frequency_mask_bins, self.args.time_mask_frames
            )
        auxiliary = inputs.pop("auxiliary_targets", None)
        loss, outputs = super().compute_loss(model, inputs, return_outputs=True, **kwargs)
        if model.training and self.args.concordance_weight:
            loss = loss + self.args.concordance_weight * concordance_loss(outputs.logits.float(), inputs["labels"])
        if model.training and auxiliary is not None:
            loss = loss + self._auxiliary_loss(outputs.auxiliary_logits, auxiliary)
        return (loss, outputs) if return_outputs else loss

    def _auxiliary_loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Sum over the kinds of targets of the mean squared error of each, times its weight."""
        sizes = [kind.num_targets for kind, _ in self.auxiliary_targets]
        errors = (logits.float() - targets).square().split(sizes, dim=1)
        return sum(weight * error.mean() for error, (_, weight) in zip(errors, self.auxiliary_targets))

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


def collate(
    rows: Sequence[dict[str, Any]],
    feature_extractor: ASTVAFeatureExtractor,
    auxiliary_targets: WeightedTargets = (),
) -> dict[str, torch.Tensor]:
    """
    Rows of `load_deam` as a batch: `input_values` `(batch, num_frames, num_mel_bins)`, normalised, and `labels`; with
    `auxiliary_targets` those too, `(batch, num_auxiliary_targets)`.
    """
    log_mels = torch.from_numpy(np.stack([row["input_values"] for row in rows]))
    labels = torch.from_numpy(np.stack([row["labels"] for row in rows])).float()
    batch = {"input_values": feature_extractor.normalize(log_mels), "labels": labels}
    if auxiliary_targets:
        segments = [(int(row["song_id"]), row["start_seconds"], row["duration_seconds"]) for row in rows]
        targets = [np.concatenate([kind(*segment) for kind, _ in auxiliary_targets]) for segment in segments]
        batch["auxiliary_targets"] = torch.from_numpy(np.stack(targets))
    return batch


def build_trainer(
    model: ASTVAForRegression,
    feature_extractor: ASTVAFeatureExtractor,
    args: ASTVATrainingArguments,
    splits: DatasetDict | None = None,
    auxiliary_targets: WeightedTargets = (),
) -> ASTVATrainer:
    """The trainer of a model: with splits to train it, without to evaluate it."""
    callbacks = []
    validation = splits.get("validation") if splits else None
    if validation is not None and args.early_stopping_patience and args.eval_strategy != "no":
        callbacks.append(EarlyStoppingCallback(args.early_stopping_patience))
    trainer = ASTVATrainer(
        model=model,
        args=args,
        data_collator=functools.partial(
            collate, feature_extractor=feature_extractor, auxiliary_targets=auxiliary_targets
        ),
        train_dataset=splits["train"] if splits else None,
        eval_dataset=validation,
        processing_class=feature_extractor,
        compute_metrics=compute_metrics,
        callbacks=callbacks,
        auxiliary_targets=auxiliary_targets,
    )
    if not args.disable_tqdm:
        trainer.remove_callback(ProgressCallback)
        trainer.add_callback(ProgressLines)
    return trainer
