# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import json
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from deam_folder import AUDIO
from scipy import stats
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from tiny_training import train_tiny, write_songs
from transformers import pipeline

from modeling_ast_va.evaluation import baselines
from modeling_ast_va.evaluation import model as evaluation
from modeling_ast_va.evaluation.model import evaluate_model, format_metrics
from modeling_ast_va.evaluation.report import format_report
from modeling_ast_va.metrics import DIMENSIONS, METRICS

SCRIPT = str(Path(__file__).parents[2] / "scripts" / "evaluate.py")
PLOTS = {"predictions.png", "residuals.png", "valence_arousal_plane.png"}
TIMES = ("runtime", "per_second", "preparation_time")


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return write_songs(tmp_path_factory.mktemp("songs") / "deam")


@pytest.fixture(scope="module")
def trained(songs, tmp_path_factory):
    """The folder of a run with another split and seed than the defaults, and the options that find its log-mels."""
    folder = tmp_path_factory.mktemp("run")
    flags = "--num_train_epochs 2 --learning_rate 1e-3 --split_by song --split_seed 3"
    with pytest.MonkeyPatch.context() as context:
        context.setattr(evaluation, "save_evaluation_plots", lambda *args: None)
        train_tiny(songs, folder, *flags.split())
    return folder


@pytest.fixture
def options(songs):
    return {"data_dir": songs, "num_proc": 1, "cache_dir": songs.with_name("deam_cache")}


@pytest.fixture
def no_plots(monkeypatch):
    """Plots take most of the time."""
    monkeypatch.setattr(evaluation, "save_evaluation_plots", lambda *args: None)


def measured(metrics, split):
    return {k: v for k, v in metrics.items() if k.startswith(f"{split}_") and not k.endswith(TIMES)}


def results_of(folder):
    return json.loads((folder / "all_results.json").read_text())


def test_evaluation_gives_the_metrics_that_training_wrote(trained, options, tmp_path, capsys):
    metrics = evaluate_model(trained, output_dir=tmp_path, **options)
    written = measured(results_of(trained), "test")
    assert len(written) == 1 + 2 * 3 * len(METRICS)  # the loss; segments and songs; two dimensions and their mean
    assert measured(metrics, "test") == pytest.approx(written, rel=1e-6, abs=1e-6)
    tables = {"predictions.csv", "segment_predictions.csv"}
    assert {path.name for path in tmp_path.iterdir()} == {"test_results.json", "report.json", *tables, *PLOTS}
    assert json.loads((tmp_path / "test_results.json").read_text()) == metrics
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "predictions.csv"), pd.read_csv(trained / "predictions.csv"), atol=2e-4
    )
    printed = capsys.readouterr().out
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["protocol"]["split"] == "test"
    assert "test: 2 songs, 4 segments\n\n" + format_report(report["systems"]) in printed
    for unit, prefix in (("song", "test_song_"), ("segment", "test_")):
        of_unit = report["systems"]["model"][unit]["metrics"]
        expected = {name: metrics[prefix + name] for name in of_unit}
        assert {name: metric["value"] for name, metric in of_unit.items()} == pytest.approx(expected, rel=1e-4)
    assert str(tmp_path) in printed


@pytest.mark.usefixtures("no_plots")
def test_another_split_and_batch_size(trained, options):
    metrics = evaluate_model(trained, split="validation", batch_size=3, **options)
    written = measured(results_of(trained), "eval")
    renamed = {name.replace("validation_", "eval_"): value for name, value in metrics.items()}
    assert measured(renamed, "eval") == pytest.approx(written, rel=1e-5, abs=1e-5)
    assert (trained / "evaluation_validation" / "validation_results.json").is_file()


@pytest.mark.usefixtures("no_plots")
def test_what_is_given_wins_over_the_protocol_of_training(trained, options, tmp_path, monkeypatch):
    asked = []
    load_deam = evaluation.load_deam
    monkeypatch.setattr(
        evaluation, "load_deam", lambda *args, **kwargs: asked.append(kwargs) or load_deam(*args, **kwargs)
    )
    evaluate_model(trained, output_dir=tmp_path, **options)
    given = {"labels": "published", "split_by": "artist", "segment_hop_seconds": 1.0}
    evaluate_model(trained, output_dir=tmp_path, split_seed=0, **given, **options)
    unknown = shutil.copytree(trained, tmp_path / "copy", ignore=shutil.ignore_patterns("checkpoint-*"))
    (unknown / "protocol.json").unlink()
    evaluate_model(unknown, output_dir=tmp_path, **options)
    names = ("labels", "split_by", "segment_hop_seconds", "seed", "segment_seconds")
    assert [tuple(kwargs[name] for name in names) for kwargs in asked] == [
        ("corrected", "song", None, 3, 2.0),
        ("published", "artist", 1.0, 0, 2.0),
        ("corrected", "artist", None, 42, 2.0),
    ]


@pytest.mark.filterwarnings("ignore:.*trust_remote_code")
def test_the_pipeline_hears_in_the_files_what_training_predicted(trained, songs):
    table = pd.read_csv(trained / "predictions.csv")
    music_emotion = pipeline("music-emotion", model=str(trained), trust_remote_code=True, device="cpu")
    for row, heard in zip(
        table.to_dict("records"), music_emotion([str(songs / AUDIO / f"{song}.mp3") for song in table["song_id"]])
    ):
        for dimension in DIMENSIONS:
            assert heard[dimension] == pytest.approx(row[f"predicted_{dimension}"], abs=1e-4)
            assert heard[f"{dimension}_std"] == pytest.approx(row[f"predicted_{dimension}_std"], abs=1e-4)
        assert len(heard["segments"]) == row["num_segments"]
        durations = [segment["end"] - segment["start"] for segment in heard["segments"]]
        assert durations == pytest.approx([2.0, 1.0], abs=0.1)  # so songs are means weighted by duration


