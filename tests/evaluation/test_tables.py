# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pandas as pd
import pytest
from datasets import Dataset

from modeling_ast_va.evaluation.tables import (
    ERROR_STDS,
    RATER_STDS,
    SEGMENT_COLUMNS,
    TRUE_RATER_STDS,
    read_segments,
    table_of_segments,
    table_of_songs,
    write_predictions,
)
from modeling_ast_va.metrics import songs_from_segments

ARTISTS = {2: "NA", 3: "A, B", 7: ""}
GROUPS = {2: 2, 3: 3, 7: 3}
ROWS = [(3, 0.0, 5.0), (2, 0.0, 5.0), (2, 5.0, 2.5), (7, 0.0, 5.0)]  # song, start, weight


@pytest.fixture
def segments():
    dataset = Dataset.from_list(
        [
            {
                "song_id": song,
                "group": GROUPS[song],
                "subset": "",
                "artist": ARTISTS[song],
                "start_seconds": start,
                "duration_seconds": 5.0,
                "weight_seconds": weight,
            }
            for song, start, weight in ROWS
        ]
    )
    ratings = np.array([[3.1, 4.2], [5.5, 6.6], [5.5, 6.6], [7.0, 1.0]], dtype=np.float32)
    predictions = np.array([[3.0, 4.0], [5.0, 6.0], [6.5, 9.0], [7.0, 2.0]], dtype=np.float32)
    return table_of_segments(dataset.with_format("numpy"), ratings, predictions).assign(split="test")


def test_a_row_for_each_segment_in_the_order_of_the_dataset(segments):
    assert list(segments) == [*SEGMENT_COLUMNS, "split"]
    assert list(zip(segments["song_id"], segments["start_seconds"], segments["weight_seconds"])) == ROWS
    assert segments["valence"].tolist() == [3.1, 5.5, 5.5, 7.0]  # as rated, without the rounding of single precision


def test_songs_are_means_weighted_by_duration(segments):
    songs = table_of_songs(segments)
    assert songs["song_id"].tolist() == [2, 3, 7]
    assert songs["artist"].tolist() == ["NA", "A, B", ""]
    assert songs["group"].tolist() == [2, 3, 3]
    assert songs["predicted_valence"].tolist() == pytest.approx([(2 * 5 + 6.5) / 3, 3, 7])
    assert songs["predicted_arousal"].tolist() == pytest.approx([(2 * 6 + 9) / 3, 4, 2])
    assert songs["num_segments"].tolist() == [2, 1, 1]
    expected = songs_from_segments(
        segments["song_id"],
        segments[["valence", "arousal"]],
        segments[["predicted_valence", "predicted_arousal"]],
        segments["weight_seconds"],
    )
    deviations = songs[["predicted_valence_std", "predicted_arousal_std"]]
    np.testing.assert_allclose(deviations, expected.prediction_stds)


def test_written_tables_are_read_with_any_artist_name(segments, tmp_path):
    write_predictions(segments, tmp_path)
    pd.testing.assert_frame_equal(read_segments(tmp_path), segments, atol=1e-5)
    songs = pd.read_csv(tmp_path / "predictions.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(songs, table_of_songs(segments), atol=1e-4)


def test_a_file_without_groups_is_refused(segments, tmp_path):
    write_predictions(segments.drop(columns="group"), tmp_path)
    with pytest.raises(ValueError, match=r"Expected the columns song_id, group, .* but got a file without group\."):
        read_segments(tmp_path)


@pytest.fixture
def spread_segments(segments):
    """The segments with spreads; those of the raters of the song 7 are not known."""
    columns = {
        ERROR_STDS: [[0.5, 0.6], [0.3, 1.0], [0.6, 1.0], [0.7, 0.8]],
        RATER_STDS: [[1.0, 1.1], [1.3, 1.4], [1.6, 1.1], [1.5, 1.2]],
        TRUE_RATER_STDS: [[1.25, 1.5], [1.0, 2.0], [1.0, 2.0], [np.nan, np.nan]],
    }
    return segments.assign(**{name: v for names, rows in columns.items() for name, v in zip(names, np.transpose(rows))})


def test_spreads_of_songs_are_pooled_over_segments(spread_segments, segments):
    songs = table_of_songs(spread_segments)
    assert songs["predicted_valence_error_std"].tolist() == pytest.approx([(0.3**2 * 0.6) ** (1 / 3), 0.5, 0.7])
    assert songs["predicted_arousal_error_std"].tolist() == pytest.approx([1, 0.6, 0.8])
    assert songs["predicted_valence_rater_std"].tolist() == pytest.approx([(2 * 1.3 + 1.6) / 3, 1.0, 1.5])
    np.testing.assert_array_equal(songs["valence_rater_std"], [1.0, 1.25, np.nan])
    np.testing.assert_array_equal(songs["arousal_rater_std"], [2.0, 1.5, np.nan])
    assert not {*ERROR_STDS, *RATER_STDS, *TRUE_RATER_STDS} & set(table_of_songs(segments))


def test_unknown_spreads_of_raters_are_read_as_such(spread_segments, tmp_path):
    write_predictions(spread_segments, tmp_path)
    pd.testing.assert_frame_equal(read_segments(tmp_path), spread_segments, atol=1e-5)
