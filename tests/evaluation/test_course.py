# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The dynamic evaluation: tables computed by hand, mappings that other folds determine, and metrics of numpy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from modeling_ast_va.evaluation.course import (
    CONSTANT,
    COURSE,
    HELD,
    MAPPED,
    course_section,
    evaluate_course,
    predict_course,
    with_folds,
)
from modeling_ast_va.evaluation.frames import DYNAMIC, FRAME_COLUMNS
from modeling_ast_va.evaluation.tables import PREDICTED
from modeling_ast_va.metrics import concordance_correlation_coefficient


def draw_frames(num_songs=20, num_frames=10):
    """Songs in two folds and by two to an artist, whose predictions are their annotations, on 1-9, with errors."""
    rng = np.random.default_rng(0)
    songs = np.arange(num_songs).repeat(num_frames)
    annotated = rng.uniform(-0.8, 0.8, (num_songs, 2)).repeat(num_frames, axis=0)
    annotated += rng.normal(0, 0.1, annotated.shape)
    predicted = 5 + 3 * annotated + rng.normal(0, 0.3, annotated.shape)
    times = np.tile(np.arange(num_frames) / 2, num_songs)
    frames = pd.DataFrame({"song_id": songs, "group": songs // 2, "time": times, "fold": songs // 2 % 2})
    return frames.assign(**dict(zip(PREDICTED, predicted.T)), **dict(zip(DYNAMIC, annotated.T)))


def songs_of(frames):
    return frames.groupby("song_id", as_index=False)[list(PREDICTED)].mean()


def test_metrics_of_a_small_table_by_hand():
    rows = [
        (1, 1, 0.0, 7.0, 5.0, 0.0, 0.1),  # on -1 to 1: 0.5
        (1, 1, 0.5, 9.0, 5.0, 1.0, 0.1),  # 1
        (2, 1, 0.0, 3.0, 6.0, 0.5, 0.0),  # -0.5
        (2, 1, 0.5, 5.0, 6.0, 0.0, 0.5),  # 0
    ]
    frames = pd.DataFrame(rows, columns=FRAME_COLUMNS)
    systems = predict_course(with_folds(frames), songs_of(frames))
    assert list(systems) == [HELD, COURSE]  # nothing can be fitted to one artist
    np.testing.assert_allclose(systems[COURSE], [[0.5, 0], [1, 0], [-0.5, 0.25], [0, 0.25]])
    np.testing.assert_allclose(systems[HELD], [[0.75, 0], [0.75, 0], [-0.25, 0.25], [-0.25, 0.25]])
    report = evaluate_course(frames, systems)
    assert (report["num_songs"], report["num_groups"], report["num_frames"]) == (2, 1, 4)
    of_songs, of_frames = (report["systems"][COURSE][unit] for unit in ("song", "frame"))
    assert of_songs["valence_pearson_r"]["value"] == pytest.approx((1 - 1) / 2)
    assert of_songs["valence_rmse"]["value"] == pytest.approx((np.sqrt(0.125) + np.sqrt(0.5)) / 2)
    assert of_songs["arousal_pearson_r"]["value"] == 0  # of a constant
    assert of_songs["arousal_rmse"]["value"] == pytest.approx((0.1 + 0.25) / 2)
    assert of_frames["valence_rmse"]["value"] == pytest.approx(np.sqrt((0.25 + 0 + 1 + 0) / 4))
    ccc = concordance_correlation_coefficient([0, 1, 0.5, 0], [0.5, 1, -0.5, 0])
    assert of_frames["valence_ccc"]["value"] == pytest.approx(ccc)
    assert of_songs["valence_rmse"]["low"] is None  # of one artist


def test_the_constant_and_the_mapping_are_those_of_the_other_folds():
    frames = draw_frames()
    systems = predict_course(frames, songs_of(frames))
    for fold in (0, 1):
        of_fold, others = (frames["fold"] == fold).to_numpy(), frames[frames["fold"] != fold]
        for column, (predicted, annotated) in enumerate(zip(PREDICTED, DYNAMIC)):
            np.testing.assert_allclose(systems[CONSTANT][of_fold, column], others[annotated].mean())
            line = np.poly1d(np.polyfit(others[predicted], others[annotated], 1))
            np.testing.assert_allclose(systems[COURSE + MAPPED][of_fold, column], line(frames[predicted][of_fold]))
            held = others.groupby("song_id")[predicted].transform("mean")
            line = np.poly1d(np.polyfit(held, others[annotated], 1))
            of_song = frames.groupby("song_id")[predicted].transform("mean")[of_fold]
            np.testing.assert_allclose(systems[HELD + MAPPED][of_fold, column], line(of_song))
    changed = frames.assign(dynamic_valence=frames["dynamic_valence"].where(frames["fold"] == 0, 1.0))
    again = predict_course(changed, songs_of(frames))
    is_other = (frames["fold"] == 1).to_numpy()
    np.testing.assert_array_equal(again[COURSE + MAPPED][is_other], systems[COURSE + MAPPED][is_other])
    assert (again[CONSTANT][~is_other, 0] == 1).all()


def test_the_course_beats_what_stands_still_and_intervals_contain_the_values():
    frames = draw_frames()
    report = evaluate_course(frames, predict_course(frames, songs_of(frames)))
    systems = report["systems"]
    assert report["num_groups"] == 10
    for dimension in ("valence", "arousal"):
        assert systems[HELD]["song"][f"{dimension}_pearson_r"]["value"] == 0
        assert systems[COURSE]["song"][f"{dimension}_pearson_r"]["value"] > 0.5
        rmse = {name: of["song"][f"{dimension}_rmse"]["value"] for name, of in systems.items()}
        assert rmse[COURSE + MAPPED] < rmse[COURSE] < rmse[CONSTANT]
        for unit in ("song", "frame"):
            metric = systems[COURSE][unit][f"{dimension}_rmse"]
            assert metric["low"] < metric["value"] < metric["high"]


def test_folds_are_by_artist_where_there_are_none():
    frames = with_folds(draw_frames().drop(columns="fold"))
    assert frames["fold"].nunique() == 5
    assert (frames.groupby("group")["fold"].nunique() == 1).all()
    assert with_folds(draw_frames())["fold"].nunique() == 2  # as it is


def test_the_section_has_a_row_for_each_system_and_dimension():
    frames = draw_frames()
    section = course_section(frames, songs_of(frames), {"other": np.zeros((len(frames), 2))})
    assert list(section.content["systems"]) == [CONSTANT, HELD, HELD + MAPPED, COURSE, COURSE + MAPPED, "other"]
    lines = section.text.splitlines()
    assert lines[0].startswith("Course: 200 moments of 20 songs of 10 artists")
    assert len(lines) == 2 + 2 * 6
    value = section.content["systems"]["other"]["frame"]["arousal_rmse"]["value"]
    assert f"{value:.3f}" in lines[-1]


def test_frames_of_a_song_without_prediction_are_refused():
    frames = draw_frames()
    songs = songs_of(frames)
    with pytest.raises(ValueError, match=r"Expected predictions of all songs with frames, but got none of \[3\]"):
        predict_course(frames, songs[songs["song_id"] != 3])
