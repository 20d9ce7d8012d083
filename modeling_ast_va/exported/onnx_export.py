# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Export of a model as one ONNX file: from waveforms to ratings, with the front end and the network inside."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from os import PathLike
from pathlib import Path

import torch
from torch import nn
from transformers.utils import cached_file

from .. import __version__
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..hub.files import HASHED_FILES, file_sha256
from ..hub.fingerprint import fingerprint
from ..hub.protocol import load_protocol
from ..modeling_ast_va import ASTVAForRegression
from ..pipeline_ast_va import SegmentPredictions, predict_log_mels
from ..prediction.loading import load_pipeline
from ..prediction.whole_file import whole_file
from ..results_ast_va import ResultSettings
from .log_mel import LogMel

OPSET = 20


def export_onnx(model: str | PathLike[str], output: str | PathLike[str]) -> None:
    """
    Write a model as an ONNX file that is complete in itself.

    Its input is `waveform` `(batch, num_samples)`: float32, mono, at the sampling rate of the model, of one segment or
    less. Its outputs are `valence` and `arousal`, `(batch,)` each, and those of the heads that the model has:
    `error_stds` and `rater_stds`, `(batch, 2)`, and `frames`, `(batch, num_steps, 2)`, as in [`SegmentPredictions`].
    Its metadata are `sampling_rate`, `segment_seconds`, `label_range`, `license` of the weights, `version` of this
    package, `settings` of the results of songs as JSON ([`ResultSettings`]), `fingerprint`, and `model_sha256`,
    `config_sha256` and `preprocessor_sha256`, the hashes of the files of the model.

    Args:
        model: folder or Hub id.
        output: file to write; its folder is made.

    Raises:
        ValueError: if the model is damaged, or lacks a label.
    """
    pipeline = load_pipeline(str(model), device="cpu")
    extractor, config = pipeline.feature_extractor, pipeline.model.config
    network = WaveformModel(pipeline.model, extractor).eval()
    example = torch.zeros(2, round(extractor.segment_seconds * extractor.sampling_rate))
    sizes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("num_samples", min=network.log_mel.min_samples)}
    with _without_notes():
        exported = torch.export.export(network, (example,), dynamic_shapes={"waveform": sizes})
        names = {"waveform": {axis: size.__name__ for axis, size in sizes.items()}}
        program = torch.onnx.export(
            exported, dynamic_shapes=names, output_names=network.output_names, opset_version=OPSET, verbose=False
        )
    assert program is not None  # it is without a file to write
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # traces through the code, with paths of this machine
    low, high = config.label_range
    program.model.metadata_props.update(
        sampling_rate=str(extractor.sampling_rate),
        segment_seconds=str(extractor.segment_seconds),
        label_range=f"{low},{high}",
        settings=json.dumps(asdict(ResultSettings.of(config))),
        fingerprint=fingerprint(pipeline.model, extractor),
        license=load_protocol(model).get("license") or "unknown",
        version=__version__,
        **{name: file_sha256(str(cached_file(model, file))) for name, file in HASHED_FILES.items()},
    )
    output = Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(output) as unfinished:
        program.save(unfinished)


class WaveformModel(nn.Module):
    """Feature extractor and model as one network that can be exported."""

    def __init__(self, model: ASTVAForRegression, extractor: ASTVAFeatureExtractor):
        super().__init__()
        self.log_mel, self.model, self.extractor = LogMel(extractor), model, extractor

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs, in their order."""
        of_spreads = ["error_stds", "rater_stds"] if self.model.spread_head is not None else []
        return ["valence", "arousal", *of_spreads, *(["frames"] if self.model.frame_head is not None else [])]

    def forward(self, waveform: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """`(batch, num_samples)` -> `(batch,)` and `(batch,)`, valence and arousal, and outputs of further heads."""
        predictions: SegmentPredictions = predict_log_mels(self.model, self.extractor, self.log_mel(waveform))
        optional = (predictions.error_stds, predictions.rater_stds, predictions.frames)
        return (*predictions.ratings.unbind(dim=1), *(one for one in optional if one is not None))


@contextmanager
def _without_notes() -> Iterator[None]:
    """Holds back notes of torch about its own code and about packages that are not needed."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
