# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Fields read from source text against the imported classes."""

import dataclasses
import inspect
import typing

import pytest
from transformers import TrainingArguments

from modeling_ast_va import ASTVAConfig, ASTVAFeatureExtractor
from modeling_ast_va.training.flags import SOURCES
from modeling_ast_va.training.source_fields import class_fields, documented
from modeling_ast_va.training.training_arguments import ASTVATrainingArguments

LIBRARY = "library"
NOT_LITERAL = {"optim", "label_range"}  # defaults that are expressions


@pytest.mark.parametrize(
    ("title", "fields_of"),
    [(LIBRARY, TrainingArguments), ("trainer", ASTVATrainingArguments), ("network", ASTVAConfig)],
)
def test_fields_of_a_class_equal_those_of_dataclasses(title, fields_of):
    own = inspect.get_annotations(fields_of)
    expected = {field.name: field for field in dataclasses.fields(fields_of) if field.init and field.name in own}
    found = {field.name: field for field in class_fields(*SOURCES[title])}
    assert found.keys() == expected.keys()
    namespace = vars(inspect.getmodule(fields_of)) | vars(typing)
    for name, field in found.items():
        assert field.help == expected[name].metadata.get("help", field.help), name
        default = expected[name].default
        if default is not dataclasses.MISSING and name not in NOT_LITERAL:
            assert field.default == default, name
        annotation = own[name]
        if not isinstance(annotation, str):  # a class, not text
            assert eval(field.annotation, dict(namespace)) == annotation, name


def test_options_of_flags_come_from_the_metadata():
    options = {field.name: field.options for field in class_fields(*SOURCES[LIBRARY])}
    assert options["fsdp"] == {"nargs": "?", "const": True}
    assert "nccl" in options["ddp_backend"]["choices"]
    assert options["log_level"] == {}  # its choices are an expression


def test_parameters_equal_those_of_the_signature():
    parameters = inspect.signature(ASTVAFeatureExtractor.__init__).parameters.values()
    expected = {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
    fields = class_fields(*SOURCES["features"])
    assert {field.name: field.default for field in fields} == expected


def test_descriptions_may_be_of_inherited_settings():
    helps = documented(*SOURCES["trainer"])
    assert helps["warmup_steps"].startswith("Steps in which the learning rate rises")
    assert set(helps) <= {field.name for field in dataclasses.fields(ASTVATrainingArguments)}


def test_every_setting_is_described():
    fields = [field for source in SOURCES.values() for field in class_fields(*source)]
    described = {field.name for field in fields if field.help}
    assert {field.name for field in fields} == described
