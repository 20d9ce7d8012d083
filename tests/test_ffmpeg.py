# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tests of the second decoder, FFmpeg, on files that PyAV encodes."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from music import chords
from pyav_files import encode

from modeling_ast_va import ffmpeg_ast_va
from modeling_ast_va.audio_ast_va import decode
from modeling_ast_va.decoders_ast_va import DecodingError
from modeling_ast_va.decoding_ast_va import AudioError, open_audio
from modeling_ast_va.ffmpeg_ast_va import open_with_ffmpeg

av = pytest.importorskip("av")

RATE = 48_000
SECONDS = 12.5  # more than one block
PCM_16 = 2**-15  # one step of 16 bits
# Ending, container and codec of FFmpeg, and the largest delay of the decoded audio in samples.
LOSSLESS = [("m4a", "ipod", "alac"), ("mka", "matroska", "pcm_s16le"), ("wv", "wv", "wavpack"), ("tta", "tta", "tta")]
LOSSY = [
    ("m4a", "ipod", "aac"),
    ("mp4", "mp4", "aac"),
    ("aac", "adts", "aac"),
    ("mkv", "matroska", "aac"),
    ("webm", "webm", "libopus"),
    ("opus", "ogg", "libopus"),
    ("wma", "asf", "wmav2"),
    ("ac3", "ac3", "ac3"),
    ("eac3", "eac3", "eac3"),
    ("mp3", "avi", "mp3"),
    ("ts", "mpegts", "mp2"),
]
MAX_DELAY = 3000  # samples of the encoders of lossy codecs: some containers do not say how many


@pytest.fixture(scope="module")
def waveform() -> np.ndarray:
    return chords(SECONDS, RATE, num_channels=2)


@pytest.mark.parametrize(("ending", "container", "codec"), LOSSLESS)
def test_lossless_formats_are_decoded_exactly(tmp_path, waveform, ending, container, codec):
    encode(tmp_path / f"song.{ending}", waveform, container, codec, RATE)
    with open_audio(tmp_path / f"song.{ending}") as audio:
        decoded = np.concatenate(list(audio))
    np.testing.assert_allclose(decoded, waveform.mean(axis=1), rtol=0, atol=PCM_16)
    assert (audio.sampling_rate, audio.warning) == (RATE, "")


@pytest.mark.parametrize(("ending", "container", "codec"), LOSSY)
def test_lossy_formats_are_decoded(tmp_path, waveform, ending, container, codec):
    encode(tmp_path / f"song.{ending}", waveform, container, codec, RATE)
    with open_audio(tmp_path / f"song.{ending}") as audio:
        decoded = np.concatenate(list(audio))
    assert audio.warning == ""
    assert len(decoded) / audio.sampling_rate == pytest.approx(SECONDS, abs=0.1)
    if audio.sampling_rate == RATE:
        expected = waveform.mean(axis=1)[: 10 * RATE]
        spectrum = np.fft.rfft(decoded[: 11 * RATE], 2**20) * np.fft.rfft(expected, 2**20).conj()
        delay = (np.fft.irfft(spectrum).argmax() + 2**19) % 2**20 - 2**19
        assert abs(delay) <= MAX_DELAY
        middle = slice(RATE, 9 * RATE)
        assert np.corrcoef(np.roll(decoded, -delay)[middle], expected[middle])[0, 1] > 0.95


@pytest.mark.parametrize("num_blocks", [0, 1])
def test_ffmpeg_continues_where_libsndfile_fails(tmp_path, monkeypatch, waveform, num_blocks):
    soundfile.write(tmp_path / "song.flac", waveform, RATE)
    expected = decode(tmp_path / "song.flac", RATE)
    original, calls = soundfile.SoundFile.read, []

    def read(self, *args, **kwargs):
        calls.append(args)
        if len(calls) > num_blocks:
            raise soundfile.LibsndfileError(1)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(soundfile.SoundFile, "read", read)
    with open_audio(tmp_path / "song.flac") as audio:
        np.testing.assert_allclose(np.concatenate(list(audio)), expected, rtol=0, atol=1e-6)
    assert (audio.warning, len(calls)) == ("", num_blocks + 1)


@pytest.mark.parametrize(("start", "duration"), [(0.0, 1.0), (1.234, 5.0), (9.5, 2.0), (12.0, None)])
def test_a_part(tmp_path, waveform, start, duration):
    encode(tmp_path / "song.m4a", waveform, "ipod", "alac", RATE)
    decoded = decode(tmp_path / "song.m4a", RATE, start_seconds=start, duration_seconds=duration)
    stop = None if duration is None else round(start * RATE) + round(duration * RATE)
    np.testing.assert_allclose(decoded, waveform.mean(axis=1)[round(start * RATE) : stop], rtol=0, atol=PCM_16)


