# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""How well a model predicts its auxiliary targets of songs that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from datasets import Dataset

from ..data.log_mels import SEGMENT_COLUMNS, log_mel_batches
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..modeling_ast_va import ASTVAForRegression
from ..training.auxiliary import AUXILIARY
from ..training.losses import Targets, auxiliary_sizes


@torch.no_grad()
def measure_fit(
    model: ASTVAForRegression,
    feature_extractor: ASTVAFeatureExtractor,
    rows: Dataset,
    auxiliary_targets: Sequence[Targets],
    batch_size: int,
) -> dict[str, float]:
    """
    R2 of each kind of targets that the auxiliary layer predicts, over all values of the segments that have targets.

    It is 1 - the sum of squared errors / the sum of squared differences from the means of the values, of targets whose
    values are standardised over the training songs. Kinds without targets of these songs are left out.

    Args:
        model: with its auxiliary layer, used in evaluation mode.
        rows: segments with log-mels, as [`load_ratings`] returns them.
        auxiliary_targets: in the order of the outputs of the auxiliary layer.

    Returns:
        Metrics with names such as `msd_musicnn_embeddings_r2`.
    """
    kinds = [kind for kind in auxiliary_targets if kind.output == AUXILIARY]
    if not kinds:
        return {}
    was_training = model.training
    model.eval()
    outputs = []
    for batch in log_mel_batches(rows, batch_size):
        input_values = torch.from_numpy(batch).to(model.device)
        if feature_extractor.do_normalize:
            input_values = feature_extractor.normalize(input_values)
        outputs.append(model(input_values).auxiliary_logits.float().cpu().numpy())
    model.train(was_training)
    columns = rows.select_columns(list(SEGMENT_COLUMNS)).with_format(None)[:]
    segments = list(zip(*(columns[name] for name in SEGMENT_COLUMNS)))
    split_at = np.cumsum(auxiliary_sizes(kinds))[:-1]
    fits = {}
    for kind, predictions in zip(kinds, np.split(np.concatenate(outputs), split_at, axis=1)):
        targets = np.stack([kind(*segment) for segment in segments]).astype(np.float64)
        is_known = ~np.isnan(targets[:, 0])
        targets, errors = targets[is_known], (predictions - targets)[is_known]
        total = np.square(targets - targets.mean(axis=0)).sum() if len(targets) else 0.0
        if total:
            fits[f"{kind.name}_r2"] = float(1 - np.square(errors).sum() / total)
    return fits
