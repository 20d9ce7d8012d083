# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Conversion of `best_ast_model.pth`, the checkpoint of the notebook that this package replaces."""

from __future__ import annotations

import math
import os
import pickle
import re
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import torch
from torch.serialization import get_unsafe_globals_in_checkpoint

from ..checkpoints.weights import check_keys, check_shape, copy_weights, listed, patch_size_of
from ..configuration_ast_va import ASTVAConfig
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..hub.card import write_model_card
from ..hub.folder import save_hub_folder
from ..modeling_ast_va import ASTVAForRegression
from ..pipeline_ast_va import check_weights

NEEDED = ("model_state_dict", "global_mean", "global_std")
LEFT_OUT = ("epoch", "optimizer_state_dict", "val_loss")
PATCH_KERNEL = "patch_embed.weight"
LAYER = "transformer_encoder.layers"
IN_LAYER = {  # our names of modules
    **{"self_attn.out_proj": "attention.o_proj", "linear1": "mlp.fc1", "linear2": "mlp.fc2"},
    **{"norm1": "attention_layernorm", "norm2": "mlp_layernorm"},
}
# What zipfile and torch raise for damaged files, found by damaging files at random.
READ_ERRORS = (
    *(zipfile.BadZipFile, pickle.UnpicklingError, struct.error, RuntimeError, ValueError, TypeError),
    *(AttributeError, EOFError, LookupError, ArithmeticError),
)


