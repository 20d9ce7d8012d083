# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The journal of a table: what a killed run leaves, and what the next run makes of it."""

import errno
import json
import resource
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


def test_files_with_the_same_audio_keep_their_predictions(path):
    with Journal(path) as journal:
        journal.start(SETTINGS)
        for song in SONGS:
            journal.append({**song, "version": [1, 2]})
        unfinished = path.read_bytes()
        journal.renew({"a.mp3": ([1, 2], [3, 4])})
        assert path.read_bytes() == unfinished
        journal.finish([song["path"] for song in SONGS])
    with Journal(path) as journal:
        journal.renew({"a.mp3": ([1, 2], [3, 4]), "c.mp3": ([1, 3], [3, 4]), "d.mp3": ([1, 2], [3, 4])})
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line.get("version") for line in lines] == [None, [3, 4], [1, 2], [1, 2], None]
    assert [song["valence"] for song in resume(path)] == [song["valence"] for song in SONGS]


@pytest.mark.parametrize("rest", [b'{"path": "d.mp3", "val', b"\0\0\0\n", b"[1]\n", b'{"pa": "e.mp3"}\n', b""])
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


def finish(path, paths):
    with Journal(path) as journal:
        journal.start(SETTINGS)
        journal.finish(paths)
    return path.read_bytes()


def test_a_finished_journal_is_continued_and_started_over_for_other_settings(path, caplog):
    names = [song["path"] for song in SONGS]
    unfinished = path.read_bytes()
    finished = finish(path, names)
    assert finished == unfinished + b'{"finished": true}\n'
    assert finish(path, names) == finished
    assert resume(path) == SONGS
    assert not caplog.records
    other = {**SETTINGS, "segments": True}
    assert resume(path, other) == []
    assert "segments False instead of True" in caplog.text
    assert path.read_bytes() == json.dumps(other).encode() + b"\n"


def test_a_song_after_the_end_makes_a_journal_unfinished(path):
    finish(path, [song["path"] for song in SONGS])
    with Journal(path) as journal:
        journal.start(SETTINGS)
        journal.append({"path": "d.mp3"})
    with pytest.raises(ValueError, match="delete the file to start over"):
        resume(path, {**SETTINGS, "segments": True})
    assert resume(path) == [*SONGS, {"path": "d.mp3"}]


def test_each_run_that_adds_songs_ends_with_a_mark(path):
    names = [song["path"] for song in SONGS]
    finish(path, names)
    with Journal(path) as journal:
        journal.start(SETTINGS)
        journal.append({"path": "d.mp3"})
        journal.finish([*names, "d.mp3"])
    assert path.read_bytes().endswith(b'{"path": "d.mp3"}\n{"finished": true}\n')


def test_lines_that_are_replaced_and_songs_that_are_removed_are_dropped_at_the_end(path):
    changed = {"path": "a.mp3", "valence": 1.0}
    with Journal(path) as journal:
        journal.start(SETTINGS)
        journal.append(changed)
    assert finish(path, ["c.mp3", "a.mp3"]).splitlines() == [
        json.dumps(line).encode() for line in (SETTINGS, SONGS[2], changed, {"finished": True})
    ]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_numbers_that_are_not_json_are_refused(path):
    before = path.read_bytes()
    with Journal(path) as journal:
        journal.start(SETTINGS)
        with pytest.raises(ValueError, match="not JSON compliant"):
            journal.append({"path": "d.mp3", "valence": float("nan")})
    assert path.read_bytes() == before


def test_a_full_disk_is_named_and_what_is_written_stays_valid(path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(path) as journal:
        journal.start(SETTINGS)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, limits[1]))
        try:
            with pytest.raises(OSError, match=r"write '.*songs\.csv\.journal', but the system reports: File too large"):
                journal.append({"path": "d.mp3"})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes().endswith(b'\n{"path": "')
    assert resume(path) == SONGS


def test_a_folder_and_a_journal_that_cannot_be_written_are_refused_on_entering(path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)  # a superuser can write every file
    with pytest.raises(ValueError, match=r"journal that can be written, but got .*songs\.csv\.journal.*denied"):
        resume(path)
    monkeypatch.undo()
    assert resume(path) == SONGS

    def refuse(*arguments, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    with pytest.raises(ValueError, match=r"output folder that can be written, but got .*: Read-only file system"):
        resume(path)


def test_a_second_run_is_refused_at_once(path):
    with Journal(path), pytest.raises(ValueError, match=r"another run is writing .*songs\.csv\.journal"):
        resume(path)
    assert resume(path) == SONGS


@pytest.mark.parametrize("remove", [shutil.rmtree, lambda folder: (folder / "songs.csv.journal").unlink()])
def test_a_removed_folder_or_journal_is_noticed_at_the_next_song(tmp_path, remove):
    folder = tmp_path / "new"
    folder.mkdir()
    with Journal(folder / "songs.csv.journal") as journal:
        journal.start(SETTINGS)
        journal.append(SONGS[0])
        remove(folder)
        with pytest.raises(FileNotFoundError, match=r"new/songs\.csv\.journal', but it or its folder has been removed"):
            journal.append(SONGS[1])
