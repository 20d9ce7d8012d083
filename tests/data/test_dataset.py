# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import multiprocessing
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from deam_folder import AUDIO, SAMPLING_RATE, SONGS_1_2000, true_ratings, write_deam, write_song

from modeling_ast_va.data import segments as segments_module
from modeling_ast_va.data import cache as shards
from modeling_ast_va.data.dataset import format_left_out, load_deam, load_segments, normalization_statistics
from modeling_ast_va.feature_extraction_ast_va import ASTVAFeatureExtractor

SECONDS = dict.fromkeys(range(2, 14), 6.0) | {1001: 4.2, 1002: 4.7, 2001: 7.0}
ARTISTS = {song: f"Band {song // 2}" for song in SECONDS}


def small_feature_extractor(**options):
    settings = {
        "sampling_rate": SAMPLING_RATE,
        "n_fft": 512,
        "num_mel_bins": 16,
        "max_length": 96,
        "segment_seconds": 2.0,
    }
    return ASTVAFeatureExtractor(**settings | options)


OPTIONS = {"segment_seconds": 2.0, "feature_extractor": small_feature_extractor()}


@pytest.fixture(scope="module")
def deam(tmp_path_factory):
    return write_deam(tmp_path_factory.mktemp("deam") / "deam", SECONDS, artists=ARTISTS)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def copy(deam, tmp_path):
    return Path(shutil.copytree(deam, tmp_path / "copy"))


@pytest.fixture
def decoded(monkeypatch):
    """The paths of the songs that were decoded, in order."""
    paths = []
    original = segments_module.stream_segments

    def stream_segments(path, *args):
        paths.append(path)
        return original(path, *args)

    monkeypatch.setattr(segments_module, "stream_segments", stream_segments)
    return paths


def waveform_of(deam, song):
    return soundfile.read(deam / AUDIO / f"{song}.mp3", dtype="float32")[0]


def test_rows_are_the_segments_of_each_song_with_its_rest(deam, cache):
    segments, left_out = load_segments(deam, segment_seconds=2.0, cache_dir=cache)
    assert left_out == []
    rows = [
        (row["song_id"], row["segment_index"], row["start_seconds"], round(row["duration_seconds"], 2))
        for row in segments
        if row["song_id"] in (2, 1001, 1002)
    ]
    assert rows == [
        *[(2, 0, 0.0, 2.0), (2, 1, 2.0, 2.0), (2, 2, 4.0, 2.0)],
        *[(1001, 0, 0.0, 2.0), (1001, 1, 2.0, 2.0)],  # 0.2 s are not heard
        *[(1002, 0, 0.0, 2.0), (1002, 1, 2.0, 2.0), (1002, 2, 4.0, 0.7)],
    ]


def test_rows_carry_labels_and_names_of_their_song(deam, cache):
    for row in load_segments(deam, segment_seconds=2.0, cache_dir=cache)[0]:
        song, ratings = row["song_id"], true_ratings(row["song_id"])
        assert row["labels"] == [ratings["valence_mean"], ratings["arousal_mean"]]
        assert row["label_stds"] == [ratings["valence_std"], ratings["arousal_std"]]
        assert (row["artist"], row["title"]) == (f"Band {song // 2}", f"Song {song}")
        assert row["path"] == str(deam / AUDIO / f"{song}.mp3")


def test_published_labels_are_exchanged_up_to_1000(deam, cache):
    for row in load_segments(deam, labels="published", segment_seconds=2.0, cache_dir=cache)[0]:
        ratings = true_ratings(row["song_id"])
        true = [ratings["valence_mean"], ratings["arousal_mean"]]
        assert row["labels"] == (true[::-1] if row["song_id"] <= 1000 else true)


def test_overlapping_segments_start_at_multiples_of_the_hop(deam, cache):
    segments, _ = load_segments(deam, segment_seconds=2.0, segment_hop_seconds=0.5, cache_dir=cache)
    assert segments.filter(lambda row: row["song_id"] == 2)["start_seconds"][:] == [k / 2 for k in range(9)]


def test_log_mels_are_those_of_the_segments_not_normalised(deam, cache):
    segments, _ = load_segments(deam, cache_dir=cache, **OPTIONS)
    assert segments.features["input_values"].shape == (96, 16)
    for row in segments.select(range(0, len(segments), 7)):
        start = round(row["start_seconds"] * SAMPLING_RATE)
        stop = start + round(row["duration_seconds"] * SAMPLING_RATE)
        segment = waveform_of(deam, row["song_id"])[start:stop]
        expected = small_feature_extractor(do_normalize=False)(segment, sampling_rate=SAMPLING_RATE)["input_values"][0]
        assert row["input_values"].dtype == np.float32
        np.testing.assert_allclose(row["input_values"], expected, atol=1e-3)  # dB


