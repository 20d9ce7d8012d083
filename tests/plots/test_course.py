# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The plot of a song: the file is an image of the stated size, no label is cut off, and it shows the course."""

import numpy as np
import pytest
from figure_checks import assert_is_whole, lines_of

from modeling_ast_va.plots import plot_course
from modeling_ast_va.plots.figures import COLORS


def make_segments(num_segments, seconds=5.0):
    values = np.random.default_rng(0).uniform(2, 8, (num_segments, 2))
    return [
        {"start": i * seconds, "end": (i + 1) * seconds, "valence": v, "arousal": a} for i, (v, a) in enumerate(values)
    ]


@pytest.mark.parametrize("num_segments", [1, 3, 7200])
def test_course_is_whole(num_segments, tmp_path):
    path = tmp_path / "course.png"
    assert_is_whole(plot_course(make_segments(num_segments), path), path)


def test_course_shows_segments_over_minutes_and_seconds(tmp_path):
    segments = make_segments(24)
    panels = plot_course(segments, tmp_path / "plot.png").axes
    for dimension, axes in zip(COLORS, panels, strict=True):
        assert (axes.get_xlim(), axes.get_ylim()) == ((0, 120), (1, 9))
        expected = [[(segment["start"] + segment["end"]) / 2, segment[dimension]] for segment in segments]
        assert lines_of(axes)["predicted"].get_xydata().tolist() == expected
        assert lines_of(axes)["predicted"].get_color() == COLORS[dimension]
        bars = [bar.tolist() for bar in axes.collections[0].get_segments()]
        assert bars == [[[one["start"], one[dimension]], [one["end"], one[dimension]]] for one in segments]
        assert axes.get_legend() is None
    ticks = [label.get_text() for label in panels[1].get_xticklabels() if 0 <= label.get_position()[0] <= 120]
    assert ticks == ["0:00", "0:15", "0:30", "0:45", "1:00", "1:15", "1:30", "1:45", "2:00"]
    names = [[label.get_text() for label in axes.get_yticklabels()] for axes in panels]
    assert names == [["unpleasant 1", "3", "5", "7", "pleasant 9"], ["calm 1", "3", "5", "7", "excited 9"]]


def make_frames(num_frames):
    return [{"time": row["start"] / 10, **{name: row[name] for name in COLORS}} for row in make_segments(num_frames)]


def test_frames_have_a_band_and_annotations(tmp_path):
    frames, path = make_frames(90), tmp_path / "plot.png"
    annotations = [{"time": 15.0 + i, "valence": 4.0, "arousal": 6.0 + i} for i in range(3)]
    figure = plot_course(frames, path, intervals=[[3.5, 6.5], [2.0, 9.5]], annotations=annotations)
    assert_is_whole(figure, path)
    for column, (dimension, axes) in enumerate(zip(COLORS, figure.axes)):
        (band,) = axes.collections  # and no bars
        assert band.get_datalim(axes.transData).intervaly.tolist() == [[3.5, 6.5], [2.0, 9.5]][column]
        drawn = lines_of(axes)["annotated"].get_xydata().tolist()
        assert drawn == [[row["time"], row[dimension]] for row in annotations]
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["interval", "annotated", "predicted"]
    assert figure.axes[0].get_ylim() == (1, 9)
    assert figure.axes[1].get_ylim() == (1, 10)  # nothing is outside


def test_a_band_may_differ_by_row_and_is_level_within_segments(tmp_path):
    segments = make_segments(2)
    intervals = [[[3.0, 4.0], [5.0, 6.0]], [[2.0, 7.0], [4.0, 8.0]]]
    panels = plot_course(segments, tmp_path / "plot.png", intervals=intervals).axes
    (outline,) = panels[0].collections[0].get_paths()
    corners = {tuple(corner) for corner in outline.vertices.tolist()}
    assert {(0, 3), (0, 4), (5, 3), (5, 4), (5, 2), (5, 7), (10, 2), (10, 7)} <= corners


def test_a_course_without_rows_is_refused(tmp_path):
    with pytest.raises(ValueError, match="Expected the segments or frames of a song, but got none"):
        plot_course([], tmp_path / "plot.png")
