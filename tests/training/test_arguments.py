# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import dataclasses
import json

import pytest
from transformers import HfArgumentParser, TrainingArguments

from modeling_ast_va import ASTVAConfig, ASTVAFeatureExtractor
from modeling_ast_va.training.arguments import (
    ASTVATrainingArguments,
    DataArguments,
    SettingsArguments,
    build_new,
    check_descriptors,
    parse_arguments,
    split_settings,
)


def write_config(folder, content):
    path = folder / "config.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def test_defaults_are_the_recipe_of_the_notebook():
    data, settings, training = parse_arguments([])
    assert (data.labels, data.split_by, data.split_seed, data.data_dir) == ("corrected", "artist", 42, None)
    assert settings == {}
    assert training.optim.startswith("adamw")
    assert training.learning_rate == 1e-4
    assert training.weight_decay == 0.01
    assert training.lr_scheduler_type == "cosine"
    assert training.warmup_steps == 0
    assert training.max_grad_norm == 1.0
    assert training.per_device_train_batch_size == 16
    assert (training.frequency_mask_bins, training.time_mask_frames) == (10, 20)
    assert training.num_train_epochs == 15
    # What the notebook describes but does not do.
    assert training.load_best_model_at_end
    assert training.early_stopping_patience > 0
    assert (training.metric_for_best_model, training.greater_is_better) == ("loss", False)


def test_flags_win_over_the_file(tmp_path):
    config = {"learning_rate": 0.5, "num_train_epochs": 3, "labels": "published", "hidden_size": 64, "norm_first": True}
    path = write_config(tmp_path, config)
    data, settings, training = parse_arguments([path, "--learning_rate", "0.25", "--hidden_size", "128"])
    assert (training.learning_rate, training.num_train_epochs, data.labels) == (0.25, 3, "published")
    assert settings == {"hidden_size": 128, "norm_first": True}


def test_the_file_may_switch_off_what_is_on_by_default_and_hold_lists_and_nothing(tmp_path):
    config = {
        "load_best_model_at_end": False,
        "do_normalize": False,
        "report_to": ["none"],
        "lr_scheduler_kwargs": {"num_cycles": 2},
        "init_from": None,
    }
    data, settings, training = parse_arguments([write_config(tmp_path, config)])
    assert not training.load_best_model_at_end
    assert training.lr_scheduler_kwargs == {"num_cycles": 2}
    assert training.report_to == []
    assert settings == {"do_normalize": False}
    assert data.init_from is None


def test_settings_have_flags_of_their_own_names():
    flags = (
        "--hidden_dropout_prob 0 --norm_first true --pooling mean --use_distillation_token false --max_length 208 "
        "--win_length 1024 --f_min 20 --f_max 8000 --padding_value -80 --top_db 60 --frontend kaldi "
        "--do_normalize false"
    )
    _, settings, _ = parse_arguments(flags.split())
    assert settings == {
        "hidden_dropout_prob": 0.0,
        "norm_first": True,
        "pooling": "mean",
        "use_distillation_token": False,
        "max_length": 208,
        "win_length": 1024,
        "f_min": 20.0,
        "f_max": 8000.0,
        "padding_value": -80.0,
        "top_db": 60.0,
        "frontend": "kaldi",
        "do_normalize": False,
    }
    assert [type(settings[name]) for name in ("win_length", "max_length", "norm_first")] == [int, int, bool]


def test_every_setting_of_configuration_and_feature_extractor_has_a_flag():
    flags = {field.name for field in dataclasses.fields(SettingsArguments)}
    saved = ASTVAFeatureExtractor().to_dict()
    of_features = set(saved) - {"feature_extractor_type", "feature_size", "padding_side", "return_attention_mask"}
    assert flags == (set(ASTVAConfig.__annotations__) - {"label_range", "num_auxiliary_targets"}) | of_features


def test_every_training_argument_is_open():
    help_text = HfArgumentParser((DataArguments, SettingsArguments, ASTVATrainingArguments)).format_help()
    for field in dataclasses.fields(TrainingArguments):
        assert not field.init or f"--{field.name} " in help_text, field.name
    flags = "--gradient_accumulation_steps 4 --warmup_steps 7 --seed 3 --optim sgd --max_steps 9 --use_cpu true"
    training = parse_arguments(flags.split()).training
    assert (training.gradient_accumulation_steps, training.warmup_steps, training.seed) == (4, 7, 3)
    assert (training.optim, training.max_steps, training.use_cpu) == ("sgd", 9, True)


