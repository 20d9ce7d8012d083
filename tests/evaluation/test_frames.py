# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import pandas as pd
import pytest

from modeling_ast_va.evaluation.frames import FRAME_COLUMNS, read_frames, write_frames

ROWS = [(7, 2, 15.5, 5.25, 6.5, 0.125, -1.0), (12, 2, 16.0, 3.0, 2.0, 0.0, 1.0)]


@pytest.fixture
def frames():
    return pd.DataFrame(ROWS, columns=FRAME_COLUMNS)


def test_written_frames_are_read(frames, tmp_path):
    write_frames(frames.assign(other=1), tmp_path / "fold")
    pd.testing.assert_frame_equal(read_frames(tmp_path / "fold"), frames)
    assert read_frames(tmp_path) is None


def test_song_ids_may_be_texts(frames, tmp_path):
    named = frames.assign(song_id=["NA", "a/b.mp3"])
    write_frames(named, tmp_path)
    assert read_frames(tmp_path)["song_id"].tolist() == ["NA", "a/b.mp3"]


def test_a_table_without_a_column_is_refused(frames, tmp_path):
    with pytest.raises(ValueError, match=r"Expected the columns song_id, .* but got none called time, dynamic_valence"):
        write_frames(frames.drop(columns=["time", "dynamic_valence"]), tmp_path)
    assert not list(tmp_path.iterdir())
    (tmp_path / "frame_predictions.csv").write_text("song_id,group\n1,1\n")
    with pytest.raises(ValueError, match=r"frame_predictions\.csv'?, but got none called time, predicted_valence"):
        read_frames(tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "much"])
def test_a_value_that_is_no_finite_number_is_refused(frames, tmp_path, value):
    damaged = frames.assign(predicted_arousal=[value, 1.0])
    with pytest.raises(ValueError, match="Expected finite numbers in the column predicted_arousal"):
        write_frames(damaged, tmp_path)
    damaged.to_csv(tmp_path / "frame_predictions.csv", index=False)
    with pytest.raises(ValueError, match="Expected finite numbers in the column predicted_arousal"):
        read_frames(tmp_path)
