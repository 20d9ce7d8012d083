# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Playlists as other programs write them."""

import os

import pytest

from modeling_ast_va.prediction.audio_files import find_audio

URL = "https://example.org/stream?id=1"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "rock").mkdir()
    for name in ("a b.mp3", "rock/c.mp3", "é.mp3"):
        (tmp_path / name).touch()
    return tmp_path


def songs(folder, name, content):
    """Songs of a playlist, relative to its folder."""
    path = folder / name
    path.write_bytes(content)
    return [os.path.relpath(song, folder) if os.path.isabs(song) else song for song in find_audio([path]).files]


def test_comments_and_blank_lines_are_ignored_and_paths_are_relative_to_the_playlist(folder):
    content = f"#EXTM3U\n#EXTINF:123,Some - Title\na b.mp3\r\n\n  {folder}/rock/c.mp3 \n./a b.mp3\n{URL}\n"
    assert songs(folder, "list.m3u", content.encode()) == ["a b.mp3", "rock/c.mp3", URL]
    assert songs(folder / "rock", "list.m3u", b"../a b.mp3\n") == ["../a b.mp3"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_names_have_any_encoding(folder, encoding):
    assert songs(folder, "list.m3u8", "é.mp3\nrock/c.mp3\n".encode(encoding)) == ["é.mp3", "rock/c.mp3"]


def test_a_name_that_is_not_utf8_on_the_disk_is_found(folder):
    os.close(os.open(os.path.join(os.fsencode(folder), b"caf\xe9.mp3"), os.O_CREAT))
    assert songs(folder, "list.m3u", b"caf\xe9.mp3\n") == ["caf\udce9.mp3"]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (r"rock\c.mp3", "rock/c.mp3"),
        (r".\rock\c.mp3", "./rock/c.mp3"),
        ("file://{folder}/a%20b.mp3", "a b.mp3"),
        ("FILE://localhost{folder}/%C3%A9.mp3", "é.mp3"),
        ("file:{folder}/rock/c.mp3", "rock/c.mp3"),
        ("file:///C:/Music/a%20b.mp3", "C:/Music/a b.mp3"),
        (r"C:\Music\a.mp3", r"C:\Music\a.mp3"),
        ("rtsp://example.org/a", "rtsp://example.org/a"),
        ("missing.mp3", "missing.mp3"),
        ("HTTP://example.org/A", "http://example.org/A"),
    ],
)
def test_forms_of_entries(folder, entry, expected):
    found = songs(folder, "list.m3u", entry.format(folder=folder).encode())
    assert [os.path.normpath(song) if "//" not in song else song for song in found] == [
        os.path.normpath(expected) if "//" not in expected else expected
    ]


def test_a_pls_playlist(folder):
    content = (
        f"[playlist]\nNumberOfEntries=3\nFile1=a b.mp3\nTitle1=File2=x\nLength1=3\nfile2 = rock\\c.mp3\nFile3={URL}\n"
    )
    assert songs(folder, "list.PLS", content.encode()) == ["a b.mp3", "rock/c.mp3", URL]


def test_audio_with_the_name_of_a_playlist_is_refused(folder):
    with pytest.raises(ValueError, match=r"Expected a playlist, but '.*list\.m3u' is not text"):
        songs(folder, "list.m3u", b"RIFF\0\0\0\0")
