# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import sys

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset

from modeling_ast_va.evaluation import baselines
from modeling_ast_va.evaluation.baselines import (
    BLEND,
    CONSTANT,
    RIDGE,
    SVR,
    fit_and_predict,
    predict_baselines,
    predict_moments,
)
from modeling_ast_va.evaluation.frames import DYNAMIC
from modeling_ast_va.evaluation.tables import predictions, ratings
from modeling_ast_va.metrics import evaluate_predictions

NUM_SONGS = 90


@pytest.fixture(scope="module", autouse=True)
def few_trees():
    with pytest.MonkeyPatch.context() as context:
        context.setattr(baselines, "NUM_TREES", 20)
        yield


@pytest.fixture(scope="module")
def described():
    """Features, ratings that depend on them (arousal linearly, valence not), and artists of three songs each."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(NUM_SONGS, 6)) * [1, 10, 100, 1, 1, 1] + 5
    standard = (features - features.mean(0)) / features.std(0)
    valence = 5 + np.tanh(standard[:, 0]) * standard[:, 1] + rng.normal(0, 0.1, NUM_SONGS)
    arousal = 5 + standard @ [1.0, 0, 0.5, 0, 0, 0] + rng.normal(0, 0.1, NUM_SONGS)
    return features, np.stack([valence, arousal], axis=1), np.arange(NUM_SONGS) // 3


@pytest.fixture(scope="module")
def predicted(described, few_trees):
    features, references, groups = described
    return fit_and_predict(features[:60], references[:60], groups[:60], features[60:])


def test_the_constant_is_the_mean_of_the_training_ratings(described, predicted):
    np.testing.assert_allclose(predicted[CONSTANT], np.tile(described[1][:60].mean(axis=0), (30, 1)))


def test_baselines_learn_the_dependence_on_features(described, predicted):
    results = {name: evaluate_predictions(described[1][60:], values) for name, values in predicted.items()}
    assert list(results) == [CONSTANT, RIDGE, SVR, BLEND]
    assert results[RIDGE]["arousal_ccc"] > 0.95
    assert results[RIDGE]["valence_ccc"] < 0.5 < results[SVR]["valence_ccc"]
    assert results[BLEND]["arousal_ccc"] > 0.8


def test_the_blend_is_the_mean_of_ridge_svr_and_trees(described, predicted):
    from sklearn.ensemble import ExtraTreesRegressor

    features, references, _ = described
    trees = ExtraTreesRegressor(20, min_samples_leaf=3, max_features=1 / 3, random_state=0)
    by_trees = trees.fit(features[:60], references[:60]).predict(features[60:])
    np.testing.assert_allclose(predicted[BLEND], (predicted[RIDGE] + predicted[SVR] + by_trees) / 3)


def test_settings_are_chosen_by_folds_of_whole_artists(described, monkeypatch):
    from sklearn import model_selection

    in_both = []

    class Watched(model_selection.GroupKFold):
        def split(self, x, y=None, groups=None):
            for train, test in super().split(x, y, groups):
                in_both.append(set(groups[train]) & set(groups[test]))
                yield train, test

    monkeypatch.setattr(model_selection, "GroupKFold", Watched)
    features, references, groups = described
    fit_and_predict(features, references, groups, features)
    assert in_both
    assert not any(in_both)


def segments_of(song_ids, described):
    """Two segments a song, in the reverse order of ids."""
    rows = [song for song in reversed(song_ids) for _ in range(2)]
    return Dataset.from_dict(
        {
            "song_id": rows,
            "group": [song // 3 for song in rows],
            "subset": [""] * len(rows),
            "artist": [f"Artist {song // 3}" for song in rows],
            "path": [f"{song}.mp3" for song in rows],
            "labels": [described[1][song].tolist() for song in rows],
        }
    )


@pytest.fixture
def decoded(described, monkeypatch):
    """Features without decoding songs; the paths that were asked for."""
    asked = []

    def describe_songs(paths, **options):
        asked.extend(paths)
        return described[0][[int(path.split(".")[0]) for path in paths]]

    monkeypatch.setattr(baselines, "describe_songs", describe_songs)
    return asked


def test_every_fold_is_fitted_to_its_training_songs_only(described, predicted, decoded):
    first = {"train": segments_of(range(60), described), "test": segments_of(range(60, 75), described)}
    second = {"train": segments_of(range(30, 90), described), "test": segments_of(range(30), described)}
    tables = predict_baselines([first, second])
    assert len(decoded) == len(set(decoded)) == 90
    features, references, groups = described
    expected = fit_and_predict(features[30:], references[30:], groups[30:], features[:30])
    for name, table in tables.items():
        assert table["song_id"].tolist() == [*range(30), *range(60, 75)]
        assert table["fold"].tolist() == [1] * 30 + [0] * 15
        np.testing.assert_allclose(ratings(table), references[table["song_id"]])
        np.testing.assert_allclose(predictions(table), np.concatenate([expected[name], predicted[name][:15]]))


def test_one_draw_has_no_folds_and_any_split_can_be_predicted(described, predicted, decoded):
    data = {"train": segments_of(range(60), described), "validation": segments_of(range(60, 70), described)}
    table = predict_baselines([data], split="validation")[RIDGE]
    assert "fold" not in table
    np.testing.assert_allclose(predictions(table), predicted[RIDGE][:10])


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"pip install modeling_ast_va\[baselines\]"):
        predict_baselines([])


def test_moments_are_predicted_by_their_own_features_and_the_songs_of_other_folds(monkeypatch):
    rng = np.random.default_rng(0)
    annotated = rng.uniform(-1, 1, (120, 2))
    songs = np.tile(np.arange(12), 10)  # the moments of a song are not side by side
    frames = pd.DataFrame({"song_id": songs, "group": songs // 2, "fold": songs // 2 % 3, "time": np.arange(120) / 2})
    frames = frames.assign(**dict(zip(DYNAMIC, annotated.T)))
    value_of = dict(zip(zip(songs, frames["time"]), annotated))
    path_of = {song: f"{song}.mp3" for song in range(12)}
    asked = []

    def describe(moments, **options):
        asked.append(options)
        rows = [value_of[int(path[:-4]), second] for path, seconds in moments.items() for second in seconds]
        return np.column_stack([np.array(rows), np.ones(len(rows))])

    monkeypatch.setattr(baselines, "describe_moments", describe)
    predicted = predict_moments(frames.set_index(frames.index + 7), path_of, num_proc=3)
    assert asked == [{"num_proc": 3, "cache_dir": None}]
    assert np.corrcoef(predicted.ravel(), annotated.ravel())[0, 1] > 0.99
    of_fold = (frames["fold"] == 1).to_numpy()
    changed = frames.assign(dynamic_valence=frames["dynamic_valence"].where(~of_fold, 0.5))
    again = predict_moments(changed, path_of)
    np.testing.assert_allclose(again[of_fold], predicted[of_fold])
    assert not np.allclose(again[~of_fold], predicted[~of_fold])
    with pytest.raises(ValueError, match="Expected the songs of the frames in the data, but got none called 3"):
        predict_moments(frames, {song: path for song, path in path_of.items() if song != 3})