def test_splits_hold_all_rows_and_no_artist_twice(deam, cache):
    dataset = load_deam(deam, cache_dir=cache, **OPTIONS)
    assert set(dataset) == {"train", "validation", "test"}
    songs = [set(split["song_id"][:].tolist()) for split in dataset.values()]
    assert sorted(song for split in songs for song in split) == sorted(SECONDS)
    artists = [{ARTISTS[song] for song in split} for split in songs]
    assert sum(map(len, artists)) == len(set.union(*artists))
    assert sum(map(len, dataset.values())) == len(load_segments(deam, cache_dir=cache, **OPTIONS)[0])


def test_each_song_is_decoded_once_and_never_again(deam, tmp_path, decoded):
    load_deam(deam, cache_dir=tmp_path, **OPTIONS)
    assert sorted(decoded) == sorted(str(deam / AUDIO / f"{song}.mp3") for song in SECONDS)
    decoded.clear()
    dataset = load_deam(deam, cache_dir=tmp_path, **OPTIONS)
    other = OPTIONS | {"feature_extractor": small_feature_extractor(mean=1.0, std=2.0, do_normalize=False)}
    load_deam(deam, labels="published", split_by="song", seed=1, cache_dir=tmp_path, **other)
    assert decoded == []
    cached = sorted(tmp_path.rglob("*"))
    load_deam(deam, num_proc=2, cache_dir=tmp_path, **OPTIONS)  # worker processes would not show in `decoded`
    assert sorted(tmp_path.rglob("*")) == cached
    assert all(Path(file["filename"]).is_relative_to(tmp_path) for file in dataset["train"].cache_files)
    assert dataset["train"].cache_files


@pytest.mark.parametrize(
    "change",
    [
        {"segment_seconds": 1.9, "feature_extractor": small_feature_extractor(segment_seconds=1.9)},
        {"segment_hop_seconds": 1.0},
        {"feature_extractor": small_feature_extractor(hop_length=513)},
        {"feature_extractor": None},
    ],
)
def test_other_segments_or_features_are_computed_anew(deam, tmp_path, decoded, change):
    load_deam(deam, cache_dir=tmp_path, **OPTIONS)
    decoded.clear()
    load_deam(deam, cache_dir=tmp_path, **OPTIONS | change)
    assert len(decoded) == len(SECONDS)


def test_a_changed_file_is_decoded_anew(copy, tmp_path, decoded):
    load_deam(copy, cache_dir=tmp_path, **OPTIONS)
    decoded.clear()
    os.utime(copy / AUDIO / "2.mp3", (0, 0))
    load_deam(copy, cache_dir=tmp_path, **OPTIONS)
    assert len(decoded) == len(SECONDS)


def test_threads_of_torch_are_left_as_they_were(deam, tmp_path):
    num_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        load_deam(deam, cache_dir=tmp_path, **OPTIONS)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(num_threads)


def assert_same_rows(one, two):
    assert one.column_names == two.column_names
    for name in one.column_names:
        np.testing.assert_array_equal(one[name][:], two[name][:])


def test_two_processes_give_the_same_rows(deam, cache, tmp_path, monkeypatch):
    one, _ = load_segments(deam, cache_dir=cache, **OPTIONS)
    monkeypatch.setattr(shards, "SONGS_PER_SHARD", 4)
    two, _ = load_segments(deam, num_proc=2, cache_dir=tmp_path, **OPTIONS)
    assert len(two.cache_files) == 4
    assert_same_rows(one, two)


@pytest.mark.skipif(sys.platform != "linux", reason="the process that is killed is forked")
def test_preparation_goes_on_where_it_was_killed(deam, cache, tmp_path, monkeypatch, decoded):
    uninterrupted, _ = load_segments(deam, cache_dir=cache, **OPTIONS)
    decoded.clear()
    monkeypatch.setattr(shards, "SONGS_PER_SHARD", 2)
    process = multiprocessing.get_context("fork").Process(target=prepare_slowly, args=(deam, tmp_path))
    process.start()
    deadline = time.monotonic() + 60
    while not (finished := list(tmp_path.rglob("*.arrow"))) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    changed = {file: file.stat().st_mtime_ns for file in finished}
    resumed, _ = load_segments(deam, num_proc=1, cache_dir=tmp_path, **OPTIONS)
    assert 0 < len(decoded) <= len(SECONDS) - 2 * len(finished)
    assert {file: file.stat().st_mtime_ns for file in finished} == changed
    assert not list(tmp_path.rglob("*.tmp"))
    assert_same_rows(uninterrupted, resumed)


