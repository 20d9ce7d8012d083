# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""A fingerprint changes with weights and settings, and not with where a model was saved."""

from __future__ import annotations

import torch

from modeling_ast_va.hub.fingerprint import fingerprint
from modeling_ast_va.hub.folder import load_model, save_hub_folder


def test_it_depends_on_weights_and_settings_only(model, feature_extractor, tmp_path):
    for name in ("one", "two"):
        save_hub_folder(model, feature_extractor, tmp_path / name)
    assert fingerprint(*load_model(tmp_path / "one")) == fingerprint(*load_model(tmp_path / "two"))
    first = fingerprint(model, feature_extractor)
    assert len(first) == 16
    feature_extractor.mean += 1
    second = fingerprint(model, feature_extractor)
    model.config.hidden_act = "relu"
    third = fingerprint(model, feature_extractor)
    with torch.no_grad():
        model.head.out_proj.bias[0] += 1
    assert len({first, second, third, fingerprint(model, feature_extractor)}) == 4
