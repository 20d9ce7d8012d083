# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import multiprocessing
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from deam_folder import AUDIO, SAMPLING_RATE, SMALL_OPTIONS, SMALL_SECONDS, small_feature_extractor
from music import chords
from tqdm import tqdm

from modeling_ast_va.data import cache as cache_module
from modeling_ast_va.data import segments as segments_module
from modeling_ast_va.data.dataset import load_deam, load_segments
from modeling_ast_va.data.deam import read_deam
from modeling_ast_va.data.segments import cut_songs


def waveform_of(deam, song):
    return soundfile.read(deam / AUDIO / f"{song}.mp3", dtype="float32")[0]


def test_rows_are_the_segments_of_each_song_to_its_end(deam, cache):
    segments, left_out = load_segments(read_deam(deam), segment_seconds=2.0, cache_dir=cache)
    assert left_out == []
    rows = [
        (row["song_id"], row["segment_index"], round(row["start_seconds"], 2), round(row["weight_seconds"], 2))
        for row in segments
        if row["song_id"] in (2, 1001, 1002)
    ]
    assert rows == [
        *[(2, 0, 0.0, 2.0), (2, 1, 2.0, 2.0), (2, 2, 4.0, 2.0)],
        *[(1001, 0, 0.0, 2.0), (1001, 1, 2.0, 2.0)],  # a rest of 0.2 s is ignored
        *[(1002, 0, 0.0, 2.0), (1002, 1, 2.0, 2.0), (1002, 2, 2.7, 0.7)],  # of 4.7 s
    ]
    assert set(segments["duration_seconds"]) == {2.0}


def test_overlapping_segments_start_at_multiples_of_the_hop(deam, cache):
    segments = load_segments(read_deam(deam), segment_seconds=2.0, segment_hop_seconds=0.5, cache_dir=cache).rows
    assert segments.filter(lambda row: row["song_id"] == 2)["start_seconds"][:] == [k / 2 for k in range(9)]


def test_log_mels_are_those_of_the_segments_not_normalised(deam, cache):
    segments = load_segments(read_deam(deam), cache_dir=cache, **SMALL_OPTIONS).rows
    assert segments.features["input_values"].shape == (96, 16)
    for row in segments.select(range(0, len(segments), 7)):
        start = round(row["start_seconds"] * SAMPLING_RATE)
        stop = start + round(row["duration_seconds"] * SAMPLING_RATE)
        segment = waveform_of(deam, row["song_id"])[start:stop]
        expected = small_feature_extractor(do_normalize=False)(segment, sampling_rate=SAMPLING_RATE)["input_values"][0]
        assert row["input_values"].dtype == np.float32
        np.testing.assert_allclose(row["input_values"], expected, atol=1e-3)  # dB


def test_each_song_is_decoded_once(deam, tmp_path, decoded):
    load_deam(deam, cache_dir=tmp_path, **SMALL_OPTIONS)
    assert sorted(decoded) == sorted(str(deam / AUDIO / f"{song}.mp3") for song in SMALL_SECONDS)
    decoded.clear()
    dataset = load_deam(deam, cache_dir=tmp_path, **SMALL_OPTIONS)
    other = SMALL_OPTIONS | {"feature_extractor": small_feature_extractor(mean=1.0, std=2.0, do_normalize=False)}
    load_deam(deam, labels="published", split_by="song", seed=1, cache_dir=tmp_path, **other)
    assert decoded == []
    cached = sorted(tmp_path.rglob("*"))
    load_deam(deam, num_proc=2, cache_dir=tmp_path, **SMALL_OPTIONS)  # `decoded` does not see worker processes
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
def test_other_segments_or_features_are_computed(deam, tmp_path, decoded, change):
    load_deam(deam, cache_dir=tmp_path, **SMALL_OPTIONS)
    decoded.clear()
    load_deam(deam, cache_dir=tmp_path, **SMALL_OPTIONS | change)
    assert len(decoded) == len(SMALL_SECONDS)


def test_a_changed_file_is_decoded_again(copy, tmp_path, decoded):
    load_deam(copy, cache_dir=tmp_path, **SMALL_OPTIONS)
    decoded.clear()
    os.utime(copy / AUDIO / "2.mp3", (0, 0))
    load_deam(copy, cache_dir=tmp_path, **SMALL_OPTIONS)
    assert len(decoded) == len(SMALL_SECONDS)


