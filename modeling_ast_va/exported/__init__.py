# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Models as ONNX files, from waveforms to ratings: their export, and predictions with onnxruntime."""

from ..lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__, {"onnx_export": ["WaveformModel", "export_onnx"], "onnx_pipeline": ["OnnxPipeline"]}
)
