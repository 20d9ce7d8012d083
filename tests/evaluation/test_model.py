# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from deam_folder import AUDIO
from scipy import stats
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from tiny_training import ARTISTS, SONGS, train_tiny, write_songs
from transformers import pipeline

from modeling_ast_va.cli import main
from modeling_ast_va.data.sources import DataSource
from modeling_ast_va.evaluation import baselines
from modeling_ast_va.evaluation import model as evaluation
from modeling_ast_va.evaluation.baselines import WINDOW_RIDGE
from modeling_ast_va.evaluation.course import CONSTANT, COURSE, HELD, MAPPED
from modeling_ast_va.evaluation.frames import read_frames
from modeling_ast_va.evaluation.model import evaluate_model, format_metrics
from modeling_ast_va.evaluation.report import format_report
from modeling_ast_va.metrics import DIMENSIONS, METRICS
from modeling_ast_va.training import run as training

PLOTS = {"predictions.png", "residuals.png", "valence_arousal_plane.png"}


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
    return {"source": DataSource(songs), "num_proc": 1, "cache_dir": songs.with_name("deam_cache")}


@pytest.fixture
def no_plots(monkeypatch):
    """Plots take most of the time."""
    monkeypatch.setattr(evaluation, "save_evaluation_plots", lambda *args: None)


def results_of(folder):
    return json.loads((folder / "all_results.json").read_text())


def test_evaluation_gives_the_metrics_of_training(trained, options, tmp_path, capsys):
    metrics = evaluate_model(trained, output_dir=tmp_path, **options)
    written = results_of(trained)
    assert len(metrics) == 2 * 3 * len(METRICS)  # segments and songs; two dimensions and their mean
    assert metrics == pytest.approx({name: written[name] for name in metrics}, rel=1e-4, abs=1e-5)
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
def test_the_course_is_evaluated_where_songs_have_annotations(songs, options, tmp_path, monkeypatch):
    flags = "--max_steps 1 --num_folds 2 --fold 0 --use_frame_head true --dynamic_weight 1 --audio_offset_seconds 15"
    monkeypatch.setattr(training, "plot_loss_curves", lambda *args: None)
    train_tiny(songs, tmp_path / "model", *flags.split())
    offsets, read = [], evaluation.read_dynamic_tracks
    monkeypatch.setattr(
        evaluation, "read_dynamic_tracks", lambda folder, offset: offsets.append(offset) or read(folder, offset)
    )
    monkeypatch.setattr(evaluation, "predict_moments", lambda frames, path_of, **_: np.zeros((len(frames), 2)))
    monkeypatch.setattr(evaluation, "_predict_baselines", lambda *args: {})
    evaluate_model(tmp_path / "model", baselines=True, output_dir=tmp_path / "out", **options)
    assert offsets == [15.0]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert set(report["course"]["systems"]) >= {CONSTANT, HELD, COURSE, COURSE + MAPPED, WINDOW_RIDGE}
    expected, frames = read_frames(tmp_path / "model"), read_frames(tmp_path / "out")
    pd.testing.assert_frame_equal(frames, expected, atol=2e-4)
    assert report["course"]["num_frames"] == len(frames) > 0


@pytest.mark.usefixtures("no_plots")
def test_another_split_and_batch_size(trained, options):
    metrics = evaluate_model(trained, split="validation", batch_size=3, **options)
    written = results_of(trained)
    renamed = {name.replace("validation_", "eval_"): value for name, value in metrics.items()}
    assert renamed == pytest.approx({name: written[name] for name in renamed}, rel=1e-5, abs=1e-5)
    assert (trained / "evaluation_validation" / "validation_results.json").is_file()


@pytest.mark.usefixtures("no_plots")
def test_given_settings_override_the_protocol_of_training(trained, options, tmp_path, monkeypatch):
    asked = []
    load_segments, split_dataset = evaluation.load_segments, evaluation.split_dataset
    monkeypatch.setattr(
        evaluation, "load_segments", lambda *args, **kwargs: asked.append(kwargs) or load_segments(*args, **kwargs)
    )
    monkeypatch.setattr(
        evaluation, "split_dataset", lambda rows, split: asked.append(split) or split_dataset(rows, split)
    )
    evaluate_model(trained, output_dir=tmp_path, **options)
    given = {"split_by": "artist", "split_seed": 0, "segment_hop_seconds": 1.0}
    evaluate_model(trained, output_dir=tmp_path, **given, **options)
    assert [kwargs["segment_hop_seconds"] for kwargs in asked[::2]] == [None, 1.0]
    assert [(split.split_by, split.seed) for split in asked[1::2]] == [("song", 3), ("artist", 0)]


