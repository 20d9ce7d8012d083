# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
from tiny_training import SONGS, train_tiny, write_songs

from modeling_ast_va.cli import main
from modeling_ast_va.data.sources import DataSource
from modeling_ast_va.evaluation import baselines as baselines_module
from modeling_ast_va.evaluation import coverage, cross_validation
from modeling_ast_va.evaluation import model as evaluation
from modeling_ast_va.evaluation.baselines import BLEND, CONSTANT, RIDGE, SVR, WINDOW_RIDGE
from modeling_ast_va.evaluation.calibration import calibrate_folds
from modeling_ast_va.evaluation.course import COURSE, HELD, MAPPED
from modeling_ast_va.evaluation.cross_validation import evaluate_baselines, evaluate_folds
from modeling_ast_va.evaluation.frames import DYNAMIC, read_frames, write_frames
from modeling_ast_va.evaluation.intervals import Uncertainty, fit_uncertainty
from modeling_ast_va.evaluation.merging import merge_folds, merge_frames
from modeling_ast_va.evaluation.tables import (
    ERROR_STDS,
    PREDICTED,
    RATER_STDS,
    TRUE_RATER_STDS,
    predictions,
    ratings,
    table_of_songs,
)
from modeling_ast_va.metrics import evaluate_predictions
from modeling_ast_va.training import run as training

NUM_FOLDS = 2


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return write_songs(tmp_path_factory.mktemp("songs") / "deam")


@pytest.fixture(scope="module")
def trained(songs, tmp_path_factory):
    """The folders of both folds."""
    folders = [tmp_path_factory.mktemp("runs") / f"fold-{fold}" for fold in range(NUM_FOLDS)]
    with pytest.MonkeyPatch.context() as context:
        context.setattr(training, "plot_loss_curves", lambda *args: None)
        context.setattr(evaluation, "save_evaluation_plots", lambda *args: None)
        for fold, folder in enumerate(folders):
            flags = f"--num_folds {NUM_FOLDS} --fold {fold} --validation_ratio 0 --max_steps 2 --learning_rate 1e-3"
            train_tiny(songs, folder, *flags.split())
    return folders


@pytest.fixture
def folders(trained, tmp_path):
    """Copies of the files that are read of the trained folders."""
    for folder in trained:
        (tmp_path / folder.name).mkdir()
        for name in ("protocol.json", "segment_predictions.csv"):
            shutil.copy(folder / name, tmp_path / folder.name)
    return [tmp_path / folder.name for folder in trained]


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    """Plots take most of the time."""
    monkeypatch.setattr(cross_validation, "save_evaluation_plots", lambda *args: None)
    monkeypatch.setattr(baselines_module, "NUM_TREES", 10)


def change(folder, **entries):
    path = folder / "protocol.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def another_seed(folders, shift):
    """Copies of the folders of another training seed, whose predictions differ by a shift."""
    copies = []
    for folder in folders:
        copy = shutil.copytree(folder, folder.with_name(f"{folder.name}-other"))
        change(copy, seed=43)
        table = pd.read_csv(copy / "segment_predictions.csv")
        table[list(PREDICTED)] += shift
        table.to_csv(copy / "segment_predictions.csv", index=False)
        copies.append(copy)
    return copies


def test_every_song_is_tested_once_by_the_model_of_its_fold(folders, trained):
    protocol, segments = merge_folds(folders)
    assert (protocol["num_folds"], protocol["split_by"], protocol["validation_ratio"]) == (NUM_FOLDS, "artist", 0)
    assert list(segments) == ["model"]
    table = segments["model"]
    assert sorted(set(table["song_id"])) == list(SONGS)
    assert len(table) == 2 * len(SONGS)
    for fold, folder in enumerate(trained):
        songs = pd.read_csv(folder / "predictions.csv")
        assert set(table.loc[table["fold"] == fold, "song_id"]) == set(songs["song_id"])


