# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Parsing of training arguments: names, types, precedence, errors, and what parsing must not import."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import TrainingArguments
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

from modeling_ast_va import ASTVAConfig, ASTVAFeatureExtractor
from modeling_ast_va.data.splits import SplitSettings
from modeling_ast_va.settings import build_new
from modeling_ast_va.training.arguments import REPORTERS, DataArguments, flag_type, parse_arguments
from modeling_ast_va.training.training_arguments import ASTVATrainingArguments

CONFIGS = Path(__file__).parents[2] / "configs"


def write_recipe(folder, content):
    path = folder / "recipe.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def help_text():
    code = "from modeling_ast_va.training.arguments import parse_arguments; parse_arguments(['--help'])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_without_arguments_only_the_data_have_defaults():
    assert parse_arguments([]) == (DataArguments(), {}, {})
    assert DataArguments().split_settings == SplitSettings()


def test_flags_take_precedence_over_the_recipe(tmp_path):
    recipe = {"learning_rate": 0.5, "num_train_epochs": 3, "labels": "published", "hidden_size": 64, "norm_first": True}
    flags = ["--learning_rate", "0.25", "--hidden_size", "128", "--num_folds", "5", "--fold", "2"]
    data, settings, training = parse_arguments([write_recipe(tmp_path, recipe), *flags])
    assert training == {"learning_rate": 0.25, "num_train_epochs": 3}
    assert settings == {"hidden_size": 128, "norm_first": True}
    assert data.labels == "published"
    assert data.split_settings == SplitSettings(num_folds=5, fold=2)


def test_the_recipe_may_contain_false_lists_objects_and_null(tmp_path):
    recipe = {
        "load_best_model_at_end": False,
        "do_normalize": False,
        "report_to": ["none"],
        "lr_scheduler_kwargs": {"num_cycles": 2},
        "init_from": None,
        "f_max": None,
    }
    data, settings, training = parse_arguments([write_recipe(tmp_path, recipe)])
    assert training == {name: recipe[name] for name in ("load_best_model_at_end", "report_to", "lr_scheduler_kwargs")}
    assert settings == {"do_normalize": False}
    assert data.init_from is None


def test_values_have_the_types_of_their_fields():
    flags = (
        "--hidden_dropout_prob 0 --norm_first --pooling mean --use_distillation_token false --max_length 208 "
        "--win_length 1024 --f_min 20 --f_max 8000 --padding_value -80 --top_db 60 --frontend kaldi --ref 1.0 "
        "--do_normalize False --stem_channels 8 16"
    )
    _, settings, _ = parse_arguments(flags.split())
    expected = {
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
        "ref": "1.0",
        "do_normalize": False,
        "stem_channels": [8, 16],
    }
    assert settings == expected
    assert {name: type(value) for name, value in settings.items()} == {
        name: type(value) for name, value in expected.items()
    }


def test_arguments_of_the_trainer():
    flags = "--gradient_accumulation_steps 4 --warmup_steps 0.1 --seed 3 --optim sgd --max_steps 9 --use_cpu --fsdp"
    assert parse_arguments(flags.split()).training == {
        "gradient_accumulation_steps": 4,
        "warmup_steps": 0.1,
        "seed": 3,
        "optim": "sgd",
        "max_steps": 9,
        "use_cpu": True,
        "fsdp": True,
    }
    scheduler = parse_arguments(["--lr_scheduler_kwargs", '{"num_cycles": 2}']).training
    assert ASTVATrainingArguments(**scheduler, use_cpu=True).lr_scheduler_kwargs == {"num_cycles": 2}


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [("int | None", int), ("float | int", float), ("str | float", str), ("list[int]", int), ("dict | str | None", str)],
)
def test_type_of_a_flag(annotation, expected):
    assert flag_type(annotation) is expected


def test_every_setting_has_a_flag(help_text):
    features = set(ASTVAFeatureExtractor().to_dict())
    features -= {"feature_extractor_type", "feature_size", "padding_side", "return_attention_mask"}
    names = {*features, *ASTVAConfig.__annotations__} - {"label_range", "num_auxiliary_targets"}
    names |= {field.name for field in dataclasses.fields(ASTVATrainingArguments) if field.init}
    names |= {field.name for field in dataclasses.fields(TrainingArguments) if field.init}
    names |= {field.name for field in dataclasses.fields(DataArguments)}
    flags = {line.split()[0] for line in help_text.splitlines() if line.startswith("  --")}
    assert flags == {f"--{name}" for name in names}


def test_help_groups_the_flags(help_text):
    titles = ["data:", "features:", "model:", "training:", "TrainingArguments of transformers:"]
    assert [line for line in help_text.splitlines() if line in titles] == titles
    assert "learning rate for the optimizer. (default: 0.0001)" in " ".join(help_text.split())


