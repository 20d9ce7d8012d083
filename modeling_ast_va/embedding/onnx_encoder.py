# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""ONNX files as audio encoders: from `waveform` (batch, num_samples) to `embedding` (batch, num_values)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..hub.files import file_sha256
from ..processes import num_cores
from .encoders import WINDOW_SECONDS

OUTPUT = "embedding"
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
METADATA = ("sampling_rate", "segment_seconds")  # as `ast-va export` writes it


class OnnxEncoder:
    """
    An ONNX file as an [`Encoder`]; arguments are those of [`load_encoder`].

    Waveforms that are shorter than a window are padded with silence.
    """

    def __init__(
        self,
        model: str | Path,
        window_seconds: float | None,
        sampling_rate: int | None,
        device: str | None,
        num_threads: int | None = None,
    ):
        self.name, self._session = str(model), _open_session(model, device, num_threads)
        metadata = _numbers(self._session.get_modelmeta().custom_metadata_map)
        rate = metadata.get("sampling_rate", sampling_rate)
        if rate is None:
            raise ValueError(f"Expected sampling_rate for {self.name}, whose metadata have none, but got None.")
        if sampling_rate not in (None, rate):
            raise ValueError(f"Expected sampling_rate {rate:g} of {self.name}, but got {sampling_rate}.")
        self._input, self._output, batch, num_samples = _find_tensors(self.name, self._session)
        self.sampling_rate, self._is_single = int(rate), batch == 1
        seconds = num_samples / rate if num_samples else metadata.get("segment_seconds")
        self.window_seconds = window_seconds or seconds or WINDOW_SECONDS
        self._num_samples = round(self.window_seconds * rate)
        if num_samples and num_samples != self._num_samples:
            raise ValueError(
                f"Expected window_seconds {seconds:g} for {self.name}, whose input has {num_samples} samples, but got "
                f"{window_seconds:g}."
            )
        digest = file_sha256(model)[:16]
        self.record = {"model": Path(model).name, "model_fingerprint": digest, "sampling_rate": self.sampling_rate}
        shape = self([np.zeros(self._num_samples, np.float32)]).shape
        if len(shape) != 2 or shape[0] != 1:
            raise ValueError(f"Expected embeddings (batch, num_values) of {self.name}, but got the shape {shape}.")
        self.num_values = shape[1]

    def __call__(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        # Graphs that drop all axes of size 1 fail for a batch of one: it gets a second row, of silence.
        num_rows = len(waveforms) if self._is_single else max(2, len(waveforms))
        batch = np.zeros((num_rows, self._num_samples), np.float32)
        for row, waveform in zip(batch, waveforms):
            row[: len(waveform)] = waveform
        batches = np.split(batch, len(batch)) if self._is_single else [batch]
        embeddings = np.concatenate([self._run(one) for one in batches])
        return embeddings[: len(waveforms)].astype(np.float32, copy=False)

    def _run(self, batch: np.ndarray) -> np.ndarray:
        try:
            return self._session.run([self._output], {self._input: batch})[0]
        except Exception as error:  # the errors of onnxruntime have no common class
            raise ValueError(f"Expected {self.name} to embed the shape {batch.shape}, but got: {error}") from error


def _open_session(model: str | Path, device: str | None, num_threads: int | None) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError("Expected the package onnxruntime for an ONNX file: pip install onnxruntime") from error
    has_cuda = CUDA in onnxruntime.get_available_providers()
    kind, _, index = (device or ("cuda" if has_cuda else "cpu")).partition(":")
    if kind != "cpu" and not (kind == "cuda" and has_cuda):
        raise ValueError(f"Expected a device that the installed onnxruntime supports, but got {device}.")
    providers = [CPU] if kind == "cpu" else [(CUDA, {"device_id": int(index or 0)}), CPU]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads or num_cores()
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=providers)
    except Exception as error:  # the errors of onnxruntime have no common class
        raise ValueError(f"Expected an ONNX file in {str(model)!r}, but got: {error}") from error


def _numbers(metadata: Mapping[str, str]) -> dict[str, float]:
    """The numbers in the metadata of an ONNX file that say which waveforms it takes."""
    try:
        return {name: float(metadata[name]) for name in METADATA if name in metadata}
    except ValueError as error:
        raise ValueError(f"Expected numbers as {' and '.join(METADATA)} in metadata, but got: {error}") from error


def _find_tensors(name: str, session: Any) -> tuple[str, str, Any, int | None]:
    """Names of the input and the output, and the size of a batch and of a waveform, where the graph fixes it."""
    inputs, outputs = session.get_inputs(), [output.name for output in session.get_outputs()]
    if len(inputs) != 1 or len(inputs[0].shape) != 2 or inputs[0].type != "tensor(float)":
        given = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
        raise ValueError(f"Expected an input waveform (batch, num_samples) of float32 in {name}, but got {given}.")
    if OUTPUT not in outputs and len(outputs) != 1:
        raise ValueError(f"Expected an output {OUTPUT} of {name}, but got {', '.join(outputs)}.")
    batch, num_samples = inputs[0].shape
    if isinstance(batch, int) and batch != 1:
        raise ValueError(f"Expected batches of any size or of 1 in {name}, but got {batch}.")
    output = OUTPUT if OUTPUT in outputs else outputs[0]
    return inputs[0].name, output, batch, num_samples if isinstance(num_samples, int) else None