def test_the_report_is_of_all_songs_and_agrees_with_the_results_of_training(folders, trained, tmp_path, capsys):
    systems = evaluate_folds(folders)
    output = tmp_path / "cross_validation"
    table = pd.concat([pd.read_csv(folder / "predictions.csv") for folder in trained])
    expected = evaluate_predictions(ratings(table), predictions(table))
    got = {name: metric["value"] for name, metric in systems["model"]["song"]["metrics"].items()}
    assert got == pytest.approx(expected, abs=2e-3)
    written = [json.loads((folder / "all_results.json").read_text()) for folder in trained]
    for unit, prefix in (("song", "test_song_"), ("segment", "test_")):
        metric = systems["model"][unit]["metrics"]["arousal_rmse"]
        of_folds = [results[f"{prefix}arousal_rmse"] for results in written]
        assert metric["fold_mean"] == pytest.approx(np.mean(of_folds), abs=1e-3)
        assert metric["fold_std"] == pytest.approx(np.std(of_folds, ddof=1), abs=1e-3)
    report = json.loads((output / "report.json").read_text())
    assert report["systems"] == systems
    assert "comparison" not in report
    assert report["protocol"]["num_folds"] == NUM_FOLDS
    assert pd.read_csv(output / "predictions.csv")["song_id"].tolist() == list(SONGS)
    assert len(pd.read_csv(output / "segment_predictions.csv")) == 2 * len(SONGS)
    assert "Per song: 20 songs of 10 artists" in capsys.readouterr().out


def test_several_seeds_are_evaluated_and_averaged(folders):
    _, segments = merge_folds([*folders, *another_seed(folders, shift=1.0)])
    assert list(segments) == ["seed 42", "seed 43", "average of 2 seeds"]
    first, second, average = (predictions(table) for table in segments.values())
    np.testing.assert_allclose(second, first + 1)
    np.testing.assert_allclose(average, first + 0.5)
    np.testing.assert_array_equal(ratings(segments["average of 2 seeds"]), ratings(segments["seed 42"]))


def test_folds_that_are_missing_or_given_twice_are_refused(folders):
    with pytest.raises(ValueError, match=r"Expected 2 folds of seed 42, but got none of the folds \[1\]"):
        merge_folds(folders[:1])
    with pytest.raises(ValueError, match=r"Expected one folder for fold 0 of seed 42, but got .*fold-0.* and .*fold-0"):
        merge_folds([*folders, folders[0].with_name("fold-0") / "."])
    with pytest.raises(ValueError, match="got none"):
        merge_folds([])
    with pytest.raises(ValueError, match=r"Expected 2 folds of seed 43, but got none of the folds \[1\]"):
        merge_folds([*folders, another_seed(folders[:1], 0)[0]])


@pytest.mark.parametrize(
    "entry", [{"labels": "published"}, {"split_seed": 1}, {"num_folds": 3}, {"data_fingerprint": "0"}], ids=str
)
def test_folds_of_another_protocol_are_refused(folders, entry):
    change(folders[1], **entry)
    (name,) = entry
    with pytest.raises(ValueError, match=rf"Expected {name} .* as in .*fold-0', but got {name} .* in .*fold-1'"):
        merge_folds(folders)


def test_a_model_that_was_not_trained_on_a_fold_is_refused(folders, tmp_path):
    change(folders[1], num_folds=None, fold=None)
    with pytest.raises(ValueError, match=r"a model of a fold in .*fold-1', but got a protocol\.json without fold"):
        merge_folds(folders)
    (folders[1] / "protocol.json").unlink()
    with pytest.raises(ValueError, match=r"fold-1', but got a protocol\.json without dataset"):
        merge_folds(folders)


def test_a_song_in_two_folds_is_refused(folders):
    shutil.copy(folders[0] / "segment_predictions.csv", folders[1])
    with pytest.raises(ValueError, match=r"of one fold, but got \[.*\] in two of"):
        merge_folds(folders)


def test_a_folder_without_predictions_is_refused(folders):
    path = folders[1] / "segment_predictions.csv"
    path.write_text(path.read_text().replace("predicted_arousal", "guess"))
    with pytest.raises(ValueError, match="but got a file without predicted_arousal"):
        merge_folds(folders)
    path.unlink()
    with pytest.raises(ValueError, match=r"Expected a folder with segment_predictions\.csv"):
        merge_folds(folders)


