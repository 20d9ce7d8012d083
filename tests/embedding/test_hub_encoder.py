# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Small random models of transformers as encoders, against the library's own model called by hand.

Each window is embedded alone by hand and in a batch by the encoder: the tolerance is 1e-5.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import transformers
from audio_encoders import save, save_ast, save_clap, save_wav2vec2, save_whisper
from music import chords

from modeling_ast_va.embedding.loading import load_encoder
from modeling_ast_va.hub.folder import save_hub_folder

REMOTE_CODE = """
import torch
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

class TinyConfig(PreTrainedConfig):
    model_type = "tiny_remote"

class TinyModel(PreTrainedModel):
    config_class = TinyConfig
    main_input_name = "input_values"

    def __init__(self, config):
        super().__init__(config)
        self.projection = torch.nn.Conv1d(1, 8, 400, stride=320)
        self.post_init()

    def forward(self, input_values, attention_mask=None, output_hidden_states=None):
        states = self.projection(input_values[:, None]).transpose(1, 2)
        return BaseModelOutput(states, hidden_states=(states, states) if output_hidden_states else None)
"""


def windows(encoder, seconds=None, count=3):
    seconds = seconds or encoder.window_seconds
    return [chords(seconds, encoder.sampling_rate, seed=10 + index) for index in range(count)]


def check(encoder, embed_by_hand, waveforms):
    """Compare the embeddings of a batch with those of single windows by hand, which differ between windows."""
    with torch.no_grad():
        expected = np.concatenate([np.asarray(embed_by_hand(waveform)) for waveform in waveforms])
    np.testing.assert_allclose(encoder(waveforms), expected, atol=1e-5, rtol=1e-5)
    assert encoder.num_values == expected.shape[1]
    assert np.abs(expected[0] - expected[1]).max() > 1e-3


def test_an_ast_gives_its_pooler_output_and_other_layers(tmp_path):
    model, extractor = save_ast(tmp_path)

    def outputs(waveform):
        features = extractor(waveform, sampling_rate=16000, return_tensors="pt")
        return model(**features, output_hidden_states=True)

    encoder = load_encoder(tmp_path)
    assert (encoder.sampling_rate, encoder.window_seconds, encoder.record["pooling"]) == (16000, 1.04, "pooler")
    check(encoder, lambda waveform: outputs(waveform).pooler_output, windows(encoder))
    check(load_encoder(tmp_path, pooling="mean"), lambda one: outputs(one)[0].mean(dim=1), windows(encoder))
    first = load_encoder(tmp_path, layer=1, pooling="first")
    check(first, lambda waveform: outputs(waveform).hidden_states[1][:, 0], windows(encoder))
    last = load_encoder(tmp_path, layer=-1)
    assert last.record | {"model_fingerprint": ""} == {
        "model": str(tmp_path),
        "model_fingerprint": "",
        "layer": -1,
        "pooling": "mean",
        "sampling_rate": 16000,
    }
    check(last, lambda waveform: outputs(waveform).hidden_states[-1].mean(dim=1), windows(encoder))


@pytest.mark.parametrize("kind", ["Wav2Vec2", "Hubert"])
@pytest.mark.parametrize("with_mask", [True, False])
def test_wav2vec2_and_hubert_are_pooled_over_time(tmp_path, kind, with_mask):
    model, extractor = save_wav2vec2(tmp_path, kind, with_mask)
    encoder = load_encoder(tmp_path)
    assert (encoder.window_seconds, encoder.record["pooling"]) == (3.0, "mean")

    def embed_by_hand(waveform):
        return model(**extractor(waveform, sampling_rate=16000, return_tensors="pt"))[0].mean(dim=1)

    check(encoder, embed_by_hand, windows(encoder, 0.6))


@pytest.mark.parametrize(("seconds", "num_tokens"), [(2.0, 100), (0.5, 25)])
def test_whisper_is_its_encoder_without_the_padding(tmp_path, seconds, num_tokens):
    model, extractor = save_whisper(tmp_path)
    encoder = load_encoder(tmp_path)
    assert (encoder.window_seconds, encoder.record["pooling"]) == (2.0, "mean")

    def embed_by_hand(waveform):
        features = extractor(waveform, sampling_rate=16000, return_tensors="pt")
        return model.get_encoder()(features["input_features"])[0][:, :num_tokens].mean(dim=1)

    check(encoder, embed_by_hand, windows(encoder, seconds))


