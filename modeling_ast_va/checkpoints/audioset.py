# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Models to start training from: an AudioSet AST of transformers, or a saved model of this package."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import ASTConfig, ASTFeatureExtractor, ASTModel, PreTrainedConfig
from transformers.utils import has_file

from ..checkpoints.weights import check_keys, copy_weights, listed, patch_size_of
from ..configuration_ast_va import ASTVAConfig
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..hub.files import CONFIG_FILE, EXTRACTOR_FILE
from ..hub.folder import load_model, naming
from ..modeling_ast_va import HEADS, ASTVAForRegression, resample_position_embeddings
from ..pipeline_ast_va import check_weights
from ..settings import fitting_length, split_settings

logger = logging.getLogger(__name__)

POSITIONS = "embeddings.position_embeddings"
PATCH_KERNEL = "embeddings.patch_embeddings.projection.weight"
DESCRIPTORS = "ast_va.descriptor_embedding."  # prefix of the weights that embed them
CLASSIFIER = ("classifier.layernorm.", "classifier.dense.")  # of ASTForAudioClassification, ignored
GIVEN_BY_ENCODER = (  # settings that the weights of an encoder determine
    *("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act", "layer_norm_eps"),
    *("qkv_bias", "patch_size", "frequency_stride", "time_stride", "num_mel_bins", "descriptor_hidden_size"),
    *("norm_first", "use_distillation_token", "stem_channels", "stem_strides", "stem_act"),
)


def init_from_audioset_ast(
    model_id_or_path: str | os.PathLike, **settings: Any
) -> tuple[ASTVAForRegression, ASTVAFeatureExtractor]:
    """
    Initialise a model from an Audio Spectrogram Transformer of transformers.

    The encoder is the same network with the same weights; the valence-arousal head is new. For shorter segments the
    position embeddings are cut to their middle along time, for longer ones they are resampled. The features are those
    of `ASTFeatureExtractor`, with the statistics of the checkpoint.

    Args:
        model_id_or_path: Hub id or folder of an `ASTModel` or an `ASTForAudioClassification`, such as
            `MIT/ast-finetuned-audioset-10-10-0.4593`.
        settings: of [`ASTVAConfig`] and [`ASTVAFeatureExtractor`], by their names, such as `hidden_dropout_prob`.
            Without `segment_seconds`, it is the length of the checkpoint's spectrograms, 10.24 for AudioSet.

    Raises:
        ValueError: for a checkpoint of another model, and for weights or settings that do not fit.

    Source:
        Gong, Chung and Glass (2021), "AST: Audio Spectrogram Transformer", and its `ast_models.py`.
    """
    _check_model_type(model_id_or_path, ASTConfig.model_type)
    with naming(Path(model_id_or_path), "an AudioSet AST"):
        source, info = ASTModel.from_pretrained(model_id_or_path, dtype=torch.float32, output_loading_info=True)
        check_weights(source)
    tensors = source.state_dict()
    left_out = [key for key in info["unexpected_keys"] if key.startswith(CLASSIFIER)]
    check_keys((tensors.keys() - info["missing_keys"]) | info["unexpected_keys"], tensors, optional=left_out)
    # The settings of `ASTConfig`, which have the same names, and those that its network implies.
    shared = {name: value for name, value in source.config.to_dict().items() if name in ASTVAConfig.__annotations__}
    shared |= {"norm_first": True, "use_distillation_token": True, "pooling": "cls+distillation"}
    source_config = ASTVAConfig(**{**shared, "patch_size": patch_size_of(tensors, PATCH_KERNEL)})
    max_length = settings.get("max_length", source_config.max_length)
    features = _ast_features(model_id_or_path, source_config.num_mel_bins, max_length)
    for name in ("sampling_rate", "hop_length", "f_min", "segment_seconds"):  # an ASTConfig does not have them
        setattr(source_config, name, getattr(features, name))
    config, features = _apply_settings(source_config, features, settings, GIVEN_BY_ENCODER)
    model = ASTVAForRegression(config).eval()
    names = {key: key.replace("layernorm_before", "attention_layernorm") for key in tensors}
    key_map = {key: [name.replace("layernorm_after", "mlp_layernorm")] for key, name in names.items()}
    tensors[POSITIONS] = _fit_positions(tensors[POSITIONS], source_config, config)
    copy_weights(model.ast_va, tensors, key_map, PATCH_KERNEL)
    return model, features


