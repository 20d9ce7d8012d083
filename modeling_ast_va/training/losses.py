# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The loss of training: mean squared error, concordance, spread and further targets, each a named term."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import nn

from ..data.rated_songs import SongId
from ..modeling_ast_va import ASTVAOutput
from ..training.auxiliary import AUXILIARY


class Targets(Protocol):
    """One kind of targets of segments beside the labels, and the output that predicts them."""

    name: str
    weight: float
    num_targets: int
    output: str  # a field of `ASTVAOutput`

    def __call__(self, song_id: SongId, start_seconds: float, duration_seconds: float) -> np.ndarray:
        """The targets of a segment, `(num_targets,)`, float32, NaN where there are none."""


def training_loss(
    outputs: ASTVAOutput,
    labels: torch.Tensor,
    label_stds: torch.Tensor,
    targets: torch.Tensor | None,
    concordance_weight: float,
    auxiliary_targets: Sequence[Targets],
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """
    The loss of a batch: mean squared error + `concordance_weight` * (1 - CCC) + spread + weighted auxiliary terms.

    Each term is over the segments that have what it compares with; the others are NaN. Without any labels in the batch,
    as in pre-training, there are only the auxiliary terms.

    Args:
        outputs: of the model for the batch.
        label_stds: standard deviation of the ratings of different people, NaN where it is not known.
        targets: values of all auxiliary targets, in the order of `auxiliary_targets`; None without any.
        auxiliary_targets: kinds of targets. The term of each is its weight times its mean squared error: of the
            ratings, of the course, or of its outputs of the auxiliary layer.

    Shape:
        labels, label_stds: `(batch, num_labels)`. targets: `(batch, num_targets)`.

    Returns:
        The loss, and its terms, whose sum it is: `mse`, `concordance` if it has a weight, `spread` of a model with a
        head for it, and the auxiliary targets.
    """
    ratings, terms = outputs.logits.float(), {}
    is_labelled = ~labels[:, 0].isnan()
    if is_labelled.any():
        predictions, labels = ratings[is_labelled], labels[is_labelled]
        terms["mse"] = nn.functional.mse_loss(predictions, labels)
        if concordance_weight:
            terms["concordance"] = concordance_weight * concordance_loss(predictions, labels)
        if outputs.error_std is not None and outputs.rater_std is not None:
            stds = outputs.error_std[is_labelled].float(), outputs.rater_std[is_labelled].float()
            terms["spread"] = spread_loss(predictions.detach(), *stds, labels, label_stds[is_labelled])
    if targets is not None:
        auxiliary = outputs.auxiliary_logits
        sizes = auxiliary_sizes(auxiliary_targets)
        predicted = iter(() if auxiliary is None else auxiliary.float().split(sizes, dim=1))
        columns = targets.split([kind.num_targets for kind in auxiliary_targets], dim=1)
        for kind, values in zip(auxiliary_targets, columns):
            of_kind = next(predicted) if kind.output == AUXILIARY else getattr(outputs, kind.output).float().flatten(1)
            is_known = ~values.isnan()
            squares = (of_kind[is_known] - values[is_known]).square().sum()  # 0 where there are none
            terms[kind.name] = kind.weight * squares / is_known.sum().clamp_min(1)
    return functools.reduce(torch.add, terms.values()), terms


def auxiliary_sizes(auxiliary_targets: Sequence[Targets]) -> list[int]:
    """Numbers of outputs of the auxiliary layer, one for each kind of targets that it predicts."""
    return [kind.num_targets for kind in auxiliary_targets if kind.output == AUXILIARY]


def spread_loss(
    predictions: torch.Tensor,
    error_std: torch.Tensor,
    rater_std: torch.Tensor,
    labels: torch.Tensor,
    label_stds: torch.Tensor,
) -> torch.Tensor:
    """
    Gaussian negative log-likelihood of the errors, and mean squared error of the spread of raters, where it is known.

    Shape:
        `(batch, num_labels)` each -> `()`.

    Source:
        Nix and Weigend (1994), "Estimating the mean and variance of the target probability distribution", ICNN, with
        the mean trained apart, as Seitzer et al. (2022, ICLR) advise.
    """
    errors = ((labels - predictions) / error_std).square()
    loss = (error_std.log() + errors / 2).mean()
    is_known = ~label_stds.isnan()
    if is_known.any():
        loss = loss + nn.functional.mse_loss(rater_std[is_known], label_stds[is_known])
    return loss


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
