# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""A model configuration and a feature extractor that fit each other, from settings by their names."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .configuration_ast_va import ASTVAConfig
from .feature_extraction_ast_va import ASTVAFeatureExtractor


def build_new(settings: Mapping[str, Any]) -> tuple[ASTVAConfig, ASTVAFeatureExtractor]:
    """
    Build a configuration and a feature extractor whose spectrograms hold one segment.

    Args:
        settings: of [`ASTVAConfig`] and [`ASTVAFeatureExtractor`] by their names. Without `max_length` it is the
            fewest frames that hold a segment and fill the patch grid: 432 for five seconds.

    Raises:
        ValueError: for settings that do not work, alone or together.
    """
    of_config, of_features = split_settings(settings)
    if "max_length" not in settings:
        of_config["max_length"] = of_features["max_length"] = fitting_length(ASTVAConfig(**of_config), of_features)
    feature_extractor = ASTVAFeatureExtractor(**of_features)
    config = ASTVAConfig(**{**of_config, "segment_seconds": feature_extractor.segment_seconds})
    config.check_fit(feature_extractor)
    return config, feature_extractor


def split_settings(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split settings into those of the configuration and those of the feature extractor; some belong to both."""
    of_config = {name: value for name, value in settings.items() if name in ASTVAConfig.__annotations__}
    parameters = inspect.signature(ASTVAFeatureExtractor.__init__).parameters
    of_features = {name: value for name, value in settings.items() if name in parameters}
    with suppress(ValueError):  # other text stays, and the feature extractor accepts "max" or raises
        of_features["ref"] = float(of_features.get("ref", "max"))
    return of_config, of_features


def fitting_length(config: ASTVAConfig, feature_settings: Mapping[str, Any]) -> int:
    """The fewest frames that hold a segment and fill a patch grid, whatever `max_length` the settings have."""
    extractor = ASTVAFeatureExtractor(**{**feature_settings, "max_length": sys.maxsize})
    num_frames = extractor.num_frames(round(extractor.segment_seconds * extractor.sampling_rate))
    if config.stem_channels:
        return num_frames
    num_steps = max(0, math.ceil((num_frames - config.patch_size) / config.time_stride))
    return config.patch_size + num_steps * config.time_stride
