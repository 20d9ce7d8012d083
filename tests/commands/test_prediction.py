# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tests of the commands that use a model."""

from __future__ import annotations

import json
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

from deam_folder import write_song

from modeling_ast_va.cli import main
from modeling_ast_va.commands.prediction import split_models
from modeling_ast_va.hub.folder import save_hub_folder
from modeling_ast_va.released import RELEASED_MODEL


def test_the_released_model_is_the_default(monkeypatch):
    calls = []
    monkeypatch.setattr("modeling_ast_va.prediction.run.predict", lambda model, paths, **options: calls.append(model))
    assert main(["predict", "a.mp3", "--output", "o.csv"]) == 0
    assert calls == [RELEASED_MODEL]


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


def test_without_an_output_a_table_or_json_lines_are_printed_and_no_files_are_left(
    model, feature_extractor, tmp_path, monkeypatch, capsys, caplog
):
    save_hub_folder(model, feature_extractor, tmp_path / "model")
    for name, seconds in (("a.mp3", 2.0), ("b.mp3", 0.8)):
        write_song(tmp_path / name, seconds)
    (tmp_path / "damaged.mp3").write_bytes(b"no music")
    with zipfile.ZipFile(tmp_path / "songs.zip", "w") as archive:
        archive.write(tmp_path / "a.mp3", "zipped.mp3")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    files = ["b.mp3", "a.mp3", "damaged.mp3", "zip://zipped.mp3::songs.zip"]
    flags = ["--model", "model", "--device", "cpu"]
    assert main(["predict", *files, *flags]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["song", "valence", "arousal", "quadrant"]
    assert [row.split()[0] for row in rows] == files
    assert rows[1].split()[1:] == rows[3].split()[1:] != rows[0].split()[1:]
    assert "not rated: expected an audio file" in rows[2]
    assert main(["predict", *files, *flags, "--json"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert caplog.records == []
    assert sorted(tmp_path.rglob("*")) == before
    assert main(["predict", *files, *flags, "--output", "songs.jsonl"]) == 0
    assert list(map(json.loads, printed)) == list(map(json.loads, Path("songs.jsonl").read_text().splitlines()))


def test_nothing_that_can_be_rated_is_an_error_with_its_reason(model, feature_extractor, tmp_path, capsys):
    save_hub_folder(model, feature_extractor, tmp_path / "model")
    (tmp_path / "damaged.mp3").write_bytes(b"no music")
    for flags, reason in (([], "not rated: expected an audio file"), (["--json"], '"error": "')):
        arguments = [str(tmp_path / "damaged.mp3"), "--model", str(tmp_path / "model"), "--device", "cpu", *flags]
        assert main(["predict", *arguments]) == 2
        printed = capsys.readouterr()
        assert reason in printed.out
        assert printed.err.endswith("predict: error: Expected audio that can be rated, but got none in 1 files.\n")


def test_flags_of_a_file_are_refused_without_one(tmp_path, capsys):
    (tmp_path / "song.mp3").touch()
    for flags, message in (
        (["--json", "--output", "o.csv"], "Expected no output for JSON lines, which are printed, but got 'o.csv'."),
        (["--escape_formulas"], "an output file ending in .csv for escape_formulas, but got None."),
    ):
        assert main(["predict", str(tmp_path / "song.mp3"), *flags]) == 2
        assert message in capsys.readouterr().err


def test_control_c_without_an_output_says_that_nothing_is_kept(model, feature_extractor, tmp_path, monkeypatch, capsys):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    save_hub_folder(model, feature_extractor, tmp_path / "model")
    write_song(tmp_path / "a.mp3", 0.8)
    monkeypatch.setattr("modeling_ast_va.prediction.run.predict_song", interrupt)
    assert main(["predict", str(tmp_path / "a.mp3"), "--model", str(tmp_path / "model"), "--device", "cpu"]) == 130
    assert capsys.readouterr().err.endswith("\nInterrupted: songs are kept with --output only.\n")


def test_flags_that_do_not_go_together_with_ray_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("song.mp3").touch()
    for flags, message in (
        (["--engine", "ray"], "the following arguments are required: --output FOLDER with --engine ray"),
        (
            ["--engine", "ray", "--output", "o", "--json", "--plot", "o.png"],
            "--json, --plot: expected without --engine",
        ),
        (
            ["--engine", "ray", "--output", "o", "--segments"],
            "--segments and --frames: expected without --engine ray only",
        ),
        (["--ray_address", "auto", "--output", "o.csv"], "--ray_address: expected together with --engine ray only"),
        (["--engine", "ray", "--output", "o.csv"], "Expected a folder as output of the engine ray, but got 'o.csv'."),
        (["--engine", "ray", "--output", "o", "--device", "cuda:0"], "with the engine ray, but got cuda:0."),
        (["--engine", "spark", "--output", "o"], "invalid choice: 'spark'"),
    ):
        with suppress(SystemExit):  # of argparse
            assert main(["predict", "song.mp3", *flags]) == 2
        assert message in capsys.readouterr().err
    monkeypatch.setattr("modeling_ast_va.prediction.ray_engine.find_spec", lambda name: None)
    assert main(["predict", "song.mp3", "--engine", "ray", "--output", "o"]) == 2
    assert 'Expected the package ray: pip install "modeling-ast-va[ray]"' in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["song.mp3"]
