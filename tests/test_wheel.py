# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The wheel has in it what a clone has beside the package, and works in any folder; an sdist builds the same wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling")

from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

REPOSITORY = Path(__file__).parents[1]
PAGE = [f"app/page/{name}" for name in ("drop.html", "drop.js", "player.js", "style.css")]
PLACES = """
import modeling_ast_va
from modeling_ast_va.released import RELEASED_MODEL, find_recipe

print(RELEASED_MODEL, modeling_ast_va.ccc_path(), find_recipe("deam.json"), find_recipe("configs/demo.json"), sep="\\n")
"""


def build(builder, root, folder, version="standard"):
    return Path(next(builder(str(root)).build(directory=str(folder), versions=[version])))


def content(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build(WheelBuilder, REPOSITORY, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_contains_recipes_model_metric_and_template(wheel):
    files = content(wheel)
    for folder in ("configs", "hub/ast-va-deam"):
        top = REPOSITORY / folder
        expected = {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}
        start = f"modeling_ast_va/{folder}/"
        packed = {name.removeprefix(start): data for name, data in files.items() if name.startswith(start)}
        assert packed == expected
    page = "library_map/page/page.html"
    names = ("py.typed", "ccc/ccc.py", "ccc/concordance.py", "hub/card_template.md", page, *PAGE)
    assert {"beetsplug/ast_va.py", *(f"modeling_ast_va/{name}" for name in names)} <= files.keys()
    assert not any("__pycache__" in name or name.startswith(("tests/", "scripts/")) for name in files)


def test_an_installed_wheel_finds_its_files_from_another_folder(wheel, tmp_path):
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", PLACES]
    found = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    places = [Path(line).relative_to(installed / "modeling_ast_va").as_posix() for line in found.splitlines()]
    assert places == ["hub/ast-va-deam", "ccc", "configs/deam.json", "configs/demo.json"]


@pytest.mark.slow
def test_an_sdist_builds_the_same_wheel(wheel, tmp_path):
    sdist = build(SdistBuilder, REPOSITORY, tmp_path)
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path)
    again = build(WheelBuilder, tmp_path / sdist.name.removesuffix(".tar.gz"), tmp_path)
    assert content(again) == content(wheel)


def test_an_editable_install_copies_nothing(tmp_path):
    files = content(build(WheelBuilder, REPOSITORY, tmp_path, "editable"))
    assert [name for name in files if ".dist-info/" not in name] == ["_modeling_ast_va.pth"]
