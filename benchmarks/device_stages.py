# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""GPU stages: compiled training and inference in bfloat16, and log-mels."""

from __future__ import annotations

from collections.abc import Callable

import torch

from .context import SAMPLING_RATE, Context, synchronize
from .network_stages import OurModel, count_operations
from .notebook_way import NotebookTransformer, build_optimizer, training_step
from .timing import Row, time_interleaved

MATRIX_SIZE = 8192
BATCH_SIZE = 256  # the 16 of the notebook do not occupy a GPU
STEPS = 10  # steps of one measurement


def gpu(context: Context) -> list[Row]:
    """Training, inference and log-mels on a GPU; no rows with `device="cpu"`."""
    if context.device != "cuda":
        return []
    device, samples = "cuda", STEPS * BATCH_SIZE
    rate = context.matrix_rate(torch.bfloat16, device, MATRIX_SIZE)
    wide = Context(context.data_dir, context.work_dir, batch_size=BATCH_SIZE)
    log_mels, labels = (tensor.to(device) for tensor in wide.batch())
    image = log_mels.transpose(1, 2)[:, None].contiguous()

    def training(network: torch.nn.Module, inputs: torch.Tensor) -> Callable[[], list[float]]:
        optimizer = build_optimizer(network)
        return lambda: [training_step(network, optimizer, inputs, labels) for _ in range(STEPS)]

    def inference(network: torch.nn.Module, inputs: torch.Tensor) -> Callable[[], list[torch.Tensor]]:
        network.eval()
        return torch.no_grad()(lambda: [network(inputs) for _ in range(STEPS)])

    rows = []
    for stage, way, is_training in (("training", training, True), ("inference", inference, False)):
        ours = OurModel(wide.config, bfloat16=True).to(device)
        ours.model.compile()
        times = time_interleaved(
            {"ours": way(ours, log_mels), "notebook": way(NotebookTransformer().to(device), image)},
            context.repeats,
            finish=lambda: synchronize(device),
        )
        one = Context(context.data_dir, context.work_dir, batch_size=1)
        operations = samples * count_operations(one, is_training)
        rows.append(
            Row(
                f"GPU: {stage}, {STEPS} batches of {BATCH_SIZE}, bfloat16, compiled",
                times["ours"],
                times["notebook"],
                "the notebook, float32",
                operations / rate,
                f"its products at {rate / 1e12:.0f} TFLOP per second",
                note=f"{samples / times['ours']:.0f} segments per second",
            )
        )
    return [*rows, _features(context)]


def _features(context: Context) -> Row:
    segments = torch.stack([torch.from_numpy(segment.copy()) for segment in context.segments])
    on_device = segments.cuda()
    extractor = context.feature_extractor
    times = time_interleaved(
        {
            "gpu": lambda: extractor(on_device, SAMPLING_RATE, return_tensors="pt", device="cuda"),
            "cpu": lambda: extractor(segments, SAMPLING_RATE, return_tensors="pt"),
        },
        context.repeats,
        finish=torch.cuda.synchronize,
    )
    return Row(
        f"GPU: log-mels of {len(segments)} segments",
        times["gpu"],
        times["cpu"],
        "ours on the CPU",
        note=f"{len(segments) / times['gpu']:.0f} segments per second",
    )
