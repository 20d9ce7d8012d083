# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Playlists of the songs of a table."""

import os
import sys

import pytest
from song_tables import song, unrated, write_songs

from modeling_ast_va.cli import main
from modeling_ast_va.collection.playlist import make_playlist
from modeling_ast_va.prediction.playlists import read_playlist


@pytest.fixture
def music(tmp_path, monkeypatch):
    """A folder of music, in whose parent a table would be made."""
    monkeypatch.chdir(tmp_path)
    for name in ("music/a.mp3", "music/rock/b.mp3", "music/#c.mp3", "music/ d.mp3"):
        os.makedirs(os.path.dirname(name), exist_ok=True)
        open(name, "w").close()
    return tmp_path / "music"


def entries(playlist):
    """The lines after the first, in pairs."""
    first, *lines = playlist.read_text("utf-8").splitlines()
    assert first == "#EXTM3U"
    return list(zip(lines[::2], lines[1::2]))


def test_a_playlist_from_the_command_line(music, tmp_path, capsys):
    songs = [
        song("music/a.mp3", 6.5, title="Träume", artist="Ada"),
        song("music/rock/b.mp3", 8, title="Two\nlines", artist=""),
        song("music/#c.mp3", 7),
        song("music/ d.mp3", 2),
        unrated("music/e.mp3"),
        song("https://a.org/f.mp3?g", 6.1),
    ]
    write_songs(tmp_path / "t.csv", *songs)
    flags = ["--where", "valence > 6 and arousal < 4", "--sort", "-valence", "--output"]
    assert main(["playlist", "t.csv", *flags, "music/calm.m3u8"]) == 0
    assert capsys.readouterr().out == "4 of 5 rated songs are in music/calm.m3u8.\n"
    assert entries(music / "calm.m3u8") == [
        ("#EXTINF:-1,Two\\nlines", "rock/b.mp3"),
        ("#EXTINF:-1,#c", "./#c.mp3"),
        ("#EXTINF:-1,Ada - Träume", "a.mp3"),
        ("#EXTINF:-1,f", "https://a.org/f.mp3?g"),
    ]
    assert main(["playlist", "t.csv", *flags, "lists/two.m3u", "--limit", "2"]) == 0
    assert [path for _, path in entries(tmp_path / "lists" / "two.m3u")] == [
        str(music / "rock" / "b.mp3"),
        str(music / "#c.mp3"),
    ]


def test_predict_reads_the_playlist(music, tmp_path):
    paths = sorted(str(path) for path in music.rglob("*.mp3"))
    write_songs(tmp_path / "t.csv", *map(song, paths))
    make_playlist("t.csv", music / "all.m3u8", sort_by="path")
    assert [os.path.normpath(path) for path in read_playlist(str(music / "all.m3u8"))] == paths


@pytest.mark.skipif(sys.platform != "linux", reason="names that other systems do not allow")
def test_names_that_are_not_text_and_names_that_no_playlist_can_hold(music, tmp_path, caplog):
    names = [os.fsdecode(b"music/caf\xe9.mp3"), "music/line\nbreak.mp3", "music/space ", "music/missing.mp3"]
    for name in names[:3]:
        open(name, "w").close()
    write_songs(tmp_path / "t.jsonl", *map(song, names))
    make_playlist("t.jsonl", "music/p.m3u8")
    assert (music / "p.m3u8").read_bytes() == b"#EXTM3U\n#EXTINF:-1,caf\\xe9\ncaf\xe9.mp3\n"
    assert [record.message for record in caplog.records] == [
        "Left out: music/line\\nbreak.mp3: a line break or last space of a name cannot be in a playlist",
        "Left out: music/space : a line break or last space of a name cannot be in a playlist",
        "Left out: music/missing.mp3: it does not exist",
    ]


def test_a_playlist_that_would_be_empty_is_refused(music, tmp_path):
    write_songs(tmp_path / "t.csv", song("music/a.mp3"), unrated("music/b.mp3"), song("elsewhere.mp3", 2))
    for where, message in (
        ("valence > 8", "Expected rated songs with valence > 8 in 't.csv', but got none out of 2"),
        ("valence < 3", "Expected files that exist, but got none out of the 1 selected"),
    ):
        with pytest.raises(ValueError, match=message):
            make_playlist("t.csv", "p.m3u8", where=where)
    with pytest.raises(ValueError, match=r"a playlist ending in .m3u8 or .m3u, but got 'p.pls'"):
        make_playlist("t.csv", "p.pls")
    assert not list(tmp_path.glob("*p.*"))
