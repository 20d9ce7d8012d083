# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
import soundfile

from modeling_ast_va.evaluation.baseline_features import HOP_LENGTH, SAMPLING_RATE, frame_features, handmade_features
from modeling_ast_va.evaluation.window_features import describe_moments, window_features

SECONDS = 8


@pytest.fixture(scope="module")
def waveform():
    """Noise that is ten times louder in its second half."""
    noise = np.random.default_rng(0).normal(0, 0.02, SECONDS * SAMPLING_RATE)
    noise[len(noise) // 2 :] *= 10
    return noise.astype(np.float32)


def place_of(name, waveform):
    """The column of the mean of a feature of one row."""
    place = 0
    for other, values in frame_features(waveform).items():
        if other == name:
            return place
        place += len(np.atleast_2d(values))
    raise KeyError(name)


def test_windows_have_the_moments_of_their_frames(waveform):
    features = window_features(waveform, np.array([1.5, 6.5]))
    values = np.atleast_2d(frame_features(waveform)["rms_db"])[0]
    column, num_rows = place_of("rms_db", waveform), features.shape[1] // 2
    centres = np.arange(len(values)) * HOP_LENGTH / SAMPLING_RATE
    for moment, of_window in zip((1.5, 6.5), features):
        near = values[np.abs(centres - moment) <= 1.5]
        assert of_window[column] == pytest.approx(near.mean(), abs=1e-4)
        assert of_window[num_rows + column] == pytest.approx(near.std(), abs=1e-4)
    assert features[1, column] - features[0, column] == pytest.approx(20, abs=0.5)


def test_a_window_of_the_whole_song_has_the_features_of_the_song(waveform, monkeypatch):
    monkeypatch.setattr("modeling_ast_va.evaluation.window_features.WINDOW_SECONDS", 2.1 * SECONDS)
    (features,) = window_features(waveform, np.array([SECONDS / 2]))
    song, column = handmade_features(waveform), place_of("centroid", waveform)
    assert features[column] == pytest.approx(song["centroid_mean"], rel=1e-4)
    assert features[len(features) // 2 + column] == pytest.approx(song["centroid_std"], rel=1e-4)


def test_moments_at_and_beyond_the_ends_are_finite(waveform):
    features = window_features(waveform, np.array([0.0, SECONDS, SECONDS + 100.0]))
    assert np.isfinite(features).all()
    assert (features[2, features.shape[1] // 2 :] == 0).all()  # of one frame


def test_moments_of_files_are_those_of_their_waveforms_and_are_cached(waveform, tmp_path, monkeypatch):
    paths = [str(tmp_path / name) for name in ("b.wav", "a.wav")]
    for path, gain in zip(paths, (1.0, 0.5)):
        soundfile.write(path, gain * waveform, SAMPLING_RATE, subtype="FLOAT")
    moments = {paths[0]: np.array([1.0, 6.0]), paths[1]: np.array([2.0])}
    options = {"num_proc": 1, "cache_dir": tmp_path / "cache"}
    features = describe_moments(moments, **options)
    np.testing.assert_allclose(features[:2], window_features(waveform, moments[paths[0]]))
    np.testing.assert_allclose(features[2:], window_features(np.float32(0.5) * waveform, moments[paths[1]]))
    monkeypatch.setattr("modeling_ast_va.evaluation.window_features.window_features", None)
    np.testing.assert_array_equal(describe_moments(moments, **options), features)
