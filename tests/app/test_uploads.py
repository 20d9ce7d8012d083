# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Uploads: what a page says of them is checked, limits hold, and nothing remains."""

from __future__ import annotations

import os
import time

import pytest
import soundfile
from music import chords

from modeling_ast_va.app import uploads
from modeling_ast_va.app.uploads import Upload, delete, delete_old, read_uploads


@pytest.fixture
def folder(tmp_path):
    """A folder of uploads with one song, beside a file that is none."""
    (tmp_path / "uploads" / "hash").mkdir(parents=True)
    soundfile.write(tmp_path / "uploads" / "hash" / "key.wav", chords(2, 8000), 8000)
    (tmp_path / "other" / "hash").mkdir(parents=True)
    (tmp_path / "other" / "hash" / "secret.wav").touch()
    return tmp_path / "uploads"


def song(folder, **values):
    return {"path": str(folder / "hash" / "key.wav"), "name": "a.mp3", "key": "key", **values}


def test_names_are_any_text(folder):
    for name in ("<script>alert(1)</script>.mp3", "أغنية.mp3", "🎵 a.mp3", "{{value}} ${value}.mp3"):
        assert read_uploads([song(folder, name=name)], folder)[0].name == name
    assert read_uploads([song(folder, name="\ud83c.mp3")], folder)[0].name == "\\ud83c.mp3"  # cannot be written
    assert read_uploads([song(folder, name="")], folder)[0].name == "Song"
    assert len(read_uploads([song(folder, name="a" * 9999)], folder)[0].name) == 255


@pytest.mark.parametrize(
    "path", ["../other/hash/secret.wav", "hash", "hash/none.wav", "hash/../../other/hash/secret.wav", "", "/etc/passwd"]
)
def test_other_files_are_refused_and_stay(folder, path):
    with pytest.raises(ValueError, match="Expected an uploaded song, but got another file"):
        read_uploads([song(folder, path=str(folder / path))], folder)
    assert (folder.parent / "other" / "hash" / "secret.wav").exists()


def test_a_link_out_of_the_folder_is_refused(folder):
    (folder / "hash" / "link.wav").symlink_to(folder.parent / "other" / "hash" / "secret.wav")
    with pytest.raises(ValueError, match="another file"):
        read_uploads([song(folder, path=str(folder / "hash" / "link.wav"))], folder)


@pytest.mark.parametrize("songs", [None, [], "a", [1], {}, [{"path": 1, "name": "a", "key": "k"}], [{"path": "a"}]])
def test_other_forms_are_refused(folder, songs):
    with pytest.raises(ValueError, match=r"^Expected"):
        read_uploads(songs, folder)


def test_too_many_songs_are_refused_and_deleted(folder):
    with pytest.raises(ValueError, match="Expected at most 1 songs at a time, but got 2"):
        read_uploads([song(folder), song(folder)], folder, max_songs=1)
    assert list(folder.iterdir()) == []


def test_limits(folder, monkeypatch):
    (upload,) = read_uploads([song(folder)], folder)
    upload.check()
    monkeypatch.setattr(uploads, "MAX_SECONDS", 1)
    with pytest.raises(ValueError, match="expected a song of at most 0 minutes, but got a longer one"):
        upload.check()
    monkeypatch.setattr(uploads, "MAX_BYTES", 10**4)
    with pytest.raises(ValueError, match=r"expected a file of at most 0 MB, but got 0\.0 MB"):
        upload.check()


def test_no_more_than_the_limit_is_decoded(folder, monkeypatch):
    asked = []
    inner = uploads.open_audio
    monkeypatch.setattr(uploads, "open_audio", lambda path, **kwargs: asked.append(kwargs) or inner(path, **kwargs))
    read_uploads([song(folder)], folder)[0].check()
    assert asked == [{"duration_seconds": 15 * 60 + 1}]


def test_deleting_leaves_no_folder_whose_name_is_a_hash_of_the_song(folder):
    (folder / "hash" / "other.wav").touch()  # another upload of the same song
    (upload,) = read_uploads([song(folder)], folder)
    delete([upload])
    assert [path.name for path in folder.rglob("*")] == ["hash", "other.wav"]
    delete([upload, Upload(folder / "hash" / "other.wav", "b", "k")])
    assert list(folder.iterdir()) == []


def test_old_uploads_are_deleted(folder):
    part = folder / "tmpabc"  # of an interrupted upload
    part.write_bytes(b"1")
    delete_old(folder)
    assert part.exists()
    assert (folder / "hash" / "key.wav").exists()
    for path in (part, folder / "hash" / "key.wav"):
        os.utime(path, (time.time() - 1801,) * 2)
    delete_old(folder)
    assert list(folder.iterdir()) == []
    assert folder.is_dir()