def test_parsing_imports_no_large_library():
    code = (
        "import sys\n"
        "from modeling_ast_va.training.arguments import parse_arguments\n"
        "parse_arguments(['--hidden_size', '8', '--seed', '1'])\n"
        "print([name for name in ('torch', 'transformers', 'datasets', 'pandas', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_without_argv_the_command_line_is_parsed(monkeypatch):
    monkeypatch.setattr("sys.argv", ["train.py", "--labels", "published"])
    assert parse_arguments().data.labels == "published"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"learning_rte": 1, "hidden_size": 64}, r"but got 'learning_rte' \(did you mean learning_rate\?\)"),
        ({"help": True}, "but got 'help'"),
        ({"label_range": [0, 1]}, "but got 'label_range'"),
        ("learning_rate: 0.1", "Expected a JSON file .*: Expecting value: line 1"),
        ([1, 2], "but got a list"),
        ("[" * 5000, "Expected a JSON file of arguments"),
        ({"seed": [1]}, r"value of seed .*, but got \[1\]: expected a whole number of at least 0"),
        ({"seed": True}, "value of seed .*, but got True"),
        ({"seed": {}}, "value of seed .*, but got {}"),
        ({"stem_channels": [8, "wide"]}, "value of stem_channels .*: expected a whole number .*, but got 'wide'"),
        ({"bf16": 3}, "value of bf16 .*, but got 3: Expected true or false"),
        ({"labels": "wrong"}, "value of labels .*, but got 'wrong': expected one of corrected, published"),
        ('{"learning_rate": NaN}', "value of learning_rate .*, but got nan"),
    ],
)
def test_bad_recipes_are_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        parse_arguments([write_recipe(tmp_path, content)])


def test_recipes_of_the_package_are_found_where_there_is_no_such_file(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO", logger="modeling_ast_va")
    monkeypatch.chdir(tmp_path)
    expected = parse_arguments([str(CONFIGS / "deam.json")])
    assert caplog.text == ""
    for name in ("deam.json", "./deam.json", "configs/deam.json"):
        assert parse_arguments([name]) == expected
        assert "deam.json of the package" in caplog.text
    (tmp_path / "deam.json").write_text('{"seed": 7}')
    assert parse_arguments(["deam.json"]).training == {"seed": 7}


@pytest.mark.parametrize("name", ["other.json", "other/deam.json", "configs/other.json", "configs/configs/deam.json"])
def test_a_missing_recipe_is_refused_with_those_of_the_package(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=rf"out of deam.json, .*, notebook.json, but got '{name}'"):
        parse_arguments([name])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--learning_rte 1", "did you mean --learning_rate?"),
        ("--num_train_epochs many", "--num_train_epochs: expected a number above 0, but got 'many'"),
        ("--num_train_epochs 0", "--num_train_epochs: expected a number above 0, but got '0'"),
        ("--learning_rate nan", "--learning_rate: expected a number of at least 0, but got 'nan'"),
        ("--learning_rate -0.1", "--learning_rate: expected a number of at least 0, but got '-0.1'"),
        ("--mean inf", "--mean: expected a number, but got 'inf'"),
        ("--weight_decay 1e999", "--weight_decay: expected a number of at least 0, but got '1e999'"),
        ("--seed 4294967296", "--seed: expected a whole number of at least 0, but got '4294967296'"),
        ("--seed 1.5", "--seed: expected a whole number of at least 0, but got '1.5'"),
        ("--per_device_train_batch_size 0", "expected a whole number above 0, but got '0'"),
        ("--norm_first perhaps", "--norm_first: invalid boolean value: 'perhaps'"),
        ("--labels wrong", "--labels: invalid choice: 'wrong'"),
        ("--split_by year", "--split_by: invalid choice: 'year'"),
        ("stray", "unrecognized arguments: stray"),
    ],
)
def test_bad_flags_are_refused(tmp_path, flags, message, capsys):
    with pytest.raises(SystemExit):
        parse_arguments([write_recipe(tmp_path, {}), *flags.split()], prog="train")
    error = capsys.readouterr().err
    assert "train: error:" in error
    assert message in error


def test_settings_of_a_split_that_do_not_go_together_are_refused():
    with pytest.raises(ValueError, match="num_folds"):
        parse_arguments(["--num_folds", "5"])


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.json")), ids=lambda path: path.stem)
def test_recipes_of_the_repository_build_a_model(path):
    _, settings, training = parse_arguments([str(path)])
    build_new(settings)
    ASTVATrainingArguments(**training, use_cpu=True)


def test_defaults_are_the_recipe_of_the_notebook():
    _, settings, training = parse_arguments([str(CONFIGS / "notebook.json")])
    (config, features), (default_config, default_features) = build_new(settings), build_new({})
    assert config.to_dict() == default_config.to_dict()
    assert features.to_dict() == default_features.to_dict()
    training.pop("output_dir")
    args, default_args = (ASTVATrainingArguments(**given, use_cpu=True) for given in (training, {}))
    for name in training:
        assert getattr(args, name) == getattr(default_args, name), name


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--report_to wandbb", r"but got 'wandbb'. \(did you mean wandb\?\)"),
        ("--report_to wandb", "Expected report_to 'wandb' with its package installed, but got no package wandb"),
        ("--report_to none azure_ml", "but got no package azureml"),
    ],
)
def test_a_reporting_backend_that_is_not_installed_is_refused(flags, message, monkeypatch):
    monkeypatch.setattr("modeling_ast_va.training.arguments.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=message):
        parse_arguments(flags.split())


def test_reporting_backends_are_those_of_the_library():
    assert sorted(REPORTERS) == sorted(INTEGRATION_TO_CALLBACK)
    assert parse_arguments(["--report_to", "none", "all"]).training == {"report_to": ["none", "all"]}


def test_negative_numbers_that_mean_something_are_accepted():
    flags = "--mean -40 --padding_value -80 --audio_offset_seconds -1.5 --max_steps -1"
    data, settings, training = parse_arguments(flags.split())
    assert (settings, training, data.audio_offset_seconds) == (
        {"mean": -40.0, "padding_value": -80.0},
        {"max_steps": -1},
        -1.5,
    )
