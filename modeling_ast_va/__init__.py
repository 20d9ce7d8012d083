# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Valence and arousal of music, heard by an Audio Spectrogram Transformer.

Importing this package registers configuration, model, feature extractor and pipeline with the library's Auto classes:
`AutoModel.from_pretrained(...)` and `pipeline("music-emotion", ...)` then work without `trust_remote_code`.
"""

from importlib import import_module

from transformers import AutoConfig, AutoFeatureExtractor, AutoModel, AutoModelForAudioClassification
from transformers.pipelines import PIPELINE_REGISTRY

from .audio_ast_va import AudioError
from .configuration_ast_va import ASTVAConfig
from .feature_extraction_ast_va import ASTVAFeatureExtractor
from .modeling_ast_va import ASTVAForRegression, ASTVAModel
from .pipeline_ast_va import MusicEmotionPipeline

__version__ = "0.1.0"

AutoConfig.register(ASTVAConfig.model_type, ASTVAConfig, exist_ok=True)
AutoFeatureExtractor.register(ASTVAConfig, ASTVAFeatureExtractor, exist_ok=True)
AutoModel.register(ASTVAConfig, ASTVAForRegression, exist_ok=True)
AutoModelForAudioClassification.register(ASTVAConfig, ASTVAForRegression, exist_ok=True)
if "music-emotion" not in PIPELINE_REGISTRY.get_supported_tasks():
    PIPELINE_REGISTRY.register_pipeline(
        "music-emotion", pipeline_class=MusicEmotionPipeline, pt_model=AutoModelForAudioClassification, type="audio"
    )

# The code travels with every saved model, so that it loads where this package is not installed.
ASTVAConfig.register_for_auto_class()
ASTVAFeatureExtractor.register_for_auto_class()
ASTVAModel.register_for_auto_class("AutoModel")
ASTVAForRegression.register_for_auto_class("AutoModel")

# What needs datasets, evaluate or matplotlib is imported when it is first asked for: prediction starts sooner.
_LAZY = {
    "load_deam": "deam",
    "make_demo_deam": "demo",
    "concordance_correlation_coefficient": "metrics",
    "compute_metrics": "metrics",
    "convert_notebook_checkpoint": "checkpoints",
    "init_from_audioset_ast": "checkpoints",
}


def __getattr__(name: str):
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LAZY[name]}", __name__), name)


__all__ = [
    "ASTVAConfig",
    "ASTVAFeatureExtractor",
    "ASTVAForRegression",
    "ASTVAModel",
    "AudioError",
    "MusicEmotionPipeline",
    "compute_metrics",
    "concordance_correlation_coefficient",
    "convert_notebook_checkpoint",
    "init_from_audioset_ast",
    "load_deam",
    "make_demo_deam",
]
