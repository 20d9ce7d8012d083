# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Loading stage: training steps of the recipe with log-mels from the cache, and computed on the fly."""

from __future__ import annotations

import shutil
import statistics
import time
from itertools import pairwise

from transformers import TrainerCallback

from modeling_ast_va import ASTVAForRegression, load_deam
from modeling_ast_va.data.sources import LOG_MELS
from modeling_ast_va.released import find_recipe
from modeling_ast_va.settings import build_new
from modeling_ast_va.training.arguments import parse_arguments
from modeling_ast_va.training.trainer import build_trainer
from modeling_ast_va.training.training_arguments import ASTVATrainingArguments

from .context import Context, torch_threads
from .timing import Row

RECIPE = "deam_fast.json"
NUM_WORKERS = (0, 1, 2)
WARM_UP_STEPS, NUM_STEPS = 5, 40


def loading(context: Context) -> list[Row]:
    """The median time of a training step of the recipe, by number of data loader workers."""
    rows = []
    for num_workers in NUM_WORKERS:
        seconds = {log_mels: _seconds_per_step(context, log_mels, num_workers) for log_mels in LOG_MELS}
        stage = f"training step of {RECIPE}, log-mels on the fly, {num_workers} data loader workers"
        rows.append(Row(stage, seconds["on_the_fly"], rival=seconds["cached"], rival_name="log-mels from the cache"))
    return rows


class _StepTimes(TrainerCallback):
    """Records the time at the end of each step."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, args, state, control, **kwargs):
        self.ends.append(time.perf_counter())


def _seconds_per_step(context: Context, log_mels: str, num_workers: int) -> float:
    data, settings, training = parse_arguments([str(find_recipe(RECIPE))])
    config, feature_extractor = build_new(settings)
    splits = load_deam(
        context.data_dir,
        split_by="none",
        segment_hop_seconds=data.segment_hop_seconds,
        feature_extractor=feature_extractor,
        num_proc=context.num_threads,
        cache_dir=context.work_dir / "cache",
        log_mels=log_mels,
    )
    measured = {"max_steps": NUM_STEPS, "eval_strategy": "no", "save_strategy": "no", "load_best_model_at_end": False}
    measured |= {"dataloader_num_workers": num_workers, "dynamic_weight": 0.0, "use_cpu": True, "disable_tqdm": True}
    output_dir = context.work_dir / "steps"
    args = ASTVATrainingArguments(**{**training, **measured, "output_dir": str(output_dir)})
    trainer = build_trainer(ASTVAForRegression(config), feature_extractor, args, splits)
    times = _StepTimes()
    trainer.add_callback(times)
    with torch_threads(context.num_threads):
        trainer.train()
    shutil.rmtree(output_dir, ignore_errors=True)
    return statistics.median(end - start for start, end in pairwise(times.ends[WARM_UP_STEPS:]))
