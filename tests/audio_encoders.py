# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Small random audio encoders of transformers, saved with their feature extractors, for tests."""

from __future__ import annotations

import torch
import transformers

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
LARGE_WEIGHTS = {"initializer_range": 0.2}  # so that embeddings differ


def save(model, extractor, folder):
    """Save a model and its feature extractor, and return both."""
    model.save_pretrained(folder)
    extractor.save_pretrained(folder)
    return model.eval(), extractor


def save_ast(folder):
    config = transformers.ASTConfig(**SIZES, **LARGE_WEIGHTS, max_length=104, num_mel_bins=32)
    model = transformers.ASTModel(config)
    torch.nn.init.normal_(model.embeddings.cls_token)  # differs from the second token, which is 0 in a new model
    return save(model, transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=104), folder)


def save_wav2vec2(folder, kind="Wav2Vec2", with_mask=True):
    config = getattr(transformers, f"{kind}Config")(
        **SIZES,
        **LARGE_WEIGHTS,
        conv_dim=(16,) * 3,
        conv_kernel=(10, 8, 8),
        conv_stride=(5, 8, 8),
        num_feat_extract_layers=3,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        feat_extract_norm="layer",
    )
    extractor = transformers.Wav2Vec2FeatureExtractor(sampling_rate=16000, return_attention_mask=with_mask)
    return save(getattr(transformers, f"{kind}Model")(config), extractor, folder)


def save_whisper(folder):
    config = transformers.WhisperConfig(
        d_model=32,
        encoder_layers=2,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=48,
        decoder_ffn_dim=48,
        num_mel_bins=16,
        max_source_positions=100,
        vocab_size=40,
        **{f"{name}_token_id": 1 for name in ("pad", "bos", "eos", "decoder_start")},
        init_std=0.2,
    )
    extractor = transformers.WhisperFeatureExtractor(feature_size=16, chunk_length=2)
    return save(transformers.WhisperModel(config), extractor, folder)


def save_clap(folder, truncation="rand_trunc"):
    audio = {
        "spec_size": 64,
        "num_mel_bins": 16,
        "patch_embeds_hidden_size": 16,
        "hidden_size": 32,
        "depths": [1, 1],
        "num_attention_heads": [2, 2],
        "window_size": 4,
        "num_classes": 3,
        "enable_fusion": truncation == "fusion",
        "aff_block_r": 2,
    }
    config = transformers.ClapConfig(
        audio_config=audio, text_config={**SIZES, "vocab_size": 40, "projection_dim": 16}, projection_dim=16
    )
    extractor = transformers.ClapFeatureExtractor(
        feature_size=16,
        sampling_rate=8000,
        hop_length=80,
        max_length_s=1,
        fft_window_size=256,
        frequency_max=4000,
        truncation=truncation,
        padding="repeatpad",
    )
    return save(transformers.ClapModel(config), extractor, folder)
