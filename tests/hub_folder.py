# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""A tiny Hub folder as training writes it, with invented results."""

from pathlib import Path
from typing import Any

import torch

from modeling_ast_va import ASTVAConfig, ASTVAFeatureExtractor, ASTVAForRegression
from modeling_ast_va.hub.card import write_model_card
from modeling_ast_va.hub.files import PROTOCOL_FILE, RESULTS_FILE, write_json
from modeling_ast_va.hub.folder import save_hub_folder
from modeling_ast_va.metrics import METRICS

PROTOCOL = {
    "dataset": "DEAM",
    "labels": "corrected",
    "label_audit": [
        {
            "first_id": 2,
            "last_id": 1000,
            "num_rated": 744,
            "num_songs": 744,
            "valence_valence": 0.575,
            "valence_arousal": 0.956,
            "arousal_arousal": 0.57,
            "arousal_valence": 0.949,
            "verdict": "exchanged",
        }
    ],
    "split_by": "artist",
    "seed": 42,
    "segment_seconds": 1.0,
    "num_songs": {"train": 80, "validation": 10, "test": 11},
    "num_segments": {"train": 160, "validation": 20, "test": 22},
    "dataset_fingerprint": "0123abcd",
    "base_model": None,
    "command": "accelerate launch scripts/train.py --data_dir DEAM",
    "license": "cc-by-nc-4.0",
    "versions": {"python": "3.12.0", "torch": "2.9.0"},
}
KEYS = [
    f"{prefix}{dimension}{metric}"
    for prefix in ("eval_", "eval_song_", "test_", "test_song_")
    for dimension in ("valence_", "arousal_", "")
    for metric in METRICS
]
RESULTS = {key: 0.1 + index / 97 for index, key in enumerate(KEYS)}  # all different


def tiny_model(**settings: Any) -> tuple[ASTVAForRegression, ASTVAFeatureExtractor]:
    """A model whose large weights make its predictions depend on the audio, and its feature extractor."""
    torch.manual_seed(0)
    config = ASTVAConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        sampling_rate=8000,
        hop_length=128,
        f_min=20.0,
        f_max=3800.0,
        segment_seconds=1.0,
        num_mel_bins=32,
        max_length=64,
        head_hidden_size=16,
        initializer_range=0.2,
        **settings,
    )
    feature_extractor = ASTVAFeatureExtractor(
        sampling_rate=8000,
        n_fft=512,
        win_length=400,
        hop_length=128,
        num_mel_bins=32,
        max_length=64,
        segment_seconds=1.0,
        f_min=20.0,
        f_max=3800.0,
        mean=-30.0,
        std=15.0,
    )
    return ASTVAForRegression(config).eval(), feature_extractor


def write_hub_folder(folder: Path, protocol: dict | None = PROTOCOL, results: dict | None = RESULTS) -> Path:
    """Write the folder with its card; without protocol and results it is as conversion writes it."""
    save_hub_folder(*tiny_model(), folder)
    for name, content in ((PROTOCOL_FILE, protocol), (RESULTS_FILE, results)):
        if content is not None:
            write_json(folder / name, content)
    write_model_card(folder)
    return folder