@pytest.mark.filterwarnings("ignore:.*trust_remote_code")
def test_the_pipeline_predicts_the_same_from_the_files_as_training(trained, songs):
    table = pd.read_csv(trained / "predictions.csv")
    music_emotion = pipeline("music-emotion", model=str(trained), trust_remote_code=True, device="cpu")
    for row, rated in zip(
        table.to_dict("records"), music_emotion([str(songs / AUDIO / f"{song}.mp3") for song in table["song_id"]])
    ):
        for dimension in DIMENSIONS:
            assert rated[dimension] == pytest.approx(row[f"predicted_{dimension}"], abs=1e-4)
            assert rated[f"{dimension}_std"] == pytest.approx(row[f"predicted_{dimension}_std"], abs=1e-4)
        assert len(rated["segments"]) == row["num_segments"]
        starts, ends = ([segment[name] for segment in rated["segments"]] for name in ("start", "end"))
        assert (starts, ends) == (
            pytest.approx([0, 1], abs=0.1),
            pytest.approx([2, 3], abs=0.1),
        )  # so the second adds 1 s


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


def test_errors_are_shown_on_the_scale_of_the_ratings_too():
    names = [f"{unit}{of}{name}" for unit in ("song_", "") for of in ("valence_", "arousal_", "") for name in METRICS]
    metrics = dict.fromkeys((f"test_{name}" for name in names), 3.2)
    *_, title, header, valence, _, _ = format_metrics(metrics, "test", (-1, 1)).splitlines()
    assert (title, header.split()) == ("On the scale of the ratings, -1 to 1:", ["mse", "rmse", "mae"])
    assert valence.split() == ["song", "valence", "0.2000", "0.8000", "0.8000"]  # a point is a quarter


def test_an_unknown_split_is_refused_before_files_are_read():
    with pytest.raises(ValueError, match=r"Expected a split out of train, validation, test, all, but got 'dev'"):
        evaluate_model("missing", DataSource("missing"), split="dev")


def test_a_folder_that_is_not_deam_is_refused(trained, tmp_path):
    with pytest.raises(ValueError, match="missing"):
        evaluate_model(trained, DataSource(tmp_path / "missing"))


@pytest.mark.usefixtures("no_plots")
def test_the_command(trained, options, tmp_path, capsys):
    flags = {"--model": trained, "--output_dir": tmp_path, "--num_proc": 1}
    flags |= {"--data_dir": options["source"].data_dir, "--cache_dir": options["cache_dir"]}
    assert main(["evaluate", *(str(word) for flag in flags.items() for word in flag)]) == 0
    assert "test: 2 songs, 4 segments" in capsys.readouterr().out
    assert json.loads((tmp_path / "test_results.json").read_text())["test_song_ccc"] == pytest.approx(
        results_of(trained)["test_song_ccc"], abs=1e-6
    )


@pytest.mark.usefixtures("no_plots")
def test_baselines_are_evaluated_with_the_model(trained, options, tmp_path, monkeypatch, capsys):
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
def test_another_split_than_in_training_gives_a_warning(trained, options, tmp_path, caplog):
    published = options | {"source": replace(options["source"], labels="published")}
    evaluate_model(trained, output_dir=tmp_path, **published)
    assert "differ" not in caplog.text
    evaluate_model(trained, output_dir=tmp_path, split_seed=4, **options)
    assert "split differs from the one of training: its songs may be training songs" in caplog.text


@pytest.fixture
def ratings_table(songs, tmp_path):
    """A table of the same songs, rated on a scale from 0 to 1: not the data set that the model was trained on."""
    rated = pd.DataFrame({"song_id": [f"s{song}" for song in SONGS], "path": [f"{song}.mp3" for song in SONGS]})
    rated[list(DIMENSIONS)] = np.random.default_rng(0).uniform(0.2, 0.8, (len(SONGS), 2)).round(3)
    rated.assign(artist=[ARTISTS[song] for song in SONGS]).to_csv(tmp_path / "mine.csv", index=False)
    return DataSource(data_csv=str(tmp_path / "mine.csv"), audio_dir=str(songs / AUDIO), label_range=(0, 1))


