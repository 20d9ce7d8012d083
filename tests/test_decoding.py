# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tests of decoding, with soundfile and soxr as references."""

from __future__ import annotations

import io
import os
import pickle
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import fsspec
import numpy as np
import pytest
import soundfile
import soxr
from fsspec.registry import known_implementations
from music import chords

from modeling_ast_va import decoding_ast_va
from modeling_ast_va.audio_ast_va import decode, stream
from modeling_ast_va.decoding_ast_va import AudioError, open_audio

RATE = 22_050
PCM_16 = 2**-15  # one step of 16 bits


@pytest.fixture(scope="module")
def song(tmp_path_factory) -> Path:
    """23.3 s of stereo at 22,050 Hz, so longer than two blocks."""
    path = tmp_path_factory.mktemp("audio") / "song.wav"
    soundfile.write(path, chords(23.3, RATE, num_channels=2), RATE)
    return path


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


class Stream(io.BytesIO):
    """A file that cannot be sought in, such as stdin."""

    def seekable(self):
        return False


def test_sources_of_one_song_are_the_same(song):
    expected = decode(song, 16000)
    encoded = song.read_bytes()
    with song.open("rb") as file:
        for source in (str(song), encoded, io.BytesIO(encoded), file, Stream(encoded)):
            np.testing.assert_array_equal(decode(source, 16000), expected)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_addresses_of_fsspec_are_read_in_place(song, tmp_path, compression):
    with zipfile.ZipFile(tmp_path / "songs.zip", "w", compression) as archive:
        archive.write(song, "album/song.wav")
    fsspec.filesystem("memory").pipe("/song.wav", song.read_bytes())
    expected = decode(song, 16000, start_seconds=20)
    for address in (f"zip://album/song.wav::{tmp_path}/songs.zip", "memory://song.wav", f"file://{song}"):
        np.testing.assert_array_equal(decode(address, 16000, start_seconds=20), expected)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("zip://other.wav::{folder}/songs.zip", "there is no such file"),
        ("zip://song.wav::{folder}/missing.zip", "there is no such file"),
        ("zip://song.wav::{folder}/text.mp3", r"it cannot be opened \(BadZipFile: File is not a zip file\)"),
        ("memory://", r"it cannot be opened \(IsADirectoryError: \)"),
        ("memory://text.mp3", ".*Invalid data"),
        ("nowhere://song.wav", r"it cannot be opened \(ValueError: Protocol not known: nowhere\)"),
        ("absent://song.wav", r"its protocol needs a package that is not installed \(Install absentfs\)"),
    ],
)
def test_addresses_that_cannot_be_opened(damaged, monkeypatch, address, reason):
    (damaged / "songs.zip").write_bytes(b"PK\5\6" + bytes(18))  # an archive without files
    fsspec.filesystem("memory").pipe("/text.mp3", (damaged / "text.mp3").read_bytes())
    missing = {"class": "absentfs.AbsentFileSystem", "err": "Install absentfs"}
    monkeypatch.setitem(known_implementations, "absent", missing)
    address = address.format(folder=damaged)
    with pytest.raises(AudioError, match=f"^{re.escape(address)}: expected an audio file, but {reason}"):
        decode(address, 16000)


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


@pytest.fixture(scope="module")
def damaged(tmp_path_factory) -> Path:
    """A folder of files that cannot be decoded."""
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "empty.wav").touch()
    (folder / "text.mp3").write_text("This is a text file.\n" * 100)
    (folder / "samples.raw").write_bytes(bytes(10_000))
    soundfile.write(folder / "no_samples.wav", np.zeros(0, np.float32), RATE)
    for name, value in {"nan.wav": np.nan, "infinity.wav": -np.inf, "absurd.wav": 1e37}.items():
        waveform = chords(3.0, RATE)
        waveform[RATE] = value
        soundfile.write(folder / name, waveform, RATE, subtype="FLOAT")
    for rate in (999, 1_000_001):
        soundfile.write(folder / f"{rate}.wav", chords(1.0, RATE), rate)
    return folder


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.mp3", "No such file"),
        ("", "a folder or a device"),
        ("empty.wav", "is empty"),
        ("text.mp3", "Invalid data"),
        ("samples.raw", "expected an audio file, but"),
        ("no_samples.wav", "no samples"),
        ("nan.wav", "finite samples .* nan"),
        ("infinity.wav", "finite samples .* -inf"),
        ("absurd.wav", r"finite samples of at most 1000 times full scale, but got .*1e\+37 after 0.00 s"),
        ("999.wav", "from 1,000 to 1,000,000 Hz, but got 999"),
        ("1000001.wav", "from 1,000 to 1,000,000 Hz, but got 1000001"),
    ],
)
def test_files_that_are_refused(damaged, name, message):
    path = damaged / name
    with pytest.raises(AudioError, match=message) as error:
        decode(path, 16000)
    assert str(error.value) == f"{path}: {error.value.detail}"


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="permissions do not hold for this user")
def test_a_file_without_permission_is_refused(song, tmp_path):
    path = tmp_path / "secret.wav"
    path.write_bytes(song.read_bytes())
    path.chmod(0)
    with pytest.raises(AudioError, match="Permission denied"):
        decode(path, 16000)