def test_without_arguments_those_of_the_command_line_are_read(monkeypatch):
    monkeypatch.setattr("sys.argv", ["train.py", "--labels", "published"])
    assert parse_arguments().data.labels == "published"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"learning_rte": 1, "hidden_size": 64, "head_size": 1},
            r"gives \['head_size', 'learning_rte'\], which are no",
        ),
        ({"help": True}, r"gives \['help'\]"),
        ({"label_range": [0, 1]}, r"gives \['label_range'\]"),
        ("learning_rate: 0.1", "config.json' is not JSON: Expecting value: line 1"),
        ([1, 2], "it holds a list"),
    ],
)
def test_a_file_that_cannot_work_is_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        parse_arguments([write_config(tmp_path, content)])


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"there is no '.*other.json'"):
        parse_arguments([str(tmp_path / "other.json")])


@pytest.mark.parametrize("flags", ["--learning_rte 1", "--num_train_epochs many", "--norm_first perhaps", "stray"])
def test_flags_that_cannot_work_are_refused(tmp_path, flags, capsys):
    with pytest.raises(SystemExit):
        parse_arguments([write_config(tmp_path, {}), *flags.split()])
    assert flags.split()[0] in capsys.readouterr().err


@pytest.mark.parametrize("name", ["frequency_mask_bins", "time_mask_frames", "early_stopping_patience"])
def test_negative_masks_and_patience_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must not be negative, but is -1"):
        parse_arguments([f"--{name}", "-1"])


@pytest.mark.parametrize(
    ("settings", "frames"),
    [
        ({}, 432),  # 1 + 220500 // 512 = 431 frames of 5 s, in patches of 16: 27 * 16
        ({"segment_seconds": 10.0}, 864),  # 862 frames
        ({"time_stride": 10}, 436),  # 16 + 42 * 10
        ({"sampling_rate": 8000, "n_fft": 256, "hop_length": 160, "segment_seconds": 2.0}, 112),  # 101 frames
        ({"sampling_rate": 16000, "hop_length": 160, "n_fft": 512, "win_length": 400, "frontend": "kaldi"}, 512),  # 498
        ({"segment_seconds": 0.01}, 16),  # one patch
        ({"max_length": 500}, 500),
    ],
)
def test_a_spectrogram_just_holds_a_segment(settings, frames):
    config, feature_extractor = build_new(settings)
    assert config.max_length == feature_extractor.max_length == frames


def test_descriptors_are_told_what_the_feature_extractor_does():
    flags = ["--descriptor_hidden_size", "8", "--sampling_rate", "16000", "--hop_length", "320", "--f_max", "7000"]
    config, feature_extractor = build_new(parse_arguments(flags)[1])
    for name in ("sampling_rate", "hop_length", "f_min", "f_max"):
        assert getattr(config, name) == getattr(feature_extractor, name)
    with pytest.raises(ValueError, match="need frontend=\"librosa\", but it is 'kaldi'"):
        build_new(parse_arguments([*flags, "--frontend", "kaldi"])[1])
    config.hop_length = 160
    with pytest.raises(ValueError, match="hop_length of the feature extractor, 320, but the configuration has 160"):
        check_descriptors(config, feature_extractor)


def test_settings_go_where_they_belong():
    _, settings, _ = parse_arguments(["--num_mel_bins", "64", "--hidden_size", "64", "--ref", "1.0", "--n_fft", "1024"])
    config, feature_extractor = build_new(settings)
    assert (config.num_mel_bins, feature_extractor.num_mel_bins) == (64, 64)
    assert (config.hidden_size, feature_extractor.ref, feature_extractor.n_fft) == (64, 1.0, 1024)
    assert not hasattr(config, "n_fft")


def test_the_reference_power_is_max_or_a_number():
    assert split_settings({"ref": "max"}) == ({}, {"ref": "max"})
    assert split_settings({"ref": "0.5"}) == ({}, {"ref": 0.5})
    with pytest.raises(ValueError, match="ref must be \"max\" or a positive power, but is 'loud'"):
        build_new({"ref": "loud"})


@pytest.mark.parametrize("settings", [{"num_attention_heads": 3}, {"max_length": 100}, {"n_fft": 0}])
def test_settings_that_cannot_work_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        build_new(settings)
