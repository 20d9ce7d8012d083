# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Augmented windows on disk: log-mels and embeddings of the same audio (half precision), kept after a kill."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import soxr
from audio_encoders import save_wav2vec2
from onnx_files import NUM_SAMPLES, NUM_VALUES, weights, write_onnx

from modeling_ast_va import ASTVAFeatureExtractor
from modeling_ast_va.data import cache as cache_module
from modeling_ast_va.embedding import load_encoder
from modeling_ast_va.training import augmented_windows
from modeling_ast_va.training.audio_augmentation import Source, draw_windows, render_window
from modeling_ast_va.training.augmented_windows import EMBEDDING, load_augmented, window_id
from modeling_ast_va.training.teacher_encoders import StudentAudioEncoder, TeacherSource

RATE, SECONDS = 8000, 1.0  # of the student; the teachers take 0.5 s at 8 kHz, and 1 s at 4 kHz


@pytest.fixture
def extractor():
    settings = {"n_fft": 256, "hop_length": 160, "num_mel_bins": 32, "max_length": 51}
    return ASTVAFeatureExtractor(sampling_rate=RATE, segment_seconds=SECONDS, **settings)


@pytest.fixture
def sources(tmp_path):
    found = []
    for index in range(3):
        samples = 0.1 * np.random.default_rng(index).normal(size=3 * RATE)
        soundfile.write(tmp_path / f"{index}.wav", samples, RATE)
        found.append(Source(index, str(tmp_path / f"{index}.wav"), 0.0, 3.0))
    return found


@pytest.fixture
def teachers(tmp_path):
    path = str(write_onnx(tmp_path / "tiny.onnx"))
    return [TeacherSource(path, rate, RATE, SECONDS) for rate in (8000, 4000)]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(cache_module, "SONGS_PER_SHARD", 1)
    monkeypatch.setattr(augmented_windows, "WINDOWS_PER_BATCH", 4)
    monkeypatch.setattr(augmented_windows, "WINDOWS_PER_BLOCK", 8)


def load(num_windows, sources, teachers, extractor, tmp_path, num_proc=1):
    windows = draw_windows(sources, num_windows, SECONDS, seed=0)
    rows = load_augmented(windows, sources, teachers, extractor, num_proc=num_proc, cache_dir=tmp_path / "cache")
    return windows, rows


def test_the_student_and_every_teacher_get_the_same_audio(sources, teachers, extractor, tmp_path):
    windows, rows = load(10, sources, teachers, extractor, tmp_path)
    assert rows["song_id"][:].tolist() == [window_id(index) for index in range(10)]
    waveforms = [render_window(window, sources, RATE, SECONDS) for window in windows]
    log_mels = extractor(waveforms, sampling_rate=RATE, return_tensors="np", do_normalize=False)["input_values"]
    np.testing.assert_allclose(rows["input_values"][:], log_mels, atol=0.05)  # of at most 80 dB
    values = np.stack(rows[EMBEDDING][:])
    assert values.shape == (10, 2 * NUM_VALUES)
    # The first teacher has windows of half a segment: their mean, with the ones between.
    of_windows = [np.stack(waveforms)[:, start : start + NUM_SAMPLES] @ weights() for start in (0, 2000, 4000)]
    np.testing.assert_allclose(values[:, :NUM_VALUES], np.mean(of_windows, axis=0), rtol=5e-3, atol=5e-3)
    resampled = np.stack([soxr.resample(waveform, RATE, 4000) for waveform in waveforms])
    np.testing.assert_allclose(values[:, NUM_VALUES:], resampled @ weights(), rtol=5e-3, atol=5e-3)


def test_windows_are_the_same_for_any_number_of_processes_and_after_a_kill(sources, teachers, extractor, tmp_path):
    _, whole = load(10, sources, teachers, extractor, tmp_path)
    shards = sorted((tmp_path / "cache").rglob("*.arrow"))
    assert len(shards) == 3  # of 4, 4 and 2 windows
    shards[1].unlink()
    _, again = load(10, sources, teachers, extractor, tmp_path)
    _, parallel = load(10, sources, teachers, extractor, tmp_path / "other", num_proc=2)
    for rows in (again, parallel):
        for name in ("song_id", "input_values", EMBEDDING):
            np.testing.assert_array_equal(np.stack(rows[name][:]), np.stack(whole[name][:]))


def test_a_model_of_transformers_is_a_teacher_in_any_process(sources, extractor, tmp_path):
    save_wav2vec2(tmp_path / "encoder")
    teachers = [TeacherSource(str(tmp_path / "encoder"), None, RATE, SECONDS)]
    windows, rows = load(8, sources, teachers, extractor, tmp_path, num_proc=2)
    encoder = load_encoder(tmp_path / "encoder", window_seconds=SECONDS)
    audio = [soxr.resample(render_window(window, sources, RATE, SECONDS), RATE, 16000) for window in windows]
    np.testing.assert_allclose(np.stack(rows[EMBEDDING][:]), encoder(audio), rtol=1e-2, atol=1e-2)


def test_a_longer_list_computes_its_last_blocks_only(sources, teachers, extractor, tmp_path, monkeypatch):
    _, short = load(8, sources, teachers, extractor, tmp_path)
    computed = []
    compute = augmented_windows._compute
    monkeypatch.setattr(
        augmented_windows, "_compute", lambda *args: computed.append(args[-1]["first"]) or compute(*args)
    )
    _, long = load(16, sources, teachers, extractor, tmp_path)
    assert computed == [8, 12]
    np.testing.assert_array_equal(np.stack(long[EMBEDDING][:8]), np.stack(short[EMBEDDING][:]))


def test_other_teachers_and_changed_files_are_computed_again(sources, teachers, extractor, tmp_path):
    windows, rows = load(4, sources, teachers, extractor, tmp_path)
    before = np.stack(rows[EMBEDDING][:])
    _, rows = load(4, sources, teachers[::-1], extractor, tmp_path)
    np.testing.assert_array_equal(np.stack(rows[EMBEDDING][:]), np.roll(before, NUM_VALUES, axis=1))
    of_batch = windows[0]["pieces"][0]["source"]
    used = {piece["source"] for window in windows for piece in window["pieces"]}
    other = sources[next(iter(used - {of_batch}))]
    soundfile.write(other.path, np.zeros(3 * RATE + 1), RATE)
    _, rows = load(4, sources, teachers, extractor, tmp_path)
    assert not np.array_equal(np.stack(rows[EMBEDDING][:]), before)


def test_embeddings_beyond_half_precision_are_an_error(sources, teachers, extractor, tmp_path, monkeypatch):
    monkeypatch.setattr(
        StudentAudioEncoder, "embed_segments", lambda self, waveforms: np.full((len(waveforms), 5), 1e6)
    )
    with pytest.raises(ValueError, match=r"embeddings of .*tiny\.onnx.* up to 65504\.0, but got larger ones"):
        load(4, sources, teachers, extractor, tmp_path)


def test_a_teacher_takes_no_longer_windows_than_a_segment(tmp_path):
    path = str(write_onnx(tmp_path / "any.onnx"))
    with pytest.raises(ValueError, match=r"Expected window_seconds 2 for .*any\.onnx, .* but got 1"):
        StudentAudioEncoder(TeacherSource(path, 2000, RATE, SECONDS))
