# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Configuration: defaults, derived values, errors for settings that do not fit, saving and loading."""

from __future__ import annotations

import json
import re

import pytest
from transformers import ASTConfig, AutoConfig

from modeling_ast_va import ASTVAConfig, ASTVAFeatureExtractor, ASTVAForRegression


def test_default_is_the_network_of_the_notebook():
    config = ASTVAConfig()
    assert (config.hidden_size, config.num_hidden_layers, config.num_attention_heads) == (256, 4, 4)
    assert (config.intermediate_size, config.hidden_act, config.head_hidden_size) == (1024, "gelu", 128)
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.1, 0.1)
    assert (config.patch_size, config.frequency_stride, config.time_stride) == (16, 16, 16)
    assert (config.num_mel_bins, config.max_length) == (128, 432)
    assert (config.norm_first, config.use_distillation_token, config.pooling) == (False, False, "cls")
    assert config.id2label == {0: "valence", 1: "arousal"}
    assert config.label2id == {"valence": 0, "arousal": 1}
    assert (config.problem_type, config.num_labels) == ("regression", 2)
    assert (tuple(config.label_range), config.label_midpoint) == ((1, 9), 5)
    assert config.patch_grid == (8, 27)


def test_default_has_3314306_parameters():
    assert ASTVAForRegression(ASTVAConfig()).num_parameters() == 3_314_306


@pytest.mark.parametrize(
    ("settings", "grid"),
    [
        ({"frequency_stride": 10, "time_stride": 10, "max_length": 1024}, (12, 101)),  # AudioSet's AST
        ({"max_length": 16, "num_mel_bins": 16}, (1, 1)),
        ({"max_length": 431}, (8, 26)),  # the last frames do not fill a patch
        ({"max_length": 431, "stem_channels": [8, 8, 8]}, (1, 54)),  # the stem rounds up
        ({"max_length": 431, "stem_channels": [8, 8], "stem_strides": [4, 3]}, (1, 36)),
    ],
)
def test_patch_grid(settings, grid):
    assert ASTVAConfig(**settings).patch_grid == grid


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"num_attention_heads": 3}, ["3", "256"]),
        ({"frequency_stride": 17}, ["17", "16"]),
        ({"time_stride": 20, "patch_size": 12, "frequency_stride": 12}, ["20", "12"]),
        ({"num_mel_bins": 15}, ["15", "16"]),
        ({"max_length": 10}, ["10", "16"]),
        ({"hidden_size": 0}, ["hidden_size", "0"]),
        ({"num_attention_heads": 0}, ["num_attention_heads", "0"]),
        ({"time_stride": -1}, ["time_stride", "-1"]),
        ({"hidden_dropout_prob": 1.0}, ["hidden_dropout_prob", "1.0"]),
        ({"attention_probs_dropout_prob": -0.1}, ["attention_probs_dropout_prob", "-0.1"]),
        ({"hidden_act": "gelou"}, ["hidden_act", "gelou"]),
        ({"pooling": "max"}, ["max", "cls", "mean", "cls+distillation"]),
        ({"pooling": "cls+distillation"}, ["use_distillation_token"]),
        ({"label_range": (9, 1)}, ["9", "1"]),
        ({"label_range": (1, float("inf"))}, ["label_range", "inf"]),
        ({"label_range": [1, 5, 9]}, ["label_range", "1, 5, 9"]),
        ({"initializer_range": -0.1}, ["initializer_range", "-0.1"]),
        ({"layer_norm_eps": float("nan")}, ["layer_norm_eps", "nan"]),
        ({"hidden_dropout_prob": float("nan")}, ["hidden_dropout_prob", "nan"]),
        ({"f_max": float("inf")}, ["f_max", "inf"]),
        ({"segment_seconds": 0.0}, ["segment_seconds", "0.0"]),
        ({"stem_channels": (8, 0)}, ["stem_channels", "0"]),
        ({"stem_channels": (8, 8, 8), "num_mel_bins": 7}, ["7", "8", "num_mel_bins"]),
        ({"stem_channels": (8, 8), "stem_strides": (4, 2), "num_mel_bins": 7}, ["7", "8", "num_mel_bins"]),
        ({"stem_channels": (8, 8), "stem_strides": (4, 0)}, ["stem_strides", "0"]),
        ({"stem_channels": (8, 8), "stem_strides": (4,)}, ["2 stem_channels", "[4]"]),
        ({"stem_act": "gelo"}, ["stem_act", "gelo"]),
        ({"descriptor_hidden_size": -1}, ["descriptor_hidden_size", "-1"]),
        ({"descriptor_hidden_size": 8, "num_mel_bins": 23}, ["24", "23", "num_mel_bins"]),
        ({"f_min": 4000, "f_max": 4000}, ["f_min", "4000"]),
        ({"descriptor_hidden_size": 8, "descriptor_dropout_prob": 1}, ["descriptor_dropout_prob", "1"]),
        ({"pooler_dropout_prob": 0.5}, ["pooler_dropout_prob", "0.5", "descriptor_hidden_size"]),
        ({"num_auxiliary_targets": -1}, ["num_auxiliary_targets", "-1"]),
        ({"problem_type": "multi_label_classification"}, ["regression", "multi_label_classification"]),
    ],
)
def test_settings_that_do_not_fit_raise_an_error(settings, words):
    with pytest.raises(ValueError, match=re.escape(words[0])) as error:
        ASTVAConfig(**settings)
    assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_size": "256"}, "Expected hidden_size of type int, but got '256'."),
        ({"hidden_dropout_prob": None}, "Expected hidden_dropout_prob of type float | int, but got None."),
        ({"norm_first": "yes"}, "Expected norm_first of type bool, but got 'yes'."),
        ({"num_hidden_layers": True}, "Expected num_hidden_layers of type int, but got True."),
        ({"max_length": 432.0}, "Expected max_length of type int, but got 432.0."),
        ({"pooling": ["cls"]}, "Expected pooling of type str, but got ['cls']."),
    ],
)
def test_settings_of_a_wrong_type_raise_a_value_error(settings, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ASTVAConfig(**settings)
    config = ASTVAConfig()
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        config.update(settings)


VALENCE_FIRST, AROUSAL_FIRST = {0: "valence", 1: "arousal"}, {0: "arousal", 1: "valence"}


@pytest.mark.parametrize(
    ("labels", "id2label"),
    [
        ({"id2label": AROUSAL_FIRST}, AROUSAL_FIRST),
        ({"label2id": {"arousal": 0, "valence": 1}}, AROUSAL_FIRST),
        ({"id2label": {"0": "valence", "1": "arousal"}}, VALENCE_FIRST),
    ],
)
def test_either_order_of_labels_gives_the_other(labels, id2label):
    config = ASTVAConfig(**labels)
    assert config.id2label == id2label
    assert config.label2id == {name: index for index, name in id2label.items()}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"id2label": VALENCE_FIRST, "label2id": {"arousal": 0, "valence": 1}}, "label2id to be the inverse of"),
        ({"id2label": VALENCE_FIRST, "label2id": {"valence": 0}}, "label2id to be the inverse of"),
        ({"id2label": {0: "valence", 2: "arousal"}}, "id2label with a name of its own"),
        ({"id2label": {0: "valence", 1: "valence"}}, "id2label with a name of its own"),
        ({"id2label": {"a": "valence", "b": "arousal"}}, "id2label with a name of its own"),
        ({"id2label": {}}, "id2label with a name of its own"),
    ],
)
def test_labels_that_contradict_each_other_are_refused(labels, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        ASTVAConfig(**labels)
    ASTVAConfig().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=message):
        ASTVAConfig.from_pretrained(tmp_path, **labels)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampling_rate": 16000}, "sampling_rate=16000 for the model, but got 44100 from the feature extractor"),
        ({"hop_length": 160}, "hop_length=160 for the model, but got 512"),
        ({"num_mel_bins": 64}, "num_mel_bins=64 for the model, but got 128"),
        ({"max_length": 448}, "max_length=448 for the model, but got 432"),
        ({"f_min": 20.0}, "f_min=20.0 for the model, but got 0.0"),
        ({"f_max": 8000.0}, "f_max=8000.0 for the model, but got None"),
        ({"segment_seconds": 3.0}, "segment_seconds=3.0 for the model, but got 5.0"),
    ],
)
def test_a_feature_extractor_that_does_not_fit_is_refused(settings, message):
    ASTVAConfig().check_fit(ASTVAFeatureExtractor())
    with pytest.raises(ValueError, match=message):
        ASTVAConfig(**settings).check_fit(ASTVAFeatureExtractor())