def add_spreads_and_frames(folders):
    """Give the predictions spreads, and courses whose annotations follow the ratings."""
    rng = np.random.default_rng(0)
    for folder in folders:
        segments = pd.read_csv(folder / "segment_predictions.csv", keep_default_na=False)
        for name in (*ERROR_STDS, *RATER_STDS, *TRUE_RATER_STDS):
            segments[name] = segments.groupby("song_id")["valence"].transform("mean") / 9 + 0.5
        segments.to_csv(folder / "segment_predictions.csv", index=False)
        frames = segments.rename(columns={"start_seconds": "time"})
        for name, rated in zip(DYNAMIC, ("valence", "arousal")):
            frames[name] = ((frames[rated] - 5) / 4 + rng.normal(0, 0.1, len(frames))).clip(-1, 1)
        write_frames(frames, folder)


def test_spreads_and_courses_are_evaluated_where_folds_have_them(folders, tmp_path, monkeypatch, capsys):
    plots = []
    monkeypatch.setattr(coverage, "plot_coverage", lambda *args: plots.append(args[-1]))
    add_spreads_and_frames(folders)
    evaluate_folds(folders)
    output = tmp_path / "cross_validation"
    report = json.loads((output / "report.json").read_text())
    calibrated = calibrate_folds(merge_folds(folders)[1]["model"])
    fitted = fit_uncertainty(table_of_songs(calibrated))
    stored = report["protocol"]["uncertainty"]
    assert set(stored) == set(Uncertainty._fields)
    for name, values in fitted._asdict().items():
        np.testing.assert_allclose(stored[name], values)
    assert set(report["intervals"]) == {"valence", "arousal", "quadrant"}
    assert list(report["course"]["systems"]) == sorted([CONSTANT, COURSE, COURSE + MAPPED, HELD, HELD + MAPPED])
    assert report["course"]["num_frames"] == 2 * len(SONGS)
    assert plots == [output / "intervals.png"]
    printed = capsys.readouterr().out
    assert "Intervals from the other folds" in printed
    assert "Course: 40 moments of 20 songs of 10 artists" in printed


def test_models_without_spreads_and_courses_have_no_such_sections(folders, tmp_path):
    evaluate_folds(folders)
    report = json.loads((tmp_path / "cross_validation" / "report.json").read_text())
    assert not {"intervals", "course"} & set(report)
    assert "uncertainty" not in report["protocol"]


def test_courses_and_spreads_of_several_seeds_are_averaged(folders):
    add_spreads_and_frames(folders)
    others = another_seed(folders, shift=1.0)
    for folder in others:
        frames = read_frames(folder)
        write_frames(frames.assign(predicted_arousal=frames["predicted_arousal"] + 0.5), folder)
        segments = pd.read_csv(folder / "segment_predictions.csv", keep_default_na=False)
        segments.assign(**{ERROR_STDS[0]: 3 * segments[ERROR_STDS[0]]}).to_csv(
            folder / "segment_predictions.csv", index=False
        )
    first, merged = merge_frames(folders), merge_frames([*folders, *others])
    assert len(merged) == 2 * len(SONGS)
    np.testing.assert_allclose(merged["predicted_arousal"], first["predicted_arousal"] + 0.25)
    np.testing.assert_array_equal(merged["fold"], first["fold"])
    one, _, average = merge_folds([*folders, *others])[1].values()
    np.testing.assert_allclose(average[ERROR_STDS[0]], 2 * one[ERROR_STDS[0]])
    np.testing.assert_allclose(average[RATER_STDS[0]], one[RATER_STDS[0]])


def test_a_course_that_one_fold_lacks_is_refused(folders):
    add_spreads_and_frames(folders)
    (folders[1] / "frame_predictions.csv").unlink()
    with pytest.raises(ValueError, match=r"of all folds or of none, but got none in .*fold-1"):
        evaluate_folds(folders)
    add_spreads_and_frames(folders)
    others = another_seed(folders, shift=1.0)
    for folder in others:
        (folder / "frame_predictions.csv").unlink()
    with pytest.raises(ValueError, match="Expected courses of all 2 seeds or of none, but got those of 1"):
        evaluate_folds([*folders, *others])


