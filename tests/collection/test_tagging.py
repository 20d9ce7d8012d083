# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tags in files: only ours change, no audio, and no crash harms a file."""

import errno
import json
import os
import shutil
import subprocess

import mutagen
import numpy as np
import pytest
import soundfile
from music import chords
from mutagen.flac import Picture
from mutagen.id3 import APIC, ID3, TIT2, TPE1, TXXX
from mutagen.mp4 import MP4Cover
from song_tables import song, unrated, write_songs

from modeling_ast_va.cli import main
from modeling_ast_va.collection.file_tags import FileTags
from modeling_ast_va.collection.tagging import TAGGED, UNCHANGED, UNTAGGED, tag_file, tag_files, tags_of
from modeling_ast_va.prediction.audio_files import file_version
from modeling_ast_va.prediction.journal import Journal

RATING = tags_of(6.504, 3.25, "Calm")
OTHER_RATING = tags_of(2, 3, "Sad")
COVER = b"\xff\xd8\xff cover" * 1000
FFMPEG = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
SNDFILE_ENDINGS = ("mp3", "flac", "ogg", "opus", "wav", "aiff")
ENDINGS = [*SNDFILE_ENDINGS, *(pytest.param(ending, marks=FFMPEG) for ending in ("m4a", "wma", "wv"))]


@pytest.fixture
def audio(tmp_path):
    """Write half a second of music in a format."""

    def write(ending, name="song"):
        path, format_of = tmp_path / f"{name}.{ending}", {"opus": {"format": "OGG", "subtype": "OPUS"}}
        waveform = chords(0.5, 48000, num_channels=2)
        if ending in SNDFILE_ENDINGS:
            soundfile.write(path, waveform, 48000, **format_of.get(ending, {}))
        else:
            soundfile.write(tmp_path / "pcm.wav", waveform, 48000)
            subprocess.run(["ffmpeg", "-v", "error", "-i", tmp_path / "pcm.wav", path], check=True)
        return path

    return write


def add_other_tags(path):
    """Write a title, two artists and where the format has it a cover."""
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    if isinstance(file.tags, ID3):
        for frame in (TIT2(text="Träume"), TPE1(text=["Ada", "Bob"]), TXXX(desc="mood", text="x"), APIC(data=COVER)):
            file.tags.add(frame)
    elif path.suffix == ".m4a":
        file.tags.update({"\xa9nam": ["Träume"], "\xa9ART": ["Ada", "Bob"], "covr": [MP4Cover(COVER)]})
    else:
        file.tags["Title"], file.tags["Artist"] = "Träume", ["Ada", "Bob"]
    if path.suffix == ".flac":
        picture = Picture()
        picture.data = COVER
        file.add_picture(picture)
    file.save()


def audio_of(path):
    """The decoded samples, and where there is ffmpeg a hash of the encoded packets."""
    samples = soundfile.read(path)[0] if path.suffix[1:] in SNDFILE_ENDINGS else np.empty(0)
    command = ["ffmpeg", "-v", "error", "-i", path, "-map", "0:a", "-c", "copy", "-f", "streamhash", "-"]
    packets = subprocess.run(command, capture_output=True, check=True).stdout if shutil.which("ffmpeg") else b""
    return samples.tobytes(), packets


@pytest.mark.parametrize("ending", ENDINGS)
def test_only_our_tags_change(audio, ending):
    path = audio(ending)
    add_other_tags(path)
    before, tags = audio_of(path), FileTags(path).others()
    pictures = getattr(mutagen.File(path), "pictures", None)
    for values, outcome in ((RATING, TAGGED), (RATING, UNCHANGED), (OTHER_RATING, TAGGED), ({}, UNTAGGED)):
        content = path.read_bytes()
        assert tag_file(str(path), values) == outcome
        assert (path.read_bytes() == content) == (outcome == UNCHANGED)
        assert FileTags(path).read() == values
        assert FileTags(path).others() == tags
        assert getattr(mutagen.File(path), "pictures", None) == pictures
        if values is not OTHER_RATING and outcome != UNCHANGED:
            assert audio_of(path) == before
    assert len(tags) > 2
    assert [file.name for file in path.parent.iterdir() if "unfinished" in file.name] == []


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs ffprobe")
@pytest.mark.parametrize("ending", ENDINGS)
def test_another_program_reads_the_tags(audio, ending):
    path = audio(ending)
    tag_file(str(path), RATING)
    command = ["ffprobe", "-v", "error", "-show_entries", "format_tags:stream_tags", "-of", "json", path]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    tags = {**found["format"].get("tags", {}), **found["streams"][0].get("tags", {})}
    assert {name: tags[name] for name in RATING} == {"VALENCE": "6.50", "AROUSAL": "3.25", "MOOD_QUADRANT": "Calm"}


