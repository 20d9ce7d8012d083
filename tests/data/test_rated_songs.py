# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""What a data set knows of its ratings."""

from __future__ import annotations

import numpy as np
import pandas as pd
from deam_folder import true_ratings, write_deam

from modeling_ast_va.data.deam import read_deam
from modeling_ast_va.data.rated_songs import RatedSongs


def test_quantiles_are_those_of_the_ratings_of_the_table():
    ratings = np.random.default_rng(0).uniform(1, 9, (500, 2))
    table = pd.DataFrame(ratings, columns=["valence", "arousal"]).assign(path="")
    quantiles = RatedSongs("songs", table, [], {}).label_quantiles
    assert np.shape(quantiles) == (2, 101)
    for column, expected in zip(quantiles, ratings.T):
        np.testing.assert_allclose(column, np.percentile(expected, np.arange(101)), atol=1e-4)
        assert column == sorted(column)


def test_quantiles_of_deam_are_those_of_all_songs_with_their_corrected_ratings(tmp_path):
    songs = {2: 2.0, 3: 0, 4: 0, 1001: 0, 1002: 2.0, 2001: 0}  # two have audio files
    read = read_deam(write_deam(tmp_path / "deam", songs))
    assert len(read.table) == 2
    expected = [[true_ratings(song)[f"{name}_mean"] for song in songs] for name in ("valence", "arousal")]
    ends = [[column[0], column[-1]] for column in read.label_quantiles]
    np.testing.assert_allclose(ends, [[min(column), max(column)] for column in expected], atol=1e-4)
