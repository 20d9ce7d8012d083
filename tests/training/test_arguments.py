# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Parsing of training arguments: names, types, precedence, errors, and what parsing must not import."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from deam_folder import write_deam
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

from modeling_ast_va.data.splits import SplitSettings
from modeling_ast_va.settings import build_new
from modeling_ast_va.training.arguments import DataArguments, check_arguments, parse_arguments
from modeling_ast_va.training.flags import training_flags
from modeling_ast_va.training.recipes import default_recipe
from modeling_ast_va.training.reporters import REPORTERS
from modeling_ast_va.training.run import build_model
from modeling_ast_va.training.training_arguments import ASTVATrainingArguments

CONFIGS = Path(__file__).parents[2] / "configs"


def write_recipe(folder, content):
    path = folder / "recipe.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def values_of(name):
    return json.loads((CONFIGS / name).read_text(encoding="utf-8"))


def beyond_the_defaults(arguments):
    """Settings and arguments of the trainer that differ from the default recipe."""
    _, *defaults = parse_arguments([])
    _, *given = arguments
    return [{k: v for k, v in new.items() if k not in old or old[k] != v} for new, old in zip(given, defaults)]


def of_source(recipe, *sources):
    return {name: value for name, value in recipe.items() if training_flags()[name].source in sources}


def test_defaults_are_the_recipe_of_a_new_network():
    recipe = values_of("deam_fast.json")
    data, settings, training = parse_arguments([])
    assert data == DataArguments(segment_hop_seconds=recipe["segment_hop_seconds"])
    assert data.split_settings == SplitSettings()
    assert settings == of_source(recipe, "features", "network")
    assert training == {"output_dir": "outputs/deam_fast", **of_source(recipe, "trainer", "library")}
    assert parse_arguments(["deam_fast.json"]) == parse_arguments([])
    assert parse_arguments([], prog="train").settings["hidden_size"] == 192


def test_what_a_recipe_leaves_out_has_the_default(tmp_path):
    recipe = write_recipe(tmp_path, {"hidden_size": 64, "seed": 7})
    assert beyond_the_defaults(parse_arguments([recipe])) == [
        {"hidden_size": 64},
        {"seed": 7, "output_dir": "outputs/recipe"},
    ]
    assert parse_arguments([recipe]).settings.keys() == parse_arguments([]).settings.keys()


def test_a_checkpoint_brings_its_network_and_has_its_own_recipe(tmp_path):
    recipe = values_of("finetune.json")
    assert of_source(recipe, "features", "network") == {}
    defaults = values_of("deam_fast.json")
    assert defaults.keys() - of_source(defaults, "features", "network") <= recipe.keys()
    data, settings, training = parse_arguments(["--init_from", "me/ast", "--hidden_dropout_prob", "0.5"])
    assert data.segment_hop_seconds == recipe["segment_hop_seconds"]
    assert settings == {"hidden_dropout_prob": 0.5}
    assert training == {"output_dir": "outputs/finetune", **of_source(recipe, "trainer", "library")}
    assert parse_arguments(["finetune.json", "--init_from=me/ast", "--hidden_dropout_prob", "0.5"])[1:] == (
        settings,
        training,
    )
    named = write_recipe(tmp_path, {"init_from": "me/ast", "norm_first": True})
    assert parse_arguments([named]).settings == {"norm_first": True}
    full = parse_arguments(["deam_fast.json", "--init_from", "me/ast"])
    assert full.settings == parse_arguments([]).settings
    assert full.training["learning_rate"] == values_of("deam_fast.json")["learning_rate"]
    assert parse_arguments(["--init_from", "me/ast"]).training["learning_rate"] == recipe["learning_rate"]


@pytest.mark.parametrize(
    ("argv", "output_dir"),
    [
        ([], "outputs/deam_fast"),
        (["notebook.json"], "outputs/notebook"),
        (["--data_csv", "tables/mine.tsv"], "outputs/mine"),
        (["--data_csv", "mine.csv", "--init_from", "me/ast"], "outputs/mine"),
        (["demo.json", "--data_csv", "mine.csv"], "outputs/demo"),
        (["demo.json", "--output_dir", "elsewhere"], "elsewhere"),
    ],
)
def test_the_output_is_named_after_the_recipe_or_the_table(argv, output_dir):
    assert parse_arguments(argv).training["output_dir"] == output_dir


