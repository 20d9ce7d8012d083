# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The moving average of the weights, which judges better than the last weights do (Polyak and Juditsky, 1992)."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel
from transformers import TrainerCallback

AVERAGE_FILE = "weight_average.safetensors"  # in a checkpoint


class WeightAveraging(TrainerCallback):
    """
    Keeps an exponential moving average of all weights, and puts it in their place when training ends.

    Args:
        decay: what the average keeps of itself at a step, below 1; early steps keep less, so that the first weights,
            which are random, are soon forgotten: `(1 + steps) / (10 + steps)`, as Inception was trained.
        checkpoint: the checkpoint folder that training goes on from, or None.

    Raises:
        ValueError: when training begins: the checkpoint has no average.
    """

    def __init__(self, decay: float, checkpoint: str | None = None):
        self.decay = decay
        self.checkpoint = checkpoint
        self.average: AveragedModel  # from the beginning of training on

    def on_train_begin(self, args, state, control, model: nn.Module, **kwargs):
        self.average = AveragedModel(model, avg_fn=self._blend, use_buffers=True)
        if self.checkpoint is not None:
            path = Path(self.checkpoint) / AVERAGE_FILE
            if not path.is_file():
                raise ValueError(f"Expected the average of the weights in {str(path)!r}, but there is no such file.")
            self.average.load_state_dict(load_file(path))
        else:
            self.average.update_parameters(model)  # the first one is copied

    def on_step_end(self, args, state, control, model: nn.Module, **kwargs):
        self.average.update_parameters(model)

    def on_save(self, args, state, control, **kwargs):
        if state.is_world_process_zero:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            save_file(self.average.state_dict(), folder / AVERAGE_FILE)

    def on_train_end(self, args, state, control, model: nn.Module, **kwargs):
        model.load_state_dict(self.average.module.state_dict())

    def _blend(self, average: torch.Tensor, current: torch.Tensor, num_averaged: torch.Tensor | int) -> torch.Tensor:
        if not average.is_floating_point():  # how many batches a normalisation has seen
            return current
        steps = float(num_averaged)
        return torch.lerp(average, current, 1 - min(self.decay, (1 + steps) / (10 + steps)))
