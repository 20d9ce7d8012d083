# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import os
import shutil

import numpy as np
import pytest
import soundfile
from deam_folder import (
    AUDIO,
    DYNAMIC,
    SAMPLING_RATE,
    SMALL_ARTISTS,
    SMALL_OPTIONS,
    SMALL_SECONDS,
    SONGS_1_2000,
    SONGS_2000_2058,
    true_ratings,
    write_deam,
    write_song,
)

from modeling_ast_va.data import csv_files
from modeling_ast_va.data.dataset import load_deam, load_segments, split_dataset
from modeling_ast_va.data.deam import read_deam
from modeling_ast_va.data.left_out import format_left_out
from modeling_ast_va.data.splits import SplitSettings


def test_rows_carry_labels_and_names_of_their_song(deam, cache):
    for row in load_segments(read_deam(deam), segment_seconds=2.0, cache_dir=cache).rows:
        song, ratings = row["song_id"], true_ratings(row["song_id"])
        assert row["labels"] == [ratings["valence_mean"], ratings["arousal_mean"]]
        assert row["label_stds"] == [ratings["valence_std"], ratings["arousal_std"]]
        assert (row["artist"], row["title"]) == (f"Band {song // 2}", f"Song {song}")
        assert row["path"] == str(deam / AUDIO / f"{song}.mp3")


def test_rows_carry_the_group_of_their_artist(deam, cache):
    rows = load_segments(read_deam(deam), segment_seconds=2.0, cache_dir=cache).rows
    assert {row["song_id"]: row["group"] for row in rows} == {
        song: min(other for other in SMALL_SECONDS if SMALL_ARTISTS[other] == SMALL_ARTISTS[song])
        for song in SMALL_SECONDS
    }


def test_each_annotation_file_is_read_once_and_the_audit_returned(deam, monkeypatch):
    files = []
    original = csv_files.csv.reader
    monkeypatch.setattr(csv_files.csv, "reader", lambda *args, **kwargs: files.append(1) or original(*args, **kwargs))
    audit = read_deam(deam).audit
    assert len(files) == 2 + 2 + 3  # ratings, dynamic annotations, metadata
    assert [row["verdict"] for row in audit] == ["exchanged", "undecided", "undecided"]


def test_published_labels_are_exchanged_up_to_1000(deam, cache):
    for row in load_segments(read_deam(deam, "published"), segment_seconds=2.0, cache_dir=cache).rows:
        ratings = true_ratings(row["song_id"])
        true = [ratings["valence_mean"], ratings["arousal_mean"]]
        assert row["labels"] == (true[::-1] if row["song_id"] <= 1000 else true)


def test_each_row_and_each_artist_is_in_one_split(deam, cache):
    dataset = load_deam(deam, cache_dir=cache, **SMALL_OPTIONS)
    assert set(dataset) == {"train", "validation", "test"}
    songs = [set(split["song_id"][:].tolist()) for split in dataset.values()]
    assert sorted(song for split in songs for song in split) == sorted(SMALL_SECONDS)
    artists = [{SMALL_ARTISTS[song] for song in split} for split in songs]
    assert sum(map(len, artists)) == len(set.union(*artists))
    assert sum(map(len, dataset.values())) == len(load_segments(read_deam(deam), cache_dir=cache, **SMALL_OPTIONS).rows)


def test_split_by_song_separates_artists_but_not_recordings(tmp_path):
    songs = [*range(1900, 1904), *range(2000, 2016)]  # DEAM holds 1902 and 1903 twice
    deam = write_deam(tmp_path / "deam", dict.fromkeys(songs, 1.0), artists=dict.fromkeys(songs, "One Band"))
    rows = load_segments(read_deam(deam), segment_seconds=1.0, cache_dir=tmp_path).rows
    assert set(rows["group"]) == {1900}
    for seed in range(10):
        splits = split_dataset(rows, SplitSettings(split_by="song", seed=seed))
        songs_of = [set(split["song_id"]) for split in splits.values()]
        assert sorted(song for songs in songs_of for song in songs) == songs
        assert sum({1902, 1903} <= songs for songs in songs_of) == 1
    with pytest.raises(ValueError, match="20 songs in 1 groups"):
        split_dataset(rows, SplitSettings())


