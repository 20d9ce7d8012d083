# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tests of segments and their aggregation, with slices and numpy as references."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from music import chords

from modeling_ast_va.audio_ast_va import (
    RATING_SCALE,
    Segment,
    aggregate_segments,
    decode,
    quadrant,
    segment_sizes,
    stream_segments,
)
from modeling_ast_va.decoding_ast_va import AudioError

RATE = 22_050
MIB = 2**20


@pytest.fixture(scope="module")
def song(tmp_path_factory) -> Path:
    """23.3 s of stereo at 22,050 Hz, so longer than two blocks."""
    path = tmp_path_factory.mktemp("audio") / "song.wav"
    soundfile.write(path, chords(23.3, RATE, num_channels=2), RATE)
    return path


def segments_of(num_samples: int, hop_seconds: float | None = None, rate: int = 1000) -> list[Segment]:
    """Segments of 2 s of a waveform in which each value is a hundredth of its position."""
    waveform = np.arange(num_samples, dtype=np.float64) / 100
    return list(stream_segments(waveform, rate, 2.0, hop_seconds, source_sampling_rate=rate))


@pytest.mark.parametrize(
    ("num_samples", "hop_seconds", "expected"),  # first sample, sample after the last, and weight in samples
    [
        (6000, None, [(0, 2000, 2000), (2000, 4000, 2000), (4000, 6000, 2000)]),
        # The last segment ends with the song, and has the weight of what it adds.
        (6500, None, [(0, 2000, 2000), (2000, 4000, 2000), (4000, 6000, 2000), (4500, 6500, 500)]),
        (6499, None, [(0, 2000, 2000), (2000, 4000, 2000), (4000, 6000, 2000)]),  # less than half a second is dropped
        (2000, None, [(0, 2000, 2000)]),
        (500, None, [(0, 500, 500)]),  # only a song of less than a segment is shorter
        (1999, None, [(0, 1999, 1999)]),
        (5000, 1.0, [(start, start + 2000, 1000) for start in (0, 1000, 2000, 3000)]),
        (5499, 1.0, [(start, start + 2000, 1000) for start in (0, 1000, 2000, 3000)]),
        (4500, 1.0, [(0, 2000, 1000), (1000, 3000, 1000), (2000, 4000, 1000), (2500, 4500, 500)]),
        (2600, 0.75, [(0, 2000, 750), (600, 2600, 600)]),
        (1200, 1.0, [(0, 1200, 1200)]),
        (27000, None, [(start, start + 2000, 2000) for start in range(0, 26000, 2000)] + [(25000, 27000, 1000)]),
    ],
)
def test_segments(num_samples, hop_seconds, expected):
    segments = segments_of(num_samples, hop_seconds)
    found = [(one.waveform[0] * 100, one.waveform[-1] * 100 + 1, one.weight_seconds * 1000) for one in segments]
    np.testing.assert_allclose(found, expected, atol=1e-2)
    np.testing.assert_allclose([one.start_seconds for one in segments], [start / 1000 for start, _, _ in expected])
    for one in segments:
        np.testing.assert_allclose(np.diff(one.waveform), 0.01, atol=1e-4)
        assert one.warning == ""


def test_segments_of_a_resampled_file(song):
    expected = decode(song, 16000)
    segments = list(stream_segments(song, 16000, 5.0))
    assert [len(one.waveform) for one in segments] == [5 * 16000] * 5
    assert segments[-1].weight_seconds == pytest.approx(3.3, abs=1e-3)
    np.testing.assert_array_equal(np.concatenate([one.waveform for one in segments[:4]]), expected[: 20 * 16000])
    np.testing.assert_array_equal(segments[-1].waveform, expected[-5 * 16000 :])


def test_the_last_segment_has_the_warning(tmp_path):
    soundfile.write(tmp_path / "song.mp3", chords(20.0, RATE), RATE)
    encoded = (tmp_path / "song.mp3").read_bytes()
    segments = list(stream_segments(encoded[: len(encoded) // 2], 16000, 3.0))
    assert 3 <= len(segments) <= 4
    assert [one.warning[:7] for one in segments] == [""] * (len(segments) - 1) + ["ends at"]


def test_songs_that_are_too_short_are_refused():
    with pytest.raises(AudioError, match=r"at least 0.5 s of audio, but got 0.490 s") as error:
        segments_of(490)
    assert error.value.reason == "too short"
    with pytest.raises(AudioError, match="no samples"):
        segments_of(0)


@pytest.mark.parametrize(("hop", "message"), [(0, "0"), (-1.0, "-1.0"), (2.5, "2.5")])
def test_hops_out_of_range_are_refused(hop, message):
    with pytest.raises(ValueError, match=message):
        segment_sizes(16000, 2.0, hop)
    with pytest.raises(ValueError, match=r"0\.4"):
        segment_sizes(16000, 0.4, None)
    assert segment_sizes(44100, 5.0, 2.5) == (220500, 110250)


def test_memory_does_not_grow_with_the_length(tmp_path):
    peaks = []
    for minutes in (1, 10):
        path = tmp_path / f"{minutes}.wav"
        with soundfile.SoundFile(path, "w", RATE, 2) as file:
            minute = chords(60.0, RATE, num_channels=2)
            for _ in range(minutes):
                file.write(minute)
        tracemalloc.start()
        assert sum(1 for _ in stream_segments(path, 16000, 5.0)) == 12 * minutes
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]
    assert peaks[1] < 16 * MIB  # the whole waveform of ten minutes at 16 kHz is 37 MiB


def test_aggregation_equals_numpys_average():
    rng = np.random.default_rng(0)
    predictions, weights = rng.uniform(1, 9, (7, 2)), rng.uniform(0.5, 5, 7)
    mean, std = aggregate_segments(predictions, weights)
    expected = np.average(predictions, axis=0, weights=weights)
    np.testing.assert_allclose(mean, expected, rtol=1e-14)
    variance = np.average((predictions - expected) ** 2, axis=0, weights=weights)
    np.testing.assert_allclose(std, np.sqrt(variance), rtol=1e-13)
    # A segment of twice the length has twice the weight.
    twice = aggregate_segments(np.repeat(predictions[:2], [2, 1], axis=0), [1, 1, 1])
    np.testing.assert_allclose(aggregate_segments(predictions[:2], [2, 1]), twice, rtol=1e-13)
    np.testing.assert_allclose(aggregate_segments([[4, 6]], [3]), ([4, 6], [0, 0]))


@pytest.mark.parametrize("shapes", [((0, 2), (0,)), ((3, 2), (2,)), ((3,), (3,)), ((3, 2), (3, 1))])
def test_aggregation_of_different_lengths_is_refused(shapes):
    with pytest.raises(ValueError, match="as many weights"):
        aggregate_segments(*map(np.ones, shapes))


@pytest.mark.parametrize(
    ("valence", "arousal", "name"),
    [(5, 5, "Excited"), (4.999, 5, "Distressed"), (5, 4.999, "Calm"), (4.999, 4.999, "Sad"), (1, 9, "Distressed")],
)
def test_quadrants(valence, arousal, name):
    assert quadrant(valence, arousal) == name
    assert quadrant(valence - 5, arousal - 5, midpoint=0.0) == name
    assert sum(RATING_SCALE) / 2 == 5
