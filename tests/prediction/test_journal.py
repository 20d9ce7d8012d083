# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The journal of a table: what a killed run leaves, and what the next run makes of it."""

import shutil

import pytest

from modeling_ast_va.prediction.journal import Journal

SETTINGS = {"models": ["1f"], "segments": False}
SONGS = [{"path": f"{name}.mp3", "valence": value} for name, value in (("a", 5.0), ("caf\udce9", 6.5), ("c", 3.25))]


@pytest.fixture
def path(tmp_path):
    """A journal with three songs."""
    path = tmp_path / "songs.csv.journal"
    with Journal(path) as journal:
        journal.start(SETTINGS)
        for song in SONGS:
            journal.append(song)
    return path


def resume(path, settings=SETTINGS):
    """The songs that the next run finds."""
    with Journal(path) as journal:
        journal.start(settings)
        return [journal[name] for name in journal.positions]


def test_songs_are_read_back(path):
    assert resume(path) == SONGS
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("rest", [b'{"path": "d.mp3", "val', b"\0\0\0\n", b"[1]\n", b""])
def test_an_unfinished_line_is_cut_off(path, rest):
    content = path.read_bytes()
    path.write_bytes(content + rest)
    assert resume(path) == SONGS
    assert path.read_bytes() == content


def test_a_file_that_is_cut_anywhere_keeps_its_whole_lines(path):
    content = path.read_bytes()
    ends = [end + 1 for end, byte in enumerate(content) if byte == ord("\n")]
    for size in range(len(content)):
        path.write_bytes(content[:size])
        assert resume(path) == SONGS[: max(0, sum(end <= size for end in ends) - 1)]


def test_the_last_line_of_a_song_replaces_earlier_ones(path):
    changed = {"path": "a.mp3", "valence": 1.0}
    with Journal(path) as journal:
        journal.start(SETTINGS)
        journal.append(changed)
        assert journal["a.mp3"] == changed
    assert resume(path) == [changed, SONGS[1], SONGS[2]]


def test_other_settings_are_refused_by_name(path):
    with pytest.raises(ValueError, match=r"songs\.csv\.journal' has segments False instead of True"):
        resume(path, {**SETTINGS, "segments": True})
    path.write_bytes(b'{"models": ["1f"]}\n')
    with pytest.raises(ValueError, match=r"has models \['1f'\] instead of \['2e'\] and segments None instead of False"):
        resume(path, {**SETTINGS, "models": ["2e"]})


def test_a_second_run_is_refused_at_once(path):
    with Journal(path), pytest.raises(ValueError, match=r"another run is writing .*songs\.csv\.journal"):
        resume(path)
    assert resume(path) == SONGS


def test_a_removed_folder_is_noticed_at_the_next_song(tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    with Journal(folder / "songs.csv.journal") as journal:
        journal.start(SETTINGS)
        journal.append(SONGS[0])
        shutil.rmtree(folder)
        with pytest.raises(FileNotFoundError, match=r"new/songs\.csv\.journal', but it or its folder has been removed"):
            journal.append(SONGS[1])