def test_a_truncated_file_has_a_warning(tmp_path, waveform):
    encode(tmp_path / "song.mka", waveform, "matroska", "pcm_s16le", RATE)
    encoded = (tmp_path / "song.mka").read_bytes()
    with open_audio(encoded[: len(encoded) // 2]) as audio:
        seconds = sum(map(len, audio)) / RATE
    assert seconds == pytest.approx(SECONDS / 2, rel=0.2)
    assert audio.warning == f"ends at {seconds:.2f} s of {SECONDS:.2f} s"


def test_files_without_audio_are_refused(tmp_path):
    with av.open(str(tmp_path / "video.mp4"), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    with pytest.raises(AudioError, match=r"video\.mp4: expected an audio file, but it has no audio stream"):
        decode(tmp_path / "video.mp4", RATE)


def test_a_playlist_opens_no_other_file(tmp_path, waveform):
    """Some formats of FFmpeg are lists of addresses, which a downloaded file could use to read what it should not."""
    encode(tmp_path / "song.ts", waveform, "mpegts", "mp2", RATE)
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:13", "#EXTINF:12.5,", str(tmp_path / "song.ts"), "#EXT-X-ENDLIST"]
    (tmp_path / "list.m3u8").write_text("\n".join(lines))
    (tmp_path / "list.txt").write_text(f"ffconcat version 1.0\nfile '{tmp_path / 'song.ts'}'\n")
    for name in ("list.m3u8", "list.txt"):
        with pytest.raises(AudioError, match="expected an audio file, but"):
            decode(tmp_path / name, RATE)


PROGRAM = f"""#!{sys.executable}
import json, os, sys
folder = os.path.dirname(__file__)
with open(os.path.join(folder, "calls"), "a") as file:
    file.write(json.dumps(sys.argv) + "\\n")
with open(os.path.join(folder, "output" if sys.argv[0].endswith("ffmpeg") else "probed"), "rb") as file:
    sys.stdout.buffer.write(file.read())
if os.path.exists(os.path.join(folder, "error")):
    sys.exit("[demuxer @ 0x123] Invalid data found")
"""


@pytest.fixture
def program(tmp_path, monkeypatch, waveform) -> Path:
    """A folder with programs ffmpeg and ffprobe that write what a folder holds; PyAV is hidden."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("ffmpeg", "ffprobe"):
        (folder / name).write_text(PROGRAM)
        (folder / name).chmod(0o755)
    soundfile.write(folder / "output", waveform, RATE, format="AU", subtype="FLOAT", endian="BIG")
    (folder / "probed").write_text(
        json.dumps({"streams": [{"codec_type": "audio"}], "format": {"format_name": "asf", "duration": "12.5"}})
    )
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(ffmpeg_ast_va, "find_spec", lambda name: None)
    return folder


@pytest.mark.skipif(sys.platform == "win32", reason="the programs are scripts")
class TestProgram:
    def test_it_decodes_a_file_in_place_and_a_copy_of_other_sources(self, program, tmp_path, waveform):
        song = tmp_path / "song.wma"
        song.write_bytes(b"no format of libsndfile")
        member = io.BytesIO(song.read_bytes())
        member.name = str(song)  # as a file in an archive has a name
        for source in (song, song.read_bytes(), member):
            (program / "calls").unlink(missing_ok=True)
            decoded = decode(source, RATE)
            np.testing.assert_allclose(decoded, waveform.mean(axis=1), rtol=0, atol=1e-6)
            calls = [json.loads(line) for line in (program / "calls").read_text().splitlines()]
            assert sorted(Path(call[0]).name for call in calls) == ["ffmpeg", "ffprobe"]
            assert all((f"file:{song}" in call) == (source == song) for call in calls)
            assert all("-protocol_whitelist" in call for call in calls)

    def test_a_shortfall_is_a_warning(self, program):
        (program / "output").write_bytes((program / "output").read_bytes()[: -8 * 2 * RATE - 3])
        with open_audio(b"no format of libsndfile") as audio:
            assert sum(map(len, audio)) / RATE == pytest.approx(SECONDS - 2, abs=1e-3)
        assert audio.warning == "ends at 10.50 s of 12.50 s"

    def test_its_message_is_that_of_the_error(self, program):
        (program / "error").touch()
        (program / "output").write_bytes(b"")
        with pytest.raises(
            AudioError, match=r"^<4 bytes>: expected an audio file, but FFmpeg reports: Invalid data found"
        ):
            decode(b"text", RATE)

    def test_without_it_the_error_says_what_to_install(self, program):
        (program / "ffmpeg").unlink()
        message = "neither PyAV nor ffmpeg is installed: pip install av"
        with pytest.raises(DecodingError, match=message), open_with_ffmpeg(io.BytesIO(b"text")):
            pass


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")
@pytest.mark.parametrize(("ending", "container", "codec"), [*LOSSLESS, *LOSSY[:3], *LOSSY[6:8]])
def test_the_program_decodes_what_pyav_decodes(tmp_path, monkeypatch, waveform, ending, container, codec):
    encode(tmp_path / f"song.{ending}", waveform, container, codec, RATE)
    through_pyav = decode(tmp_path / f"song.{ending}", RATE)
    monkeypatch.setattr(ffmpeg_ast_va, "find_spec", lambda name: None)
    through_program = decode(tmp_path / f"song.{ending}", RATE)
    num_samples = min(len(through_pyav), len(through_program))
    assert num_samples > (SECONDS - 0.1) * RATE
    # Other versions of FFmpeg round differently.
    np.testing.assert_allclose(through_program[:num_samples], through_pyav[:num_samples], rtol=0, atol=1e-3)
