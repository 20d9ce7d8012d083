# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Arguments of the `Trainer`: those of transformers, with the notebook's recipe as defaults, and those of the loss."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import TrainingArguments

LESS_IS_BETTER = ("loss", "mse", "rmse", "mae")  # last parts of names of metrics
NOT_NEGATIVE = ("_patience", "_bins", "_frames", "_weight")  # last parts of names of arguments


@dataclass
class ASTVATrainingArguments(TrainingArguments):
    """
    `TrainingArguments` whose defaults are the notebook's recipe, with SpecAugment, early stopping and loss terms.

    Arguments that are not described here are those of transformers with other defaults.

    Args:
        output_dir: output folder, which becomes a complete Hub repository.
        early_stopping_patience: stop after this number of evaluations without improvement. 0 never stops.
        frequency_mask_bins: widest frequency mask of SpecAugment, in mel bins.
        time_mask_frames: widest time mask of SpecAugment, in frames.
        concordance_weight: weight of the loss term 1 - CCC.
        dynamic_weight: weight of the loss term of the dynamic annotations.
        teacher_weight: weight of both loss terms of a teacher: its embeddings, and ratings predicted from them.
        num_threads: threads of torch on CPU. Without it, the cores shared among the processes.
    """

    output_dir: str = "outputs/ast-va"
    num_train_epochs: float = 15.0
    per_device_train_batch_size: int = 16
    per_device_eval_batch_size: int = 32
    learning_rate: float = 1e-4
    weight_decay: float = 0.01
    lr_scheduler_type: str = "cosine"
    max_grad_norm: float = 1.0
    eval_strategy: str = "epoch"
    save_strategy: str = "epoch"
    logging_strategy: str = "epoch"
    save_total_limit: int | None = 2
    load_best_model_at_end: bool = True
    metric_for_best_model: str | None = "mse"
    remove_unused_columns: bool = False
    ddp_find_unused_parameters: bool | None = False
    early_stopping_patience: int = 5
    frequency_mask_bins: int = 10
    time_mask_frames: int = 20
    concordance_weight: float = 0.0
    dynamic_weight: float = 0.0
    teacher_weight: float = 0.0
    num_threads: int | None = None

    def __post_init__(self):
        if self.greater_is_better is None and self.metric_for_best_model is not None:  # type: ignore[has-type]
            self.greater_is_better = not self.metric_for_best_model.endswith(LESS_IS_BETTER)
        super().__post_init__()
        self.dataloader_pin_memory &= torch.accelerator.is_available()  # otherwise torch warns at every data loader
        for name in ASTVATrainingArguments.__annotations__:
            if name.endswith(NOT_NEGATIVE) and getattr(self, name) < 0:
                raise ValueError(f"Expected {name} of at least 0, but got {getattr(self, name)}.")