def test_without_artists_the_split_is_by_song_with_a_warning(tmp_path, caplog):
    deam = write_deam(tmp_path / "deam", dict.fromkeys(range(2, 22), 1.0))
    rows = load_segments(read_deam(deam), segment_seconds=1.0, cache_dir=tmp_path).rows
    splits = split_dataset(rows, SplitSettings())
    assert "splitting by song" in caplog.text
    by_song = split_dataset(rows, SplitSettings(split_by="song"))
    assert all(splits[name]["song_id"][:] == by_song[name]["song_id"][:] for name in splits)


def test_unusable_songs_are_left_out_and_reported_with_their_reason(copy, tmp_path, caplog):
    break_songs(copy)
    segments, left_out = load_segments(read_deam(copy), cache_dir=tmp_path, **SMALL_OPTIONS)
    assert {row["song_id"]: row["reason"] for row in left_out} == {
        2: "unrated",
        3: "missing",
        4: "missing",
        5: "undecodable",
        6: "undecodable",
        7: "undecodable",
        8: "truncated",
        9: "silent",
        10: "too short",
        11: "too short",
    }
    assert set(segments["song_id"][:].tolist()) == {12, 13, 1001, 1002, 2001}
    assert np.isfinite(segments["input_values"][:]).all()
    (report,) = [record.getMessage() for record in caplog.records if record.name == "modeling_ast_va.data.dataset"]
    assert report == format_left_out(left_out)
    for line in (
        "10 songs are left out",
        "2 missing: 3-4 (",
        "1 truncated: 8 (expected the audio that its header states, but it ends at 3.71 s of 6.00 s)",
        "1 silent: 9 (expected",
    ):
        assert line in report


def break_songs(deam):
    ratings = deam / SONGS_1_2000
    ratings.write_text(
        "\n".join("2, , 1, 5, 1" if line.startswith("2 ") else line for line in ratings.read_text().splitlines())
    )
    song = {number: deam / AUDIO / f"{number}.mp3" for number in range(2, 12)}
    song[3].unlink()
    song[4].unlink()
    song[5].write_bytes(b"")
    song[6].write_text("not music")
    samples = np.sin(np.arange(6 * SAMPLING_RATE)).astype(np.float32)
    samples[1000] = np.nan
    soundfile.write(song[7], samples, SAMPLING_RATE, format="WAV", subtype="FLOAT")
    song[8].write_bytes(song[8].read_bytes()[:20_000])
    soundfile.write(song[9], np.full(6 * SAMPLING_RATE, 5e-5), SAMPLING_RATE, format="WAV", subtype="FLOAT")
    write_song(song[10], 1.9)
    write_song(song[11], 0.3)


def test_audio_without_ratings_is_reported(copy, tmp_path):
    ratings = copy / SONGS_1_2000
    ratings.write_text("\n".join(ratings.read_text().splitlines()[:-4]))  # the file is cut short: 12, 13, 1001, 1002
    for name in ("bonus track.mp3", "0007.mp3", "2059.MP3", "._2.mp3", "notes.txt"):
        shutil.copy(copy / AUDIO / "7.mp3", copy / AUDIO / name)
    left_out = load_segments(read_deam(copy), segment_seconds=2.0, cache_dir=tmp_path).left_out
    assert [row["song_id"] for row in left_out] == [12, 13, 1001, 1002, "0007.mp3", "2059.MP3", "bonus track.mp3"]
    assert format_left_out(left_out).splitlines()[1] == (
        "  7 unrated: 12-13, 1001-1002, '0007.mp3', '2059.MP3', 'bonus track.mp3' (no row in the files of ratings)"
    )


