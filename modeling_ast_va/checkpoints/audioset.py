# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Models from weights that exist: an AudioSet AST of the library, a saved model, the notebook's checkpoint."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Collection, Mapping
from typing import Any

import torch
from transformers import ASTConfig, ASTFeatureExtractor, ASTModel, PreTrainedConfig
from transformers.utils import FEATURE_EXTRACTOR_NAME, has_file

from ..checkpoints.notebook import convert_notebook_checkpoint
from ..checkpoints.weights import check_keys, copy_weights, listed, patch_size_of
from ..configuration_ast_va import ASTVAConfig
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..modeling_ast_va import ASTVAForRegression, resample_position_embeddings
from ..training.arguments import check_descriptors, fitting_length, split_settings

logger = logging.getLogger(__name__)

POSITIONS = "embeddings.position_embeddings"
PATCH_KERNEL = "embeddings.patch_embeddings.projection.weight"
CLASSIFIER = ("classifier.layernorm.", "classifier.dense.")  # of ASTForAudioClassification; left out
RENAMED = {"layernorm_before": "attention_layernorm", "layernorm_after": "mlp_layernorm"}
# What an encoder was trained with cannot be chosen anew.
GIVEN_BY_ENCODER = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "layer_norm_eps",
    "qkv_bias",
    "patch_size",
    "frequency_stride",
    "time_stride",
    "num_mel_bins",
    "descriptor_hidden_size",
    "norm_first",
    "use_distillation_token",
)


def init_from_audioset_ast(
    model_id_or_path: str | os.PathLike, *, segment_seconds: float | None = None, **settings: Any
) -> tuple[ASTVAForRegression, ASTVAFeatureExtractor]:
    """
    Start from an Audio Spectrogram Transformer of the library, such as `MIT/ast-finetuned-audioset-10-10-0.4593`.

    The encoder is the same network with the same weights; the valence-arousal head is new. For shorter segments the
    positions are cut to their middle along time, as AST does it (Gong et al., 2021; `ast_models.py` of its authors);
    for longer ones they are resampled. The features are those of the library's `ASTFeatureExtractor`, with the
    checkpoint's own statistics.

    Args:
        model_id_or_path: Hub id or folder of an `ASTModel` or an `ASTForAudioClassification`.
        segment_seconds: length of the segments; `None` is what the checkpoint's frames hold, 10.24 for AudioSet.
        settings: of [`ASTVAConfig`] and [`ASTVAFeatureExtractor`], by their names, such as `hidden_dropout_prob`.

    Raises:
        ValueError: for a checkpoint of another model, weights that do not fit, or settings that they do not allow.
    """
    _check_model_type(model_id_or_path, ASTConfig.model_type)
    source, info = ASTModel.from_pretrained(model_id_or_path, dtype=torch.float32, output_loading_info=True)
    tensors = source.state_dict()
    left_out = [key for key in info["unexpected_keys"] if key.startswith(CLASSIFIER)]
    check_keys((tensors.keys() - info["missing_keys"]) | info["unexpected_keys"], tensors, optional=left_out)

    source_config = _audioset_config(source.config, patch_size_of(tensors, PATCH_KERNEL))
    if segment_seconds is not None:
        settings["segment_seconds"] = segment_seconds
    max_length = settings.get("max_length", source_config.max_length)
    features = _audioset_features(model_id_or_path, source_config.num_mel_bins, max_length)
    config, features = _apply_settings(source_config, features, settings, GIVEN_BY_ENCODER)

    model = ASTVAForRegression(config).eval()
    key_map = {key: [_own_key(key)] for key in tensors}
    tensors[POSITIONS] = _fit_positions(tensors[POSITIONS], source_config, config)
    copy_weights(model.ast_va, tensors, key_map, PATCH_KERNEL)
    return model, features


def load_initial_model(
    model_id_or_path: str | os.PathLike, settings: Mapping[str, Any] | None = None
) -> tuple[ASTVAForRegression, ASTVAFeatureExtractor]:
    """
    What training starts from: a saved model of this package, or an AudioSet AST of the library.

    Args:
        model_id_or_path: Hub id or folder.
        settings: of [`ASTVAConfig`] and [`ASTVAFeatureExtractor`], by their names; the others stay as they were saved.
            For another `segment_seconds` or `max_length` the positions are cut or resampled along time.

    Raises:
        ValueError: for a checkpoint of another model, or settings that its weights do not allow.
    """
    settings = dict(settings or {})
    if _check_model_type(model_id_or_path, ASTVAConfig.model_type, ASTConfig.model_type) == ASTConfig.model_type:
        return init_from_audioset_ast(model_id_or_path, **settings)
    saved = ASTVAForRegression.from_pretrained(model_id_or_path, dtype=torch.float32)
    features = ASTVAFeatureExtractor.from_pretrained(model_id_or_path)
    config, features = _apply_settings(saved.config, features, settings, (*GIVEN_BY_ENCODER, "head_hidden_size"))
    model = ASTVAForRegression(config).eval()
    tensors = saved.state_dict()
    positions = f"{saved.base_model_prefix}.{POSITIONS}"
    tensors[positions] = _fit_positions(tensors[positions], saved.config, config)
    model.load_state_dict(tensors)
    return model, features


