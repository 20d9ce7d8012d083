# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The flags of training: all settings have one, and the help explains each once."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
from transformers import TrainingArguments

from modeling_ast_va import ASTVAConfig, ASTVAFeatureExtractor
from modeling_ast_va.training.arguments import DataArguments, parse_arguments
from modeling_ast_va.training.flags import GROUPS, LIBRARY_GROUP, flag_type, training_flags
from modeling_ast_va.training.training_arguments import ASTVATrainingArguments

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture
def help_of(capsys, monkeypatch):
    def text(*argv, columns=120):
        monkeypatch.setenv("COLUMNS", str(columns))
        with pytest.raises(SystemExit):
            parse_arguments(argv, prog="train")
        return capsys.readouterr().out

    return text


def entries(text):
    """The explanation of each flag, as one line."""
    parts = re.split(r"^  --(\w+)", text.partition(f"\n{LIBRARY_GROUP}:\n  All")[0], flags=re.MULTILINE)
    return {name: " ".join(entry.partition("\n\n")[0].split()) for name, entry in zip(parts[1::2], parts[2::2])}


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [("int | None", int), ("float | int", float), ("str | float", str), ("list[int]", int), ("dict | str | None", str)],
)
def test_type_of_a_flag(annotation, expected):
    assert flag_type(annotation) is expected


def test_every_setting_has_a_flag(help_of):
    features = set(ASTVAFeatureExtractor().to_dict())
    features -= {"feature_extractor_type", "feature_size", "padding_side", "return_attention_mask"}
    of_data = {"num_auxiliary_targets", "conformal_quantiles", "error_correlation", "label_quantiles"}
    names = {*features, *ASTVAConfig.__annotations__} - of_data
    for fields_of in (DataArguments, ASTVATrainingArguments, TrainingArguments):
        names |= {field.name for field in dataclasses.fields(fields_of) if field.init}
    assert set(training_flags()) == names
    explained = entries(help_of("--help_all"))
    assert set(explained) - {"help_all"} == names
    assert set(re.findall(r"--(\w+)", help_of("--help"))) - {"help", "help_all", "init_from"} == names - {"init_from"}


def test_groups_stand_in_the_order_of_need_and_hold_our_settings(help_of):
    text = help_of("--help")
    titles = [line.rstrip(":") for line in text.splitlines() if line.rstrip(":") in GROUPS]
    assert titles == list(GROUPS)
    assert list(entries(text))[:3] == ["help_all", "data_dir", "labels"]
    of_library = {field.name for field in dataclasses.fields(TrainingArguments)}
    assert {name for name, flag in training_flags().items() if flag.group == LIBRARY_GROUP} <= of_library
    assert "lr_scheduler_kwargs" not in entries(text)
    assert "lr_scheduler_kwargs" in entries(help_of("--help_all"))


def test_groups_name_only_flags():
    listed = [name for names in GROUPS.values() for name in names]
    assert set(listed) <= set(training_flags())
    assert len(listed) == len(set(listed))


def test_every_default_is_the_one_that_a_user_gets_and_stands_once(help_of):
    explained = entries(help_of("--help"))
    for name, value in json.loads((CONFIGS / "deam_fast.json").read_text()).items():
        shown = " ".join(map(str, value)) if isinstance(value, list) else str(value).lower().removesuffix(".0")
        assert explained[name].endswith((f"(default: {shown})", f"(default: {shown}.0)")), name
    assert explained["learning_rate"].endswith("(default: 0.001)")
    assert explained["head_hidden_size"].endswith("(default: 128)")
    assert explained["output_dir"].endswith("(default: outputs/NAME, with the name of the recipe or table)")
    for name, text in explained.items():
        assert text.lower().count("default") <= 1, name
        assert "`" not in text, name


def test_the_help_of_a_recipe_has_its_defaults(help_of):
    assert entries(help_of("notebook.json", "--help"))["hidden_size"].endswith("(default: 256)")


@pytest.mark.parametrize("columns", [80, 120])
def test_the_help_fits_the_terminal(help_of, columns):
    assert max(map(len, help_of("--help", columns=columns).splitlines())) <= columns
