# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Where a page finds the files of songs."""

import os
import sys

import pytest
from map_pages import values_of

from modeling_ast_va.library_map.addresses import address, address_columns


def test_paths_are_relative_to_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = str(tmp_path / "pages")
    assert address("music/a.mp3", folder) == "../music/a.mp3"
    assert address("pages/a.mp3", folder) == "a.mp3"
    assert address(str(tmp_path / "pages" / "rock" / "a.mp3"), folder) == "rock/a.mp3"
    for url in ("https://a.org/x/f.mp3?g#h", "s3://bucket/a.mp3", "zip://a.mp3::b.zip"):
        assert address(url, folder) == url


def test_a_file_on_another_drive_has_a_url(tmp_path, monkeypatch):
    def refuse(path, start):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", refuse)
    assert address(str(tmp_path / "a b.mp3"), "/pages") == (tmp_path / "a b.mp3").as_uri()


def test_folders_are_there_once_and_missing_files_are_counted(tmp_path):
    (tmp_path / "a.mp3").touch()
    paths = [str(tmp_path / "a.mp3"), str(tmp_path / "rock" / "b.mp3"), str(tmp_path / "rock" / "c.mp3")]
    columns, missing = address_columns([*paths, "https://a.org/d.mp3"], str(tmp_path))
    assert columns["folder"]["values"] == ["", "rock/", "https://a.org/"]
    assert values_of(columns["folder"]) == ["", "rock/", "rock/", "https://a.org/"]
    assert columns["file"] == ["a.mp3", "b.mp3", "c.mp3", "d.mp3"]
    assert missing == 2


@pytest.mark.skipif(sys.platform != "linux", reason="names that are not UTF-8")
def test_names_that_are_not_utf8_lead_to_their_file(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp3")
    open(path, "w").close()
    columns, missing = address_columns([str(tmp_path / r"caf\xe9.mp3")], str(tmp_path))
    assert (columns["file"], missing) == ([os.fsdecode(b"caf\xe9.mp3")], 0)