@pytest.mark.parametrize("extension", ["mp3", "flac"])
@pytest.mark.parametrize(("share", "has_warning"), [(0.99, False), (0.5, True)])
def test_a_truncated_file_is_decoded_as_far_as_it_goes(tmp_path, extension, share, has_warning):
    soundfile.write(tmp_path / f"song.{extension}", chords(20.0, RATE), RATE)
    encoded = (tmp_path / f"song.{extension}").read_bytes()
    with open_audio(encoded[: round(share * len(encoded))]) as audio:
        waveform = np.concatenate(list(audio))
    np.testing.assert_allclose(waveform[: 5 * RATE], read(tmp_path / f"song.{extension}")[: 5 * RATE], atol=1e-5)
    assert len(waveform) / RATE == pytest.approx(20 * share, rel=0.15)
    seconds = f"{len(waveform) / RATE:.2f}"
    assert re.fullmatch(rf"ends at {seconds} s of 20\.\d\d s" if has_warning else "", audio.warning)


@pytest.mark.parametrize("extension", ["wav", "aiff", "au"])
@pytest.mark.parametrize(("missing_seconds", "has_warning"), [(0.9, False), (1.1, True)])
def test_an_end_one_second_early_is_normal(tmp_path, extension, missing_seconds, has_warning):
    soundfile.write(tmp_path / f"song.{extension}", chords(10.0, RATE), RATE, subtype="PCM_16")
    encoded = (tmp_path / f"song.{extension}").read_bytes()
    with open_audio(encoded[: -2 * round(missing_seconds * RATE)]) as audio:
        assert sum(map(len, audio)) == pytest.approx((10 - missing_seconds) * RATE, abs=1)
    expected = {False: "", True: f"ends at {10 - missing_seconds:.2f} s of 10.00 s"}
    assert audio.warning == expected[has_warning]


def test_a_wav_of_unknown_length_has_no_warning(tmp_path):
    """As programs write it to a pipe: with the largest number that fits as its length."""
    soundfile.write(tmp_path / "song.wav", chords(3.0, RATE), RATE, subtype="PCM_16")
    encoded = (tmp_path / "song.wav").read_bytes()
    position = encoded.index(b"data") + 4
    with open_audio(encoded[:position] + b"\xff" * 4 + encoded[position + 4 :]) as audio:
        assert sum(map(len, audio)) == 3 * RATE
    assert audio.warning == ""


