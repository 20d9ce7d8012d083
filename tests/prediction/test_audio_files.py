# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Audio files that are found among files and folders, and what is skipped there."""

import json
import os
import socket
import zipfile
from pathlib import Path

import fsspec
import pytest
import soundfile

from modeling_ast_va.prediction.audio_files import AUDIO_ENDINGS, SPECIAL, file_version, find_audio

NAMES = ("a.mp3", "b.MP3", "rock/c.mp3")


@pytest.fixture
def library(tmp_path):
    """Three audio files, one in a folder of its own, and a text file."""
    folder = tmp_path / "library"
    (folder / "rock").mkdir(parents=True)
    for name in (*NAMES, "cover.txt"):
        (folder / name).touch()
    return folder


def names_in(folder, found):
    return [os.path.relpath(path, folder) for path in found.files]


def test_a_folder_is_searched_at_any_depth_in_a_stable_order(library):
    assert find_audio([library]).files == [str(library / name) for name in NAMES]


def test_files_and_urls_are_taken_as_they_are_each_once(library):
    text, url = str(library / "cover.txt"), "https://example.org/song?id=1"
    found = find_audio([url, text, Path(text), url])
    assert found.files == [url, text]
    assert not found.other_endings


def test_folders_that_overlap_give_each_file_once(library, monkeypatch):
    again = [library / "rock", library, f"{library}/", library / "rock" / ".." / "a.mp3"]
    assert names_in(library, find_audio(again)) == ["rock/c.mp3", "a.mp3", "b.MP3"]
    monkeypatch.chdir(library)
    assert find_audio(["rock", ".", library]).files == ["rock/c.mp3", "./a.mp3", "./b.MP3"]


def test_endings_of_all_decoders_are_known(tmp_path):
    libsndfile = {f".{name.lower()}" for name in soundfile.available_formats()}
    assert libsndfile - AUDIO_ENDINGS <= {".mat4", ".mat5", ".mpc2k", ".nist", ".wavex"}  # names of formats only
    for ending in ("m4a", "AAC", "wma", "mp4", "webm", "mka", "ac3", "opus", "aiff", "ape", "wv", "raw"):
        (tmp_path / f"song.{ending}").touch()
        (tmp_path / f"not_{ending}").touch()
        (tmp_path / f"folder.{ending}").mkdir()
    found = find_audio([tmp_path])
    assert len(found.files) == 12
    assert dict(found.other_endings) == {"": 12}


def test_what_is_skipped_is_counted(library):
    for name in ("._a.mp3", ".hidden.mp3", "1.JPG", "2.jpg", "no_ending", "list.m3u", "list.m3u8", "list.pls"):
        (library / name).touch()
    (library / ".folder").mkdir()
    (library / ".folder" / "d.mp3").touch()
    found = find_audio([library])
    assert names_in(library, found) == list(NAMES)
    assert dict(found.other_endings) == {".txt": 1, ".jpg": 2, "": 1}
    assert (found.num_hidden, found.num_playlists, found.unusable) == (3, 3, [])
    assert names_in(library, find_audio([library / ".folder"])) == [".folder/d.mp3"]  # given by name


def test_linked_folders_are_followed_once_and_without_end(library, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "d.mp3").touch()
    (other / "e.txt").touch()
    (library / "a_link").symlink_to(other)
    (library / "second_link").symlink_to(other)
    (other / "back").symlink_to(library)
    (library / "0.mp3").symlink_to(library / "rock" / "c.mp3")  # is found where it is
    (library / "f.mp3").symlink_to(other / "d.mp3")
    found = find_audio([library])
    assert names_in(library, found) == ["a.mp3", "a_link/d.mp3", "b.MP3", "rock/c.mp3"]
    assert dict(found.other_endings) == {".txt": 2}
    assert found.unusable == []


def test_what_cannot_be_opened_is_named(library, monkeypatch):
    (library / "dangling.mp3").symlink_to("missing.mp3")
    (library / "loop.mp3").symlink_to("loop.mp3")
    os.mkfifo(library / "pipe.mp3")
    with socket.socket(socket.AF_UNIX) as unix:
        monkeypatch.chdir(library)  # the path of a socket must be short
        unix.bind("socket.mp3")
    (library / "device.mp3").symlink_to("/dev/zero")
    scandir = os.scandir

    def scan(path):  # a superuser can read every folder
        if os.path.basename(path) == "rock":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)
    found = find_audio([library])
    assert names_in(library, found) == ["a.mp3", "b.MP3"]
    assert {os.path.basename(path): reason for path, reason in found.unusable} == {
        "dangling.mp3": "it is a link that cannot be followed (No such file or directory)",
        "loop.mp3": "it is a link that cannot be followed (Too many levels of symbolic links)",
        "pipe.mp3": SPECIAL,
        "socket.mp3": SPECIAL,
        "device.mp3": SPECIAL,
        "rock": "it is a folder that cannot be read (Permission denied)",
    }


def test_missing_paths_and_pipes_are_refused_by_name(library):
    with pytest.raises(ValueError, match=r"'missing\.mp3' does not exist"):
        find_audio([library, "missing.mp3"])
    with pytest.raises(ValueError, match=r"got '/dev/null': it is a pipe, socket or device"):
        find_audio(["/dev/null"])


def test_a_version_is_of_a_file_that_can_be_read(library, monkeypatch):
    path = library / "a.mp3"
    path.write_bytes(b"12345")
    os.utime(path, ns=(7, 9))
    assert file_version(str(path)) == [5, 9]
    assert file_version("https://example.org") is file_version(str(library)) is file_version("a\0b") is None
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert file_version(str(path)) is None


def test_addresses_are_files_whose_changes_are_noticed(tmp_path):
    memory, address = fsspec.filesystem("memory"), "memory://song.wav"
    with zipfile.ZipFile(tmp_path / "songs.zip", "w") as archive:
        archive.writestr("a.wav", "one")
        archive.writestr("b.wav", "two")
    archived = [f"zip://{name}.wav::{tmp_path}/songs.zip" for name in "abc"]
    web = ["HTTPS://example.org/song.mp3", "http://example.org/song.mp3"]
    assert find_audio([*archived, address, *web, address]).files == [*archived, address, *web]
    memory.pipe("/song.wav", b"one")
    before = file_version(address)
    assert before == file_version(address) == json.loads(json.dumps(before))
    memory.pipe("/song.wav", b"two")
    assert file_version(address) not in (before, None)
    one, two, missing = map(file_version, archived)
    assert one != two
    assert [missing, *map(file_version, web), file_version("nowhere://song.wav")] == [None] * 4
