# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Copying weights of another network by an explicit map of names. Weights that do not fit raise an error."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import nn

MAX_LISTED = 8


def check_keys(keys: Collection[str], expected: Collection[str], optional: Collection[str] = ()) -> None:
    """Check that there are exactly the expected entries, and any of the optional ones (ValueError)."""
    missing, unexpected = set(expected) - set(keys), set(keys) - set(expected) - set(optional)
    if missing or unexpected:
        found = f"missing {listed(missing)} and unexpected {listed(unexpected)}"
        raise ValueError(f"Expected the entries of the model, but got {found}.")


def check_shape(tensors: Mapping[str, torch.Tensor], key: str, *expected: int | None) -> tuple[int, ...]:
    """Check the shape of a tensor (ValueError) and return it; an expected size of `None` stands for any."""
    shape = tuple(tensors[key].shape)
    if len(shape) != len(expected) or not all(size in (None, came) for came, size in zip(shape, expected)):
        wanted = ", ".join("any" if size is None else str(size) for size in expected)
        raise ValueError(f"Expected {key} of shape ({wanted}), but got {shape}.")
    return shape


def copy_weights(
    network: nn.Module, tensors: Mapping[str, torch.Tensor], key_map: Mapping[str, Sequence[str]], patch_kernel: str
) -> None:
    """
    Replace all weights of a network of this package by those of another network; ValueError if they do not fit.

    Args:
        tensors: weights of the other network, by its names.
        key_map: for each of these names, one in `network`, or several whose weights are stacked along the first axis.
        patch_kernel: name of the kernel of the patch convolution. In `network` it is a matrix of flattened kernels.
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
    """Side of the square patches, from the kernel of the patch convolution."""
    height = check_shape(tensors, patch_kernel, None, 1, None, None)[2]
    return check_shape(tensors, patch_kernel, None, 1, height, height)[2]


def listed(names: Collection[str]) -> str:
    """Sorted names for a message; of many, the first ones."""
    shown = sorted(map(repr, names))
    more = f" and {len(shown) - MAX_LISTED} more" if len(shown) > MAX_LISTED else ""
    return ", ".join(shown[:MAX_LISTED]) + more if shown else "none"
