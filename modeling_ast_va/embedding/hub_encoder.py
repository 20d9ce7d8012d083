# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Audio encoders of transformers, and the models of this package, through the Auto classes."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    ASTFeatureExtractor,
    AutoConfig,
    AutoFeatureExtractor,
    AutoModel,
    ClapFeatureExtractor,
    WhisperFeatureExtractor,
)

from ..audio_ast_va import segment_sizes
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..hub.files import MODEL_TYPE
from ..hub.fingerprint import fingerprint
from ..hub.folder import naming
from ..modeling_ast_va import ASTVAModel
from ..pipeline_ast_va import check_weights
from ..processes import accelerators, check_device
from .encoders import WINDOW_SECONDS

AST_FRAMES_PER_SECOND = 100
UNUSED = {"masked_spec_embed"}  # weights that only training uses, which published checkpoints lack
INPUTS = ("input_values", "input_features")


class HubEncoder:
    """A model of transformers as an [`Encoder`]; arguments are those of [`load_encoder`]."""

    def __init__(
        self,
        model: str | Path,
        *,
        layer: int | None,
        pooling: str | None,
        window_seconds: float | None,
        device: str | None,
        trust_remote_code: bool,
    ):
        if device is not None:
            check_device(device)
        with naming(Path(model), "an audio encoder"):
            self._extractor, network = _load(str(model), trust_remote_code)
        self.name, self._network = str(model), network.eval().to(device or next(iter(accelerators()), "cpu"))
        self._parameters = inspect.signature(network.forward).parameters
        self.sampling_rate = int(self._extractor.sampling_rate)
        longest = longest_seconds(self._extractor)
        self.window_seconds = window_seconds or longest or WINDOW_SECONDS
        num_samples, _ = segment_sizes(self.sampling_rate, self.window_seconds, None)
        if longest and self.window_seconds > longest:
            raise ValueError(f"Expected window_seconds of at most {longest:g} for {model}, but got {window_seconds:g}.")
        self._layer = layer
        # A window of silence shows before audio is decoded what the model gives.
        with naming(Path(model), "a feature extractor that fits the model"):
            outputs, attention_mask = self._run([np.zeros(num_samples, np.float32)])
        has_pooler = outputs.get("pooler_output") is not None
        self._pooling = pooling or ("pooler" if has_pooler and layer is None else "mean")
        self.num_values = self._embed(outputs, attention_mask).shape[1]
        self.record = {
            "model": self.name,
            "model_fingerprint": fingerprint(network, self._extractor),
            "layer": layer,
            "pooling": self._pooling,
            "sampling_rate": self.sampling_rate,
        }

    def __call__(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        return self._embed(*self._run(waveforms)).float().cpu().numpy()

    @torch.inference_mode()
    def _run(self, waveforms: Sequence[np.ndarray]) -> tuple[Any, torch.Tensor | None]:
        """The outputs of the network, and the mask of its input, `(batch, num_frames)`, if there is one."""
        # Whisper pads to 30 s, and says where the audio ends only if it is asked.
        options = {"return_attention_mask": True} if isinstance(self._extractor, WhisperFeatureExtractor) else {}
        features = self._extractor(list(waveforms), sampling_rate=self.sampling_rate, return_tensors="pt", **options)
        if "is_longer" in features:  # CLAP sets it at random for one of the waveforms, although none is longer
            features["is_longer"] = torch.zeros_like(features["is_longer"])
        features = features.to(self._network.device)
        inputs = {name: value for name, value in features.items() if name in self._parameters}
        if not any(name in inputs for name in INPUTS):
            raise ValueError(f"Expected {self.name} to take {' or '.join(features)}, but it takes other inputs.")
        if self._layer is not None:
            inputs["output_hidden_states"] = True
        return self._network(**inputs), features.get("attention_mask")

    def _embed(self, outputs: Any, attention_mask: torch.Tensor | None) -> torch.Tensor:
        """Embeddings `(batch, num_values)` from the outputs of the network."""
        if self._pooling != "pooler":
            return self._pool(self._hidden_state(outputs), attention_mask)
        if outputs.get("pooler_output") is None:
            raise ValueError(f"Expected pooling mean or first for {self.name}, which has no pooler, but got pooler.")
        return outputs["pooler_output"]

    def _hidden_state(self, outputs: Any) -> torch.Tensor:
        """`(batch, num_tokens, hidden_size)`, or maps `(batch, num_channels, num_rows, num_columns)`, as CLAP has."""
        states = outputs.get("last_hidden_state" if self._layer is None else "hidden_states")
        if states is None:
            raise ValueError(f"Expected an encoder with hidden states in {self.name}, but got {', '.join(outputs)}.")
        if self._layer is None:
            return states
        if not -len(states) <= self._layer < len(states):
            expected = f"Expected a layer from {-len(states)} to {len(states) - 1} of {self.name}"
            raise ValueError(f"{expected}, but got {self._layer}.")
        return states[self._layer]

    def _pool(self, hidden_state: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
        """Embeddings `(batch, num_values)`; the mean is over the tokens of audio, without those of padding."""
        if self._pooling == "first":
            if hidden_state.ndim != 3:
                raise ValueError(
                    f"Expected pooling mean or pooler for {self.name}, which has no tokens, but got first."
                )
            return hidden_state[:, 0]
        if hidden_state.ndim == 4:
            return hidden_state.mean(dim=(2, 3))
        num_tokens = hidden_state.shape[1]
        if attention_mask is None:
            return hidden_state.mean(dim=1)
        shares = attention_mask.sum(dim=1, keepdim=True) / attention_mask.shape[1]
        mask = torch.arange(num_tokens, device=shares.device) < (shares * num_tokens).round().clamp(min=1)
        return (hidden_state * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)


def longest_seconds(extractor: Any) -> float | None:
    """The longest audio that a feature extractor takes without cutting it, in seconds; None where there is no limit."""
    if isinstance(extractor, ASTVAFeatureExtractor):
        return extractor.segment_seconds
    if isinstance(extractor, ASTFeatureExtractor):
        return extractor.max_length / AST_FRAMES_PER_SECOND
    if isinstance(extractor, WhisperFeatureExtractor):
        return extractor.n_samples / extractor.sampling_rate
    if isinstance(extractor, ClapFeatureExtractor):
        return extractor.nb_max_samples / extractor.sampling_rate
    return None


def _load(model: str, trust_remote_code: bool) -> tuple[Any, Any]:
    """The feature extractor and the audio branch of a model; the weights are complete and finite."""
    options = {"trust_remote_code": trust_remote_code}
    config = AutoConfig.from_pretrained(model, **options)
    extractor = AutoFeatureExtractor.from_pretrained(model, **options)
    if not getattr(extractor, "sampling_rate", None):
        raise ValueError(f"{type(extractor).__name__}, which has no sampling rate.")
    # AutoModel makes a model of this package with its head, which embeddings do not need.
    loader = ASTVAModel if config.model_type == MODEL_TYPE else AutoModel
    options = {} if loader is ASTVAModel else options
    whole, info = loader.from_pretrained(model, dtype=torch.float32, output_loading_info=True, **options)
    network = _audio_branch(whole)
    prefix = next(f"{name}." if name else "" for name, module in whole.named_modules() if module is network)
    of_network = [name for name in info["missing_keys"] if name.startswith(prefix)]
    if missing := sorted(name for name in of_network if name.removeprefix(prefix) not in UNUSED):
        raise ValueError(f"none of the weights {', '.join(missing[:5])}.")
    check_weights(network)
    return extractor, network


def _audio_branch(network: Any) -> Any:
    """What embeds audio: the encoder of a model of text and audio such as Whisper, or of two branches such as CLAP."""
    if network.config.is_encoder_decoder:
        return network.get_encoder()
    return getattr(network, "audio_model", network.base_model)
