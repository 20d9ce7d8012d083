# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Audio encoders, from waveforms to embeddings: models of transformers, and ONNX files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..argument_parser import check_file
from ..hub.files import CONFIG_FILE, read_json_object

if TYPE_CHECKING:
    import numpy as np

POOLINGS = ("mean", "first", "pooler")
ONNX_ENDING = ".onnx"
WINDOW_SECONDS = 3.0  # for encoders that take audio of any length


class Encoder(Protocol):
    """
    A network from waveforms to embeddings.

    Args:
        sampling_rate: of the waveforms, in Hz.
        window_seconds: length of the windows that it embeds, in seconds.
        num_values: of an embedding.
        record: what its embeddings depend on, as JSON.
    """

    sampling_rate: int
    window_seconds: float
    num_values: int
    record: dict[str, Any]

    def __call__(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        """
        Embed windows.

        Args:
            waveforms: mono, `(num_samples,)`, float32, all of the same length, which is a window or less.

        Shape:
            -> `(batch, num_values)`, float32.
        """


def check_encoder(
    model: str | Path,
    *,
    layer: int | None = None,
    pooling: str | None = None,
    sampling_rate: int | None = None,
    trust_remote_code: bool = False,
) -> None:
    """Check the arguments of [`load_encoder`] without loading anything (ValueError)."""
    if is_onnx(model):
        check_file(model, "an ONNX file")
        if layer is not None or pooling is not None or trust_remote_code:
            raise ValueError(f"Expected no layer, pooling or trust_remote_code for an ONNX file, but got {model}.")
        return
    if sampling_rate is not None:
        raise ValueError(f"Expected no sampling_rate for {model}, whose feature extractor has one.")
    if layer is not None and pooling == "pooler":
        raise ValueError(f"Expected pooling mean or first for layer {layer}, but got pooler, which has its own layer.")
    folder, expected = Path(model), f"Expected a folder or Hub id of an audio encoder, or an ONNX file, but got {model}"
    if folder.is_dir() and not (folder / CONFIG_FILE).is_file():
        raise ValueError(f"{expected}, which has no {CONFIG_FILE}.")
    if folder.is_dir():
        read_json_object(folder / CONFIG_FILE)
    elif folder.exists() or not re.fullmatch(r"\w[\w.-]*/[\w.-]+", str(model), re.ASCII):
        raise ValueError(f"{expected}, which is no folder.")


def is_onnx(model: str | Path) -> bool:
    """Whether a model is given as an ONNX file."""
    return str(model).endswith(ONNX_ENDING)