def test_flags_take_precedence_over_the_recipe(tmp_path):
    recipe = {"learning_rate": 0.5, "num_train_epochs": 3, "labels": "published", "hidden_size": 64, "norm_first": True}
    flags = ["--learning_rate", "0.25", "--hidden_size", "128", "--num_folds", "5", "--fold", "2"]
    data, settings, training = parse_arguments([write_recipe(tmp_path, recipe), *flags])
    assert (training["learning_rate"], training["num_train_epochs"]) == (0.25, 3)
    assert (settings["hidden_size"], settings["norm_first"]) == (128, True)
    assert data.labels == "published"
    assert data.split_settings == SplitSettings(num_folds=5, fold=2)


def test_the_recipe_may_contain_false_lists_objects_and_null(tmp_path):
    recipe = {
        "load_best_model_at_end": False,
        "do_normalize": False,
        "report_to": ["none"],
        "lr_scheduler_kwargs": {"num_cycles": 2},
        "init_from": None,
        "top_db": None,
        "segment_hop_seconds": None,
        "stem_channels": [],
    }
    arguments = parse_arguments([write_recipe(tmp_path, recipe)])
    settings, training = beyond_the_defaults(arguments)
    names = ("load_best_model_at_end", "report_to", "lr_scheduler_kwargs")
    assert training == {"output_dir": "outputs/recipe", **{name: recipe[name] for name in names}}
    assert settings == {"do_normalize": False, "top_db": None, "stem_channels": []}
    assert (arguments.data.init_from, arguments.data.segment_hop_seconds) == (None, None)


def test_flags_may_take_back_what_the_recipe_gives():
    arguments = parse_arguments(["--segment_hop_seconds", "none", "--top_db", "None", "--stem_channels"])
    assert arguments.data.segment_hop_seconds is None
    assert beyond_the_defaults(arguments) == [{"top_db": None, "stem_channels": []}, {}]
    config, features = build_new(arguments.settings)
    assert (features.top_db, config.stem_channels) == (None, [])


def test_arguments_of_a_table_of_ratings():
    flags = "--data_csv mine.csv --audio_dir songs --label_range -1 1 --split_by column --log_mels on_the_fly"
    data = parse_arguments(flags.split()).data
    assert (data.source.data_csv, data.source.audio_dir, data.source.label_range) == ("mine.csv", "songs", (-1.0, 1.0))
    assert (data.split_settings.split_by, data.log_mels) == ("column", "on_the_fly")
    with pytest.raises(ValueError, match="Expected either data_dir or data_csv"):
        parse_arguments([*flags.split(), "--data_dir", "DEAM"])


def test_the_loss_of_the_default_recipe_needs_dynamic_annotations(tmp_path):
    folder = write_deam(tmp_path / "deam", {2: 0, 1001: 0, 2001: 0})
    check_arguments(parse_arguments(["--data_dir", str(folder)]))
    for path in folder.glob("DEAM_Annotations/annotations/*/dynamic*/*.csv"):
        path.unlink()
    with pytest.raises(ValueError, match=r"for dynamic_weight 0.3, but got none: train with --dynamic_weight 0\."):
        check_arguments(parse_arguments(["--data_dir", str(folder)]))
    check_arguments(parse_arguments(["--data_dir", str(folder), "--dynamic_weight", "0"]))


