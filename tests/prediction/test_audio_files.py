# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Audio files that are found among files and folders."""

from pathlib import Path

import pytest

from modeling_ast_va.prediction.audio_files import find_audio

NAMES = ("a.mp3", "b.MP3", "rock/c.mp3")


@pytest.fixture
def library(tmp_path):
    """Three audio files, one in a folder of its own, and a text file."""
    folder = tmp_path / "library"
    (folder / "rock").mkdir(parents=True)
    for name in (*NAMES, "cover.txt"):
        (folder / name).touch()
    return folder


def test_a_folder_is_searched_at_any_depth_in_a_stable_order(library):
    assert find_audio([library]) == [str(library / name) for name in NAMES]
    assert find_audio([library / "rock", library]) == [str(library / name) for name in ("rock/c.mp3", "a.mp3", "b.MP3")]


def test_files_and_urls_are_taken_as_they_are_each_once(library):
    text, url = str(library / "cover.txt"), "https://example.org/song?id=1"
    assert find_audio([url, text, Path(text), url]) == [url, text]


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "oga", "opus", "aiff", "aif", "MP3", "au", "w64", "caf"])
def test_endings_of_libsndfile_are_known(tmp_path, ending):
    (tmp_path / f"song.{ending}").touch()
    (tmp_path / f"not_{ending}").touch()
    (tmp_path / f"folder.{ending}").mkdir()
    assert find_audio([tmp_path]) == [str(tmp_path / f"song.{ending}")]


def test_missing_paths_and_folders_without_audio_are_refused(library):
    with pytest.raises(ValueError, match=r"got 'missing\.mp3', which does not exist"):
        find_audio([library, "missing.mp3"])
    (library / "empty").mkdir()
    with pytest.raises(ValueError, match=r"got none in .*empty"):
        find_audio([library / "empty"])
