# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Embeddings of a folder: their order and times, batches, what cannot be decoded, and runs that are interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from filelock import FileLock
from music import chords
from onnx_files import NUM_SAMPLES, NUM_VALUES, weights, write_onnx

from modeling_ast_va.audio_ast_va import stream_segments
from modeling_ast_va.decoders_ast_va import BLOCK_SECONDS
from modeling_ast_va.embedding import run
from modeling_ast_va.embedding.embedding_file import read_embeddings
from modeling_ast_va.embedding.onnx_encoder import OnnxEncoder
from modeling_ast_va.embedding.run import embed

RATE = 8000
WINDOW_SECONDS = NUM_SAMPLES / RATE
HALF_PRECISION = 2**-10  # relative rounding error, and some
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def music(tmp_path):
    """A folder of songs of 0.6 to 2.2 s, one of which cannot be decoded, and one of which ends early."""
    for name, seconds in (("a", 2.2), ("b/c", 0.6), ("b/d", 1.3), ("e", 1.0), ("f", 0.7), ("g", 1.7)):
        path = tmp_path / "music" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, chords(seconds, RATE, seed=len(name) + round(10 * seconds)), RATE, subtype="FLOAT")
    (tmp_path / "music" / "broken.mp3").write_bytes(b"no music")
    (tmp_path / "music" / "cover.jpg").touch()
    return tmp_path / "music"


@pytest.fixture
def model(tmp_path):
    return write_onnx(tmp_path / "tiny.onnx", metadata={"sampling_rate": str(RATE)})


def songs_of(folder):
    return sorted(str(path) for path in folder.rglob("*.wav"))


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_each_window_has_its_embedding(music, model, tmp_path, batch_size, monkeypatch):
    monkeypatch.setattr(run, "SONGS_PER_PART", 3)
    embed(model, [music], tmp_path / "teacher.npz", hop_seconds=0.2, batch_size=batch_size)
    found = read_embeddings(tmp_path / "teacher.npz")
    assert found.are_paths
    assert found.songs == songs_of(music)
    assert found.window_seconds == WINDOW_SECONDS
    for index, path in enumerate(found.songs):
        windows = list(stream_segments(path, RATE, WINDOW_SECONDS, 0.2))
        assert len(windows) > 1 or path.endswith(("c.wav", "f.wav"))
        rows = found.song_index == index
        np.testing.assert_array_equal(found.start_seconds[rows], [window.start_seconds for window in windows])
        expected = np.stack([window.waveform for window in windows]) @ weights()
        np.testing.assert_allclose(found.values[rows], expected, rtol=HALF_PRECISION, atol=1e-3)


def test_the_hop_is_half_a_window_and_paths_are_absolute(music, model, tmp_path, monkeypatch):
    monkeypatch.chdir(music)
    embed(model, ["a.wav"], tmp_path / "teacher.npz")
    found = read_embeddings(tmp_path / "teacher.npz")
    assert found.songs == [str(music / "a.wav")]
    np.testing.assert_allclose(found.start_seconds, [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5])  # less than 0.5 s is left
    record = {name: found.record[name] for name in ("model", "sampling_rate", "window_seconds", "hop_seconds")}
    assert record == {"model": "tiny.onnx", "sampling_rate": RATE, "window_seconds": 0.5, "hop_seconds": 0.25}


def test_songs_that_are_shorter_than_a_window_are_embedded(tmp_path, music):
    model = write_onnx(tmp_path / "long.onnx", metadata={"sampling_rate": "4000"})  # windows of a second
    embed(model, [music], tmp_path / "teacher.npz")
    found = read_embeddings(tmp_path / "teacher.npz")
    assert found.songs == songs_of(music)
    waveform = next(stream_segments(music / "b/c.wav", 4000, 1.0)).waveform
    expected = waveform @ weights()[: len(waveform)]
    np.testing.assert_allclose(found.values[found.song_index == 1], [expected], rtol=HALF_PRECISION, atol=1e-3)


