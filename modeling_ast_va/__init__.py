# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Valence and arousal of music, predicted by an Audio Spectrogram Transformer.

Importing this package registers the configuration, model, feature extractor and pipeline with the Auto classes of
transformers: `AutoModel.from_pretrained(...)` and `pipeline("music-emotion", ...)` then work without
`trust_remote_code`. Names are loaded when they are first used, so that the import itself takes milliseconds.
"""

from .lazy import lazy_names
from .registration import register_when_imported

__version__ = "0.3.0.dev0"

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "decoding_ast_va": ["AudioError"],
        "configuration_ast_va": ["ASTVAConfig"],
        "feature_extraction_ast_va": ["ASTVAFeatureExtractor"],
        "modeling_ast_va": ["ASTVAForRegression", "ASTVAModel"],
        "pipeline_ast_va": ["MusicEmotionPipeline"],
        "ccc": ["ccc_path"],
        "checkpoints": ["convert_notebook_checkpoint", "init_from_audioset_ast"],
        "data": ["load_deam", "load_ratings"],
        "demo": ["make_demo_deam"],
        "metrics": ["compute_metrics", "concordance_correlation_coefficient"],
        "prediction": ["load_pipeline"],
    },
)

register_when_imported()
