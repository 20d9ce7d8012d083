# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tests of the commands that use a model."""

from __future__ import annotations

from pathlib import Path

import pytest
from deam_folder import write_song

from modeling_ast_va.cli import main
from modeling_ast_va.commands.prediction import split_models
from modeling_ast_va.hub.folder import save_hub_folder
from modeling_ast_va.released import RELEASED_MODEL


def test_the_released_model_is_the_default_where_it_exists(capsys, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr("modeling_ast_va.prediction.run.predict", lambda model, paths, **options: calls.append(model))
    assert main(["predict", "a.mp3", "--output", "o.csv"]) == 0
    assert calls == [RELEASED_MODEL]
    monkeypatch.setattr("modeling_ast_va.commands.prediction.RELEASED_MODEL", tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(["predict", "a.mp3", "--output", "o.csv"])
    assert "required: --model, a folder or Hub id" in capsys.readouterr().err


def test_models_and_songs_are_given_in_any_order(model, feature_extractor, tmp_path):
    saved, song, output = (str(tmp_path / name) for name in ("model", "song.wav", "songs.csv"))
    save_hub_folder(model, feature_extractor, saved)
    write_song(Path(song), 2.0, frequency=300)
    for flags in (
        ["--model", saved, song, "--output", output],
        [song, "--model", saved, "--output", output],
        ["--model", saved, "--output", output, song],
        ["--model", saved, saved, song, "--output", output, "--dtype", "bfloat16", "--num_workers", "1"],
        ["--model", saved, "--model", saved, "--output", output, song],
    ):
        assert main(["predict", *flags, "--device", "cpu"]) == 0
        header, row = Path(output).read_text().splitlines()
        assert row.startswith(f"{song},")
        assert ("valence_spread" in header) == (flags.count(saved) == 2)
    assert split_models([["me/a", "me/b"], [saved, saved]]) == (["me/a", saved, saved], ["me/b"])
