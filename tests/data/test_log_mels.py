# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Log-mels that are computed when rows are asked for are those of the cache."""

from __future__ import annotations

import copy
import os
import pickle

import numpy as np
import pandas as pd
import pytest
import soundfile
from deam_folder import SMALL_OPTIONS, small_feature_extractor
from music import chords
from torch.utils.data import DataLoader

from modeling_ast_va.data import log_mels as module
from modeling_ast_va.data.dataset import load_deam, load_segments
from modeling_ast_va.data.log_mels import log_mel_batches
from modeling_ast_va.data.ratings_table import read_ratings_table
from modeling_ast_va.data.statistics import normalization_statistics

TOLERANCE_DB = 0.01
# The last one has two songs; 22,050 Hz has no small ratio to its rate.
SECONDS_AND_RATES = {
    "a.flac": (11.3, 44_100),
    "b.wav": (25.0, 32_000),
    "c.ogg": (12.0, 22_050),
    "d.wav": (20.0, 16_001),
}


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("songs")
    for name, (seconds, rate) in SECONDS_AND_RATES.items():
        soundfile.write(folder / name, chords(seconds, rate), rate)
    ratings = pd.DataFrame({"path": list(SECONDS_AND_RATES), "valence": 5.0, "arousal": 5.0})
    parts = pd.DataFrame(
        {
            "path": "d.wav",
            "valence": 5.0,
            "arousal": 5.0,
            "start_seconds": [3.333, 10.0],
            "duration_seconds": [5.7, np.nan],
        }
    )
    return read_ratings_table(pd.concat([ratings.iloc[:3], parts]), folder)


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    return SMALL_OPTIONS | {"segment_hop_seconds": 0.7, "cache_dir": tmp_path_factory.mktemp("cache")}


@pytest.fixture(scope="module")
def stored(songs, options):
    return load_segments(songs, **options).rows


@pytest.fixture(scope="module")
def computed(songs, options):
    return load_segments(songs, log_mels="on_the_fly", **options).rows


def test_rows_are_those_of_the_cache_without_log_mels(stored, computed):
    pd.testing.assert_frame_equal(computed.to_pandas(), stored.remove_columns(["input_values"]).to_pandas())


def test_log_mels_are_those_of_the_cache_in_any_order(stored, computed):
    order = np.random.default_rng(0).permutation(len(stored))
    for index in np.array_split(order, 5):
        rows = computed.select(index)
        expected = np.stack(stored.select(index)["input_values"])
        np.testing.assert_allclose(rows[:]["input_values"], expected, atol=TOLERANCE_DB)
    for row, expected in zip(computed.select(range(3)), stored):
        np.testing.assert_allclose(row["input_values"], expected["input_values"], atol=TOLERANCE_DB)


def test_log_mels_of_mp3_files_are_those_of_the_cache(deam, cache):
    options = SMALL_OPTIONS | {"segment_hop_seconds": 0.5, "cache_dir": cache}
    stored = load_deam(deam, **options)["test"]
    computed = load_deam(deam, log_mels="on_the_fly", **options)["test"]
    alone = np.stack([computed[index]["input_values"] for index in range(len(computed))])
    np.testing.assert_allclose(alone, np.stack(stored["input_values"]), atol=TOLERANCE_DB)


def test_only_the_table_of_segments_is_kept(songs, computed, options):
    assert "input_values" not in computed.column_names
    other = small_feature_extractor(n_fft=1024, num_mel_bins=8)
    rows = load_segments(songs, log_mels="on_the_fly", **options | {"feature_extractor": other}).rows
    assert rows.cache_files == computed.cache_files
    assert rows[0]["input_values"].shape == (96, 8)