def _check_model_type(model_id_or_path: str | os.PathLike, *expected: str) -> str:
    """The `model_type` that a checkpoint's own config.json names."""
    model_type = PreTrainedConfig.get_config_dict(model_id_or_path)[0].get("model_type")
    if model_type not in expected:
        raise ValueError(
            f"Expected a checkpoint of model_type {' or '.join(map(repr, expected))}, but that of "
            f"{str(model_id_or_path)!r} is {model_type!r}."
        )
    return model_type


def _own_key(key: str) -> str:
    """Our encoder's name of a weight of the library's `ASTModel`."""
    for theirs, ours in RENAMED.items():
        key = key.replace(theirs, ours)
    return key


def _audioset_config(source: ASTConfig, patch_size: int) -> ASTVAConfig:
    """The library's settings under our names, which are the same, and what its network has built in."""
    shared = {name: getattr(source, name) for name in ASTVAConfig.__annotations__ if hasattr(source, name)}
    built_in = {"norm_first": True, "use_distillation_token": True, "pooling": "cls+distillation"}
    return ASTVAConfig(**{**shared, **built_in, "patch_size": patch_size})


def _audioset_features(
    model_id_or_path: str | os.PathLike, num_mel_bins: int, max_length: int
) -> ASTVAFeatureExtractor:
    """Features as the library's `ASTFeatureExtractor` computes them, with the statistics saved beside the weights."""
    if has_file(model_id_or_path, FEATURE_EXTRACTOR_NAME):
        source = ASTFeatureExtractor.from_pretrained(model_id_or_path)
    else:
        logger.warning("%s has no %s: taking AudioSet's settings.", model_id_or_path, FEATURE_EXTRACTOR_NAME)
        source = ASTFeatureExtractor(num_mel_bins=num_mel_bins)
    if source.num_mel_bins != num_mel_bins:
        raise ValueError(
            f"The features of {str(model_id_or_path)!r} have {source.num_mel_bins} mel bins, its model {num_mel_bins}."
        )
    window_samples = source.sampling_rate * 25 // 1000  # kaldi's 25 ms every 10 ms
    hop_samples = source.sampling_rate * 10 // 1000
    return ASTVAFeatureExtractor(
        sampling_rate=source.sampling_rate,
        n_fft=2 ** math.ceil(math.log2(window_samples)),
        win_length=window_samples,
        hop_length=hop_samples,
        num_mel_bins=num_mel_bins,
        max_length=max_length,
        segment_seconds=max_length * hop_samples / source.sampling_rate,
        f_min=20.0,
        frontend="kaldi",
        padding_value=0.0,
        do_normalize=source.do_normalize,
        mean=source.mean,
        std=2 * source.std,  # the library divides by twice the deviation
    )


def _apply_settings(
    config: ASTVAConfig, features: ASTVAFeatureExtractor, settings: Mapping[str, Any], given: Collection[str]
) -> tuple[ASTVAConfig, ASTVAFeatureExtractor]:
    """
    Configuration and feature extractor with some settings changed, but none of the given ones.

    For other segments the spectrogram becomes the fewest frames that hold one and fill the patch grid, unless the
    settings have `max_length`.
    """
    of_config, of_features = split_settings(dict(settings))
    unknown = settings.keys() - of_config.keys() - of_features.keys()
    if unknown:
        raise ValueError(f"Neither the configuration nor the feature extractor has the settings {listed(unknown)}.")
    for name in given:
        if settings.get(name, getattr(config, name)) != getattr(config, name):
            raise ValueError(f"The weights were trained with {name}={getattr(config, name)}, not {settings[name]}.")
    new_features = {**features.to_dict(), **of_features}
    if "max_length" not in settings and new_features["segment_seconds"] != features.segment_seconds:
        of_config["max_length"] = new_features["max_length"] = fitting_length(config, new_features)
    new_config = ASTVAConfig.from_dict({**config.to_dict(), **of_config})
    feature_extractor = ASTVAFeatureExtractor.from_dict(new_features)
    check_descriptors(new_config, feature_extractor)
    return new_config, feature_extractor


def _fit_positions(positions: torch.Tensor, saved: ASTVAConfig, config: ASTVAConfig) -> torch.Tensor:
    """
    Positions of a saved model for another number of frames.

    Shape:
        `(1, num_tokens, hidden_size)`, of the saved model -> of `config`.
    """
    (frequency_patches, saved_patches), (_, time_patches) = saved.patch_grid, config.patch_grid
    if time_patches >= saved_patches:
        return resample_position_embeddings(positions, saved.patch_grid, config.patch_grid, saved.num_prefix_tokens)
    prefix, grid = positions.split([saved.num_prefix_tokens, frequency_patches * saved_patches], dim=1)
    first = saved_patches // 2 - time_patches // 2
    grid = grid.unflatten(1, saved.patch_grid)[:, :, first : first + time_patches].flatten(1, 2)
    return torch.cat([prefix, grid], dim=1)


__all__ = ["convert_notebook_checkpoint", "init_from_audioset_ast", "load_initial_model"]
