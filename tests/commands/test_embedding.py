# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The command `embed`: its flags, and the file that it writes."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from music import chords
from onnx_files import write_onnx

from modeling_ast_va.cli import main
from modeling_ast_va.embedding.embedding_file import read_embeddings
from modeling_ast_va.hub.folder import save_hub_folder

RATE = 8000


@pytest.fixture
def music(tmp_path):
    (tmp_path / "music").mkdir()
    for name in "ab":
        soundfile.write(tmp_path / "music" / f"{name}.wav", chords(2.0, RATE, seed=ord(name)), RATE)
    return tmp_path / "music"


def test_an_onnx_file_embeds_a_folder_and_a_playlist(music, tmp_path):
    model = write_onnx(tmp_path / "tiny.onnx")
    (tmp_path / "songs.m3u").write_text("music/b.wav\n")
    flags = ["--model", str(model), "--sampling_rate", str(RATE), "--hop_seconds", "0.5", "--device", "cpu"]
    assert main(["embed", *flags, str(music), "--output", str(tmp_path / "folder.npz")]) == 0
    assert main(["embed", str(tmp_path / "songs.m3u"), *flags, "--output", str(tmp_path / "list.npz")]) == 0
    folder, playlist = (read_embeddings(tmp_path / f"{name}.npz") for name in ("folder", "list"))
    assert folder.songs == [str(music / "a.wav"), str(music / "b.wav")]
    assert [path.removeprefix(f"{tmp_path}/") for path in playlist.songs] == ["music/b.wav"]
    np.testing.assert_array_equal(playlist.values, folder.values[folder.song_index == 1])


def test_a_saved_model_embeds_with_every_flag(model, feature_extractor, music, tmp_path):
    save_hub_folder(model, feature_extractor, tmp_path / "model")
    output = tmp_path / "new" / "teacher.npz"
    flags = ["--layer", "-1", "--pooling", "first", "--window_seconds", "1", "--hop_seconds", "1", "--batch_size", "3"]
    assert main(["embed", "--model", str(tmp_path / "model"), *flags, str(music), "--output", str(output)]) == 0
    found = read_embeddings(output)
    assert (found.values.shape, found.window_seconds) == ((4, model.config.hidden_size), 1.0)
    assert (found.record["layer"], found.record["pooling"], found.record["hop_seconds"]) == (-1, "first", 1.0)


def test_errors_of_encoders_are_one_line(music, tmp_path, capsys):
    model = write_onnx(tmp_path / "tiny.onnx")
    assert main(["embed", "--model", str(model), str(music), "--output", str(tmp_path / "o.npz")]) == 2
    error = capsys.readouterr().err
    assert (
        error == f"ast-va embed: error: Expected sampling_rate for {model}, whose metadata have none, but got None.\n"
    )
