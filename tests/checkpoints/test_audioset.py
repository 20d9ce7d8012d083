# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from music import chords
from safetensors.torch import load_file, save_file
from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification, ASTModel, BertConfig, BertModel

from modeling_ast_va import ASTVAConfig, ASTVAFeatureExtractor, ASTVAForRegression, init_from_audioset_ast
from modeling_ast_va.checkpoints.audioset import load_initial_model
from modeling_ast_va.hub.folder import save_hub_folder

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
FRAMES = 104  # of the small AudioSet AST: a grid of 12 x 9 patches


def randomize(network):
    """Random weights everywhere: transformers initialises biases, positions and tokens with zero."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


@pytest.fixture(scope="module")
def audioset(tmp_path_factory):
    """A small AST of transformers with a classifier, and the folder where it was saved, with its statistics."""
    folder = tmp_path_factory.mktemp("audioset")
    network = randomize(ASTForAudioClassification(ASTConfig(**SMALL, max_length=FRAMES, num_labels=5)))
    network.save_pretrained(folder)
    ASTFeatureExtractor(max_length=FRAMES, mean=-5.5, std=3.25).save_pretrained(folder)
    return network.audio_spectrogram_transformer, folder


def assert_same_encoder(network, model, num_frames=FRAMES):
    log_mels = torch.randn(2, num_frames, 128, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = network(log_mels, output_hidden_states=True)
        outputs = model.ast_va(log_mels, output_hidden_states=True)
    assert len(outputs.hidden_states) == len(expected.hidden_states) == 3
    for ours, theirs in zip(outputs.hidden_states, expected.hidden_states, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    torch.testing.assert_close(outputs.last_hidden_state, expected.last_hidden_state, atol=1e-5, rtol=0)
    torch.testing.assert_close(outputs.pooler_output, expected.pooler_output, atol=1e-5, rtol=0)


def test_audioset_encoder_equals_that_of_transformers(audioset):
    network, folder = audioset
    model, _ = init_from_audioset_ast(folder)
    assert not model.training
    assert_same_encoder(network, model)
    assert model.head.out_proj.bias.tolist() == [5, 5]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b"{"),
        ("config.json", b"[]"),
        ("config.json", b'{"model_type": "audio-spectrogram-transformer", "hidden_size": "wide"}'),
        ("preprocessor_config.json", b"{"),
        ("model.safetensors", b"PK"),
    ],
)
def test_a_damaged_audioset_checkpoint_is_refused(audioset, tmp_path, name, content):
    folder = Path(shutil.copytree(audioset[1], tmp_path / "audioset"))
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"Expected .*{folder}.* but got"):
        load_initial_model(folder)


def test_an_audioset_checkpoint_with_nan_is_refused(audioset, tmp_path):
    folder = Path(shutil.copytree(audioset[1], tmp_path / "audioset"))
    tensors = load_file(folder / "model.safetensors")
    next(tensor for name, tensor in tensors.items() if not name.startswith("classifier"))[0] = torch.nan
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="Expected finite weights"):
        load_initial_model(folder)


@pytest.mark.parametrize("options", [{}, {"qkv_bias": False, "patch_size": 8, "frequency_stride": 7, "time_stride": 8}])
def test_audioset_encoder_without_classifier(tmp_path, options):
    network = randomize(ASTModel(ASTConfig(**SMALL, max_length=FRAMES, hidden_act="relu", **options)))
    network.half().save_pretrained(tmp_path)
    model, _ = init_from_audioset_ast(tmp_path)
    assert model.dtype == torch.float32
    assert_same_encoder(network.float(), model)


def test_audioset_model_is_saved_completely(audioset, tmp_path):
    network, folder = audioset
    model, feature_extractor = init_from_audioset_ast(folder)
    save_hub_folder(model, feature_extractor, tmp_path)
    assert load_file(tmp_path / "model.safetensors").keys() == model.state_dict().keys()
    loaded, info = ASTVAForRegression.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert_same_encoder(network, loaded)


@pytest.mark.parametrize("seconds", [1.04, 0.7])
def test_audioset_features_equal_those_of_transformers(audioset, seconds):
    folder = audioset[1]
    _, feature_extractor = init_from_audioset_ast(folder)
    waveform = chords(seconds, 16000)
    options = {"sampling_rate": 16000, "return_tensors": "np"}
    expected = ASTFeatureExtractor.from_pretrained(folder)(waveform, **options)["input_values"]
    ours = feature_extractor(waveform, **options)["input_values"]
    assert ours.shape == expected.shape == (1, FRAMES, 128)
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_statistics_of_audioset_are_the_default(tmp_path, caplog):
    randomize(ASTModel(ASTConfig(**SMALL))).save_pretrained(tmp_path)
    _, feature_extractor = init_from_audioset_ast(tmp_path)
    assert (feature_extractor.mean, feature_extractor.std) == (-4.2677393, 2 * 4.5689974)
    assert (feature_extractor.max_length, feature_extractor.segment_seconds) == (1024, 10.24)
    assert feature_extractor.num_frames(round(10.24 * 16000)) == 1 + (163840 - 400) // 160
    assert "has no preprocessor_config.json, so the settings of AudioSet are used" in caplog.text


@pytest.mark.parametrize(("frames", "first"), [(96, 0), (86, 0), (66, 1), (46, 2), (16, 4)])
def test_shorter_segments_take_the_middle_of_the_positions(audioset, frames, first):
    network, folder = audioset
    model, feature_extractor = init_from_audioset_ast(folder, max_length=frames)
    num_steps = (frames - 16) // 10 + 1
    positions = model.ast_va.embeddings.position_embeddings[0]
    expected = network.embeddings.position_embeddings[0]
    assert torch.equal(positions[:2], expected[:2])
    grid = expected[2:].reshape(12, 9, 32)[:, first : first + num_steps]
    assert torch.equal(positions[2:].reshape(12, num_steps, 32), grid)
    assert (model.config.max_length, feature_extractor.max_length) == (frames, frames)


def cubic_weight(distance, a=-0.75):
    """Kernel of cubic convolution (Keys, 1981, equation 4), with the usual parameter."""
    x = abs(distance)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


def test_longer_segments_resample_the_positions_along_time(audioset):
    network, folder = audioset
    model, feature_extractor = init_from_audioset_ast(folder, segment_seconds=2.0)
    assert model.config.patch_grid == (12, 20)
    assert model.config.max_length == feature_extractor.max_length == 16 + 19 * 10
    weights = np.zeros((20, 9))
    for new in range(20):
        center = (new + 0.5) * 9 / 20 - 0.5
        for old in range(math.floor(center) - 1, math.floor(center) + 3):
            weights[new, min(max(old, 0), 8)] += cubic_weight(center - old)
    saved = network.embeddings.position_embeddings[0].detach().numpy()
    expected = np.einsum("no,foh->fnh", weights, saved[2:].reshape(12, 9, 32))
    positions = model.ast_va.embeddings.position_embeddings[0].detach().numpy()
    np.testing.assert_array_equal(positions[:2], saved[:2])
    np.testing.assert_allclose(positions[2:].reshape(12, 20, 32), expected, atol=1e-5)


def test_spectrogram_of_another_segment_is_the_fewest_frames_that_fill_the_grid(audioset):
    model, feature_extractor = init_from_audioset_ast(audioset[1], segment_seconds=0.8)
    assert feature_extractor.num_frames(12800) == 78
    assert model.config.max_length == feature_extractor.max_length == 86  # 16 + 7 * 10; 76 is too short
    waveform = chords(0.8, 16000)
    input_values = feature_extractor(waveform, sampling_rate=16000, return_tensors="pt")["input_values"]
    assert model(input_values).logits.shape == (1, 2)


def test_settings_reach_configuration_and_features(audioset):
    model, feature_extractor = init_from_audioset_ast(
        audioset[1], hidden_dropout_prob=0.2, pooling="mean", head_hidden_size=16, mean=-7.0
    )
    assert model.ast_va.layers[0].dropout.p == 0.2
    assert (model.config.pooling, model.head.dense.out_features) == ("mean", 16)
    assert (feature_extractor.mean, feature_extractor.std) == (-7.0, 6.5)


def test_settings_that_do_not_fit_the_weights_are_refused(audioset):
    for settings in ({"num_attention_heads": 8}, {"norm_first": False}, {"num_mel_bins": 64}):
        (name,) = settings
        with pytest.raises(ValueError, match=f"Expected {name}=.* for these weights"):
            init_from_audioset_ast(audioset[1], **settings)
    with pytest.raises(ValueError, match=r"Expected settings of ASTVAConfig or .*, but got 'hidden_sise'"):
        init_from_audioset_ast(audioset[1], hidden_sise=32)
    assert init_from_audioset_ast(audioset[1], hidden_size=32)


def test_checkpoints_of_other_models_are_refused(tmp_path):
    bert = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=9)
    BertModel(bert).save_pretrained(tmp_path / "bert")
    ASTVAForRegression(ASTVAConfig(**SMALL)).save_pretrained(tmp_path / "own")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "nothing" / "config.json").write_text("{}")
    for name, model_type in (("bert", "'bert'"), ("own", "'ast_va'"), ("nothing", "None")):
        with pytest.raises(ValueError, match=f"Expected .* 'audio-spectrogram-transformer'.* but got {model_type}"):
            init_from_audioset_ast(tmp_path / name)
    for name, model_type in (("bert", "'bert'"), ("nothing", "None")):
        with pytest.raises(ValueError, match=f"'ast_va' or 'audio-spectrogram-transformer'.* but got {model_type}"):
            load_initial_model(tmp_path / name)


def test_audioset_weights_that_are_missing_or_unexpected_are_refused(audioset, tmp_path):
    network = audioset[0]
    for name, change in (
        ("layers.1.mlp.fc1.bias", lambda state: state.pop("layers.1.mlp.fc1.bias")),
        ("extra.weight", lambda state: state.update({"extra.weight": torch.zeros(3)})),
    ):
        state = network.state_dict()
        change(state)
        network.save_pretrained(tmp_path / name, state_dict=state)
        with pytest.raises(ValueError, match=name):
            init_from_audioset_ast(tmp_path / name)


def test_statistics_of_other_features_are_refused(audioset, tmp_path):
    audioset[0].save_pretrained(tmp_path)
    ASTFeatureExtractor(num_mel_bins=64).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"Expected features of 128 mel bins .* but got 64"):
        init_from_audioset_ast(tmp_path)


def test_training_starts_from_an_audioset_ast(audioset):
    model, feature_extractor = load_initial_model(audioset[1], {"segment_seconds": 0.5, "hidden_dropout_prob": 0.3})
    expected, _ = init_from_audioset_ast(audioset[1], segment_seconds=0.5)
    assert model.config.hidden_dropout_prob == 0.3
    assert feature_extractor.segment_seconds == 0.5
    for name, tensor in expected.ast_va.state_dict().items():
        assert torch.equal(tensor, model.ast_va.state_dict()[name]), name


def test_training_starts_from_a_saved_model(tmp_path):
    saved = ASTVAForRegression(ASTVAConfig(**SMALL)).eval()
    save_hub_folder(saved, ASTVAFeatureExtractor(mean=-30.0), tmp_path)
    model, feature_extractor = load_initial_model(tmp_path, {"hidden_dropout_prob": 0.5, "segment_seconds": 5.0})
    log_mels = torch.randn(2, 432, 128)
    assert torch.equal(model(log_mels).logits, saved(log_mels).logits)
    assert model.ast_va.layers[0].dropout.p == 0.5
    assert (feature_extractor.mean, feature_extractor.max_length) == (-30.0, 432)
    with pytest.raises(ValueError, match="Expected head_hidden_size=128 for these weights, but got 64"):
        load_initial_model(tmp_path, {"head_hidden_size": 64})


def test_a_saved_model_is_fitted_to_other_segments(tmp_path):
    saved = ASTVAForRegression(ASTVAConfig(**SMALL)).eval()
    save_hub_folder(saved, ASTVAFeatureExtractor(), tmp_path)
    model, feature_extractor = load_initial_model(tmp_path, {"segment_seconds": 3.0})
    # 1 + 132300 // 512 = 259 frames, 272 of which 17 patches fill; of 27 the first five are left out.
    assert model.config.max_length == feature_extractor.max_length == 272
    grid = saved.ast_va.embeddings.position_embeddings[0, 1:].reshape(8, 27, 32)
    assert torch.equal(model.ast_va.embeddings.position_embeddings[0, 1:].reshape(8, 17, 32), grid[:, 5:22])
    assert torch.equal(model.head.dense.weight, saved.head.dense.weight)
    load_initial_model(tmp_path, {"segment_seconds": 7.0})[0](torch.randn(1, 608, 128))