@pytest.mark.parametrize("ending", ["mp3", "wav", "aiff", "flac"])
def test_a_file_without_tags_is_as_before_once_they_are_removed(audio, ending):
    path = audio(ending)
    if ending == "flac":  # has a block of comments in any case, whose padding mutagen chooses
        add_other_tags(path)
    content = path.read_bytes()
    tag_file(str(path), RATING)
    assert path.read_bytes() != content
    tag_file(str(path), {})
    assert path.read_bytes() == content


@pytest.mark.parametrize("version", [3, 4])
def test_id3_keeps_its_version_and_all_that_follows(audio, version):
    path = audio("mp3")
    payload = path.read_bytes()
    tags = ID3()
    tags.add(TIT2(encoding=1, text="Träume"))
    tags.add(TPE1(encoding=1, text=["Ada", "Bob"]))
    tags.save(path, v2_version=version, v23_sep=None, padding=lambda info: 0)
    empty = b"TALB\0\0\0\2\0\0\0\0"  # other programs write frames without text, which mutagen drops
    content = bytearray(path.read_bytes())
    content[9:9] = bytes([content.pop(9) + len(empty)])
    end = len(content) - len(payload)
    content[end:end] = empty
    path.write_bytes(content)
    assert ID3(path)["TALB"].text == [""]
    id3v1 = b"TAG" + b"old title".ljust(124, b"\0") + b"\x11"
    with path.open("ab") as file:
        file.write(id3v1)
    tag_file(str(path), RATING)
    assert path.read_bytes().endswith(payload + id3v1)
    assert path.read_bytes()[3] == version
    tags = ID3(path, translate=False, load_v1=False)
    assert (tags["TIT2"].text, tags["TPE1"].text) == (["Träume"], ["Ada", "Bob"])


def test_new_id3_tags_say_what_id3v1_says(audio):
    path = audio("mp3")
    id3v1 = b"TAG" + b"old title".ljust(90, b"\0") + b"1999" + b"\0" * 30 + b"\x11"
    with path.open("ab") as file:
        file.write(id3v1)
    tag_file(str(path), RATING)
    tags = ID3(path, translate=False, load_v1=False)
    assert (tags.version, str(tags["TIT2"]), str(tags["TYER"])) == ((2, 3, 0), "old title", "1999")
    assert path.read_bytes().endswith(id3v1)


def test_what_cannot_be_tagged_is_named_and_stays_as_it_is(audio, tmp_path, monkeypatch, caplog, capsys):
    good, read_only, linked, text = (audio("mp3", name) for name in ("good", "read_only", "linked", "text"))
    elsewhere, wave = audio("flac", "elsewhere"), audio("wav", "streamed")
    os.link(linked, tmp_path / "other name.mp3")
    text.write_text("no music")
    file = mutagen.File(elsewhere)
    file["valence"] = "0.7"
    file.save()
    header = bytearray(wave.read_bytes())
    header[4:8] = b"\xff" * 4  # as programs write that do not know the length
    wave.write_bytes(header)
    (tmp_path / "link.mp3").symlink_to(good)
    paths = [read_only, linked, text, elsewhere, wave]
    contents = [path.read_bytes() for path in paths]
    access = os.access  # an administrator has it in any case
    monkeypatch.setattr(os, "access", lambda path, mode: access(path, mode) and path != read_only)
    names = [tmp_path / "link.mp3", *paths, tmp_path / "missing.mp3", tmp_path, "https://a.org/a.mp3"]
    table = write_songs(tmp_path / "t.csv", *map(song, names), unrated("u.mp3"))
    assert main(["tag", str(table), "--write"]) == 0
    reasons = [message.split(": ")[2] for message in (record.message for record in caplog.records)]
    expected = [
        "it is read-only",
        "it has several names (hard links), which a tagged copy would separate",
        "mutagen cannot tag it (can't sync to MPEG frame)",
        "another program has written VALENCE=0.7",
        "mutagen cannot tag it ('I' format requires 0 <= number <= 4294967295)",
        "it does not exist",
        "it is a pipe, socket or device",
        "it is an address, not a file",
    ]
    assert reasons == expected
    assert capsys.readouterr().out == f"Tagged: 1. Already tagged: 0. Errors: {len(expected)}.\n"
    assert [path.read_bytes() for path in paths] == contents
    assert FileTags(good).read() == RATING
    assert (tmp_path / "link.mp3").is_symlink()
    assert not list(tmp_path.glob(".*"))


