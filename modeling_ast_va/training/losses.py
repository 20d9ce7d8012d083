# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The concordance loss, which training may add to the mean squared error."""

import torch


def concordance_loss(predictions: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """
    One minus the concordance correlation coefficient over a batch, mean over the columns.

    The squared error draws uncertain predictions to the mean; this one wants them as widely spread as the labels.
    CCC: Lin (1989), Biometrics 45(1); as a loss: Weninger et al. (2016), IJCAI. Population moments.

    Args:
        predictions, labels: on one scale.

    Shape:
        `(batch, num_labels)` each -> `()`. Columns in which nothing varies count 1.
    """
    predicted_mean, label_mean = predictions.mean(dim=0), labels.mean(dim=0)
    covariance = ((predictions - predicted_mean) * (labels - label_mean)).mean(dim=0)
    predicted_variance, label_variance = predictions.var(dim=0, correction=0), labels.var(dim=0, correction=0)
    spread = predicted_variance + label_variance + (predicted_mean - label_mean).square()
    return (1 - 2 * covariance / spread.clamp_min(torch.finfo(spread.dtype).tiny)).mean()
