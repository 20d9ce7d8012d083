# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The network: a training step, an evaluation pass, and what an epoch of the trainer spends beside them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import ASTConfig, ASTModel, TrainerCallback

from modeling_ast_va import ASTVAForRegression, load_deam
from modeling_ast_va.data.dataset import normalization_statistics
from modeling_ast_va.training.arguments import ASTVATrainingArguments
from modeling_ast_va.training.trainer import build_trainer

from .context import Context, torch_threads
from .notebook_way import NotebookTransformer, build_optimizer, training_step
from .timing import Row, time_interleaved

EPOCHS_MEASURED = 2  # after a first one, which is not counted


class LibraryModel(nn.Module):
    """The library's AST of the same geometry, with a linear head: what one would train without this package."""

    def __init__(self, context: Context):
        super().__init__()
        ours = context.config
        self.encoder = ASTModel(
            ASTConfig(
                hidden_size=ours.hidden_size,
                num_hidden_layers=ours.num_hidden_layers,
                num_attention_heads=ours.num_attention_heads,
                intermediate_size=ours.intermediate_size,
                hidden_dropout_prob=ours.hidden_dropout_prob,
                attention_probs_dropout_prob=ours.attention_probs_dropout_prob,
                patch_size=ours.patch_size,
                frequency_stride=ours.frequency_stride,
                time_stride=ours.time_stride,
                max_length=ours.max_length,
                num_mel_bins=ours.num_mel_bins,
            )
        )
        self.head = nn.Linear(ours.hidden_size, 2)

    def forward(self, log_mels: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(log_mels).pooler_output)


class OurModel(nn.Module):
    """Ours, called as the others are."""

    def __init__(self, context: Context, attention: str = "sdpa", bfloat16: bool = False):
        super().__init__()
        self.model = ASTVAForRegression._from_config(context.config, attn_implementation=attention)
        self.autocast = bfloat16

    def forward(self, log_mels: torch.Tensor) -> torch.Tensor:
        with torch.autocast(log_mels.device.type, torch.bfloat16, enabled=self.autocast):
            logits = self.model(log_mels).logits
        return logits.float()


def step(context: Context) -> list[Row]:
    """Forward, backward, clipping and AdamW for one batch."""
    log_mels, labels = context.batch()
    image = log_mels.transpose(1, 2)[:, None].contiguous()
    operations = count_operations(context, training=True)

    def way(network: nn.Module, inputs: torch.Tensor) -> Callable[[], float]:
        network.train()
        optimizer = build_optimizer(network)
        return lambda: training_step(network, optimizer, inputs, labels)

    ways = {
        "ours": way(OurModel(context), log_mels),
        "notebook": way(_notebook(context), image),
        "library": way(LibraryModel(context), log_mels),
    }
    if context.has_fast_bfloat16:
        ways["bfloat16"] = way(OurModel(context, bfloat16=True), log_mels)
    times = time_interleaved(ways, context.repeats)
    return _rows(context, f"training step, batch {context.batch_size}", times, operations, min_ratio=1.5)


def evaluation(context: Context) -> list[Row]:
    """One batch through the network, without gradients."""
    log_mels, _ = context.batch()
    image = log_mels.transpose(1, 2)[:, None].contiguous()
    operations = count_operations(context, training=False)

    def way(network: nn.Module, inputs: torch.Tensor) -> Callable[[], torch.Tensor]:
        network.eval()
        return torch.no_grad()(lambda: network(inputs))

    ways = {
        "ours": way(OurModel(context), log_mels),
        "notebook": way(_notebook(context), image),
        "library": way(LibraryModel(context), log_mels),
    }
    if context.has_fast_bfloat16:
        ways["bfloat16"] = way(OurModel(context, bfloat16=True), log_mels)
    times = time_interleaved(ways, 2 * context.repeats)
    return _rows(context, f"evaluation pass, batch {context.batch_size}", times, operations, min_ratio=1.0)


def epoch(context: Context) -> list[Row]:
    """How much of an epoch of the trainer is forward, backward and optimiser, with evaluation and checkpoint."""
    precisions = [False, True] if context.has_fast_bfloat16 else [False]
    return [_epoch(context, bfloat16) for bfloat16 in precisions]


def _rows(context: Context, stage: str, times: dict[str, float], operations: float, min_ratio: float) -> list[Row]:
    limit = operations / context.matrix_rate(torch.float32)
    limit_name = f"{operations / 1e9:.0f} GFLOP at {context.matrix_rate(torch.float32) / 1e9:.0f} a second"
    rival = "nn.TransformerEncoder's fast path" if "evaluation" in stage else "the notebook's"
    rows = [
        Row(f"{stage}, float32", times["ours"], times["notebook"], rival, limit, limit_name, min_ratio=min_ratio),
        Row(f"{stage}, float32", times["ours"], times["library"], "the library's ASTModel", limit, limit_name),
    ]
    if "bfloat16" in times:
        rate = context.matrix_rate(torch.bfloat16)
        limit_name = f"{operations / 1e9:.0f} GFLOP at {rate / 1e9:.0f} a second"
        rival += ", float32"
        rows.append(
            Row(f"{stage}, bfloat16", times["bfloat16"], times["notebook"], rival, operations / rate, limit_name)
        )
    return rows


def _notebook(context: Context) -> NotebookTransformer:
    return NotebookTransformer(hidden_size=context.hidden_size, num_layers=context.num_layers)


def count_operations(context: Context, training: bool) -> float:
    """Operations of the matrix products that our network computes for a batch."""
    log_mels, labels = context.batch()
    network = OurModel(context, attention="eager").train(training)  # the counter knows no fused attention on CPU
    with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(training):
        outputs = network(log_mels)
        if training:
            nn.functional.mse_loss(outputs, labels).backward()
    return counter.get_total_flops()


class _Stopwatch(TrainerCallback):
    """Sums the time of the parts of an epoch, and notes the sums at every epoch's begin."""

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
        # By hooks: a step that is replaced would make the scheduler warn.
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