@pytest.mark.parametrize("truncation", ["rand_trunc", "fusion"])
def test_clap_is_its_audio_branch_without_randomness(tmp_path, truncation):
    model, extractor = save_clap(tmp_path, truncation)
    encoder = load_encoder(tmp_path)
    assert (encoder.window_seconds, encoder.record["pooling"]) == (1.0, "pooler")

    def outputs(waveform):
        features = extractor(waveform, sampling_rate=8000, return_tensors="pt")
        no_fusion = torch.zeros(1, 1, dtype=torch.bool)
        return model.audio_model(features["input_features"], is_longer=no_fusion, output_hidden_states=True)

    check(encoder, lambda waveform: outputs(waveform).pooler_output, windows(encoder))
    of_layer = load_encoder(tmp_path, layer=1)
    check(of_layer, lambda waveform: outputs(waveform).hidden_states[1].mean(dim=(2, 3)), windows(encoder))
    with pytest.raises(ValueError, match=r"Expected pooling mean or pooler .* has no tokens, but got first"):
        load_encoder(tmp_path, pooling="first")


def test_code_of_a_repository_runs_if_it_is_trusted(tmp_path):
    (tmp_path / "tiny_code.py").write_text(REMOTE_CODE)
    auto_map = {"AutoConfig": "tiny_code.TinyConfig", "AutoModel": "tiny_code.TinyModel"}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "tiny_remote", "auto_map": auto_map}))
    config = transformers.AutoConfig.from_pretrained(tmp_path, trust_remote_code=True)
    model = transformers.AutoModel.from_config(config, trust_remote_code=True)
    extractor = transformers.Wav2Vec2FeatureExtractor(sampling_rate=16000)
    save(model, extractor, tmp_path)
    with pytest.raises(ValueError, match=r"(?s)Expected an audio encoder in .*trust_remote_code"):
        load_encoder(tmp_path)
    encoder = load_encoder(tmp_path, trust_remote_code=True)

    def embed_by_hand(waveform):
        return model(**extractor(waveform, sampling_rate=16000, return_tensors="pt"))[0].mean(dim=1)

    check(encoder, embed_by_hand, windows(encoder))


@pytest.mark.parametrize("with_head", [True, False])
def test_a_model_of_this_package_gives_its_pooler_output(model, feature_extractor, tmp_path, with_head):
    save_hub_folder(model, feature_extractor, tmp_path)
    if not with_head:
        model.ast_va.save_pretrained(tmp_path)
    encoder = load_encoder(tmp_path)
    assert (encoder.window_seconds, encoder.record["pooling"]) == (feature_extractor.segment_seconds, "pooler")

    def inputs(waveform):
        return feature_extractor(waveform, sampling_rate=8000, return_tensors="pt")["input_values"]

    check(encoder, lambda waveform: model(inputs(waveform)).pooler_output, windows(encoder))
    mean = load_encoder(tmp_path, pooling="mean")
    check(mean, lambda waveform: model.ast_va(inputs(waveform)).last_hidden_state.mean(dim=1), windows(encoder))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"layer": 3}, "Expected a layer from -3 to 2 of .*, but got 3"),
        ({"window_seconds": 2.0}, "Expected window_seconds of at most 1.04 for .*, but got 2"),
        ({"window_seconds": 0.1}, "Expected segment_seconds of at least 0.5"),
        ({"device": "cuda:7"}, "Expected a device out of cpu"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(tmp_path, arguments, said):
    save_ast(tmp_path)
    with pytest.raises(ValueError, match=said):
        load_encoder(tmp_path, **arguments)


def test_models_that_embed_no_audio_are_refused(tmp_path):
    save_wav2vec2(tmp_path)
    with pytest.raises(ValueError, match="which has no pooler, but got pooler"):
        load_encoder(tmp_path, pooling="pooler")
    transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=104).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"Expected a feature extractor that fits the model in .*, but got"):
        load_encoder(tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(ValueError, match=r"Expected an audio encoder in .*, but got"):
        load_encoder(tmp_path)


def test_weights_must_be_complete_and_finite(tmp_path):
    model, _ = save_ast(tmp_path)
    tensors = model.state_dict()
    missing = "layernorm.weight"
    model.save_pretrained(tmp_path, state_dict={name: tensors[name] for name in tensors if name != missing})
    with pytest.raises(ValueError, match=r"but got none of the weights layernorm\.weight"):
        load_encoder(tmp_path)
    tensors[missing] = torch.full_like(tensors[missing], torch.nan)
    model.save_pretrained(tmp_path, state_dict=tensors)
    with pytest.raises(ValueError, match=r"Expected finite weights.* in layernorm\.weight"):
        load_encoder(tmp_path)
