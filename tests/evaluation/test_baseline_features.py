# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import os

import numpy as np
import pytest
import soundfile
from music import chords

from modeling_ast_va.decoding_ast_va import AudioError
from modeling_ast_va.evaluation import baseline_features as module
from modeling_ast_va.evaluation.baseline_features import SAMPLING_RATE, describe_songs, handmade_features

TIME = np.arange(8 * SAMPLING_RATE) / SAMPLING_RATE


def tone(frequency, amplitude=0.5):
    return (amplitude * np.sin(2 * np.pi * frequency * TIME)).astype(np.float32)


def clicks(beats_a_minute):
    waveform = np.random.default_rng(0).normal(0, 1e-3, TIME.size)
    for beat in np.arange(0, TIME[-1], 60 / beats_a_minute):
        start = round(beat * SAMPLING_RATE)
        burst = waveform[start : start + 400]
        burst += 0.5 * np.sin(np.arange(len(burst))) * np.linspace(1, 0, len(burst))
    return waveform.astype(np.float32)


def chord(*semitones):
    return sum(tone(261.63 * 2 ** (semitone / 12), 0.2) for semitone in semitones)


@pytest.mark.parametrize("frequency", [500.0, 3000.0])
def test_the_spectrum_of_a_tone_is_at_its_frequency(frequency):
    features = handmade_features(tone(frequency))
    assert features["centroid_mean"] == pytest.approx(frequency, rel=0.05)
    assert features["rolloff_mean"] == pytest.approx(frequency, abs=2 * SAMPLING_RATE / module.N_FFT)
    assert features["zero_crossing_rate_mean"] == pytest.approx(2 * frequency / SAMPLING_RATE, rel=0.02)


def test_loudness_is_in_decibels_and_dynamics_are_its_range():
    loud, soft = handmade_features(tone(440)), handmade_features(tone(440, 0.05))
    assert loud["rms_db_p50"] - soft["rms_db_p50"] == pytest.approx(20, abs=0.01)
    assert loud["mfcc_0_mean"] > soft["mfcc_0_mean"]  # log-mels are absolute
    half_soft = tone(440) * np.where(TIME < 4, 1, 0.1).astype(np.float32)
    assert handmade_features(half_soft)["rms_db_range"] == pytest.approx(20, abs=0.1)
    assert loud["rms_db_range"] < 0.1


@pytest.mark.parametrize("beats_a_minute", [75.0, 120.0])
def test_clicks_have_their_tempo_and_a_clear_pulse(beats_a_minute):
    features = handmade_features(clicks(beats_a_minute))
    multiples = beats_a_minute / features["tempo"]  # every second beat has a high autocorrelation too
    assert multiples == pytest.approx(round(multiples), rel=0.03)
    assert features["onsets_per_second"] == pytest.approx(beats_a_minute / 60, rel=0.15)
    assert features["pulse_clarity"] > 2 * handmade_features(tone(440))["pulse_clarity"]


def test_major_and_minor_chords_differ():
    major, minor = (handmade_features(chord(0, third, 7))["key_majorness"] for third in (4, 3))
    assert major > minor + 0.05


def test_a_key_fits_as_well_on_every_tonic():
    on_c, on_f_sharp = (handmade_features(chord(tonic, tonic + 4, tonic + 7))["key_major"] for tonic in (0, 6))
    assert on_c > 0.7
    assert on_f_sharp == pytest.approx(on_c, abs=0.1)


def test_chroma_is_counted_from_c():
    features = handmade_features(chord(4))
    assert max(range(12), key=lambda note: features[f"chroma_{note}_mean"]) == 4


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "waveform",
    [
        np.zeros(SAMPLING_RATE, np.float32),
        np.zeros(SAMPLING_RATE // 2, np.float32),
        np.full(SAMPLING_RATE, 0.3, np.float32),
        np.random.default_rng(0).normal(0, 0.1, SAMPLING_RATE).astype(np.float32),
        np.concatenate([np.zeros(SAMPLING_RATE, np.float32), chords(2, SAMPLING_RATE)]),
    ],
    ids=["silence", "half a second", "constant", "noise", "silence before music"],
)
def test_features_are_finite_and_have_the_same_names(waveform):
    features = handmade_features(waveform)
    assert np.isfinite(list(features.values())).all()
    assert list(features) == list(handmade_features(chords(1, SAMPLING_RATE)))
    assert all(type(value) is float for value in features.values())


@pytest.fixture
def songs(tmp_path):
    paths = [tmp_path / f"{number}.wav" for number in range(3)]
    for number, path in enumerate(paths):
        soundfile.write(path, chords(2, SAMPLING_RATE, seed=number), SAMPLING_RATE, subtype="FLOAT")
    return [str(path) for path in paths]


@pytest.fixture
def described(monkeypatch):
    """How many songs were described."""
    calls = []
    original = module.handmade_features
    monkeypatch.setattr(module, "handmade_features", lambda waveform: calls.append(1) or original(waveform))
    return calls


def test_songs_are_described_once_and_again_when_a_file_has_changed(songs, tmp_path, described):
    features = describe_songs(songs, num_proc=1, cache_dir=tmp_path)
    assert features.shape == (3, len(handmade_features(chords(1, SAMPLING_RATE))))
    expected = [list(handmade_features(chords(2, SAMPLING_RATE, seed=number)).values()) for number in range(3)]
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=1e-5)
    described.clear()
    np.testing.assert_array_equal(describe_songs(songs, num_proc=1, cache_dir=tmp_path), features)
    assert not described
    os.utime(songs[1], (0, 0))
    describe_songs(songs, num_proc=1, cache_dir=tmp_path)
    assert len(described) == 3


def test_several_processes_give_the_same_features(songs, tmp_path):
    one = describe_songs(songs, num_proc=1, cache_dir=tmp_path / "one")
    np.testing.assert_array_equal(describe_songs(songs, num_proc=2, cache_dir=tmp_path / "two"), one)


def test_a_song_that_cannot_be_decoded_is_refused(tmp_path):
    (tmp_path / "song.mp3").write_bytes(b"no music")
    with pytest.raises(AudioError, match=r"song\.mp3"):
        describe_songs([str(tmp_path / "song.mp3")], num_proc=1, cache_dir=tmp_path)
