# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""What a network has to beat: the constant mean, and regression on hand-made features, on exactly the same songs.

Each system is fitted on the training songs alone. The penalty of ridge, and penalty and width of the support vector
regression (SVR), are chosen among them by cross-validation by artist; the trees' settings are fixed, and so is the
blend, the mean of ridge, SVR and trees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from datasets import Dataset
from numpy.typing import NDArray

from ..evaluation.baseline_features import describe_songs
from ..evaluation.tables import PREDICTED, groups, ratings
from ..metrics import DIMENSIONS

CONSTANT, RIDGE, SVR, BLEND = "constant mean", "features, ridge", "features, SVR", "features, ridge + SVR + trees"
RIDGE_PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
SVR_COSTS = (0.5, 1.0, 2.0)
SVR_WIDTHS = (0.25, 0.5, 1.0)  # gamma, divided by the number of features
SVR_EPSILON = 0.2  # rating points
NUM_TREES, MIN_LEAF_SONGS, TREE_FEATURES = 300, 3, 1 / 3
NUM_INNER_FOLDS = 5

Array = NDArray[np.float64]


def require_scikit_learn() -> None:
    """Refuse to go on without scikit-learn (ImportError, which names the command that installs it)."""
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise ImportError("The baselines need scikit-learn: pip install modeling_ast_va[baselines]") from error


def predict_baselines(
    folds: Sequence[Mapping[str, Dataset]],
    *,
    split: str = "test",
    num_proc: int | None = None,
    cache_dir: str | Path | None = None,
) -> dict[str, pd.DataFrame]:
    """Predict the songs of a split by every baseline, fitted on the songs of `train`.

    Args:
        folds: the splits of each fold, or of the one draw, as `load_deam` gives them, with or without log-mels.
        split: whose songs are predicted.
        num_proc, cache_dir: as for `describe_songs`.

    Returns:
        For each baseline a row a song, in ascending order: `song_id`, `artist`, `path`, ratings and predictions, and
        `fold` where there are several.

    Raises:
        ImportError: without scikit-learn.
    """
    require_scikit_learn()
    splits = [(_songs(fold["train"]), _songs(fold[split])) for fold in folds]
    paths = sorted({path for tables in splits for table in tables for path in table["path"]})
    features = describe_songs(paths, num_proc=num_proc, cache_dir=cache_dir)
    row_of = {path: row for row, path in enumerate(paths)}
    predicted: dict[str, list[pd.DataFrame]] = {}
    for number, (train, test) in enumerate(splits):
        x_train, x_test = (features[[row_of[path] for path in table["path"]]] for table in (train, test))
        fold = {"fold": number} if len(splits) > 1 else {}
        for name, values in fit_and_predict(x_train, ratings(train), groups(train), x_test).items():
            predicted.setdefault(name, []).append(test.assign(**fold, **dict(zip(PREDICTED, values.T))))
    return {
        name: pd.concat(tables).sort_values("song_id", ignore_index=True)  # each song in its fold
        for name, tables in predicted.items()
    }


def fit_and_predict(features: Array, references: Array, groups: Sequence[int], new_features: Array) -> dict[str, Array]:
    """Fit every baseline on rated songs, and predict others.

    Args:
        features, references, groups: of the songs to fit on; settings are chosen by folds that part no group.
        new_features: of the songs to predict.

    Shape:
        features: (n, num_features); references: (n, 2); groups: (n,); new_features: (m, num_features)
        each returned: (m, 2), rating points
    """
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.linear_model import Ridge
    from sklearn.svm import SVR as SupportVectorRegressor

    ridge = _fit_best(Ridge(), {"alpha": RIDGE_PENALTIES}, features, references, groups)
    widths = [width / features.shape[1] for width in SVR_WIDTHS]
    svr = [
        _fit_best(
            SupportVectorRegressor(epsilon=SVR_EPSILON), {"C": SVR_COSTS, "gamma": widths}, features, column, groups
        )
        for column in references.T
    ]
    trees = ExtraTreesRegressor(
        NUM_TREES, min_samples_leaf=MIN_LEAF_SONGS, max_features=TREE_FEATURES, random_state=0
    ).fit(features, references)
    by_ridge = ridge.predict(new_features)
    by_svr = np.stack([model.predict(new_features) for model in svr], axis=1)
    return {
        CONSTANT: np.tile(references.mean(axis=0), (len(new_features), 1)),
        RIDGE: by_ridge,
        SVR: by_svr,
        BLEND: (by_ridge + by_svr + trees.predict(new_features)) / 3,
    }


def _fit_best(
    model: Any, settings: Mapping[str, Sequence[float]], features: Array, references: Array, groups: Sequence[int]
) -> Any:
    """Fit a model on standardised features with the settings whose mean squared error over inner folds is least."""
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), model)
    step = pipeline.steps[-1][0]
    grid = {f"{step}__{name}": list(values) for name, values in settings.items()}
    folds = GroupKFold(min(NUM_INNER_FOLDS, len(set(groups))))
    search = GridSearchCV(pipeline, grid, scoring="neg_mean_squared_error", cv=folds)
    return search.fit(features, references, groups=groups)


def _songs(segments: Dataset) -> pd.DataFrame:
    """A row for each song of a split, in ascending order of ids."""
    columns = segments.select_columns(["song_id", "artist", "path", "labels"]).with_format(None)[:]
    table = pd.DataFrame({name: columns[name] for name in ("song_id", "artist", "path")})
    table[list(DIMENSIONS)] = np.array(columns["labels"])
    return table.drop_duplicates("song_id").sort_values("song_id", ignore_index=True)