def test_nothing_is_written_without_the_flag(audio, tmp_path, capsys):
    paths = [audio("flac", f"{i:02}") for i in range(12)]
    contents = [path.read_bytes() for path in paths]
    table = write_songs(tmp_path / "t.csv", *map(song, paths))
    assert main(["tag", str(table)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"  {paths[0]}: VALENCE=6.50, AROUSAL=3.25, MOOD_QUADRANT=Calm"
    assert lines[10:] == [
        "  ... and 2 more",
        "To be tagged: 12. Already tagged: 0. Errors: 0.",
        "No file is changed without --write.",
    ]
    tag_file(str(paths[3]), RATING)
    main(["tag", str(table), "--remove"])
    assert capsys.readouterr().out.splitlines() == [
        f"  {paths[3]}: tags removed",
        "To be untagged: 1. Without these tags: 11. Errors: 0.",
        "No file is changed without --write.",
    ]
    main(["tag", str(table), "--remove", "--write"])
    assert capsys.readouterr().out == "Untagged: 1. Without these tags: 11. Errors: 0.\n"
    assert [path.read_bytes() for path in paths[:3]] == contents[:3]


@pytest.mark.parametrize("call", ["fsync", "replace", "chown"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_an_interruption_leaves_the_file_as_it_was(audio, tmp_path, monkeypatch, caplog, call, error):
    def fail(*arguments):
        raise error

    paths = [audio("flac", "a"), audio("mp3", "b")]
    contents = [path.read_bytes() for path in paths]
    table = write_songs(tmp_path / "t.csv", *map(song, paths))
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(type(error) if isinstance(error, KeyboardInterrupt) else ValueError):
        tag_files(table, write=True)
    assert all("No space left on device" in record.message for record in caplog.records)
    assert [path.read_bytes() for path in paths] == contents
    assert {path.name for path in tmp_path.iterdir()} == {"a.flac", "b.mp3", "t.csv"}


def test_predict_keeps_the_ratings_of_tagged_files(audio, tmp_path, caplog):
    tagged, changed, failed = audio("flac", "a"), audio("flac", "b"), audio("flac", "c")
    lines = [{**song(path), "version": file_version(str(path))} for path in (tagged, changed, failed)]
    with Journal(tmp_path / "t.csv.journal") as journal:
        journal.start({})
        for line in lines:
            journal.append(line)
        journal.finish([line["path"] for line in lines])
    table = write_songs(tmp_path / "t.csv", *lines)
    os.utime(changed, (0, 0))  # the rating may be that of other audio
    failed.write_text("no music")
    for remove in (False, True):
        tag_files(table, write=True, remove=remove)
        with Journal(tmp_path / "t.csv.journal") as journal:
            journal.start({})
            found = [journal[str(path)] for path in (tagged, changed, failed)]
        assert found == [{**lines[0], "version": file_version(str(tagged))}, *lines[1:]]
    with Journal(tmp_path / "t.csv.journal"):
        tag_files(table, write=True)
    assert "predict rates the tagged files again: Expected one run for each output" in caplog.text


def test_a_killed_run_is_continued_and_permissions_are_kept(audio, tmp_path):
    path = audio("mp3")
    path.chmod(0o640)
    os.utime(path, (0, 0))
    if os.geteuid() == 0:
        os.chown(path, 1, 2)
    before = path.stat()
    (tmp_path / ".song.mp3.unfinished").write_text("of a killed run")
    tag_file(str(path), RATING)
    assert [file.name for file in tmp_path.iterdir()] == ["song.mp3"]
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_mtime > 0  # players and backups see that it has changed


def test_a_copy_with_other_content_does_not_replace_the_file(audio, monkeypatch):
    path = audio("flac")
    add_other_tags(path)
    content = path.read_bytes()

    def save_less(file, target):
        del file.tags["title"]
        save(file, target)

    save = mutagen.flac.FLAC.save
    monkeypatch.setattr(mutagen.flac.FLAC, "save", save_less)
    with pytest.raises(ValueError, match="mutagen would change other tags or the audio"):
        tag_file(str(path), RATING)
    assert path.read_bytes() == content


def test_a_file_that_another_program_changes_meanwhile_is_left_to_it(audio, monkeypatch):
    path = audio("flac")
    monkeypatch.setattr(shutil, "copystat", lambda *paths: path.write_bytes(b"changed"))
    with pytest.raises(ValueError, match="another program is changing it"):
        tag_file(str(path), RATING)
    assert path.read_bytes() == b"changed"


def test_files_that_are_all_missing_are_one_error(tmp_path):
    table = write_songs(tmp_path / "t.csv", song("a.mp3"), song("b.mp3"))
    with pytest.raises(ValueError, match="none of 2 exists"):
        tag_files(table)