def test_without_ffmpeg_a_warning_says_what_may_decode_the_rest(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding_ast_va, "find_ffmpeg", lambda: None)
    monkeypatch.setattr("modeling_ast_va.ffmpeg_ast_va.find_ffmpeg", lambda: None)
    soundfile.write(tmp_path / "song.flac", chords(20.0, RATE), RATE)
    encoded = (tmp_path / "song.flac").read_bytes()
    with open_audio(encoded[: len(encoded) // 2 + 10_000]) as audio:
        assert list(audio)
    assert re.fullmatch(r"ends at .* of 20.00 s \(FFmpeg may decode the rest: pip install av\)", audio.warning)
    with pytest.raises(AudioError, match=r"<80 bytes>: .* neither PyAV nor ffmpeg is installed: pip install av"):
        decode(b"no audio" * 10, RATE)


def test_notes_of_libmpg123_are_held_back(tmp_path):
    """They would stand on stderr without the name of the file; what else is written there stays."""
    soundfile.write(tmp_path / "song.mp3", chords(5.0, RATE), RATE)
    encoded = bytearray((tmp_path / "song.mp3").read_bytes())
    rng = np.random.default_rng(0)
    for position in rng.integers(len(encoded) // 2, len(encoded), 400):
        encoded[position] = rng.integers(256)
    (tmp_path / "song.mp3").write_bytes(encoded)
    program = """
import sys, soundfile
from modeling_ast_va.audio_ast_va import decode
from modeling_ast_va.decoders_ast_va import _without_notes
if "noise" in sys.argv:
    soundfile.read(sys.argv[1])
else:
    with _without_notes:
        print("a message", file=sys.stderr)
    decode(sys.argv[1], 16000)
"""
    quiet, noisy = (
        subprocess.run([sys.executable, "-c", program, tmp_path / "song.mp3", *flags], capture_output=True, text=True)
        for flags in ([], ["noise"])
    )
    assert "libmpg123" in noisy.stderr
    assert (quiet.returncode, quiet.stderr) == (0, "a message\n")


def test_errors_keep_their_parts_in_other_processes():
    error = pickle.loads(pickle.dumps(AudioError("song.mp3: expected audio.", "truncated", "expected audio.")))
    assert (str(error), error.reason, error.detail) == ("song.mp3: expected audio.", "truncated", "expected audio.")


@pytest.mark.parametrize(
    ("waveform", "message"),
    [
        (np.zeros(1000, np.int64), "int64 of shape"),
        (np.zeros(1000, bool), "bool of shape"),
        (np.zeros(1000, complex), "complex128 of shape"),
        (np.array([0.1, 1e5], np.float32), "at most 1000 times"),
        (np.zeros((1, 2, 1000), np.float32), r"\(1, 2, 1000\)"),
        (np.array(0.5, np.float32), r"shape \(\)"),
        (np.array([0.1, np.inf], np.float32), "finite samples"),
        (np.zeros(0, np.float32), "no samples"),
    ],
)
def test_waveforms_that_are_refused(waveform, message):
    with pytest.raises(ValueError, match=message):
        decode(waveform, RATE, source_sampling_rate=RATE)


@pytest.mark.parametrize(
    ("dtype", "zero", "full"), [("uint8", 128, 128), ("int8", 0, 128), ("int16", 0, 2**15), ("int32", 0, 2**31)]
)
def test_integers_are_scaled_by_their_type(dtype, zero, full):
    waveform = chords(12.0, RATE).clip(-0.99, 0.99).astype(np.float64)
    integers = (waveform * full + zero).round().astype(dtype)
    decoded = decode(integers, RATE, source_sampling_rate=RATE)
    assert decoded.dtype == np.float32
    np.testing.assert_allclose(decoded, waveform, rtol=0, atol=0.5 / full + 1e-7)


@pytest.mark.parametrize("rate", [0, 1, 2, 999, 1_000_001, 1e18, -44100, float("nan"), float("inf"), "44100", True])
def test_rates_that_no_audio_has_are_refused(rate):
    for rates in ((rate, RATE), (RATE, rate)):
        with pytest.raises(ValueError, match=f"from 1,000 to 1,000,000 Hz, but got {re.escape(repr(rate))}"):
            decode(chords(1.0, RATE), rates[1], source_sampling_rate=rates[0])


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


def test_errors_name_the_source(tmp_path):
    text = tmp_path / "text.mp3"
    text.write_text("no audio" * 10)
    with text.open("rb") as file:
        for source, name in ((text, str(text)), (text.read_bytes(), "<80 bytes>"), (file, f"<{text}>")):
            with pytest.raises(AudioError, match=f"^{re.escape(name)}: .* Invalid data"):
                decode(source, RATE)
    for shape in ((0,), (2, 0), (0, 2)):
        with pytest.raises(AudioError, match=rf"^<waveform of shape {re.escape(str(shape))}>: .* no samples"):
            decode(np.zeros(shape, np.float32), RATE, source_sampling_rate=RATE)


def test_blocks_of_an_mp3_are_those_of_the_whole_file(tmp_path):
    # libmpg123 lacks its bit reservoir after a seek, and soundfile seeks after each read of a file that it can seek in.
    rng = np.random.default_rng(0)
    path = tmp_path / "song.mp3"
    noise = 0.3 * rng.normal(size=25 * 44_100) * np.sin(np.arange(25 * 44_100) / 9_000)
    soundfile.write(path, noise, 44_100, bitrate_mode="CONSTANT", compression_level=0.9)
    whole = soundfile.read(path, dtype="float32")[0]
    with open_audio(path) as audio:
        blocks = list(audio)
    assert len(blocks) > 2
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
