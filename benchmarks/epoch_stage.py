# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Epoch stage: time of the trainer outside forward, backward and optimiser."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback

from modeling_ast_va import ASTVAForRegression, load_deam
from modeling_ast_va.data.statistics import normalization_statistics
from modeling_ast_va.training.trainer import build_trainer
from modeling_ast_va.training.training_arguments import ASTVATrainingArguments

from .context import Context, torch_threads
from .timing import Row

EPOCHS_MEASURED = 2  # after one to warm up


def epoch(context: Context) -> list[Row]:
    """Share of forward, backward and optimiser in an epoch of the trainer with evaluation and checkpoint."""
    precisions = [False, True] if context.has_fast_bfloat16 else [False]
    return [_epoch(context, bfloat16) for bfloat16 in precisions]


class _Stopwatch(TrainerCallback):
    """Sums the time of forward, backward and optimiser, and records the sum at the start of each epoch."""

    def __init__(self) -> None:
        self.spent = 0.0
        self.marks: list[tuple[float, float]] = []

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args, **kwargs):
            start = time.perf_counter()
            result = function(*args, **kwargs)
            self.spent += time.perf_counter() - start
            return result

        return timed

    def on_train_begin(self, args, state, control, optimizer=None, **kwargs):
        # By hooks: the scheduler warns about a step that is replaced.
        optimizer.optimizer.register_step_pre_hook(lambda *_: self._add(-time.perf_counter()))
        optimizer.optimizer.register_step_post_hook(lambda *_: self._add(time.perf_counter()))

    def _add(self, seconds: float) -> None:
        self.spent += seconds

    def on_epoch_begin(self, args, state, control, **kwargs):
        self.marks.append((time.perf_counter(), self.spent))

    def on_train_end(self, args, state, control, **kwargs):
        self.marks.append((time.perf_counter(), self.spent))


def _epoch(context: Context, bfloat16: bool) -> Row:
    extractor = type(context.feature_extractor)()
    splits = load_deam(
        context.data_dir,
        split_by="song",
        feature_extractor=extractor,
        num_proc=context.num_threads,
        cache_dir=context.work_dir / "cache",
    )
    extractor.mean, extractor.std = normalization_statistics(splits["train"])
    output_dir = context.work_dir / "epochs"
    args = ASTVATrainingArguments(
        output_dir=str(output_dir),
        num_train_epochs=1 + EPOCHS_MEASURED,
        per_device_train_batch_size=context.batch_size,
        bf16=bfloat16,
        use_cpu=True,
    )
    trainer = build_trainer(ASTVAForRegression(context.config), extractor, args, splits)
    stopwatch = _Stopwatch()
    trainer.model.forward = stopwatch.timed(trainer.model.forward)
    trainer.accelerator.backward = stopwatch.timed(trainer.accelerator.backward)
    trainer.add_callback(stopwatch)
    with torch_threads(context.num_threads):
        trainer.train()
    shutil.rmtree(output_dir)
    (start, before), (end, after) = stopwatch.marks[1], stopwatch.marks[-1]
    num_steps = -(-len(splits["train"]) // context.batch_size)
    return Row(
        f"epoch of {num_steps} steps with evaluation and checkpoint, {'bfloat16' if bfloat16 else 'float32'}",
        (end - start) / EPOCHS_MEASURED,
        limit=(after - before) / EPOCHS_MEASURED,
        limit_name="forward, backward and optimiser",
        min_share=0.95,
    )
