# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The course at annotated moments against that of the pipeline (1e-5)."""

from __future__ import annotations

import numpy as np
import pytest
from datasets import Dataset

from modeling_ast_va.data.tracks import Track
from modeling_ast_va.evaluation.annotated_moments import predicted_moments
from modeling_ast_va.evaluation.frames import FRAME_COLUMNS, write_frames
from modeling_ast_va.evaluation.tables import PREDICTED
from modeling_ast_va.results_ast_va import ResultSettings, SongSegments, song_frames

# A song of 3.5 s that starts at 15 s, in segments of 1.5 s each half second; the last ends with the song.
STARTS = np.array([15.0, 15.5, 16.0, 16.5, 17.0])
WEIGHTS = np.array([1.5, 0.5, 0.5, 0.5, 0.5])
FOLLOWING = [0, 3, 4]  # those without overlap, and the last
# Annotations of the first five of its moments, and one at another time.
TRACK = Track(
    np.array([15.0, 15.5, 16.0, 16.5, 16.9, 17.0]), np.random.default_rng(2).normal(size=(6, 2)).astype(np.float32)
)


@pytest.fixture
def rows():
    columns = {"song_id": [3] * 5 + [4], "group": [1] * 5 + [4], "start_seconds": [*STARTS, 0.0]}
    columns |= {"duration_seconds": [1.5] * 6, "weight_seconds": [*WEIGHTS, 1.5]}
    return Dataset.from_dict(columns).with_format("numpy")


@pytest.fixture
def predicted(config):
    rng = np.random.default_rng(0)
    num_steps = len(config.step_seconds(config.max_length))
    return rng.uniform(1, 9, (6, 2)).astype(np.float32), rng.uniform(1, 9, (6, num_steps, 2)).astype(np.float32)


def test_the_course_is_that_of_the_pipeline_at_the_annotated_moments(rows, predicted, config, tmp_path):
    ratings, frames = predicted
    table = predicted_moments(rows, ratings, frames, config, {3: TRACK})
    assert list(table) == list(FRAME_COLUMNS)
    assert table["time"].tolist() == [15.0, 15.5, 16.0, 16.5, 17.0]
    assert (set(table["song_id"]), set(table["group"])) == ({3}, {1})
    np.testing.assert_array_equal(table[["dynamic_valence", "dynamic_arousal"]], TRACK.values[[0, 1, 2, 3, 5]])
    starts = STARTS[FOLLOWING] - 15
    of_song = SongSegments(
        starts, starts + 1.5, WEIGHTS[FOLLOWING], ratings[FOLLOWING, None], frames=frames[FOLLOWING, None]
    )
    rating = np.average(ratings[:5], axis=0, weights=WEIGHTS)
    course = song_frames(of_song, [ResultSettings.of(config)], rating)
    expected = [[frame["valence"], frame["arousal"]] for frame in course]
    np.testing.assert_allclose(table[list(PREDICTED)], expected[:5], atol=1e-5)
    assert np.ptp(table[list(PREDICTED)].to_numpy(), axis=0).min() > 0.01
    write_frames(table, tmp_path)


def test_songs_without_annotations_are_left_out(rows, predicted, config):
    assert predicted_moments(rows, *predicted, config, {}).empty
    assert list(predicted_moments(rows, *predicted, config, {})) == list(FRAME_COLUMNS)
    both = predicted_moments(rows, *predicted, config, {3: TRACK, 4: Track(np.array([0.5]), np.zeros((1, 2)))})
    assert both["song_id"].tolist() == [3] * 5 + [4]
    assert both["time"].tolist()[-1] == 0.5