def load_initial_model(
    model_id_or_path: str | os.PathLike, settings: Mapping[str, Any] | None = None
) -> tuple[ASTVAForRegression, ASTVAFeatureExtractor]:
    """
    Load a saved model of this package, or initialise one from an AudioSet AST of transformers.

    Args:
        model_id_or_path: Hub id or folder.
        settings: as for [`init_from_audioset_ast`], in place of the saved ones. With `descriptor_hidden_size=0`, the
            descriptors of a saved model are left out, and its head is new.

    Raises:
        ValueError: for a checkpoint of another model, and for settings that do not fit its weights.
    """
    settings = dict(settings or {})
    if _check_model_type(model_id_or_path, ASTVAConfig.model_type, ASTConfig.model_type) == ASTConfig.model_type:
        return init_from_audioset_ast(model_id_or_path, **settings)
    saved, features = load_model(model_id_or_path, dtype=torch.float32, needs_head=False)
    tensors, given = saved.state_dict(), [*GIVEN_BY_ENCODER, "head_hidden_size"]
    if saved.config.descriptor_hidden_size and settings.get("descriptor_hidden_size") == 0:
        tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith((*HEADS, DESCRIPTORS))}
        given = [name for name in GIVEN_BY_ENCODER if name != "descriptor_hidden_size"]
    config, features = _apply_settings(saved.config, features, settings, given)
    model = ASTVAForRegression(config).eval()
    positions = f"{saved.base_model_prefix}.{POSITIONS}"
    tensors[positions] = _fit_positions(tensors[positions], saved.config, config)
    model.load_state_dict(model.state_dict() | tensors)
    return model, features


def _check_model_type(model_id_or_path: str | os.PathLike, *expected: str) -> str:
    """The `model_type` in the config.json of a checkpoint."""
    with naming(Path(model_id_or_path, CONFIG_FILE), "settings of a model"):
        model_type = PreTrainedConfig.get_config_dict(model_id_or_path)[0].get("model_type")
    if model_type not in expected:
        wanted = f"{' or '.join(map(repr, expected))} in {str(model_id_or_path)!r}"
        raise ValueError(f"Expected a checkpoint of model_type {wanted}, but got {model_type!r}.")
    return model_type


def _ast_features(model_id_or_path: str | os.PathLike, num_mel_bins: int, max_length: int) -> ASTVAFeatureExtractor:
    """A feature extractor equal to `ASTFeatureExtractor`, with the statistics that were saved with the weights."""
    if has_file(model_id_or_path, EXTRACTOR_FILE):
        with naming(Path(model_id_or_path, EXTRACTOR_FILE), "settings of a feature extractor"):
            source = ASTFeatureExtractor.from_pretrained(model_id_or_path)
    else:
        logger.warning("%s has no %s, so the settings of AudioSet are used.", model_id_or_path, EXTRACTOR_FILE)
        source = ASTFeatureExtractor(num_mel_bins=num_mel_bins)
    if source.num_mel_bins != num_mel_bins:
        wanted = f"{num_mel_bins} mel bins for the model in {str(model_id_or_path)!r}"
        raise ValueError(f"Expected features of {wanted}, but got {source.num_mel_bins}.")
    window_samples, hop_samples = (source.sampling_rate * ms // 1000 for ms in (25, 10))  # as kaldi
    return ASTVAFeatureExtractor(
        **{name: getattr(source, name) for name in ("sampling_rate", "num_mel_bins", "do_normalize", "mean")},
        n_fft=2 ** math.ceil(math.log2(window_samples)),
        win_length=window_samples,
        hop_length=hop_samples,
        max_length=max_length,
        segment_seconds=max_length * hop_samples / source.sampling_rate,
        f_min=20.0,
        frontend="kaldi",
        padding_value=0.0,
        std=2 * source.std,  # ASTFeatureExtractor divides by twice the deviation
    )


def _apply_settings(
    config: ASTVAConfig, features: ASTVAFeatureExtractor, settings: Mapping[str, Any], given: Collection[str]
) -> tuple[ASTVAConfig, ASTVAFeatureExtractor]:
    """Change settings, but none out of `given`; another length of segments also changes `max_length`."""
    of_config, of_features = split_settings(dict(settings))
    if unknown := settings.keys() - of_config.keys() - of_features.keys():
        raise ValueError(f"Expected settings of ASTVAConfig or ASTVAFeatureExtractor, but got {listed(unknown)}.")
    for name in given:
        saved = getattr(config, name)
        wanted = settings.get(name, saved)
        if wanted != saved and not (isinstance(wanted, list) and tuple(wanted) == tuple(saved)):
            raise ValueError(f"Expected {name}={saved} for these weights, but got {wanted}.")
    new_features = {**features.to_dict(), **of_features}
    if "max_length" not in settings and new_features["segment_seconds"] != features.segment_seconds:
        of_config["max_length"] = new_features["max_length"] = fitting_length(config, new_features)
    new_config = ASTVAConfig.from_dict({**config.to_dict(), **of_config})
    feature_extractor = ASTVAFeatureExtractor.from_dict(new_features)
    new_config.check_fit(feature_extractor)
    return new_config, feature_extractor


def _fit_positions(positions: torch.Tensor, saved: ASTVAConfig, config: ASTVAConfig) -> torch.Tensor:
    """Position embeddings of a saved model, `(1, num_tokens, hidden_size)`, for another number of frames."""
    (frequency_patches, saved_patches), (_, time_patches) = saved.patch_grid, config.patch_grid
    if time_patches >= saved_patches:
        return resample_position_embeddings(positions, saved.patch_grid, config.patch_grid, saved.num_prefix_tokens)
    prefix, grid = positions.split([saved.num_prefix_tokens, frequency_patches * saved_patches], dim=1)
    first = saved_patches // 2 - time_patches // 2
    grid = grid.unflatten(1, saved.patch_grid)[:, :, first : first + time_patches].flatten(1, 2)
    return torch.cat([prefix, grid], dim=1)
