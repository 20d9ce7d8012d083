# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Augmented windows: their draw, and tones whose frequency and level are known after each change (tolerance stated)."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from modeling_ast_va.training.audio_augmentation import (
    Source,
    draw_windows,
    equalize,
    louder_source,
    render_window,
)

RATE, SECONDS = 8000, 2.0
PLAIN = {"pieces": [{"source": 0, "start_seconds": 1.0, "speed": 1.0}], "mix_db": 0, "equalizer_db": [], "gain_db": 0}


def tone(frequency, seconds=6.0, level=0.1):
    return level * np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE)


@pytest.fixture
def sources(tmp_path):
    found = []
    for name, frequency, level in (("a", 500, 0.1), ("b", 1500, 0.02)):
        soundfile.write(tmp_path / f"{name}.wav", tone(frequency, level=level), RATE, subtype="FLOAT")
        found.append(Source(name, str(tmp_path / f"{name}.wav"), 0.0, 6.0))
    return found


def level_db(waveform, frequency):
    """Level of a tone, in dB relative to full scale."""
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    bins = np.fft.rfftfreq(len(waveform), 1 / RATE)
    near = spectrum[np.abs(bins - frequency) < 30]
    return 20 * np.log10(near.max() / (len(waveform) / 4))


def rendered(sources, **changed):
    return render_window(PLAIN | changed, sources, RATE, SECONDS)


def test_a_window_without_changes_is_the_audio(sources):
    waveform = rendered(sources)
    assert (waveform.shape, waveform.dtype) == ((round(RATE * SECONDS),), np.float32)
    np.testing.assert_allclose(waveform, tone(500)[RATE : 3 * RATE], atol=1e-4)


def test_speed_changes_the_frequency(sources):
    waveform = rendered(sources, pieces=[{"source": 0, "start_seconds": 1.0, "speed": 1.1}])
    assert level_db(waveform, 550) == pytest.approx(-20, abs=0.3)
    assert level_db(waveform, 500) < -50
    assert np.abs(waveform[-20:]).max() > 0.05  # there is audio up to the end


def test_gain_is_in_db_and_stays_within_full_scale(sources):
    assert level_db(rendered(sources, gain_db=-6), 500) == pytest.approx(-26, abs=0.1)
    assert np.abs(rendered(sources, gain_db=60)).max() == pytest.approx(1)


@pytest.mark.parametrize("mix_db", [-12, 0, 12])
def test_a_mixture_has_the_difference_of_levels_and_the_level_of_the_first(sources, mix_db):
    pieces = [{"source": index, "start_seconds": 1.0, "speed": 1.0} for index in range(2)]
    waveform = rendered(sources, pieces=pieces, mix_db=mix_db)
    assert level_db(waveform, 1500) - level_db(waveform, 500) == pytest.approx(mix_db, abs=0.1)
    assert np.sqrt(np.square(waveform).mean()) == pytest.approx(0.1 / np.sqrt(2), rel=1e-2)
    assert louder_source({"pieces": pieces, "mix_db": mix_db}) == (1 if mix_db > 0 else 0)


def test_the_equalizer_changes_its_bands(sources):
    centres = np.geomspace(60, RATE / 2, 6)
    mixture = sum(tone(frequency, seconds=2.0) for frequency in centres[1:5])
    changed = equalize(mixture, [0, 3, -3, 6, 0, 0], RATE)
    for frequency, gain in zip(centres[1:5], (3, -3, 6, 0)):
        assert level_db(changed, frequency) - level_db(mixture, frequency) == pytest.approx(gain, abs=0.3)


def test_a_song_as_long_as_a_window_is_not_slowed_beyond_its_end(sources):
    short = [sources[0]._replace(start_seconds=2.0, stop_seconds=4.0)]
    for window in draw_windows(short, 40, SECONDS, seed=0):
        for piece in window["pieces"]:
            assert piece["speed"] <= 1
            assert 2 <= piece["start_seconds"] <= 4 - SECONDS * piece["speed"] + 1e-3
        assert np.isfinite(render_window(window, short, RATE, SECONDS)).all()


def test_windows_are_drawn_as_stated(sources):
    long = [sources[0], sources[1]._replace(stop_seconds=18.0)]
    windows = draw_windows(long, 2000, SECONDS, seed=0)
    pieces = [piece for window in windows for piece in window["pieces"]]
    assert np.mean([len(window["pieces"]) == 2 for window in windows]) == pytest.approx(0.6, abs=0.03)
    assert np.mean([bool(window["equalizer_db"]) for window in windows]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([piece["source"] for piece in pieces]) == pytest.approx(0.75, abs=0.03)  # by duration
    assert np.std(np.log([piece["speed"] for piece in pieces])) == pytest.approx(0.06, rel=0.05)
    bands = np.array([window["equalizer_db"] for window in windows if window["equalizer_db"]])
    assert (bands.shape[1], bands.std()) == (6, pytest.approx(3, rel=0.05))
    for name, highest in (("mix_db", 12), ("gain_db", 6)):
        values = np.array([window[name] for window in windows])
        assert np.abs(values).max() <= highest
        assert values.std() == pytest.approx(highest / np.sqrt(3), rel=0.05)


def test_a_longer_list_begins_with_the_shorter_one(sources):
    windows = draw_windows(sources, 20, SECONDS, seed=0)
    assert json.loads(json.dumps(windows)) == windows == draw_windows(sources, 30, SECONDS, seed=0)[:20]
    assert windows != draw_windows(sources, 20, SECONDS, seed=1)
