# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Stages of the network: a training step, an evaluation pass, and what each optimisation of the step saves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import ASTConfig, ASTModel

from modeling_ast_va import ASTVAConfig, ASTVAForRegression, modeling_ast_va
from modeling_ast_va.hub.files import read_json
from modeling_ast_va.released import RELEASED_MODEL
from modeling_ast_va.settings import build_new

from .context import ROOT, Context
from .notebook_way import NotebookTransformer, build_optimizer, training_step
from .timing import Row, time_interleaved

RECIPE = ROOT / "configs" / "deam_fast.json"


class LibraryModel(nn.Module):
    """AST of transformers with the same geometry and a linear head."""

    def __init__(self, ours: ASTVAConfig):
        super().__init__()
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
    """Our model with the interface of the others; of a batch whose descriptors are known, it does not compute them."""

    def __init__(
        self,
        config: ASTVAConfig,
        attention: str = "sdpa",
        bfloat16: bool = False,
        all_tokens: bool = False,
        described: torch.Tensor | None = None,
    ):
        super().__init__()
        self.model = ASTVAForRegression._from_config(config, attn_implementation=attention)
        self.autocast = bfloat16
        self.all_tokens = all_tokens
        self.descriptors: torch.Tensor | None = None
        if described is not None:
            self.descriptors = self.model.ast_va.descriptor_embedding.descriptors(described)

    def forward(self, log_mels: torch.Tensor) -> torch.Tensor:
        options = {"output_hidden_states": self.all_tokens, "descriptors": self.descriptors}
        with torch.autocast(log_mels.device.type, torch.bfloat16, enabled=self.autocast):
            logits = self.model(log_mels, **options).logits
        return logits.float()


def step(context: Context) -> list[Row]:
    """One training step: forward, backward, clipping and AdamW for one batch."""
    return _compare(context, f"training step, batch {context.batch_size}", "the notebook", training=True)


def evaluation(context: Context) -> list[Row]:
    """One evaluation pass: one batch without gradients."""
    rival = "nn.TransformerEncoder's fast path"
    return _compare(context, f"evaluation pass, batch {context.batch_size}", rival, training=False)


def optimizations(context: Context) -> list[Row]:
    """Training steps and an evaluation pass with all optimisations on CPU, and without each of them in turn."""
    default, batch = context.config, context.batch()
    steps = {
        "ours": _way(OurModel(default, "eager"), batch, training=True),
        "all tokens in the last layer": _way(OurModel(default, "eager", all_tokens=True), batch, training=True),
        "dropout of torch": _with_dropout_of_torch(_way(OurModel(default, "eager"), batch, training=True)),
        'attn_implementation="sdpa"': _way(OurModel(default), batch, training=True),
    }
    passes = {
        "ours": _way(OurModel(default), batch, training=False),
        "all tokens in the last layer": _way(OurModel(default, all_tokens=True), batch, training=False),
    }
    stages = {"training step": steps, "evaluation pass": passes}
    stages = {f"{stage}, batch {context.batch_size}": ways for stage, ways in stages.items()}
    networks = {  # and their batches, in units of the notebook's: the recipes train in batches of 32 and 96
        RECIPE.name: (build_new(read_json(RECIPE))[0], 2),
        "the released model": (ASTVAConfig.from_pretrained(RELEASED_MODEL), 6),
    }
    for name, (config, multiple) in networks.items():
        batch_size = multiple * context.batch_size
        batch = context.batch(config, batch_size)
        stages[f"training step of {name}, batch {batch_size}"] = _steps_with_descriptors(config, batch)
    rows = []
    for stage, ways in stages.items():
        rows += _without_each(stage, time_interleaved(ways, 2 * context.repeats))
    return rows


def _steps_with_descriptors(
    config: ASTVAConfig, batch: tuple[torch.Tensor, torch.Tensor]
) -> dict[str, Callable[[], Any]]:
    """Training steps of a network with descriptors, which training computes once for all epochs."""

    def way() -> Callable[[], Any]:
        return _way(OurModel(config, described=batch[0]), batch, training=True)

    return {
        "ours": way(),
        "dropout of torch": _with_dropout_of_torch(way()),
        "descriptors computed in every step": _way(OurModel(config), batch, training=True),
    }


def _without_each(stage: str, times: dict[str, float]) -> list[Row]:
    return [Row(stage, times["ours"], times[name], name, min_ratio=1.15) for name in times if name != "ours"]


def _with_dropout_of_torch(way: Callable[[], Any]) -> Callable[[], Any]:
    return mock.patch.object(modeling_ast_va, "drop_out", nn.functional.dropout)(way)


def _compare(context: Context, stage: str, rival: str, training: bool) -> list[Row]:
    """Ours against the notebook and the library, with the time of the matrix products as the limit."""
    attention, batch = "eager" if training else "sdpa", context.batch()  # eager as in training on CPU
    notebook = NotebookTransformer(hidden_size=context.hidden_size, num_layers=context.num_layers)
    ways = {
        "ours": _way(OurModel(context.config, attention), batch, training),
        "notebook": _way(notebook, batch, training),
        "library": _way(LibraryModel(context.config), batch, training),
    }
    if context.has_fast_bfloat16:
        ways["bfloat16"] = _way(OurModel(context.config, attention, bfloat16=True), batch, training)
    times = time_interleaved(ways, context.repeats if training else 2 * context.repeats)
    operations = count_operations(context, training)

    def limit(dtype: torch.dtype) -> tuple[float, str]:
        rate = context.matrix_rate(dtype)
        return operations / rate, f"{operations / 1e9:.0f} GFLOP at {rate / 1e9:.0f} per second"

    single, goal = limit(torch.float32), 1.5 if training else 1.0
    rows = [
        Row(f"{stage}, float32", times["ours"], times["notebook"], rival, *single, min_ratio=goal),
        Row(f"{stage}, float32", times["ours"], times["library"], "ASTModel of transformers", *single),
    ]
    if "bfloat16" in times:
        half = limit(torch.bfloat16)
        rows.append(Row(f"{stage}, bfloat16", times["bfloat16"], times["notebook"], f"{rival}, float32", *half))
    return rows


def _way(network: nn.Module, batch: tuple[torch.Tensor, torch.Tensor], training: bool) -> Callable[[], Any]:
    """A training step or an evaluation pass of a network on one batch."""
    log_mels, labels = batch
    inputs = log_mels.transpose(1, 2)[:, None].contiguous() if isinstance(network, NotebookTransformer) else log_mels
    network.train(training)
    if not training:
        return torch.no_grad()(lambda: network(inputs))
    optimizer = build_optimizer(network)
    return lambda: training_step(network, optimizer, inputs, labels)


def count_operations(context: Context, training: bool) -> float:
    """Operations in the matrix products of our network for one batch."""
    log_mels, labels = context.batch()
    network = OurModel(context.config, "eager").train(training)  # the counter does not count fused attention on CPU
    with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(training):
        outputs = network(log_mels)
        if training:
            nn.functional.mse_loss(outputs, labels).backward()
    return counter.get_total_flops()