def test_a_batch_has_windows_of_one_length_and_of_several_songs(music):
    batches = []

    class Encoder:
        sampling_rate, window_seconds, num_values = RATE, 1.0, 1
        record: dict = {}

        def __call__(self, waveforms):
            batches.append([len(waveform) for waveform in waveforms])
            return np.array([[waveform[0]] for waveform in waveforms])

    found = run.embed_songs(Encoder(), songs_of(music), hop_seconds=0.5, batch_size=3)
    assert max(map(len, batches)) == 3
    assert all(len(set(lengths)) == 1 for lengths in batches)
    firsts = [next(stream_segments(path, RATE, 1.0)).waveform[0] for path in songs_of(music)]
    np.testing.assert_array_equal(found.values[found.start_seconds == 0, 0], firsts)


def test_what_cannot_be_decoded_is_named_and_counted(music, model, tmp_path, capsys, caplog):
    flac = music / "cut.flac"
    soundfile.write(flac, chords(6.0, RATE, seed=3), RATE)
    flac.write_bytes(flac.read_bytes()[: flac.stat().st_size // 2])
    embed(model, [music], tmp_path / "teacher.npz")
    record = read_embeddings(tmp_path / "teacher.npz").record
    broken = str(music / "broken.mp3")
    assert list(record["left_out"]) == [broken]
    assert record["left_out"][broken].startswith(f"{broken}: expected an audio file")
    assert record["incomplete"][str(flac)].startswith("ends at")
    assert f"Left out {broken}: expected an audio file" in caplog.text
    assert f"as far as it can be decoded: {flac} ends at" in caplog.text
    out = capsys.readouterr().out
    assert f"embeddings of {NUM_VALUES} values of 7 songs in {tmp_path / 'teacher.npz'}" in out
    assert "Left out, with the reason in its record: 1. Incomplete: 1." in out
    assert "Skipped 1 file that is not audio: 1 .jpg." in out


def test_a_song_that_fails_on_the_way_has_no_embeddings(music, model, tmp_path):
    waveform = np.append(chords(2.5 * BLOCK_SECONDS, RATE), np.float32(np.inf))  # after windows that can be embedded
    soundfile.write(music / "b" / "infinite.wav", waveform, RATE, subtype="FLOAT")
    embed(model, [music], tmp_path / "teacher.npz")
    found = read_embeddings(tmp_path / "teacher.npz")
    assert found.songs == [path for path in songs_of(music) if "infinite" not in path]
    assert len(found.record["left_out"]) == 2
    expected = next(stream_segments(music / "g.wav", RATE, WINDOW_SECONDS)).waveform @ weights()
    first = found.values[found.song_index == found.songs.index(str(music / "g.wav"))][0]
    np.testing.assert_allclose(first, expected, rtol=HALF_PRECISION, atol=1e-3)


@pytest.mark.parametrize(("batches", "num_parts"), [(0, 0), (1, 0), (3, 2), (4, 3)])
def test_an_interrupted_run_continues_to_the_same_file(music, model, tmp_path, monkeypatch, batches, num_parts):
    monkeypatch.setattr(run, "SONGS_PER_PART", 2)
    embed(model, [music], tmp_path / "whole.npz", batch_size=4)
    calls, whole_call = [], OnnxEncoder.__call__

    def count(self, waveforms):
        if len(calls) == batches + 1:  # the first one is a check when the file is loaded
            raise KeyboardInterrupt
        calls.append(len(waveforms))
        return whole_call(self, waveforms)

    output = tmp_path / "teacher.npz"
    monkeypatch.setattr(OnnxEncoder, "__call__", count)
    with pytest.raises(KeyboardInterrupt, match=rf"{2 * num_parts} songs are kept; the same command continues"):
        embed(model, [music], output, batch_size=4)
    parts = list((tmp_path / "teacher.npz.parts").glob("*.npz"))
    assert len(parts) == num_parts
    assert not output.exists()
    num_kept = sum(len(read_embeddings(part).start_seconds) for part in parts)
    calls, batches = [], 1000
    embed(model, [music], output, batch_size=4)
    assert output.read_bytes() == (tmp_path / "whole.npz").read_bytes()
    assert sum(calls[1:]) == len(read_embeddings(output).start_seconds) - num_kept
    assert {path.name for path in tmp_path.iterdir()} == {"music", "tiny.onnx", "teacher.npz", "whole.npz"}


def test_a_killed_process_continues_to_the_same_file(music, model, tmp_path):
    for copy in range(40):
        soundfile.write(music / f"more_{copy:02d}.wav", chords(3.0, RATE, seed=100 + copy), RATE, subtype="FLOAT")
    embed(model, [music], tmp_path / "whole.npz", batch_size=4)
    output = tmp_path / "teacher.npz"
    command = [sys.executable, "-m", "modeling_ast_va", "embed", "--model", str(model), str(music)]
    process = subprocess.Popen([*command, "--output", str(output), "--batch_size", "4"], cwd=REPOSITORY)
    while process.poll() is None and not list(tmp_path.glob("teacher.npz.parts/*.npz")):
        time.sleep(0.0005)
    process.kill()
    assert process.wait() == -signal.SIGKILL, "the run ended before it was killed"
    assert not output.exists()
    embed(model, [music], output, batch_size=4)
    assert output.read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_a_finished_output_is_kept_until_files_or_settings_change(music, model, tmp_path, capsys):
    output = tmp_path / "teacher.npz"
    embed(model, [music], output)
    before = output.stat().st_mtime_ns
    embed(model, [music], output)
    assert "is complete" in capsys.readouterr().out
    assert output.stat().st_mtime_ns == before
    embed(model, [music], output, hop_seconds=0.1)
    first = read_embeddings(output)
    assert first.record["hop_seconds"] == 0.1
    soundfile.write(music / "a.wav", chords(2.2, RATE, seed=99), RATE, subtype="FLOAT")
    embed(model, [music], output, hop_seconds=0.1)
    second = read_embeddings(output)
    is_changed = (first.values != second.values).any(axis=1)
    np.testing.assert_array_equal(is_changed, first.song_index == 0)
    (music / "a.wav").unlink()
    embed(model, [music], output, hop_seconds=0.1)
    assert read_embeddings(output).songs == songs_of(music)


@pytest.mark.parametrize("value", [np.nan, 1e5])
def test_embeddings_that_are_no_numbers_of_half_precision_are_refused(music, model, tmp_path, monkeypatch, value):
    whole_call = OnnxEncoder.__call__
    monkeypatch.setattr(OnnxEncoder, "__call__", lambda self, waveforms: whole_call(self, waveforms) + value)
    with pytest.raises(ValueError, match=r"Expected embeddings up to 65504\.0, but got .* for .*a\.wav"):
        embed(model, [music], tmp_path / "teacher.npz")


def test_folders_without_usable_audio_are_refused(model, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"Expected audio files, but got none in \['.*empty'\]"):
        embed(model, [tmp_path / "empty"], tmp_path / "teacher.npz")
    (tmp_path / "empty" / "a.mp3").write_bytes(b"no music")
    with pytest.raises(ValueError, match=r"Expected audio that can be decoded, but got none, as in .*a\.mp3"):
        embed(model, [tmp_path / "empty"], tmp_path / "teacher.npz")
    assert not (tmp_path / "teacher.npz").exists()


def test_a_hop_beyond_the_window_is_refused(music, model, tmp_path):
    with pytest.raises(ValueError, match=r"Expected hop_seconds in \(0, segment_seconds=0\.5\], but got 0\.6"):
        embed(model, [music], tmp_path / "teacher.npz", hop_seconds=0.6)


def test_two_runs_cannot_write_the_same_output(music, model, tmp_path):
    (tmp_path / "teacher.npz.parts").mkdir()
    with (
        FileLock(tmp_path / "teacher.npz.parts" / "lock"),
        pytest.raises(ValueError, match=r"another run is writing '.*teacher\.npz'"),
    ):
        embed(model, [music], tmp_path / "teacher.npz")