def convert_notebook_checkpoint(
    checkpoint_path: str | os.PathLike,
    output_dir: str | os.PathLike | None = None,
    *,
    num_attention_heads: int = 4,
    num_mel_bins: int = 128,
    segment_seconds: float | None = None,
) -> tuple[ASTVAForRegression, ASTVAFeatureExtractor]:
    """
    Convert a `best_ast_model.pth` of the notebook to a model and a feature extractor with the same outputs.

    Short segments are padded with 0 dB, their loudest value, because the weights were trained in this way.

    Args:
        checkpoint_path: file of `torch.save` with the weights, and mean and standard deviation of the training set.
        output_dir: Hub folder to write; `None` writes nothing.
        num_attention_heads, num_mel_bins: its `NUM_HEADS`, of which a wrong number gives no error, and `N_MELS`.
        segment_seconds: its `SEGMENT_LENGTH`; `None` is the largest number of whole seconds in its frames.

    Raises:
        ValueError: for a file that is no such checkpoint, is damaged, or contains Python objects; for wrong weights.
    """
    checkpoint = _read(checkpoint_path)
    tensors = checkpoint["model_state_dict"]
    config = _infer_config(tensors, num_attention_heads, num_mel_bins)
    if segment_seconds is None:  # the notebook cuts at whole seconds
        defaults = ASTVAFeatureExtractor()
        segment_seconds = max(1, (config.max_length * defaults.hop_length - 1) // defaults.sampling_rate)
    config.segment_seconds = segment_seconds
    feature_extractor = ASTVAFeatureExtractor(
        num_mel_bins=num_mel_bins,
        max_length=config.max_length,
        segment_seconds=segment_seconds,
        padding_value=0.0,
        mean=_number(checkpoint, "global_mean"),
        std=_number(checkpoint, "global_std"),
    )
    model = ASTVAForRegression(config).eval()
    copy_weights(model, tensors, _key_map(config.num_hidden_layers), PATCH_KERNEL)
    check_weights(model)
    if output_dir is not None:
        save_hub_folder(model, feature_extractor, output_dir)
        write_model_card(output_dir)
    return model, feature_extractor


def _read(path: str | os.PathLike) -> dict[str, Any]:
    """The entries of a file of `torch.save`, read without running code that it may contain."""
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():  # torch does not compare the checksums
                raise zipfile.BadZipFile(f"the checksum of {damaged} is wrong")
        unsafe = get_unsafe_globals_in_checkpoint(path)
        checkpoint = None if unsafe else torch.load(path, map_location="cpu", weights_only=True)
    except READ_ERRORS as error:
        raise ValueError(f"Expected a checkpoint of torch.save in {str(path)!r}, but got: {error}") from error
    if unsafe:
        raise ValueError(
            f"Expected tensors and numbers in {str(path)!r}, but got Python objects, {listed(unsafe)}, which could run "
            "any code. Save the state_dict() of the model instead."
        )
    if not isinstance(checkpoint, dict):
        raise ValueError(f"Expected a dictionary in {str(path)!r}, but got a {type(checkpoint).__name__}.")
    check_keys(checkpoint, NEEDED, optional=LEFT_OUT)
    tensors = checkpoint["model_state_dict"]
    if not isinstance(tensors, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in tensors.values()):
        raise ValueError(f"Expected tensors by their names in model_state_dict of {str(path)!r}, but got other values.")
    return checkpoint


def _number(checkpoint: Mapping[str, Any], name: str) -> float:
    """A statistic of the training set, which is a number or a tensor of one element."""
    value = checkpoint[name]
    is_number = isinstance(value, (int, float)) or (isinstance(value, torch.Tensor) and value.numel() == 1)
    if not is_number or not math.isfinite(value):
        raise ValueError(f"Expected {name} to be one finite number, but got {value!r}.")
    return float(value)


def _infer_config(tensors: Mapping[str, torch.Tensor], num_attention_heads: int, num_mel_bins: int) -> ASTVAConfig:
    """Geometry of the network, from the names and shapes of its weights."""
    layers = {match[1] for key in tensors if (match := re.match(rf"{re.escape(LAYER)}\.(\d+)\.", str(key)))}
    check_keys(tensors, _key_map(max(1, len(layers))))
    patch_size = patch_size_of(tensors, PATCH_KERNEL)
    _, num_tokens, hidden_size = check_shape(tensors, "pos_embed", 1, None, None)
    num_patches = num_tokens - 1  # without CLS
    frequency_patches = num_mel_bins // patch_size
    if num_patches < 1 or frequency_patches < 1 or num_patches % frequency_patches:
        wanted = f"columns of {frequency_patches} patches for num_mel_bins={num_mel_bins}"
        raise ValueError(f"Expected pos_embed of {wanted}, but got {num_patches} patches.")
    return ASTVAConfig(
        hidden_size=hidden_size,
        num_hidden_layers=len(layers),
        num_attention_heads=num_attention_heads,
        intermediate_size=check_shape(tensors, f"{LAYER}.0.linear1.weight", None, None)[0],
        **dict.fromkeys(("patch_size", "frequency_stride", "time_stride"), patch_size),
        num_mel_bins=num_mel_bins,
        max_length=num_patches // frequency_patches * patch_size,
        head_hidden_size=check_shape(tensors, "head.1.weight", None, None)[0],
    )


def _key_map(num_layers: int) -> dict[str, list[str]]:
    """Our names by those of the notebook, which stacks the projections of queries, keys and values."""
    modules = {"patch_embed.": ["ast_va.embeddings.patch_embeddings.projection."]}
    modules |= {"head.0.": ["head.layernorm."], "head.1.": ["head.dense."], "head.4.": ["head.out_proj."]}
    for layer in range(num_layers):
        theirs, ours = f"{LAYER}.{layer}", f"ast_va.layers.{layer}"
        modules[f"{theirs}.self_attn.in_proj_"] = [f"{ours}.attention.{name}_proj." for name in "qkv"]
        modules |= {f"{theirs}.{name}.": [f"{ours}.{own}."] for name, own in IN_LAYER.items()}
    key_map = {"cls_token": ["ast_va.embeddings.cls_token"], "pos_embed": ["ast_va.embeddings.position_embeddings"]}
    for kind in ("weight", "bias"):
        key_map |= {theirs + kind: [name + kind for name in ours] for theirs, ours in modules.items()}
    return key_map
