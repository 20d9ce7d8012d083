# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Muon: steps along the nearest orthogonal matrix of the momentum, for the weight matrices of a network.

Source: Jordan et al. (2024), "Muon: An optimizer for hidden layers in neural networks",
https://kellerjordan.github.io/posts/muon. The length of a step, as in AdamW: Liu et al. (2025), "Muon is scalable for
LLM training", arXiv:2502.16982, section 2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the odd polynomial of degree 5 that is iterated
NUM_ITERATIONS = 5
MOMENTUM = 0.95
STEP_RMS = 0.2  # root mean square of the values of a step, in learning rates, that AdamW has in practice


class MuonWithAdamW(torch.optim.AdamW):
    """
    Muon for the groups of parameters whose `use_muon` is true, which hold matrices, and AdamW for the others.

    `torch.optim.Muon` computes in bfloat16, which a processor without instructions for it does many times more slowly
    than in single precision.

    Args:
        params: groups of parameters, as for [`torch.optim.AdamW`].
        kwargs: of [`torch.optim.AdamW`]. Muon takes `lr` and `weight_decay`.

    Raises:
        ValueError: for a parameter that is not a matrix in a group for Muon.
    """

    def __init__(self, params: list[dict[str, Any]], **kwargs):
        super().__init__(params, **kwargs)
        shapes = [tuple(one.shape) for group in self._groups(True) for one in group["params"] if one.ndim != 2]
        if shapes:
            raise ValueError(f"Expected matrices in the groups with use_muon, but got parameters of shape {shapes}.")

    def _groups(self, use_muon: bool) -> list[dict[str, Any]]:
        return [group for group in self.param_groups if group.get("use_muon", False) == use_muon]

    @torch.no_grad()
    def step(self, closure: Callable[[], torch.Tensor] | None = None):  # type: ignore[override]
        all_groups, self.param_groups = self.param_groups, self._groups(False)
        try:
            loss = super().step(closure)
        finally:
            self.param_groups = all_groups
        for group in self._groups(True):
            for weight in group["params"]:
                if weight.grad is not None:
                    self._step_matrix(weight, weight.grad, group["lr"], group["weight_decay"])
        return loss

    def _step_matrix(self, weight: torch.Tensor, gradient: torch.Tensor, lr: float, weight_decay: float) -> None:
        state = self.state[weight]
        if not state:  # AdamW reads the number of steps of every weight when it loads a state
            state.update(step=torch.zeros(()), momentum_buffer=torch.zeros_like(weight))
        state["step"] += 1
        momentum = state["momentum_buffer"]
        momentum.lerp_(gradient, 1 - MOMENTUM)
        step = orthogonalize(gradient.lerp(momentum, MOMENTUM))  # Nesterov's momentum
        weight.mul_(1 - lr * weight_decay)
        # An orthogonal matrix of m x n values has a root mean square of 1 / sqrt(max(m, n)).
        weight.add_(step, alpha=-lr * STEP_RMS * max(weight.shape) ** 0.5)


def orthogonalize(matrix: torch.Tensor) -> torch.Tensor:
    """
    Approximate U V^T of the singular value decomposition U S V^T by Newton-Schulz iterations.

    The polynomial is chosen for speed: singular values of at least 1 % of the Frobenius norm end between 0.68 and 1.14
    rather than at 1, and the direction of a step needs no more.

    Shape:
        `(m, n)` -> `(m, n)`
    """
    a, b, c = COEFFICIENTS
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / wide.norm().clamp_min(1e-7)
    for _ in range(NUM_ITERATIONS):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide.T if matrix.shape[0] > matrix.shape[1] else wide


def parameter_groups(
    model: nn.Module, decayed: Collection[str], weight_decay: float, matrix_learning_rate: float
) -> list[dict[str, Any]]:
    """
    The trained parameters of a model as groups for [`MuonWithAdamW`].

    Args:
        decayed: names of the parameters that have weight decay.
        matrix_learning_rate: learning rate of the weights of linear layers inside the transformer and its stem; all
            others have that of the optimizer.
    """
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    matrices = [name for name, weight in trained.items() if is_hidden_matrix(name, weight)]
    others = [name for name, weight in trained.items() if not is_hidden_matrix(name, weight)]
    named: list[tuple[list[str], dict[str, Any]]] = [
        ([name for name in others if name in decayed], {"weight_decay": weight_decay}),
        ([name for name in others if name not in decayed], {"weight_decay": 0.0}),
        (matrices, {"weight_decay": weight_decay, "lr": matrix_learning_rate, "use_muon": True}),
    ]
    return [{"params": [trained[name] for name in names], **options} for names, options in named]


def is_hidden_matrix(name: str, weight: torch.Tensor) -> bool:
    """Whether a parameter is a matrix between hidden states, which excludes those of descriptors and of heads."""
    return weight.ndim == 2 and not {"layers", "patch_embeddings"}.isdisjoint(name.split("."))
