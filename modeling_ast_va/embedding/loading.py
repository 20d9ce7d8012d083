# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Loads an audio encoder by its name."""

from __future__ import annotations

from pathlib import Path

from .encoders import Encoder, check_encoder, is_onnx


def load_encoder(
    model: str | Path,
    *,
    layer: int | None = None,
    pooling: str | None = None,
    window_seconds: float | None = None,
    sampling_rate: int | None = None,
    device: str | None = None,
    num_threads: int | None = None,
    trust_remote_code: bool = False,
) -> Encoder:
    """
    Load an audio encoder.

    Args:
        model: Hub id or folder of any audio encoder of transformers with a feature extractor, or an ONNX file.
        layer: hidden state to pool: 0 is the input of the first layer, -1 the output of the last; None is the output of
            the encoder, which in some models is normalised once more.
        pooling: `"mean"` over time, the `"first"` token, or `"pooler"`, the embedding that the model computes itself;
            None is `"pooler"` where the model has one and no layer is given, and else `"mean"`.
        window_seconds: length of a window, in seconds; None is the length for which the encoder is made, and
            `WINDOW_SECONDS` if it takes any length.
        sampling_rate: of the waveforms of an ONNX file, in Hz; None is that of its metadata.
        device: such as `"cuda:0"`; None is the first accelerator of the machine, or the CPU.
        num_threads: of an ONNX file on the CPU; None is one for each core. Models of transformers have those of torch.
        trust_remote_code: whether code in the repository of a model may run.

    Raises:
        ValueError: for a model that is no audio encoder, is damaged, or does not fit the other arguments.
        ImportError: for packages that the model needs.
    """
    options = {"layer": layer, "pooling": pooling, "trust_remote_code": trust_remote_code}
    check_encoder(model, sampling_rate=sampling_rate, **options)  # type: ignore[arg-type]
    if is_onnx(model):
        from .onnx_encoder import OnnxEncoder  # each on use: to import torch and transformers takes seconds

        return OnnxEncoder(model, window_seconds, sampling_rate, device, num_threads)
    from .hub_encoder import HubEncoder

    return HubEncoder(model, window_seconds=window_seconds, device=device, **options)  # type: ignore[arg-type]
