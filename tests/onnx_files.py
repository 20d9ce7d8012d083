# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Small ONNX files from waveform to embedding, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NUM_SAMPLES, NUM_VALUES = 4000, 5


def weights() -> np.ndarray:
    """The matrix of the network, `(NUM_SAMPLES, NUM_VALUES)`."""
    return np.random.default_rng(0).normal(size=(NUM_SAMPLES, NUM_VALUES)).astype(np.float32)


def write_onnx(
    path: Path,
    *,
    num_samples: int | str = NUM_SAMPLES,
    batch: int | str = "batch",
    squeezes: bool = False,
    outputs: tuple[str, ...] = ("embedding",),
    metadata: dict[str, str] | None = None,
) -> Path:
    """
    Write a network that multiplies a waveform by `weights`.

    Args:
        num_samples, batch: axes of the input; a text is an axis of any size.
        squeezes: whether it drops all axes of size 1 on its way, and fails for a batch of one.
        outputs: names of equal outputs.
        metadata: of the file.
    """
    nodes = [helper.make_node("MatMul", ["waveform", "weights"], ["product"])]
    product = "product"
    if squeezes:
        nodes += [
            helper.make_node("Squeeze", ["product"], ["squeezed"]),
            helper.make_node("Concat", ["squeezed", "product"], ["both"], axis=0),
            helper.make_node("Split", ["both"], ["first", "second"], axis=0, num_outputs=2),
        ]
        product = "first"
    nodes += [helper.make_node("Identity", [product], [name]) for name in outputs]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("waveform", TensorProto.FLOAT, [batch, num_samples])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, NUM_VALUES]) for name in outputs],
        [numpy_helper.from_array(weights(), "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return path
