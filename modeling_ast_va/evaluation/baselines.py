# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Baselines: the constant mean, and regression on hand-made features, evaluated on the same songs as a model.

Each baseline is fitted to the training songs only. The penalty of ridge regression, and penalty and width of the
support vector regression (SVR), are chosen on them by cross-validation by artist. The settings of the trees are fixed,
and so is the blend, the mean of ridge, SVR and trees.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from datasets import Dataset, DatasetDict
from numpy.typing import NDArray

from ..metrics import DIMENSIONS
from .baseline_features import describe_songs
from .frames import DYNAMIC
from .tables import ratings, with_predictions
from .window_features import describe_moments

CONSTANT, RIDGE, SVR, BLEND = "constant mean", "features, ridge", "features, SVR", "features, ridge + SVR + trees"
RIDGE_PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
SVR_COSTS = (0.5, 1.0, 2.0)
SVR_WIDTHS = (0.25, 0.5, 1.0)  # gamma, divided by the number of features
SVR_EPSILON = 0.2  # rating points
NUM_TREES, MIN_LEAF_SONGS, TREE_FEATURES = 300, 3, 1 / 3
NUM_INNER_FOLDS = 5
WINDOW_RIDGE = "window features, ridge"  # of the course
MOMENT_GRID = {"model__alpha": (10.0, 100.0, 1e3, 1e4, 1e5)}  # twenty times as many rows as songs

Array = NDArray[np.float64]


def require_scikit_learn() -> None:
    """Raise an ImportError that names the command to install scikit-learn if it is missing."""
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise ImportError("The baselines need scikit-learn: pip install modeling_ast_va[baselines]") from error


def predict_baselines(
    folds: list[DatasetDict], *, split: str = "test", num_proc: int | None = None, cache_dir: str | Path | None = None
) -> dict[str, pd.DataFrame]:
    """
    Predict the songs of a split by every baseline, fitted to the songs of `train`.

    Args:
        folds: the splits of each fold, or of one draw, as [`load_ratings`] returns them, with or without log-mels.
        num_proc, cache_dir: as for [`describe_songs`].

    Returns:
        For each baseline a table with one row for each song, in ascending order: `song_id`, `group`, `subset`,
        `artist`, `path`, ratings and predictions, and `fold` if there are several.

    Raises:
        ImportError: without scikit-learn.
    """
    require_scikit_learn()
    splits = [(_songs(fold["train"]), _songs(fold[split])) for fold in folds]
    paths = sorted({path for tables in splits for table in tables for path in table["path"]})
    features = pd.DataFrame(describe_songs(paths, num_proc=num_proc, cache_dir=cache_dir), index=paths)
    predicted: dict[str, list[pd.DataFrame]] = {}
    for number, (train, test) in enumerate(splits):
        x_train, x_test = (features.loc[table["path"]].to_numpy() for table in (train, test))
        table = test.assign(fold=number) if len(splits) > 1 else test
        for name, values in fit_and_predict(x_train, ratings(train), train["group"].tolist(), x_test).items():
            predicted.setdefault(name, []).append(with_predictions(table, values))
    return {name: pd.concat(tables).sort_values("song_id", ignore_index=True) for name, tables in predicted.items()}


def fit_and_predict(features: Array, references: Array, groups: Sequence[int], new_features: Array) -> dict[str, Array]:
    """
    Fit every baseline to rated songs, and predict other songs.

    Args:
        features, references: of the songs to fit to, `(n, num_features)` and `(n, 2)`.
        groups: of the songs to fit to, `(n,)`; songs of one group stay in one inner fold.
        new_features: of the songs to predict, `(m, num_features)`.

    Returns:
        The predictions of each baseline, `(m, 2)`, in rating points.
    """
    from sklearn import ensemble, linear_model, svm

    widths = [width / features.shape[1] for width in SVR_WIDTHS]
    svr_grid = {"model__C": SVR_COSTS, "model__gamma": widths}
    ridge = _fit_best(linear_model.Ridge(), {"model__alpha": RIDGE_PENALTIES}, features, references, groups)
    svr = [_fit_best(svm.SVR(epsilon=SVR_EPSILON), svr_grid, features, column, groups) for column in references.T]
    trees = ensemble.ExtraTreesRegressor(NUM_TREES, min_samples_leaf=MIN_LEAF_SONGS, random_state=0)
    trees.set_params(max_features=TREE_FEATURES).fit(features, references)
    by_ridge = ridge.predict(new_features)
    by_svr = np.stack([model.predict(new_features) for model in svr], axis=1)
    return {
        CONSTANT: np.tile(references.mean(axis=0), (len(new_features), 1)),
        RIDGE: by_ridge,
        SVR: by_svr,
        BLEND: (by_ridge + by_svr + trees.predict(new_features)) / 3,
    }


def predict_moments(
    frames: pd.DataFrame,
    path_of: Mapping[Any, str],
    *,
    num_proc: int | None = None,
    cache_dir: str | Path | None = None,
) -> Array:
    """
    Predict the annotated moments of a table of frames by ridge regression on features of windows around them.

    Args:
        frames: with a column `fold`; the moments of each fold are predicted by a regression on those of the others.
        path_of: the audio file of each song.
        num_proc, cache_dir: as for [`describe_moments`].

    Returns:
        Predictions from -1 to 1, `(n, 2)`.

    Raises:
        ValueError: for a song without a file.
        ImportError: without scikit-learn.
    """
    require_scikit_learn()
    from sklearn import linear_model

    frames = frames.reset_index(drop=True)
    rows_of_songs = frames.groupby("song_id").indices
    if missing := [song for song in rows_of_songs if song not in path_of]:
        raise ValueError(f"Expected the songs of the frames in the data, but got none called {missing[0]}.")
    moments = {path_of[song]: frames["time"].to_numpy()[rows] for song, rows in rows_of_songs.items()}
    described = describe_moments(moments, num_proc=num_proc, cache_dir=cache_dir)
    features = np.empty_like(described)
    features[np.concatenate(list(rows_of_songs.values()))] = described
    annotated, predicted = frames[list(DYNAMIC)].to_numpy(), np.empty((len(frames), 2))
    for fold in frames["fold"].unique():
        is_test = (frames["fold"] == fold).to_numpy()
        groups = frames["group"][~is_test].tolist()
        model = _fit_best(linear_model.Ridge(), MOMENT_GRID, features[~is_test], annotated[~is_test], groups)
        predicted[is_test] = model.predict(features[is_test])
    return predicted


def _fit_best(model: Any, grid: Mapping[str, Any], features: Array, references: Array, groups: Sequence[int]) -> Any:
    """Fit a model to standardised features, with the settings of lowest mean squared error over the inner folds."""
    from sklearn import model_selection, pipeline, preprocessing

    steps = pipeline.Pipeline([("scaler", preprocessing.StandardScaler()), ("model", model)])
    folds = model_selection.GroupKFold(min(NUM_INNER_FOLDS, len(set(groups))))
    search = model_selection.GridSearchCV(steps, grid, scoring="neg_mean_squared_error", cv=folds)
    return search.fit(features, references, groups=groups)


def _songs(segments: Dataset) -> pd.DataFrame:
    """A table with one row for each song of a split, in ascending order."""
    table = segments.select_columns(["song_id", "group", "subset", "artist", "path", "labels"]).to_pandas()
    table[list(DIMENSIONS)] = np.stack(table.pop("labels"))
    return table.drop_duplicates("song_id").sort_values("song_id", ignore_index=True)
