# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tags of audio files."""

import shutil
import struct
import subprocess

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen.id3 import ID3, TALB, TIT2, TPE1

from modeling_ast_va.prediction.tags import read_tags

EXPECTED = {"title": "Träume", "artist": "Ada; Bob", "album": "=1+1"}
NOTHING = dict.fromkeys(EXPECTED)


@pytest.fixture
def song(tmp_path):
    def write(ending, **options):
        path = tmp_path / f"song.{ending}"
        soundfile.write(path, np.zeros(8000), 8000, **options)
        return path

    return write


@pytest.mark.parametrize("ending", ["mp3", "flac", "ogg"])
def test_tags_that_have_the_same_names_everywhere(song, ending):
    path = song(ending)
    file = mutagen.File(path, easy=True)
    if file.tags is None:
        file.add_tags()
    file.update({"title": ["Träume"], "artist": ["Ada", "Bob"], "album": ["=1+1"]})
    file.save()
    assert read_tags(str(path)) == EXPECTED


@pytest.mark.parametrize("ending", ["wav", "aiff"])
def test_id3_tags_of_other_formats(song, ending):
    path = song(ending)
    file = mutagen.File(path)
    file.add_tags()
    for frame in (TIT2(text="Träume"), TPE1(text=["Ada", "Bob"]), TALB(text="=1+1")):
        file.tags.add(frame)
    file.save()
    assert read_tags(str(path)) == EXPECTED


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg to write these formats")
@pytest.mark.parametrize("ending", ["m4a", "wma", "wv", "opus"])
def test_tags_that_ffmpeg_writes(song, tmp_path, ending):
    path, tags = tmp_path / f"song.{ending}", {**EXPECTED, "artist": "Ada"}
    metadata = [argument for name, value in tags.items() for argument in ("-metadata", f"{name}={value}")]
    subprocess.run(["ffmpeg", "-v", "error", "-i", song("wav"), *metadata, path], check=True)
    assert read_tags(str(path)) == tags


def test_files_without_tags_and_damaged_ones_have_none(song, tmp_path):
    assert read_tags(str(song("flac"))) == NOTHING
    assert read_tags(str(tmp_path / "missing.mp3")) == NOTHING
    (tmp_path / "text.mp3").write_text("no music")
    assert read_tags(str(tmp_path / "text.mp3")) == NOTHING


@pytest.mark.parametrize("error", [KeyError(255), IndexError("list index out of range"), struct.error("11 bytes")])
def test_errors_that_mutagen_raises_for_damaged_files_are_no_tags(song, monkeypatch, error):
    def fail(*arguments, **options):
        raise error  # seen with damaged WMA, WavPack and Opus

    monkeypatch.setattr(mutagen, "File", fail)
    assert read_tags(str(song("flac"))) == NOTHING


@pytest.mark.parametrize("ending", ["mp3", "flac", "ogg", "wav", "aiff"])
def test_no_damage_raises_an_error(song, ending):
    path = song(ending)
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    if isinstance(file.tags, ID3):
        file.tags.add(TIT2(text="Title"))
    else:
        file.tags["title"] = "Title"
    file.save()
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(50):
        damaged = bytearray(content[: rng.integers(1, len(content))] if rng.random() < 0.3 else content)
        for position in rng.integers(0, min(len(damaged), 400), size=8):
            damaged[position] = rng.integers(256)
        path.write_bytes(damaged)
        assert read_tags(str(path)).keys() == EXPECTED.keys()
