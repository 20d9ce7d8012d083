# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The protocol of a pre-training run, saved as JSON with the encoder."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from .protocol import package_versions, training_command


def describe_pretraining(
    *,
    seed: int,
    feature_extractor: ASTVAFeatureExtractor,
    teachers: Sequence[Mapping[str, Any]],
    unlabeled: Mapping[str, Any],
    num_windows: Mapping[str, int],
    license: str | None,
) -> dict[str, Any]:
    """
    Describe a pre-training run, as the content of `protocol.json`. Models that start from it repeat `pretraining`.

    Args:
        seed: of training.
        teachers: records of the encoders.
        unlabeled: the record of the music without labels.
        num_windows: augmented windows of training and of validation.
        license: of the trained weights; None is unknown, since neither teachers nor music state theirs.
    """
    return {
        "pretraining": {
            "teachers": [dict(teacher) for teacher in teachers],
            "unlabeled": dict(unlabeled),
            "num_windows": dict(num_windows),
            "command": training_command(sys.argv),
        },
        "seed": seed,
        "segment_seconds": feature_extractor.segment_seconds,
        "license": license or "unknown",
        "versions": package_versions(),
    }


def is_of_encoder(protocol: Mapping[str, Any]) -> bool:
    """Whether a protocol is that of a pre-trained encoder, and not of a model that started from one."""
    return "pretraining" in protocol and "dataset" not in protocol