@pytest.mark.usefixtures("no_plots")
def test_other_data_are_evaluated_whole_as_they_are_and_mapped(trained, options, ratings_table, monkeypatch, capsys):
    monkeypatch.chdir(trained.parent)
    options |= {"source": ratings_table, "baselines": True}
    monkeypatch.setattr(baselines, "NUM_TREES", 10)
    metrics = evaluate_model(trained, **options)
    output = trained.parent / "outputs" / f"{trained.name}-on-mine"
    table = pd.read_csv(output / "predictions.csv").sort_values("song_id")
    assert table["song_id"].tolist() == sorted(f"s{song}" for song in SONGS)
    rated = pd.read_csv(ratings_table.data_csv).sort_values("song_id")
    np.testing.assert_allclose(table[list(DIMENSIONS)], 1 + 8 * rated[list(DIMENSIONS)], atol=1e-4)
    own = pd.read_csv(trained / "predictions.csv").set_index("song_id")["predicted_valence"]
    of_names = table.set_index("song_id")["predicted_valence"]
    for song, prediction in own.items():
        assert of_names[f"s{song}"] == pytest.approx(prediction, abs=2e-4)
    report = json.loads((output / "report.json").read_text())
    systems = report["systems"]
    assert {"model", "model, linear mapping", baselines.CONSTANT, baselines.RIDGE} <= set(systems)
    assert {of_system["song"]["num_rows"] for of_system in systems.values()} == {len(SONGS)}
    assert systems["model"]["song"]["metrics"]["ccc"]["value"] == pytest.approx(metrics["all_song_ccc"], abs=1e-6)
    assert (report["protocol"]["dataset"], report["protocol"]["label_range"]) == ("mine.csv", [0, 1])
    printed = capsys.readouterr().out
    rmse = systems["model"]["song"]["metrics"]["valence_rmse"]["value"]
    assert f"{rmse / 8:.3f}" in printed.split("on the scale of the ratings, 0 to 1")[1]


@pytest.mark.usefixtures("no_plots")
def test_other_data_are_cut_without_the_overlap_of_training(trained, options, ratings_table, tmp_path):
    overlapping = shutil.copytree(trained, tmp_path / "model", ignore=shutil.ignore_patterns("checkpoint-*"))
    protocol = json.loads((overlapping / "protocol.json").read_text())
    (overlapping / "protocol.json").write_text(json.dumps(protocol | {"segment_hop_seconds": 0.5}))
    for source, num_segments in ((ratings_table, 2), (options["source"], 3)):  # of 2 s, in songs of 3 s
        evaluate_model(overlapping, output_dir=tmp_path / "out", **options | {"source": source})
        assert set(pd.read_csv(tmp_path / "out" / "predictions.csv")["num_segments"]) == {num_segments}


@pytest.mark.usefixtures("no_plots")
def test_a_model_that_trained_on_all_songs_is_evaluated_on_them_with_a_warning(
    trained, options, ratings_table, tmp_path, caplog
):
    released = shutil.copytree(trained, tmp_path / "released", ignore=shutil.ignore_patterns("checkpoint-*"))
    protocol = json.loads((released / "protocol.json").read_text())
    protocol |= {"split_by": "none", "num_folds": None, "fold": None, "validation_ratio": 0.1}
    (released / "protocol.json").write_text(json.dumps(protocol))
    metrics = evaluate_model(released, output_dir=tmp_path / "out", **options)
    assert "all_song_ccc" in metrics
    assert "These are the songs that the model was trained on" in caplog.text
    caplog.clear()
    evaluate_model(released, output_dir=tmp_path / "out", **options | {"source": ratings_table})
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_a_missing_split_is_refused(trained, options):
    with pytest.raises(ValueError, match="Expected settings with a test split, but got only train"):
        evaluate_model(trained, split_by="none", **options)


def test_baselines_without_scikit_learn_are_an_error(trained, options, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"pip install modeling_ast_va\[baselines\]"):
        evaluate_model(trained, baselines=True, **options)