def test_files_that_cannot_be_read_are_reported_and_not_kept_in_the_cache(copy, tmp_path, monkeypatch):
    (copy / AUDIO / "3.mp3").unlink()
    (copy / AUDIO / "3.mp3").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: path.name != "4.mp3")
        left_out = load_segments(read_deam(copy), segment_seconds=2.0, cache_dir=tmp_path).left_out
    assert left_out == [
        {"song_id": 3, "reason": "unreadable", "detail": "it is a folder or a device."},
        {"song_id": 4, "reason": "unreadable", "detail": "permission denied."},
    ]
    assert [
        row["song_id"] for row in load_segments(read_deam(copy), segment_seconds=2.0, cache_dir=tmp_path).left_out
    ] == [3]


def test_songs_without_metadata_are_reported(copy, tmp_path, caplog):
    (copy / "metadata/metadata_2014.csv").unlink()
    load_segments(read_deam(copy), segment_seconds=2.0, cache_dir=tmp_path)
    assert "Expected metadata of every song, but 2 have no artist: 1001-1002. Each counts as an artist" in caplog.text


def test_no_rated_song_is_an_error(copy, tmp_path):
    for path in (copy / SONGS_1_2000, copy / SONGS_2000_2058):
        path.write_text(path.read_text().splitlines()[0])
    with pytest.raises(
        ValueError, match=r"(?s)Expected usable songs .* got none. 15 songs .*\n  15 unrated: 2-13, 1001"
    ):
        load_deam(copy, cache_dir=tmp_path, **SMALL_OPTIONS)


def test_a_file_damaged_in_the_middle_is_left_out(copy, tmp_path):
    path = copy / AUDIO / "5.mp3"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 6 * SAMPLING_RATE), SAMPLING_RATE, format="FLAC")
    content = bytearray(path.read_bytes())
    content[100_000:140_000] = bytes(40_000)
    path.write_bytes(content)
    left_out = load_segments(read_deam(copy), cache_dir=tmp_path, **SMALL_OPTIONS).left_out
    assert [song["song_id"] for song in left_out] == [5]


@pytest.mark.parametrize("content", [None, b"not music"])
def test_no_usable_song_is_an_error_with_the_report(copy, tmp_path, content):
    for path in (copy / AUDIO).iterdir():
        path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"(?s)Expected usable songs .* got none. 15 songs are left out:\n  15 (missing|undecodable)"
    ):
        load_deam(copy, cache_dir=tmp_path, **SMALL_OPTIONS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split_by": "random"}, "split_by to be one of"),
        ({"labels": "right"}, "labels to be one of"),
        ({"segment_seconds": 1.5}, "segments of 2.0 s .*, but got segment_seconds=1.5"),
        ({"segment_seconds": 0.1}, "segment_seconds of at least 0.5, but got 0.1"),
        ({"segment_hop_seconds": 3.0}, "hop"),
    ],
)
def test_bad_settings_are_refused_before_a_song_is_decoded(deam, tmp_path, decoded, options, message):
    with pytest.raises(ValueError, match=message):
        load_deam(deam, cache_dir=tmp_path, **SMALL_OPTIONS | options)
    assert decoded == []


@pytest.mark.parametrize("file", [SONGS_1_2000, DYNAMIC / "valence.csv", "metadata/metadata_2015.csv"])
def test_damaged_annotations_are_refused_before_a_song_is_decoded(copy, tmp_path, decoded, file):
    (copy / file).write_text("not a table")
    with pytest.raises(ValueError, match=r"csv: expected columns 'song_id', .* but got 'notatable'"):
        load_deam(copy, cache_dir=tmp_path, **SMALL_OPTIONS)
    assert decoded == []


def test_a_relative_folder_is_the_same_folder(deam, cache, decoded, monkeypatch):
    load_deam(deam, cache_dir=cache, **SMALL_OPTIONS)
    decoded.clear()
    monkeypatch.chdir(deam.parent)
    dataset = load_deam(deam.name, cache_dir=cache, **SMALL_OPTIONS)
    assert decoded == []
    assert dataset["train"][0]["path"].startswith("deam" + os.sep)