def test_values_have_the_types_of_their_fields():
    flags = (
        "--hidden_dropout_prob 0 --norm_first --pooling mean --use_distillation_token false --max_length 208 "
        "--win_length 1024 --f_min 20 --f_max 8000 --padding_value -80 --top_db 60 --frontend kaldi --ref 1.0 "
        "--do_normalize False --stem_channels 8 16"
    )
    _, settings, _ = parse_arguments(["--init_from", "a checkpoint, which has settings of its own", *flags.split()])
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
    given = {
        "gradient_accumulation_steps": 4,
        "warmup_steps": 0.1,
        "seed": 3,
        "optim": "sgd",
        "max_steps": 9,
        "use_cpu": True,
        "fsdp": True,
    }
    assert parse_arguments(flags.split()).training == {**parse_arguments([]).training, **given}
    scheduler = parse_arguments(["--lr_scheduler_kwargs", '{"num_cycles": 2}']).training
    assert ASTVATrainingArguments(**scheduler, use_cpu=True).lr_scheduler_kwargs == {"num_cycles": 2}


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
        ({"label_range": [0, 1, 2]}, r"value of label_range .*, but got \[0, 1, 2\]: expected two numbers"),
        ({"label_range": [0, 1]}, "Expected audio_dir and label_range with data_csv only"),
        ({"num_auxiliary_targets": 2}, "but got 'num_auxiliary_targets'"),
        ({"label_quantiles": []}, "but got 'label_quantiles'"),
        ({"hidden_size": None}, "value of hidden_size .*, but got None: expected a value"),
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
    expected = parse_arguments([str(CONFIGS / "notebook.json")])
    assert caplog.text == ""
    for name in ("notebook.json", "./notebook.json", "configs/notebook.json"):
        assert parse_arguments([name]) == expected
        assert "notebook.json of the package" in caplog.text
    (tmp_path / "deam_fast.json").write_text('{"seed": 7}')  # does not become the default
    assert parse_arguments(["deam_fast.json"]).training == {**parse_arguments([]).training, "seed": 7}
    assert "seed" not in parse_arguments([]).training


@pytest.mark.parametrize(
    "name", ["other.json", "other/deam_fast.json", "configs/other.json", "configs/configs/deam_fast.json"]
)
def test_a_missing_recipe_is_refused_with_those_of_the_package(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=rf"out of deam.json, deam_fast.json, .*, pretrain.json, but got '{name}'"):
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
    data, settings, training = parse_arguments([str(path)])
    build_model(data.init_from, settings, torch.device("cpu"))
    ASTVATrainingArguments(**training, use_cpu=True)
    if path.name not in ("deam_fast.json", "finetune.json"):
        defaults = values_of(default_recipe(data.init_from).name)
        same = [name for name, value in values_of(path.name).items() if defaults.get(name, ...) == value]
        assert same == ([] if path.name != "notebook.json" else ["n_fft", "top_db"])


def test_the_recipe_of_the_notebook_is_the_default_of_the_classes():
    assert values_of("deam_fast.json").keys() <= values_of("notebook.json").keys()
    data, settings, training = parse_arguments([str(CONFIGS / "notebook.json")])
    assert data == DataArguments()
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
    monkeypatch.setattr("modeling_ast_va.training.reporters.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=message):
        parse_arguments(flags.split())


def test_reporting_backends_are_those_of_the_library():
    assert sorted(REPORTERS) == sorted(INTEGRATION_TO_CALLBACK)
    assert parse_arguments(["--report_to", "none", "all"]).training["report_to"] == ["none", "all"]


def test_negative_numbers_that_mean_something_are_accepted():
    flags = "--mean -40 --padding_value -80 --audio_offset_seconds -1.5 --max_steps -1"
    arguments = parse_arguments(flags.split())
    assert beyond_the_defaults(arguments) == [{"mean": -40.0, "padding_value": -80.0}, {"max_steps": -1}]
    assert arguments.data.audio_offset_seconds == -1.5


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--teacher_weight", "1"], "but got teacher_weight 1 and no teacher"),
        (
            ["--teacher_embeddings", "a.npz", "b.npz", "--teacher_weight", "0"],
            "but got teacher_weight 0 and a.npz, b.npz",
        ),
        (["--teachers", "a.onnx", "--teacher_weight", "0"], "but got teacher_weight 0 and a.onnx"),
        (["--teachers", "missing.onnx", "--teacher_weight", "1"], "an ONNX file, but got 'missing.onnx'"),
        (
            ["--teacher_embeddings", __file__, "--teacher_weight", "1", "--unlabeled_dir", "missing"],
            "a folder of music without labels, but got 'missing'",
        ),
    ],
)
def test_teachers_are_checked_before_torch_is_imported(flags, message):
    with pytest.raises(ValueError, match=message):
        check_arguments(parse_arguments(flags))


def test_a_recipe_may_name_one_teacher_as_text(tmp_path):
    (tmp_path / "mine.json").write_text('{"teacher_embeddings": "a.npz"}')
    assert parse_arguments([str(tmp_path / "mine.json")]).data.teacher_embeddings == ["a.npz"]
