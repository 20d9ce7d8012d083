# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Arguments of the `Trainer`: those of transformers, with the notebook's recipe as defaults, and those of the loss."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import TrainingArguments
from transformers.training_args import OptimizerNames

LESS_IS_BETTER = ("loss", "mse", "rmse", "mae")  # last parts of names of metrics
ADAMW = (OptimizerNames.ADAMW_TORCH.value, OptimizerNames.ADAMW_TORCH_FUSED.value)
NOT_NEGATIVE = ("_patience", "_bins", "_frames", "_weight", "_batch_size", "_rate")  # last parts of names of arguments


@dataclass
class ASTVATrainingArguments(TrainingArguments):
    """
    `TrainingArguments` whose defaults are the notebook's recipe, with SpecAugment, early stopping and loss terms.

    As the defaults of [`ASTVAConfig`] they are those of Python; `train` has those of `configs/deam_fast.json`.
    Arguments that are not described here are those of transformers with other defaults.

    Args:
        output_dir: folder to write, which becomes a complete Hub repository.
        resume_from_checkpoint: 'true' continues from the last checkpoint in output_dir; a folder is that checkpoint.
        push_to_hub: whether to publish the folder at the end.
        hub_model_id: repository to publish to, such as 'me/ast-va'. Without it, the name of output_dir.
        hub_private_repo: whether a new repository is private.
        num_train_epochs: passes over the training segments.
        max_steps: steps of the optimizer, which replace the epochs if positive.
        per_device_train_batch_size: segments with labels in a training batch of each process.
        unlabeled_batch_size: segments without labels that each training batch has beside those with labels.
        augmented_batch_size: augmented windows that each training batch has beside those with labels.
        per_device_eval_batch_size: segments in an evaluation batch of each process.
        gradient_accumulation_steps: batches whose gradients make one step of the optimizer.
        learning_rate: learning rate at the end of the warm-up, its highest.
        matrix_learning_rate: highest learning rate of the weight matrices of transformer and stem, which Muon then
            trains; 0 leaves them to AdamW. It needs an optim of 'adamw_torch' or 'adamw_torch_fused'.
        lr_scheduler_type: course of the learning rate after the warm-up, such as 'cosine', 'linear' or 'constant'.
        warmup_steps: steps in which the learning rate rises from 0; below 1, a share of all steps.
        weight_decay: weight decay of the optimizer, which biases and normalisations are exempt from.
        max_grad_norm: norm to which gradients are clipped; 0 leaves them.
        early_stopping_patience: evaluations without improvement after which training stops; 0 never stops.
        metric_for_best_model: validation metric of the best checkpoint, such as 'mse', 'ccc' or 'song_ccc'.
        load_best_model_at_end: whether the result is the best checkpoint in place of the last.
        eval_strategy: when to validate: at the end of each 'epoch', each eval_steps 'steps', or 'no'.
        save_strategy: when to write a checkpoint: at the end of each 'epoch', each save_steps 'steps', or 'no'.
        save_total_limit: checkpoints to keep beside the best one.
        logging_strategy: when to log the loss: at the end of each 'epoch', each logging_steps 'steps', or 'no'.
        logging_steps: steps from log to log.
        report_to: experiment trackers to report to, such as 'tensorboard' or 'wandb'.
        seed: seed of new weights, order of batches, dropout and masks.
        frequency_mask_bins: widest frequency mask of SpecAugment, in mel bins.
        time_mask_frames: widest time mask of SpecAugment, in frames.
        concordance_weight: weight of the loss term 1 - CCC.
        dynamic_weight: weight of the loss term of DEAM's dynamic annotations.
        teacher_weight: weight of the loss term of the ratings that the teachers give, and of those of their embeddings
            together; without teachers it counts nothing.
        num_threads: threads of torch on CPU. Without it, the cores shared among the processes.
        use_cpu: whether to train on the CPU where there is an accelerator, too.
        bf16: whether to compute in bfloat16, which is faster and less exact.
        disable_tqdm: whether to hide the progress bars.
    """

    output_dir: str = "outputs/ast-va"
    num_train_epochs: float = 15.0
    per_device_train_batch_size: int = 16
    per_device_eval_batch_size: int = 32
    learning_rate: float = 1e-4
    matrix_learning_rate: float = 0.0
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
    teacher_weight: float = 2.0
    unlabeled_batch_size: int = 24
    augmented_batch_size: int = 64
    num_threads: int | None = None

    def __post_init__(self):
        if self.greater_is_better is None and self.metric_for_best_model is not None:  # type: ignore[has-type]
            self.greater_is_better = not self.metric_for_best_model.endswith(LESS_IS_BETTER)
        super().__post_init__()
        self.dataloader_pin_memory &= torch.accelerator.is_available()  # otherwise torch warns at every data loader
        for name in ASTVATrainingArguments.__annotations__:
            if name.endswith(NOT_NEGATIVE) and getattr(self, name) < 0:
                raise ValueError(f"Expected {name} of at least 0, but got {getattr(self, name)}.")
        if self.matrix_learning_rate and self.optim not in ADAMW:
            expected = " or ".join(ADAMW)
            raise ValueError(f"Expected optim {expected} with matrix_learning_rate, but got {self.optim.value}.")
