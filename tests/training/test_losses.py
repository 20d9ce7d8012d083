# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The concordance loss against the metric, to 1e-6."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from modeling_ast_va import concordance_correlation_coefficient
from modeling_ast_va.training.losses import concordance_loss


def test_the_loss_is_one_minus_the_metric():
    generator = torch.Generator().manual_seed(0)
    predictions, labels = torch.randn(40, 2, generator=generator) + 1, 2 * torch.randn(40, 2, generator=generator)
    cccs = [concordance_correlation_coefficient(labels[:, i].numpy(), predictions[:, i].numpy()) for i in range(2)]
    assert concordance_loss(predictions, labels).item() == pytest.approx(1 - np.mean(cccs), abs=1e-6)


def test_the_loss_of_equal_and_of_constant_columns():
    labels = torch.randn(10, 2)
    assert concordance_loss(labels, labels).item() == pytest.approx(0, abs=1e-6)
    constant = torch.full((4, 2), 5.0, requires_grad=True)
    loss = concordance_loss(constant, constant.detach())
    loss.backward()
    assert loss.item() == 1
    assert torch.isfinite(constant.grad).all()