def test_the_baseline_of_the_course_is_fitted_to_the_other_folds(folders, songs, tmp_path, monkeypatch):
    monkeypatch.setattr(coverage, "plot_coverage", lambda *args: None)
    add_spreads_and_frames(folders)
    options = {"source": DataSource(songs), "num_proc": 1, "cache_dir": songs.with_name("deam_cache")}
    evaluate_folds(folders, baselines=True, output_dir=tmp_path / "out", **options)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert WINDOW_RIDGE in report["course"]["systems"]


def test_baselines_are_tested_on_the_same_folds(folders, songs, tmp_path):
    options = {"source": DataSource(songs), "num_proc": 1, "cache_dir": songs.with_name("deam_cache")}
    systems = evaluate_folds(folders, baselines=True, output_dir=tmp_path / "out", **options)
    assert list(systems) == ["model", "model, calibrated", CONSTANT, RIDGE, SVR, BLEND]
    for report in systems.values():
        assert report["song"]["num_rows"] == len(SONGS)
    table = pd.read_csv(tmp_path / "out" / "predictions.csv")
    means = [table.loc[table["fold"] != fold, "arousal"].mean() for fold in range(NUM_FOLDS)]  # of the training songs
    errors = table["arousal"] - table["fold"].map(dict(enumerate(means)))
    rmse = systems[CONSTANT]["song"]["metrics"]["arousal_rmse"]["value"]
    assert rmse == pytest.approx(np.sqrt(np.mean(errors**2)), abs=1e-4)


def test_baselines_without_models_equal_those_with_models(folders, songs, tmp_path, monkeypatch):
    options = {"source": DataSource(songs), "num_proc": 1, "cache_dir": songs.with_name("deam_cache")}
    with_models = evaluate_folds(folders, baselines=True, output_dir=tmp_path / "with_models", **options)
    monkeypatch.setattr(cross_validation, "SEGMENT_SECONDS", 2.0)  # the songs have three
    alone = evaluate_baselines(output_dir=tmp_path / "alone", num_folds=NUM_FOLDS, validation_ratio=0, **options)
    assert alone == {name: report for name, report in with_models.items() if "model" not in name}
    report = json.loads((tmp_path / "alone" / "report.json").read_text())
    assert report["systems"] == alone
    assert (report["protocol"]["labels"], report["protocol"]["num_folds"]) == ("corrected", NUM_FOLDS)


def test_baselines_on_other_data_are_refused(folders, songs, tmp_path):
    for folder in folders:
        change(folder, split_seed=7)
    options = {"num_proc": 1, "cache_dir": songs.with_name("deam_cache"), "output_dir": tmp_path / "out"}
    with pytest.raises(ValueError, match="Expected the data that the models were trained on"):
        evaluate_folds(folders, baselines=True, source=DataSource(songs), **options)
    with pytest.raises(ValueError, match="Expected data_dir or data_csv, which the baselines need, but got neither"):
        evaluate_folds(folders, baselines=True)


def test_missing_scikit_learn_is_an_error_before_any_work(folders, songs, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"pip install modeling_ast_va\[baselines\]"):
        evaluate_folds(folders, baselines=True, source=DataSource(songs))
    with pytest.raises(ImportError, match=r"pip install modeling_ast_va\[baselines\]"):
        evaluate_baselines(DataSource(songs), output_dir=tmp_path)


def test_the_command_merges_folds(folders, tmp_path, capsys):
    assert main(["evaluate", "--folds", *map(str, folders)]) == 0
    assert "Per segment: 40 segments of 10 artists" in capsys.readouterr().out
    assert (tmp_path / "cross_validation" / "report.json").is_file()


def test_the_command_evaluates_baselines_without_models(monkeypatch, songs, tmp_path):
    asked = []
    monkeypatch.setattr(
        "modeling_ast_va.evaluation.evaluate_baselines", lambda source, **options: asked.append((source, options))
    )
    flags = ["--data_dir", str(songs), "--output_dir", str(tmp_path), "--num_folds", "4", "--labels", "published"]
    assert main(["evaluate", "--baselines", *flags]) == 0
    source = DataSource(str(songs), "published")
    assert asked == [(source, {"output_dir": str(tmp_path), "num_folds": 4})]
