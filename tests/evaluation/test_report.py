# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pandas as pd
import pytest

from modeling_ast_va.data.song_ids import ID_RANGES, id_range_of
from modeling_ast_va.evaluation.confidence import bootstrap_intervals
from modeling_ast_va.evaluation.report import evaluate_system, evaluate_table, format_comparison, format_report
from modeling_ast_va.evaluation.tables import PREDICTED, predictions, ratings
from modeling_ast_va.metrics import DIMENSIONS, evaluate_predictions


def songs_table(song_ids, num_folds=None, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"song_id": list(song_ids)})
    table["group"] = table["song_id"] // 3
    table["subset"] = [ID_RANGES[index] for index in id_range_of(table["song_id"])]
    table[list(DIMENSIONS)] = rng.normal(5, 1, (len(table), 2))
    table[list(PREDICTED)] = table[list(DIMENSIONS)].to_numpy() + rng.normal(0, 0.5, (len(table), 2))
    return table.assign(fold=np.arange(len(table)) % num_folds) if num_folds else table


def test_songs_of_each_subset_and_segments_have_metrics_of_their_own():
    songs = songs_table([*range(2, 32), *range(1001, 1011), *range(2001, 2006)])
    segments = pd.concat([songs, songs_table(songs["song_id"], seed=1)])
    report = evaluate_system(songs, segments)
    assert {unit: part["num_rows"] for unit, part in report.items()} == {
        "song": 45,
        "song 2-1000": 30,
        "song 1001-2000": 10,
        "song 2001-2058": 5,
        "segment": 90,
    }
    assert report["song"]["num_groups"] == report["segment"]["num_groups"] == songs["group"].nunique()
    for unit, table in (("song", songs), ("song 1001-2000", songs[30:40]), ("segment", segments)):
        values = evaluate_predictions(ratings(table), predictions(table))
        intervals = bootstrap_intervals(ratings(table), predictions(table), table["group"].tolist())
        for name, metric in report[unit]["metrics"].items():
            assert metric == {"value": values[name], "low": intervals[name][0], "high": intervals[name][1]}


def test_folds_give_mean_and_spread():
    songs = songs_table(range(2, 62), num_folds=3)
    of_folds = [
        evaluate_predictions(ratings(fold), predictions(fold))["valence_ccc"] for _, fold in songs.groupby("fold")
    ]
    metric = evaluate_system(songs)["song"]["metrics"]["valence_ccc"]
    assert metric["fold_mean"] == pytest.approx(np.mean(of_folds))
    assert metric["fold_std"] == pytest.approx(pd.Series(of_folds).std())  # pandas divides by n - 1
    assert metric["value"] != pytest.approx(metric["fold_mean"], abs=1e-6)  # of all songs at once


def test_units_without_rows_are_left_out_and_one_group_has_no_interval():
    report = evaluate_system(songs_table([3, 4, 5]))
    assert list(report) == ["song", "song 2-1000"]
    assert report["song"]["num_groups"] == 1
    assert report["song"]["metrics"]["ccc"]["low"] is None
    assert "[" not in format_report({"model": report}).split("\n", 1)[1].split("\n\n")[0]


def test_the_report_has_rows_of_every_system_with_values_intervals_and_deviations():
    systems = {
        name: evaluate_system(songs_table(range(2, 62), 3, seed))
        for seed, name in enumerate(("model", "constant mean"))
    }
    title, header, *lines = format_report(systems).split("\n\n")[0].splitlines()
    assert title.startswith("Per song: 60 songs of 21 artists; value [95% interval over artists]")
    assert header.split() == ["system", "CCC", "r", "R2", "RMSE", "MAE", "CCC", "over", "folds"]
    assert [line[:13].strip() for line in lines] == ["model", "", "", "constant mean", "", ""]
    assert [line[13:22].strip() for line in lines] == ["valence", "arousal", "mean"] * 2
    shown = systems["constant mean"]["song"]["metrics"]["arousal_ccc"]
    ccc = f"{shown['value']:.3f} [{shown['low']:.3f}, {shown['high']:.3f}]"
    assert f"{'':13}  arousal  {ccc}" in lines[4]
    assert lines[4].endswith(f"{shown['fold_mean']:.3f} ± {shown['fold_std']:.3f}")


def test_a_comparison_has_the_differences_of_metrics():
    songs = songs_table(range(2, 62))
    worse = songs.assign(**{name: songs[name] + 1 for name in PREDICTED})
    comparison = {name: evaluate_table(songs, table) for name, table in {"shifted": worse, "the same": songs}.items()}
    values = [evaluate_predictions(ratings(songs), predictions(table))["ccc"] for table in (songs, worse)]
    ccc = comparison["shifted"]["ccc"]
    assert ccc["value"] == pytest.approx(values[0] - values[1])
    assert 0 < ccc["low"] < ccc["value"] < ccc["high"]
    assert comparison["the same"]["valence_rmse"] == {"value": 0, "low": 0, "high": 0}
    _, header, shifted, same = format_comparison("model", comparison).splitlines()
    assert header.split() == ["system", "valence", "arousal", "mean"]
    assert shifted.endswith(f"{ccc['value']:.3f} [{ccc['low']:.3f}, {ccc['high']:.3f}]")
    assert same.split()[:3] == ["the", "same", "0.000"]
