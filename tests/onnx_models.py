# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""A small model to export: with all heads, few descriptors, and labels in the other order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from modeling_ast_va import ASTVAConfig, ASTVAFeatureExtractor, ASTVAForRegression, descriptors_ast_va
from modeling_ast_va.hub.folder import save_hub_folder
from modeling_ast_va.uncertainty_ast_va import COVERAGE_LEVELS

RATE, SEGMENT_SECONDS = 8000, 1.5
SETTINGS = {
    "sampling_rate": RATE,
    "n_fft": 512,
    "hop_length": 800,
    "num_mel_bins": 48,
    "max_length": 16,
    "segment_seconds": SEGMENT_SECONDS,
}
NETWORK = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
HEADS = {"use_frame_head": True, "use_spread_head": True, "descriptor_hidden_size": 8}
KNOWN = {
    "conformal_quantiles": [COVERAGE_LEVELS.tolist(), (2 * COVERAGE_LEVELS).tolist()],
    "error_correlation": 0.25,
    "label_quantiles": [np.linspace(1, 9, 101).tolist(), np.linspace(3, 7, 101).tolist()],
}


def patch_descriptors(patch: pytest.MonkeyPatch) -> None:
    """All kinds of descriptors, but fewer of them: each is several operations to export."""
    patch.setattr(descriptors_ast_va, "NUM_GROUPS", 2)
    patch.setattr(descriptors_ast_va, "NUM_LAG_RANGES", 3)


def save_small_model(folder: Path, seed: int = 0, **settings: object) -> None:
    """Save a model, whose weights are large, so that its ratings differ between songs."""
    torch.manual_seed(seed)
    shared = {name: value for name, value in SETTINGS.items() if name != "n_fft"}
    labels = {"id2label": {0: "arousal", 1: "valence"}, "initializer_range": 0.2}
    config = ASTVAConfig(**{**NETWORK, **shared, **labels, **HEADS, **KNOWN, **settings})
    save_hub_folder(ASTVAForRegression(config).eval(), ASTVAFeatureExtractor(**SETTINGS), folder)
