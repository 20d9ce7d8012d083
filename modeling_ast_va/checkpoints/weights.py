# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Copying another network's weights into ours by an explicit map: what does not fit is an error that names it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import nn

MAX_LISTED = 8


def check_keys(keys: Collection[str], expected: Collection[str], optional: Collection[str] = ()) -> None:
    """
    Check that exactly the expected entries came, and of the optional ones any.

    Raises:
        ValueError: names what is missing and what is unexpected.
    """
    missing, unexpected = set(expected) - set(keys), set(keys) - set(expected) - set(optional)
    if missing or unexpected:
        raise ValueError(f"The checkpoint does not fit: missing {listed(missing)}; unexpected {listed(unexpected)}.")


def check_shape(tensors: Mapping[str, torch.Tensor], key: str, *expected: int | None) -> tuple[int, ...]:
    """
    The shape of a tensor, compared with the expected one; a size of `None` is any.

    Raises:
        ValueError: names the tensor and both shapes.
    """
    shape = tuple(tensors[key].shape)
    if len(shape) != len(expected) or not all(size in (None, came) for came, size in zip(shape, expected)):
        wanted = ", ".join("any" if size is None else str(size) for size in expected)
        raise ValueError(f"Expected {key} of shape ({wanted}), but got {shape}.")
    return shape


def copy_weights(
    network: nn.Module, tensors: Mapping[str, torch.Tensor], key_map: Mapping[str, Sequence[str]], patch_kernel: str
) -> None:
    """
    Copy every weight of another network into ours.

    Args:
        network: every one of its weights is replaced.
        tensors: weights of the other network, by its names.
        key_map: for each of its names one of ours, or several that lie stacked along the first axis of its tensor.
        patch_kernel: its kernel of the patch convolution, `(hidden_size, 1, patch_size, patch_size)`: a row of our
            matrix is such a kernel, flattened.

    Raises:
        ValueError: for missing, unexpected or misshapen weights; the message names them.
    """
    check_keys(tensors, key_map)
    ours = network.state_dict()
    state: dict[str, torch.Tensor] = {}
    for key, names in key_map.items():
        tensor = tensors[key].flatten(1) if key == patch_kernel else tensors[key]
        rows = [len(ours[name]) for name in names]
        check_shape({key: tensor}, key, sum(rows), *ours[names[0]].shape[1:])
        state.update(zip(names, tensor.split(rows)))
    network.load_state_dict(state)


def patch_size_of(tensors: Mapping[str, torch.Tensor], patch_kernel: str) -> int:
    """Side of the square patches, from the kernel of their convolution over a spectrogram of one channel."""
    height = check_shape(tensors, patch_kernel, None, 1, None, None)[2]
    return check_shape(tensors, patch_kernel, None, 1, height, height)[2]


def listed(names: Collection[str]) -> str:
    """Names for a message, in order; the first few of many."""
    shown = sorted(map(repr, names))
    more = f" and {len(shown) - MAX_LISTED} more" if len(shown) > MAX_LISTED else ""
    return ", ".join(shown[:MAX_LISTED]) + more if shown else "none"