def test_descriptors_need_the_front_end_of_librosa():
    kaldi = ASTVAFeatureExtractor(frontend="kaldi", max_length=448)
    ASTVAConfig(max_length=448).check_fit(kaldi)
    with pytest.raises(ValueError, match="Expected frontend='librosa' for the model, but got 'kaldi'"):
        ASTVAConfig(max_length=448, descriptor_hidden_size=8).check_fit(kaldi)


def test_round_trip(tmp_path):
    config = ASTVAConfig(
        hidden_size=64,
        norm_first=True,
        use_distillation_token=True,
        pooling="cls+distillation",
        hidden_dropout_prob=0,
        label_range=(-1.0, 1.0),
        id2label={0: "arousal", 1: "valence"},
        label2id={"arousal": 0, "valence": 1},
    )
    config.save_pretrained(tmp_path)
    for loaded in (
        ASTVAConfig.from_pretrained(tmp_path),
        AutoConfig.from_pretrained(tmp_path),
        ASTVAConfig.from_dict(json.loads(config.to_json_string())),
    ):
        assert type(loaded) is ASTVAConfig
        assert loaded.to_diff_dict() == config.to_diff_dict()
    assert loaded.id2label == {0: "arousal", 1: "valence"}
    assert loaded.label_midpoint == 0
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "ast_va"


def test_overrides_at_loading_are_checked(tmp_path):
    ASTVAConfig().save_pretrained(tmp_path)
    assert ASTVAConfig.from_pretrained(tmp_path, max_length=216).patch_grid == (8, 13)
    with pytest.raises(ValueError, match=r"num_attention_heads that divide hidden_size \(256\), but got 5"):
        ASTVAConfig.from_pretrained(tmp_path, num_attention_heads=5)


def test_other_numbers_of_labels_have_the_names_of_the_library():
    assert ASTVAConfig(num_labels=3).id2label == {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}
    assert ASTVAConfig(num_labels=2).id2label == {0: "valence", 1: "arousal"}


def test_configuration_of_another_model_raises_an_error(tmp_path):
    ASTConfig().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"Expected .* 'ast_va' model, but got 'audio-spectrogram-transformer'"):
        ASTVAConfig.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="'ast_va' model, but got"):
        ASTVAForRegression.from_pretrained(tmp_path)
