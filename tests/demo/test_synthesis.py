# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
from dataclasses import replace

import numpy as np
import pytest

from modeling_ast_va.demo.synthesis import INSTRUMENTS, MAJOR, MINOR, SAMPLING_RATE, Cues, Style, note, synthesise

NEUTRAL = Cues(MAJOR, tempo=0.0, register=0.0, articulation=0.0, brightness=0.0, loudness=0.0)
IN_C = Style(0, "organ", "reed", "piano", "rock")


def power_spectrum(waveform):
    return np.abs(np.fft.rfft(waveform * np.hanning(len(waveform)))) ** 2, np.fft.rfftfreq(
        len(waveform), 1 / SAMPLING_RATE
    )


def pitch_class_power(waveform, pitch_class):
    """Power within a quarter tone of a pitch class from 250 Hz to 2 kHz, as a share of the power there."""
    power, frequency = power_spectrum(waveform)
    audible = (frequency > 250) & (frequency < 2000)
    pitch = 69 + 12 * np.log2(frequency[audible] / 440)
    near = np.abs((pitch - pitch_class + 6) % 12 - 6) < 0.5
    return power[audible][near].sum() / power[audible].sum()


def play(seconds=8.0, style=IN_C, **cues):
    return synthesise(replace(NEUTRAL, **cues), style, seconds, np.random.default_rng(3))


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_note_has_the_pitch_and_the_spectrum_asked_for(name):
    instrument = replace(INSTRUMENTS[name], decay_seconds=1e6, sustain=1.0)  # the spectrum of the onset, held
    slope = 1.5
    waveform = note(instrument, 69, 1.0, slope)
    assert waveform.dtype == np.float32
    assert len(waveform) == pytest.approx((1 + instrument.release_seconds) * SAMPLING_RATE, abs=1)
    power, frequency = power_spectrum(waveform[: SAMPLING_RATE // 2 * 2])
    assert frequency[power.argmax()] == pytest.approx(440, abs=1.5)
    for k in (2, 3, 4):
        level = np.sqrt(power[np.abs(frequency - 440 * k) < 5].sum() / power[np.abs(frequency - 440) < 5].sum())
        expected = instrument.harmonics[(k - 1) % len(instrument.harmonics)] * k**-slope / instrument.harmonics[0]
        assert level == pytest.approx(expected, rel=0.05)
    assert power[frequency > 440 * 24.5].sum() < 1e-5 * power.sum()


def test_high_notes_do_not_alias():
    power, frequency = power_spectrum(note(INSTRUMENTS["lead"], 100, 1.0, 0.8))
    fundamental = 440 * 2 ** (31 / 12)
    off_pitch = np.abs(frequency / fundamental - np.rint(frequency / fundamental)) > 0.05
    assert power[off_pitch].sum() < 1e-4 * power.sum()


def test_songs_do_not_clip_and_loud_ones_are_louder():
    waveforms = [play(2.0, loudness=loudness) for loudness in (-2.0, 0.0, 2.0)]
    peaks_db = [20 * np.log10(np.abs(waveform).max()) for waveform in waveforms]
    np.testing.assert_allclose(peaks_db, [-19, -11, -3], atol=0.01)
    assert all(waveform.dtype == np.float32 and waveform.shape == (2 * SAMPLING_RATE,) for waveform in waveforms)


@pytest.mark.parametrize("tonic", [0, 5, 7])
def test_mode_changes_the_third_of_the_key(tonic):
    for seed in range(3):
        style = replace(IN_C, tonic=tonic)
        shares = {}
        for mode in (MAJOR, MINOR):
            waveform = synthesise(replace(NEUTRAL, mode=mode), style, 8.0, np.random.default_rng(seed))
            shares[mode] = [pitch_class_power(waveform, tonic + third) for third in (4, 3)]
        assert shares[MAJOR][0] > 4 * shares[MAJOR][1]
        assert shares[MINOR][1] > 4 * shares[MINOR][0]


def brightness(waveform):
    """Power from 1.5 to 6 kHz as a share of that from 250 Hz on."""
    power, frequency = power_spectrum(waveform)
    return power[(frequency > 1500) & (frequency < 6000)].sum() / power[frequency > 250].sum()


def silence(waveform):
    """Share of frames of 10 ms that are 40 dB below the loudest."""
    level = np.abs(waveform[: len(waveform) // 441 * 441].reshape(-1, 441)).max(axis=1)
    return (level < level.max() / 100).mean()


def pitch_height(waveform):
    """Median frequency of the power between 250 Hz and 2 kHz, where chords and melody lie."""
    power, frequency = power_spectrum(waveform)
    audible = (frequency > 250) & (frequency < 2000)
    cumulated = np.cumsum(power[audible])
    return frequency[audible][np.searchsorted(cumulated, cumulated[-1] / 2)]


@pytest.mark.parametrize(
    ("cue", "feature", "ratio"),
    [
        ("brightness", brightness, 2.0),
        ("loudness", brightness, 1.5),
        ("articulation", silence, 2.0),
        ("register", pitch_height, 1.3),
    ],
)
def test_each_cue_changes_the_sound(cue, feature, ratio):
    low, high = (feature(play(**{cue: value})) for value in (-1.5, 1.5))
    assert high > ratio * low


@pytest.mark.parametrize("tempo", [-2.0, -0.7, 0.0, 0.7, 2.0])
def test_tempo_is_the_period_of_the_onsets(tempo):
    waveform = play(20.0, tempo=tempo)
    level = np.abs(waveform[: len(waveform) // 441 * 441].reshape(-1, 441)).sum(axis=1)
    onsets = np.convolve(np.maximum(np.diff(level), 0), np.ones(3))  # a beat is not a whole number of frames
    onsets -= onsets.mean()
    autocorrelation = np.correlate(onsets, onsets, "full")[len(onsets) - 1 :]
    beat = 6000 / (104 * 2 ** (0.4 * tempo))  # frames of 10 ms
    lags = np.arange(round(0.6 * beat), round(1.4 * beat))
    assert lags[autocorrelation[lags].argmax()] == pytest.approx(beat, abs=1)
