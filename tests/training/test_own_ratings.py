# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Training on a table of ratings: the same numbers as from the folder of DEAM, and fine-tuning."""

from __future__ import annotations

import json
import logging
import shutil

import pandas as pd
import pytest
from tiny_training import TINY, train_tiny, write_songs

from modeling_ast_va import load_deam
from modeling_ast_va.cli import main
from modeling_ast_va.evaluation import cross_validation
from modeling_ast_va.evaluation import model as evaluation
from modeling_ast_va.metrics import DIMENSIONS, METRICS

EPOCHS = ("--num_train_epochs", "2")


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return write_songs(tmp_path_factory.mktemp("songs") / "deam")


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    for module in (evaluation, cross_validation):
        monkeypatch.setattr(module, "save_evaluation_plots", lambda *args: None)


@pytest.fixture(scope="module")
def table(songs):
    """The songs as a table on a scale from 0 to 1, with the split that training draws by default."""
    splits = load_deam(songs, segment_seconds=2.0, cache_dir=songs.with_name("segments_cache"))
    rows = pd.concat(rows.to_pandas().assign(split=name) for name, rows in splits.items())
    rated = rows.drop_duplicates("song_id").reset_index(drop=True)
    rated[list(DIMENSIONS)] = [[(rating - 1) / 8 for rating in labels] for labels in rated["labels"]]
    path = songs.with_name("mine.csv")
    rated[["song_id", "path", *DIMENSIONS, "artist", "title", "split"]].to_csv(path, index=False)
    return path


def flags_of(table, *flags):
    cache_dir = table.with_name("deam_cache")  # of `train_tiny`, whose songs and log-mels are the same
    return [
        "--data_csv",
        str(table),
        "--label_range",
        "0",
        "1",
        "--cache_dir",
        str(cache_dir),
        "--num_proc",
        "1",
        *flags,
    ]


def results_of(folder):
    return json.loads((folder / "all_results.json").read_text())


@pytest.fixture(scope="module")
def trained(songs, table, tmp_path_factory):
    """The folder of a run on the table, and the results of the same run on the folder of DEAM."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as context:
        context.setattr(evaluation, "save_evaluation_plots", lambda *args: None)
        of_deam = train_tiny(songs, root / "deam", *EPOCHS)
        assert main(["train", *TINY, *flags_of(table), *EPOCHS, "--output_dir", str(root / "table")]) == 0
    return root / "table", of_deam


def test_a_table_gives_the_same_numbers_as_the_folder_of_deam(trained):
    folder, of_deam = trained
    of_table = results_of(folder)
    names = [name for name in of_deam if name.startswith(("eval_", "test_")) and name.endswith(tuple(METRICS))]
    assert len(names) == 2 * 2 * 3 * len(METRICS)
    assert {name: of_table[name] for name in names} == pytest.approx({name: of_deam[name] for name in names}, abs=1e-4)


def test_protocol_and_card_describe_the_table(trained):
    protocol = json.loads((trained[0] / "protocol.json").read_text())
    expected = {
        "dataset": "mine.csv",
        "label_range": [0, 1],
        "labels": None,
        "split_by": "column",
        "license": "unknown",
    }
    assert {name: protocol[name] for name in expected} == expected
    assert protocol["num_songs"] == {"train": 16, "validation": 2, "test": 2}
    card = (trained[0] / "README.md").read_text()
    assert "The ratings of `mine.csv`, a table of 20 songs." in card
    assert "a point of this card is 0.125 on the scale of the ratings" in " ".join(card.split())


def test_a_model_is_tested_on_the_test_songs_of_its_own_table(trained, table, tmp_path, capsys):
    flags = ["--model", str(trained[0]), *flags_of(table), "--output_dir", str(tmp_path)]
    assert main(["evaluate", *flags]) == 0
    printed = capsys.readouterr().out
    assert "test: 2 songs, 4 segments" in printed
    assert "linear mapping" not in printed
    assert main(["evaluate", *flags, "--split", "train"]) == 0  # of several artists, which a mapping needs
    assert "linear mapping" not in capsys.readouterr().out
    metrics = json.loads((tmp_path / "test_results.json").read_text())
    of_training = results_of(trained[0])
    assert metrics == pytest.approx({name: of_training[name] for name in metrics}, abs=1e-4)


def test_folds_and_baselines_of_a_table(table, tmp_path, capsys):
    folders = [str(tmp_path / f"fold-{fold}") for fold in range(2)]
    for fold, folder in enumerate(folders):
        split = ["--num_folds", "2", "--fold", str(fold), "--validation_ratio", "0", "--max_steps", "1"]
        assert main(["train", *TINY, *flags_of(table), *split, "--output_dir", folder]) == 0
    capsys.readouterr()
    assert main(["evaluate", "--folds", *folders, "--baselines", *flags_of(table)]) == 0
    printed = capsys.readouterr().out
    assert "Per song: 20 songs of 10 artists" in printed
    assert "Per song, on the scale of the ratings, 0 to 1" in printed
    assert "features, ridge" in printed


def test_fine_tuning_keeps_the_front_end_and_says_so(trained, table, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    base = json.loads((trained[0] / "preprocessor_config.json").read_text())
    flags = ["--init_from", str(trained[0]), *flags_of(table), "--output_dir", str(tmp_path / "tuned")]
    flags += ["--max_steps", "2", "--frequency_mask_bins", "4", "--use_cpu", "true", "--disable_tqdm", "true"]
    assert main(["train", *flags]) == 0
    assert f"Training starts from {trained[0]}. Kept: its front end, 8000 Hz, 32 mel bins" in caplog.text
    tuned = json.loads((tmp_path / "tuned" / "preprocessor_config.json").read_text())
    assert {name: tuned[name] for name in ("mean", "std", "num_mel_bins", "segment_seconds")} == {
        name: base[name] for name in ("mean", "std", "num_mel_bins", "segment_seconds")
    }
    protocol = json.loads((tmp_path / "tuned" / "protocol.json").read_text())
    assert (protocol["base_model"], protocol["license"]) == (str(trained[0]), "unknown")


def test_the_licence_of_the_weights_to_start_from_is_inherited(trained, table, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(trained[0], base, ignore=shutil.ignore_patterns("checkpoint-*"))
    protocol = json.loads((base / "protocol.json").read_text())
    for licence, expected in (("cc-by-nc-4.0", "cc-by-nc-4.0"), ("apache-2.0", "unknown")):
        (base / "protocol.json").write_text(json.dumps(protocol | {"license": licence}))
        output = tmp_path / licence
        flags = ["--init_from", str(base), *flags_of(table), "--output_dir", str(output), "--max_steps", "1"]
        flags += ["--frequency_mask_bins", "4", "--use_cpu", "true", "--disable_tqdm", "true"]
        assert main(["train", *flags]) == 0
        assert json.loads((output / "protocol.json").read_text())["license"] == expected