@pytest.mark.usefixtures("no_plots")
def test_the_table_of_songs_gives_the_song_metrics(trained, options, tmp_path):
    metrics = evaluate_model(trained, split="train", output_dir=tmp_path, **options)
    table = pd.read_csv(tmp_path / "predictions.csv")
    assert len(table) == 16
    for dimension in DIMENSIONS:
        rated, predicted = table[dimension], table[f"predicted_{dimension}"]
        covariance = np.cov(rated, predicted, ddof=0)
        expected = {
            "mse": mean_squared_error(rated, predicted),
            "rmse": mean_squared_error(rated, predicted) ** 0.5,
            "mae": mean_absolute_error(rated, predicted),
            "r2": r2_score(rated, predicted),
            "pearson_r": stats.pearsonr(rated, predicted).statistic,
            "ccc": 2 * covariance[0, 1] / (np.trace(covariance) + (rated.mean() - predicted.mean()) ** 2),
        }
        got = {name: metrics[f"train_song_{dimension}_{name}"] for name in METRICS}
        assert got == pytest.approx(expected, rel=1e-3, abs=1e-3)  # the table has four decimals


def test_the_table_shows_every_metric():
    names = [f"{unit}{of}{name}" for unit in ("song_", "") for of in ("valence_", "arousal_", "") for name in METRICS]
    metrics = {f"test_{name}": float(value) for value, name in enumerate(names)}
    header, *lines = format_metrics(metrics, "test").splitlines()
    assert header.split() == list(METRICS)
    assert [line.split()[:2] for line in lines] == [
        [unit, dimension] for unit in ("song", "segment") for dimension in ("valence", "arousal", "mean")
    ]
    values = np.array([[float(value) for value in line.split()[2:]] for line in lines])
    np.testing.assert_array_equal(values.ravel(), np.arange(len(names)))
    assert len({len(line) for line in (header, *lines)}) == 1


def test_an_unknown_split_is_refused_before_anything_is_read():
    with pytest.raises(ValueError, match=r"split must be one of .*, but is 'dev'"):
        evaluate_model("missing", "missing", split="dev")


def test_a_folder_that_is_not_deam_is_refused(trained, tmp_path):
    with pytest.raises(ValueError, match="missing"):
        evaluate_model(trained, tmp_path / "missing")


@pytest.mark.usefixtures("no_plots")
def test_the_script(trained, options, monkeypatch, tmp_path, capsys):
    flags = {"--model": trained, "--output_dir": tmp_path, "--num_proc": 1}
    flags |= {"--data_dir": options["data_dir"], "--cache_dir": options["cache_dir"]}
    monkeypatch.setattr("sys.argv", [SCRIPT, *(str(word) for flag in flags.items() for word in flag)])
    runpy.run_path(SCRIPT, run_name="__main__")
    assert "test: 2 songs, 4 segments" in capsys.readouterr().out
    assert json.loads((tmp_path / "test_results.json").read_text())["test_song_ccc"] == pytest.approx(
        results_of(trained)["test_song_ccc"], abs=1e-6
    )


@pytest.mark.usefixtures("no_plots")
def test_baselines_stand_beside_the_model(trained, options, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(baselines, "NUM_TREES", 10)
    evaluate_model(trained, split="train", baselines=True, output_dir=tmp_path, **options)
    report = json.loads((tmp_path / "report.json").read_text())
    systems = report["systems"]
    assert set(systems) == {"model", baselines.CONSTANT, baselines.RIDGE, baselines.SVR, baselines.BLEND}
    gap = report["comparison"][baselines.SVR]["valence_ccc"]["value"]
    of_both = [systems[name]["song"]["metrics"]["valence_ccc"]["value"] for name in ("model", baselines.SVR)]
    assert gap == pytest.approx(of_both[0] - of_both[1])
    assert {report["song"]["num_rows"] for report in systems.values()} == {16}
    assert systems["constant mean"]["song"]["metrics"]["valence_r2"]["value"] == pytest.approx(0)  # of its own songs
    assert "segment" in systems["model"]
    assert "segment" not in systems["constant mean"]
    assert "CCC of model minus that of the others" in capsys.readouterr().out


@pytest.mark.usefixtures("no_plots")
def test_another_split_than_in_training_is_warned_of(trained, options, tmp_path, caplog):
    evaluate_model(trained, output_dir=tmp_path, labels="published", **options)
    assert "another split" not in caplog.text
    evaluate_model(trained, output_dir=tmp_path, split_seed=4, **options)
    assert "another split than in training: the test split may hold songs that trained" in caplog.text


def test_a_split_that_there_is_not_is_refused(trained, options):
    with pytest.raises(ValueError, match="There is no test split, only train"):
        evaluate_model(trained, split_by="none", **options)


def test_without_scikit_learn_there_are_no_baselines(trained, options, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"pip install modeling_ast_va\[baselines\]"):
        evaluate_model(trained, baselines=True, **options)
