# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""A small DEAM folder, a cache, and a list of the songs that are decoded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from deam_folder import SMALL_ARTISTS, SMALL_SECONDS, write_deam


@pytest.fixture(scope="module")
def deam(tmp_path_factory):
    return write_deam(tmp_path_factory.mktemp("deam") / "deam", SMALL_SECONDS, artists=SMALL_ARTISTS)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def copy(deam, tmp_path):
    return Path(shutil.copytree(deam, tmp_path / "copy"))


@pytest.fixture
def decoded(monkeypatch):
    """The paths of the songs that are decoded, in order."""
    from modeling_ast_va.data import segments as segments_module

    paths = []
    original = segments_module.stream_segments

    def stream_segments(path, *args):
        paths.append(path)
        return original(path, *args)

    monkeypatch.setattr(segments_module, "stream_segments", stream_segments)
    return paths
