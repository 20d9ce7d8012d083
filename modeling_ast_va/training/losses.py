# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The loss of training: mean squared error, concordance, and auxiliary targets, each a named term."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from ..modeling_ast_va import ASTVAOutput
from ..training.auxiliary import AuxiliaryTargets


def training_loss(
    outputs: ASTVAOutput,
    labels: torch.Tensor,
    targets: torch.Tensor | None,
    concordance_weight: float,
    auxiliary_targets: Sequence[AuxiliaryTargets],
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """
    The loss of a batch: mean squared error + `concordance_weight` * (1 - CCC) + weighted auxiliary terms.

    Each term is over the segments that have what it compares with; the others are NaN. Without any labels in the batch,
    as in pre-training, there are only the auxiliary terms.

    Args:
        outputs: of the model for the batch.
        targets: values of all auxiliary targets, in the order of `auxiliary_targets`; None without any.
        auxiliary_targets: kinds of auxiliary targets. The term of each is its weight times its mean squared error: of
            the ratings that the head predicts, or of its outputs of the auxiliary layer.

    Shape:
        labels: `(batch, num_labels)`. targets: `(batch, num_targets)`.

    Returns:
        The loss, and its terms, whose sum it is: `mse`, `concordance` if it has a weight, and the auxiliary targets.
    """
    ratings, terms = outputs.logits.float(), {}
    is_labelled = ~labels[:, 0].isnan()
    if is_labelled.any():
        predictions, labels = ratings[is_labelled], labels[is_labelled]
        terms["mse"] = nn.functional.mse_loss(predictions, labels)
        if concordance_weight:
            terms["concordance"] = concordance_weight * concordance_loss(predictions, labels)
    if targets is not None and outputs.auxiliary_logits is not None:
        predicted = iter(outputs.auxiliary_logits.float().split(auxiliary_sizes(auxiliary_targets), dim=1))
        columns = targets.split([kind.num_targets for kind in auxiliary_targets], dim=1)
        for kind, values in zip(auxiliary_targets, columns):
            outputs_of_kind = ratings if kind.are_ratings else next(predicted)
            is_known = ~values[:, 0].isnan()
            terms[kind.name] = kind.weight * nn.functional.mse_loss(outputs_of_kind[is_known], values[is_known])
    return functools.reduce(torch.add, terms.values()), terms


def auxiliary_sizes(auxiliary_targets: Sequence[AuxiliaryTargets]) -> list[int]:
    """Numbers of outputs of the auxiliary layer, one for each kind of targets that is not for the head."""
    return [kind.num_targets for kind in auxiliary_targets if not kind.are_ratings]


def validation_loss(metrics: Mapping[str, float], prefix: str, concordance_weight: float) -> float:
    """The same sum for a whole split, of the terms of the ratings alone, from its metrics of segments."""
    return metrics[f"{prefix}_mse"] + concordance_weight * (1 - metrics[f"{prefix}_ccc"])


def concordance_loss(predictions: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """
    One minus the concordance correlation coefficient of a batch, averaged over the columns.

    It favours predictions that are spread as widely as the labels, the mean squared error those close to the mean.

    Shape:
        `(batch, num_labels)` each -> `()`. A column without any variation counts 1.

    Source:
        CCC: Lin (1989), Biometrics 45(1), with population moments. As a loss: Weninger et al. (2016), IJCAI.
    """
    predicted_mean, label_mean = predictions.mean(dim=0), labels.mean(dim=0)
    covariance = ((predictions - predicted_mean) * (labels - label_mean)).mean(dim=0)
    predicted_variance, label_variance = predictions.var(dim=0, correction=0), labels.var(dim=0, correction=0)
    spread = predicted_variance + label_variance + (predicted_mean - label_mean).square()
    return (1 - 2 * covariance / spread.clamp_min(torch.finfo(spread.dtype).tiny)).mean()
