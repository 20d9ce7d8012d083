# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The Space: its settings fit the package, and its file starts the app."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import yaml
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[1]
SPACE = REPOSITORY / "space"


def front_matter():
    return yaml.safe_load((SPACE / "README.md").read_text(encoding="utf-8").split("---")[1])


def extra(name):
    """The requirements of an extra of the package; tomllib is missing in Python 3.10."""
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    return [Requirement(line) for line in re.findall(r'"([^"]+)"', re.search(rf"^{name} = \[(.*?)\]", text, re.M)[1])]


def test_settings_are_those_of_a_space():
    settings = front_matter()
    assert (settings["sdk"], settings["license"]) == ("gradio", "cc-by-nc-sa-4.0")
    assert (SPACE / settings["app_file"]).is_file()
    assert len(settings["short_description"]) <= 60  # a limit of the Hub
    assert settings["models"]
    (gradio,) = extra("app")
    assert settings["sdk_version"] in gradio.specifier


def test_requirements_are_extras_of_the_package():
    (line,) = (SPACE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    requirement = Requirement(line)
    assert requirement.name == "modeling-ast-va"
    assert all(extra(name) for name in requirement.extras)


def test_the_app_starts_at_the_address_of_spaces(monkeypatch):
    launched = []
    monkeypatch.setattr("modeling_ast_va.app.launch", lambda **options: launched.append(options), raising=False)
    runpy.run_path(str(SPACE / "app.py"), run_name="__main__")
    assert launched == [{"host": "0.0.0.0", "port": 7860}]