def prepare_slowly(deam, cache_dir):
    original = segments_module.stream_segments

    def stream_segments(*args):
        time.sleep(0.2)
        return original(*args)

    segments_module.stream_segments = stream_segments
    load_segments(deam, num_proc=2, cache_dir=cache_dir, **OPTIONS)


def test_unusable_songs_are_left_out_and_reported_with_their_reason(copy, tmp_path, caplog):
    break_songs(copy)
    segments, left_out = load_segments(copy, cache_dir=tmp_path, **OPTIONS)
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
    load_deam(copy, split_by="song", cache_dir=tmp_path, **OPTIONS)
    (report,) = [record.getMessage() for record in caplog.records if record.name == "modeling_ast_va.data.dataset"]
    assert report == format_left_out(left_out)
    for line in ("10 songs are left out", "2 missing: 3-4 (", "1 truncated: 8 (expected 6.00 s", "1 silent: 9 ("):
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


def test_a_file_damaged_in_the_middle_is_left_out(copy, tmp_path):
    path = copy / AUDIO / "5.mp3"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 6 * SAMPLING_RATE), SAMPLING_RATE, format="FLAC")
    content = bytearray(path.read_bytes())
    content[100_000:140_000] = bytes(40_000)
    path.write_bytes(content)
    _, left_out = load_segments(copy, cache_dir=tmp_path, **OPTIONS)
    assert [row["song_id"] for row in left_out] == [5]


def test_the_report_abbreviates_many_songs_but_its_data_does_not():
    left_out = [{"song_id": song, "reason": "missing", "detail": "no file"} for song in [2, 3, 4, *range(10, 410, 2)]]
    report = format_left_out(left_out)
    assert report.splitlines()[0] == "203 songs are left out:"
    assert report.splitlines()[1].startswith("  203 missing: 2-4, 10, 12, ")
    assert report.endswith(", ... (no file)")
    assert len(report) < 150


@pytest.mark.parametrize("content", [None, b"not music"])
def test_no_usable_song_is_an_error_with_the_report(copy, tmp_path, content):
    for path in (copy / AUDIO).iterdir():
        path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ValueError, match=r"(?s)has no usable song. 15 songs are left out:\n  15 (missing|undecodable)"):
        load_deam(copy, cache_dir=tmp_path, **OPTIONS)


def test_only_errors_of_the_audio_are_taken_for_unusable_songs(deam, tmp_path, monkeypatch):
    def stream_segments(*args):
        raise RuntimeError("a bug")

    monkeypatch.setattr(segments_module, "stream_segments", stream_segments)
    with pytest.raises(RuntimeError, match="a bug"):
        load_deam(deam, cache_dir=tmp_path, **OPTIONS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split_by": "random"}, "split_by must be one of"),
        ({"labels": "right"}, "labels must be one of"),
        ({"segment_seconds": 1.5}, "segment_seconds is 1.5 and the feature extractor's is 2.0"),
        ({"segment_seconds": 0.1}, "segment_seconds must be at least 0.5"),
        ({"segment_hop_seconds": 3.0}, "hop"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_a_song_is_decoded(deam, tmp_path, decoded, options, message):
    with pytest.raises(ValueError, match=message):
        load_deam(deam, cache_dir=tmp_path, **OPTIONS | options)
    assert decoded == []


def test_a_relative_folder_is_the_same_folder(deam, cache, decoded, monkeypatch):
    load_deam(deam, cache_dir=cache, **OPTIONS)
    decoded.clear()
    monkeypatch.chdir(deam.parent)
    dataset = load_deam(deam.name, cache_dir=cache, **OPTIONS)
    assert decoded == []
    assert dataset["train"][0]["path"].startswith("deam" + os.sep)


def test_normalization_statistics_are_those_of_all_values(deam, cache):
    train = load_deam(deam, cache_dir=cache, **OPTIONS)["train"]
    values = np.stack([row["input_values"] for row in train]).astype(np.float64)
    mean, std = normalization_statistics(train)
    assert mean == pytest.approx(values.mean(), rel=1e-9)
    assert std == pytest.approx(values.std(), rel=1e-9)


def test_normalization_statistics_need_log_mels(deam, cache):
    segments, _ = load_segments(deam, segment_seconds=2.0, cache_dir=cache)
    with pytest.raises(ValueError, match="Expected rows with input_values"):
        normalization_statistics(segments)