def test_segments_of_one_batch_are_decoded_together(computed, monkeypatch):
    calls = []
    original = module.decode

    def decode(path, rate, **part):
        calls.append((os.path.basename(path), part["start_seconds"], part["duration_seconds"]))
        return original(path, rate, **part)

    monkeypatch.setattr(module, "decode", decode)
    first = computed.with_format(None)["song_id"][:].index("b.wav")
    computed[[first + 2, first, first + 1]]  # 0 to 3.4 s
    assert calls == [("b.wav", 0.0, 3.9)]
    calls.clear()
    computed[[first, first + 20]]  # 0 to 2 s, 14 to 16 s
    assert calls == [("b.wav", 0.0, 2.5), ("b.wav", 13.0, 3.5)]


def test_columns_are_read_without_decoding(computed, monkeypatch):
    monkeypatch.setattr(module, "decode", None)
    assert computed.select_columns(["path", "start_seconds"])[0]["path"].endswith("a.flac")
    assert set(computed.with_format(None)["duration_seconds"]) == {2.0}


def test_batches_are_those_of_the_cache(stored, computed):
    for rows in (stored, computed):
        batches = list(log_mel_batches(rows, 16))
        assert {len(batch) for batch in batches[:-1]} == {16}
        np.testing.assert_allclose(np.concatenate(batches), np.stack(stored["input_values"]), atol=TOLERANCE_DB)


def test_statistics_are_those_of_the_cache(stored, computed):
    np.testing.assert_allclose(normalization_statistics(computed), normalization_statistics(stored), rtol=1e-6)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_data_loaders_compute_log_mels(stored, computed, num_workers):
    loader = DataLoader(computed, batch_size=12, num_workers=num_workers, collate_fn=list)
    log_mels = [row["input_values"] for batch in loader for row in batch]
    np.testing.assert_allclose(np.stack(log_mels), np.stack(stored["input_values"]), atol=TOLERANCE_DB)


def test_the_transform_can_be_pickled_and_is_not_copied(computed):
    transform = computed.format["format_kwargs"]["transform"]
    assert copy.deepcopy(transform) is transform
    batch = computed.with_format(None)[:2]
    restored = pickle.loads(pickle.dumps(transform))
    np.testing.assert_array_equal(restored(batch)["input_values"], transform(batch)["input_values"])


def test_a_file_that_changes_or_vanishes_is_named(tmp_path):
    path = tmp_path / "song.wav"
    soundfile.write(path, chords(4.0, 22_050), 22_050)
    table = pd.DataFrame({"path": ["song.wav"], "valence": 5.0, "arousal": 5.0})
    songs = read_ratings_table(table, tmp_path)
    rows = load_segments(songs, log_mels="on_the_fly", cache_dir=tmp_path, **SMALL_OPTIONS).rows
    os.utime(path, (0, 0))
    with pytest.raises(ValueError, match=r"Expected '.*song.wav' to stay as it was, but it has changed meanwhile\.$"):
        rows[0]
    path.unlink()
    with pytest.raises(ValueError, match=r"Expected the file '.*song.wav', but the system reports: No such file"):
        rows[0]


def test_a_file_that_ends_before_a_segment_is_named(computed):
    transform = computed.format["format_kwargs"]["transform"]
    late = computed.with_format(None)[:1] | {"start_seconds": [10.0]}
    with pytest.raises(ValueError, match=r"Expected '.*a.flac' to last 12.000 s as before, but got 11.300 s\."):
        transform(late)


def test_log_mels_need_a_known_mode_and_a_feature_extractor(songs, tmp_path):
    with pytest.raises(ValueError, match="Expected log_mels to be one of cached, on_the_fly, but got 'memory'"):
        load_segments(songs, log_mels="memory", cache_dir=tmp_path, **SMALL_OPTIONS)
    rows = load_segments(songs, segment_seconds=2.0, log_mels="on_the_fly", cache_dir=tmp_path).rows
    with pytest.raises(ValueError, match="Expected rows loaded with a feature_extractor, but got only song_id, "):
        next(log_mel_batches(rows, 2))