def test_another_version_is_computed_again(deam, tmp_path, decoded, monkeypatch):
    load_segments(read_deam(deam), cache_dir=tmp_path, **SMALL_OPTIONS)
    decoded.clear()
    monkeypatch.setattr(segments_module, "SEGMENTS_VERSION", segments_module.SEGMENTS_VERSION + 1)
    load_segments(read_deam(deam), cache_dir=tmp_path, **SMALL_OPTIONS)
    assert len(decoded) == len(SMALL_SECONDS)


def test_the_number_of_torch_threads_is_restored(deam, tmp_path):
    num_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        load_deam(deam, cache_dir=tmp_path, **SMALL_OPTIONS)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(num_threads)


def assert_same_rows(one, two):
    assert one.column_names == two.column_names
    for name in one.column_names:
        np.testing.assert_array_equal(one[name][:], two[name][:])


def test_two_processes_give_the_same_rows(deam, cache, tmp_path, monkeypatch):
    one = load_segments(read_deam(deam), cache_dir=cache, **SMALL_OPTIONS).rows
    monkeypatch.setattr(cache_module, "SONGS_PER_SHARD", 4)
    two = load_segments(read_deam(deam), num_proc=2, cache_dir=tmp_path, **SMALL_OPTIONS).rows
    assert len(two.cache_files) == 4
    assert_same_rows(one, two)


@pytest.mark.skipif(sys.platform != "linux", reason="the process that is killed is forked")
def test_a_run_that_was_killed_is_continued(deam, cache, tmp_path, monkeypatch, decoded):
    uninterrupted = load_segments(read_deam(deam), cache_dir=cache, **SMALL_OPTIONS).rows
    decoded.clear()
    monkeypatch.setattr(cache_module, "SONGS_PER_SHARD", 2)
    process = multiprocessing.get_context("fork").Process(target=prepare_slowly, args=(deam, tmp_path))
    process.start()
    deadline = time.monotonic() + 60
    while not (finished := list(tmp_path.rglob("*.arrow"))) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    changed = {file: file.stat().st_mtime_ns for file in finished}
    resumed = load_segments(read_deam(deam), num_proc=1, cache_dir=tmp_path, **SMALL_OPTIONS).rows
    assert 0 < len(decoded) <= len(SMALL_SECONDS) - 2 * len(finished)
    assert {file: file.stat().st_mtime_ns for file in finished} == changed
    assert not list(tmp_path.rglob("*.tmp"))
    assert_same_rows(uninterrupted, resumed)


def prepare_slowly(deam, cache_dir):
    original = segments_module.stream_segments

    def stream_segments(*args):
        time.sleep(0.2)
        return original(*args)

    segments_module.stream_segments = stream_segments
    tqdm.set_lock(threading.RLock())  # the lock of this process's parent would stay locked when it is killed
    load_segments(read_deam(deam), num_proc=2, cache_dir=cache_dir, **SMALL_OPTIONS)


def test_only_audio_errors_make_a_song_unusable(deam, tmp_path, monkeypatch):
    def stream_segments(*args):
        raise RuntimeError("a bug")

    monkeypatch.setattr(segments_module, "stream_segments", stream_segments)
    with pytest.raises(RuntimeError, match="a bug"):
        load_deam(deam, cache_dir=tmp_path, **SMALL_OPTIONS)


def test_values_of_this_version(tmp_path):
    """A failure means that cached rows change: increase `SEGMENTS_VERSION` together with the numbers here."""
    soundfile.write(tmp_path / "1.wav", chords(3.0, 32_000), 32_000, subtype="FLOAT")
    songs = [{"song_id": 1, "path": str(tmp_path / "1.wav")}]
    rows = cut_songs(songs, hop_seconds=None, num_proc=1, cache_dir=tmp_path, **SMALL_OPTIONS).with_format("numpy")[:]
    assert segments_module.SEGMENTS_VERSION == 3
    assert rows["start_seconds"].tolist() == [0.0, 1.0]
    assert rows["weight_seconds"].tolist() == [2.0, 1.0]
    mean_db = rows["input_values"].mean(axis=(1, 2))
    std_db = rows["input_values"].std(axis=(1, 2))
    np.testing.assert_allclose([mean_db, std_db], [[-31.8473, -32.5031], [17.3674, 17.3004]], atol=1e-3)
