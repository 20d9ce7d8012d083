# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Loads the common tests of the installed version of transformers from its source archive.

The archive does not contain three modules that the common tests import. These modules only matter for classes of the
library (generation, export, its list of common settings), so they are replaced by stubs.
"""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from unittest import mock

import pytest
import transformers

VARIABLE = "TRANSFORMERS_TESTS"
PACKAGE = "transformers_common_tests"

# Settings of every configuration of the library, with values other than the defaults.
COMMON_SETTINGS = {
    "return_dict": False,
    "output_hidden_states": True,
    "dtype": "float16",
    "chunk_size_feed_forward": 5,
    "architectures": ["ASTVAModel"],
    "id2label": {0: "arousal", 1: "valence", 2: "tension"},
    "label2id": {"arousal": 0, "valence": 1, "tension": 2},
    "problem_type": "regression",
}


def source_folder() -> Path | None:
    """Folder `transformers-<version>` in the environment variable, or `None` if it is not set."""
    if VARIABLE not in os.environ:
        return None
    folder = Path(os.environ[VARIABLE])
    expected = f"transformers-{transformers.__version__}"
    if folder.resolve().name != expected or not (folder / "tests").is_dir():
        raise pytest.UsageError(
            f"Expected {VARIABLE} to be the unpacked source archive {expected}, but got {str(folder)!r}."
        )
    return folder


def marks(folder: Path) -> set[str]:
    """Names of the pytest marks that the common tests use."""
    files = (folder / "tests/test_modeling_common.py", folder / "src/transformers/testing_utils.py")
    return {name for file in files for name in re.findall(r"\bmark\.(\w+)", file.read_text(encoding="utf-8"))}


def load_common_tests(folder: Path, model_names: dict[str, str]) -> tuple[ModuleType, ModuleType, ModuleType]:
    """
    Import the common tests of models, configurations and feature extractors.

    Args:
        folder: the unpacked source archive.
        model_names: class names of our base models by model type; the tests use names to find models without a loss.

    Returns:
        The three modules.
    """
    package = ModuleType(PACKAGE)
    package.__path__ = [str(folder / "tests")]
    sys.modules[PACKAGE] = package
    _stub("exporters.test_export", ExportTesterMixin=type("ExportTesterMixin", (), {}))
    _stub("generation.test_utils", GenerationTesterMixin=type("GenerationTesterMixin", (), {}))
    _stub("utils.test_configuration_utils", config_common_kwargs=COMMON_SETTINGS)
    # One of them imports the library from a path that does not exist in the archive.
    with mock.patch("transformers.utils.direct_transformers_import", return_value=transformers):
        model_tests, configuration_tests, feature_extraction_tests = (
            import_module(f"{PACKAGE}.test_{name}_common")
            for name in ("modeling", "configuration", "sequence_feature_extraction")
        )
    # In the namespace of the tests, so that the mappings of the library do not change.
    model_tests.MODEL_MAPPING_NAMES = {**model_tests.MODEL_MAPPING_NAMES, **model_names}
    return model_tests, configuration_tests, feature_extraction_tests


def _stub(name: str, **attributes) -> None:
    parent, _, _ = name.partition(".")
    for module_name in (parent, name):
        module = sys.modules.setdefault(f"{PACKAGE}.{module_name}", ModuleType(f"{PACKAGE}.{module_name}"))
    vars(module).update(attributes)
