# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""How much work a training run is, and about how long it takes, before it is long under way."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable

from tqdm import tqdm
from transformers import TrainerCallback

UNMEASURED_STEPS = 3  # the first ones are slow: buffers are allocated, kernels are chosen
MEASURED_STEPS, MEASURED_SECONDS = 20, 10  # whichever comes first


class TimeEstimate(TrainerCallback):
    """
    Prints what there is to train on, and the number of steps, when training starts; soon after about how long it takes.

    The time is that of all steps at the median rate of the first ones, without evaluations and checkpoints. A resumed
    run counts the steps that are left.

    Args:
        contents: to train on, such as `1,000 songs, 20,000 segments`.
        clock: of seconds.
    """

    def __init__(self, contents: str, clock: Callable[[], float] = time.perf_counter):
        self.contents, self.clock = contents, clock
        self.first_step, self.is_done = 0, False
        self.times: list[float] = []  # at the ends of the measured steps

    def on_train_begin(self, args, state, control, **kwargs):
        self.first_step, self.is_done, self.times = state.global_step, False, []
        if state.is_world_process_zero and state.global_step < state.max_steps:
            steps = f"{state.max_steps - state.global_step:,} steps"
            tqdm.write(f"Training on {self.contents}: {steps}.")

    def on_step_end(self, args, state, control, **kwargs):
        if self.is_done or state.global_step < self.first_step + UNMEASURED_STEPS:
            return
        self.times.append(self.clock())
        durations = [end - start for start, end in itertools.pairwise(self.times)]
        self.is_done = len(durations) >= MEASURED_STEPS or sum(durations) >= MEASURED_SECONDS
        if self.is_done and state.is_world_process_zero:
            total = state.max_steps - self.first_step
            duration = format_duration(total * statistics.median(durations))
            tqdm.write(f"{total:,} steps, {duration}, plus evaluations.")


def format_duration(seconds: float) -> str:
    """A duration as far as an estimate is exact: `about 40 seconds`, `about 3 minutes`, `about 2.5 hours`."""
    if seconds < 55:
        return f"about {max(10, round(seconds, -1)):.0f} seconds"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"about {minutes} minute{'s' if minutes > 1 else ''}"
    hours = seconds / 3600
    return f"about {hours:.{0 if hours >= 10 else 1}f} hours"
