# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tests of decoding, segments and aggregation, with soundfile, soxr, slices and numpy as references."""

from __future__ import annotations

import io
import pickle
import re
import threading
import tracemalloc
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from music import chords

from modeling_ast_va.audio_ast_va import (
    RATING_SCALE,
    AudioError,
    aggregate_segments,
    decode,
    quadrant,
    segment_sizes,
    stream,
    stream_segments,
)

RATE = 22_050
PCM_16 = 2**-15  # one step of 16 bits
MIB = 2**20


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("audio")


@pytest.fixture(scope="module")
def song(folder) -> Path:
    """23.3 s of stereo at 22,050 Hz, so longer than two blocks."""
    path = folder / "song.wav"
    soundfile.write(path, chords(23.3, RATE, num_channels=2), RATE)
    return path


@pytest.fixture(scope="module")
def server(folder, song):
    """Address of a web server for `folder`."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def copyfile(self, source, outputfile):
            outputfile.write(source.read(1000) if "half" in self.path else source.read())

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as http_server:
        threading.Thread(target=http_server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http_server.server_port}"
        http_server.shutdown()


def read(path: Path) -> np.ndarray:
    """The mean of the channels that soundfile decodes, `(num_samples,)`."""
    return soundfile.read(path, dtype="float32", always_2d=True)[0].mean(axis=1)


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("num_channels", [1, 2, 6])
def test_decoding_equals_soundfile(tmp_path, extension, num_channels):
    if extension == "mp3" and num_channels > 2:
        pytest.skip("MP3 has two channels at most")
    path = tmp_path / f"song.{extension}"
    soundfile.write(path, chords(11.0, RATE, num_channels=num_channels), RATE)
    waveform = decode(path, RATE)
    assert (waveform.dtype, waveform.ndim) == (np.float32, 1)
    np.testing.assert_allclose(waveform, read(path), rtol=0, atol=1e-5)


@pytest.mark.parametrize("sampling_rate", [8000, 16000, 44100, 48000])
def test_resampling_equals_soxr(song, sampling_rate):
    expected = soxr.resample(read(song), RATE, sampling_rate)
    waveform = decode(song, sampling_rate)
    assert abs(len(waveform) - 23.3 * sampling_rate) <= 1
    assert len(waveform) == len(expected)
    np.testing.assert_allclose(waveform, expected, rtol=0, atol=1e-5)


def test_the_mix_is_the_mean_of_the_channels(tmp_path):
    left, right = chords(1.0, RATE), chords(1.0, RATE, seed=1)
    soundfile.write(tmp_path / "song.wav", np.stack([left, right], axis=1), RATE)
    np.testing.assert_allclose(decode(tmp_path / "song.wav", RATE), (left + right) / 2, rtol=0, atol=PCM_16)


@pytest.mark.parametrize(("start", "duration"), [(0.0, 1.0), (1.234, 5.0), (9.5, 11.0), (20.0, None), (20.0, 100.0)])
@pytest.mark.parametrize("extension", ["wav", "flac", "ogg"])
def test_decoding_a_part(tmp_path, start, duration, extension):
    path = tmp_path / f"song.{extension}"
    soundfile.write(path, chords(23.3, RATE), RATE)
    stop = None if duration is None else round(start * RATE) + round(duration * RATE)
    expected = read(path)[round(start * RATE) : stop]
    waveform = decode(path, RATE, start_seconds=start, duration_seconds=duration)
    np.testing.assert_allclose(waveform, expected, rtol=0, atol=1e-6)
    array = decode(read(path), RATE, source_sampling_rate=RATE, start_seconds=start, duration_seconds=duration)
    np.testing.assert_array_equal(array, expected)


def test_decoding_a_part_of_an_mp3(tmp_path):
    path = tmp_path / "song.mp3"
    soundfile.write(path, chords(12.0, RATE), RATE)
    waveform = decode(path, RATE, start_seconds=5.0, duration_seconds=2.0)
    expected = read(path)[5 * RATE : 7 * RATE]
    # The first frames depend on earlier ones, which are not decoded.
    np.testing.assert_allclose(waveform[2500:], expected[2500:], rtol=0, atol=1e-4)


@pytest.mark.parametrize(("extension", "share"), [("wav", 0.06), ("flac", 0.2), ("ogg", 0.8), ("mp3", 0.8)])
def test_only_the_requested_part_is_decoded(tmp_path, monkeypatch, extension, share):
    """Decodes five of 100 seconds. An MP3 has no index, so its file is read up to the part."""
    path = tmp_path / f"song.{extension}"
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        for seed in range(5):
            file.write(chords(20.0, RATE, seed=seed))
    num_frames = []
    original = soundfile.SoundFile.read

    def read(self, frames=-1, *args, **kwargs):
        block = original(self, frames, *args, **kwargs)
        num_frames.append(len(block))
        return block

    class Counted(io.BytesIO):
        num_bytes = 0

        def readinto(self, buffer):
            count = super().readinto(buffer)
            self.num_bytes += count
            return count

    monkeypatch.setattr(soundfile.SoundFile, "read", read)
    source = Counted(path.read_bytes())
    waveform = decode(source, RATE, start_seconds=70.0, duration_seconds=5.0)
    assert len(waveform) == sum(num_frames) == 5 * RATE
    assert 0 < source.num_bytes < share * path.stat().st_size


def test_sources_of_one_song_are_the_same(song, server):
    expected = decode(song, 16000)
    encoded = song.read_bytes()
    with song.open("rb") as file:
        for source in (str(song), encoded, io.BytesIO(encoded), file, f"{server}/{song.name}"):
            np.testing.assert_array_equal(decode(source, 16000), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_waveforms(dtype):
    waveform = chords(12.5, RATE, num_channels=2).astype(dtype)
    mono = waveform.astype(np.float32).mean(axis=1)
    for array in (waveform, waveform.T, waveform[:, :1], waveform[:, 0]):
        expected = mono if array.size == waveform.size else waveform[:, 0].astype(np.float32)
        decoded = decode(array, RATE, source_sampling_rate=RATE)
        assert decoded.dtype == np.float32
        np.testing.assert_allclose(decoded, expected, rtol=0, atol=1e-6)
    resampled = decode(waveform, 16000, source_sampling_rate=RATE)
    np.testing.assert_allclose(resampled, soxr.resample(mono, RATE, 16000), rtol=0, atol=1e-5)


def test_blocks_are_the_whole_waveform(song):
    blocks = list(stream(song, 16000))
    assert len(blocks) > 2
    np.testing.assert_array_equal(np.concatenate(blocks), decode(song, 16000))


def segments_of(num_samples: int, hop_seconds: float | None = None, rate: int = 100) -> list[tuple[float, np.ndarray]]:
    """Segments of 2 s of the waveform 0, 1, 2, ..., where each value is its position."""
    waveform = np.arange(num_samples, dtype=np.float32)
    return list(stream_segments(waveform, rate, 2.0, hop_seconds, source_sampling_rate=rate))


@pytest.mark.parametrize(
    ("num_samples", "hop_seconds", "expected"),
    [
        (600, None, [(0, 200), (200, 400), (400, 600)]),
        (650, None, [(0, 200), (200, 400), (400, 600), (600, 650)]),  # the last segment is shorter
        (649, None, [(0, 200), (200, 400), (400, 600)]),  # less than half a second is dropped
        (200, None, [(0, 200)]),
        (50, None, [(0, 50)]),
        (500, 1.0, [(0, 200), (100, 300), (200, 400), (300, 500)]),
        (549, 1.0, [(0, 200), (100, 300), (200, 400), (300, 500)]),
        (550, 1.0, [(0, 200), (100, 300), (200, 400), (300, 500), (400, 550)]),
        (260, 0.75, [(0, 200), (75, 260)]),
        (120, 1.0, [(0, 120)]),
        (2700, None, [(start, start + 200) for start in range(0, 2600, 200)] + [(2600, 2700)]),  # several blocks
    ],
)
def test_segments(num_samples, hop_seconds, expected):
    segments = segments_of(num_samples, hop_seconds)
    assert [(waveform[0], waveform[-1] + 1) for _, waveform in segments] == expected
    assert [start for start, _ in segments] == [start / 100 for start, _ in expected]
    for _, waveform in segments:
        np.testing.assert_array_equal(np.diff(waveform), 1)


def test_segments_of_a_resampled_file(song):
    expected = decode(song, 16000)
    segments = list(stream_segments(song, 16000, 5.0))
    assert [len(waveform) / 16000 for _, waveform in segments[:-1]] == [5.0] * 4
    assert len(segments[-1][1]) / 16000 == pytest.approx(3.3, abs=1e-3)
    np.testing.assert_array_equal(np.concatenate([waveform for _, waveform in segments]), expected)


def test_songs_that_are_too_short_are_refused():
    with pytest.raises(AudioError, match=r"at least 0.5 s of audio, but got 0.490 s") as error:
        segments_of(49)
    assert error.value.reason == "too short"
    with pytest.raises(AudioError, match=r"got 0.000 s"):
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


def test_files_that_are_refused(tmp_path):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.mp3").write_text("This is a text file.\n" * 100)
    soundfile.write(tmp_path / "song.flac", chords(20.0, RATE), RATE)
    flac = (tmp_path / "song.flac").read_bytes()
    (tmp_path / "truncated.flac").write_bytes(flac[: len(flac) // 2])
    soundfile.write(tmp_path / "no_samples.wav", np.zeros(0, np.float32), RATE)
    not_finite = chords(3.0, RATE)
    not_finite[RATE] = np.nan
    soundfile.write(tmp_path / "nan.wav", not_finite, RATE, subtype="FLOAT")
    for name, message in {
        "missing.mp3": "there is none",
        "": "a folder or an empty file",
        "empty.wav": "a folder or an empty file",
        "text.mp3": "not recognised",
        "truncated.flac": "as its header states|cannot be decoded beyond",
        "no_samples.wav": "no samples",
        "nan.wav": "NaN",
    }.items():
        path = tmp_path / name
        with pytest.raises(AudioError, match=message) as error:
            decode(path, 16000)
        assert str(error.value) == f"{path}: {error.value.detail}"
    with pytest.raises(AudioError, match=r"<0 bytes>: .* not recognised"):
        decode(b"", 16000)


def test_a_truncated_mp3_is_refused(tmp_path):
    soundfile.write(tmp_path / "song.mp3", chords(20.0, RATE), RATE)
    encoded = (tmp_path / "song.mp3").read_bytes()
    (tmp_path / "truncated.mp3").write_bytes(encoded[: len(encoded) // 2])
    with pytest.raises(AudioError, match=r"truncated.mp3: expected 20.\d\d s of .* header states, but got \d") as error:
        decode(tmp_path / "truncated.mp3", RATE)
    assert error.value.reason == "truncated"


def test_errors_keep_their_parts_in_other_processes():
    error = pickle.loads(pickle.dumps(AudioError("song.mp3: expected audio.", "truncated", "expected audio.")))
    assert (str(error), error.reason, error.detail) == ("song.mp3: expected audio.", "truncated", "expected audio.")


@pytest.mark.parametrize(
    ("waveform", "message"),
    [
        (np.zeros(1000, np.int16), "int16 of shape"),
        (np.zeros((1, 2, 1000), np.float32), r"\(1, 2, 1000\)"),
        (np.array(0.5, np.float32), r"shape \(\)"),
        (np.array([0.1, np.inf], np.float32), "NaN or infinity"),
        (np.zeros(0, np.float32), "no samples"),
    ],
)
def test_waveforms_that_are_refused(waveform, message):
    with pytest.raises(ValueError, match=message):
        decode(waveform, RATE, source_sampling_rate=RATE)


def test_a_waveform_needs_its_rate():
    with pytest.raises(ValueError, match="source_sampling_rate of a waveform in Hz, but got None"):
        decode(np.zeros(1000, np.float32), RATE)


@pytest.mark.parametrize(("start", "duration"), [(-1.0, None), (0.0, 0.0), (1.0, -2.0)])
def test_parts_that_are_not_valid(song, start, duration):
    for source, rate in ((song, None), (chords(3.0, RATE), RATE)):
        with pytest.raises(ValueError, match=f"{start}.*{duration}"):
            decode(source, RATE, source_sampling_rate=rate, start_seconds=start, duration_seconds=duration)


def test_a_part_beyond_the_end(song):
    for source, rate in ((song, None), (decode(song, RATE), RATE)):
        with pytest.raises(AudioError, match=r"expected audio at 30.0 s, but it ends at 23.300 s"):
            decode(source, RATE, source_sampling_rate=rate, start_seconds=30.0)


def test_other_types_are_refused():
    with pytest.raises(TypeError, match="but got int"):
        decode(7, RATE)


def test_addresses_that_cannot_be_downloaded(server):
    with pytest.raises(AudioError, match=r"nothing_here.mp3: .* cannot be downloaded \(.*404"):
        decode(f"{server}/nothing_here.mp3", RATE)
    for url in ("http://127.0.0.1:9/song.mp3", "http://127.0.0.1:port/song.mp3"):
        with pytest.raises(AudioError, match="cannot be downloaded"):
            decode(url, RATE)
    with pytest.raises(AudioError, match=r"expected 20\d\d\d\d\d bytes .* but got 1000") as error:
        decode(f"{server}/song.wav?half", RATE)
    assert error.value.reason == "truncated"


def test_errors_name_the_source(tmp_path):
    text = tmp_path / "text.mp3"
    text.write_text("no audio" * 10)
    with text.open("rb") as file:
        for source, name in ((text, str(text)), (text.read_bytes(), "<80 bytes>"), (file, f"<{text}>")):
            with pytest.raises(AudioError, match=f"^{re.escape(name)}: .* not recognised"):
                decode(source, RATE)
    for shape in ((0,), (2, 0), (0, 2)):
        with pytest.raises(AudioError, match=rf"^<waveform of shape {re.escape(str(shape))}>: .* no samples"):
            decode(np.zeros(shape, np.float32), RATE, source_sampling_rate=RATE)


def test_aggregation_equals_numpys_average():
    rng = np.random.default_rng(0)
    predictions, durations = rng.uniform(1, 9, (7, 2)), rng.uniform(0.5, 5, 7)
    mean, std = aggregate_segments(predictions, durations)
    expected = np.average(predictions, axis=0, weights=durations)
    np.testing.assert_allclose(mean, expected, rtol=1e-14)
    variance = np.average((predictions - expected) ** 2, axis=0, weights=durations)
    np.testing.assert_allclose(std, np.sqrt(variance), rtol=1e-13)
    # A segment of twice the length has twice the weight.
    twice = aggregate_segments(np.repeat(predictions[:2], [2, 1], axis=0), [1, 1, 1])
    np.testing.assert_allclose(aggregate_segments(predictions[:2], [2, 1]), twice, rtol=1e-13)
    np.testing.assert_allclose(aggregate_segments([[4, 6]], [3]), ([4, 6], [0, 0]))


@pytest.mark.parametrize("shapes", [((0, 2), (0,)), ((3, 2), (2,)), ((3,), (3,)), ((3, 2), (3, 1))])
def test_aggregation_of_different_lengths_is_refused(shapes):
    with pytest.raises(ValueError, match="as many durations"):
        aggregate_segments(*map(np.ones, shapes))


@pytest.mark.parametrize(
    ("valence", "arousal", "name"),
    [(5, 5, "Excited"), (4.999, 5, "Distressed"), (5, 4.999, "Calm"), (4.999, 4.999, "Sad"), (1, 9, "Distressed")],
)
def test_quadrants(valence, arousal, name):
    assert quadrant(valence, arousal) == name
    assert quadrant(valence - 5, arousal - 5, midpoint=0.0) == name
    assert sum(RATING_SCALE) / 2 == 5
