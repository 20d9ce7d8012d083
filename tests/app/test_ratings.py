# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Ratings of uploads: by models of today and later ones, and of files that cannot be rated."""

from __future__ import annotations

import logging

import pytest
import soundfile
from hub_folder import tiny_model
from music import chords
from rated_songs import LEAST, MOST, failed, least, most
from transformers import pipeline

from modeling_ast_va.app.ratings import Rater
from modeling_ast_va.app.uploads import Upload


@pytest.fixture
def music_emotion(model, feature_extractor):
    return pipeline("music-emotion", model=model, feature_extractor=feature_extractor)


@pytest.fixture
def upload(tmp_path):
    def write(name="song.wav", data=None):
        path = tmp_path / name / "key.wav"
        path.parent.mkdir()
        if data is None:
            soundfile.write(path, chords(4, 8000), 8000)
        else:
            path.write_bytes(data)
        return Upload(path, name, f"key of {name}")

    return write


def test_a_rating_is_that_of_the_pipeline(music_emotion, upload):
    one = upload()
    expected = music_emotion(str(one.path))
    rating = Rater(music_emotion).rate(one)
    assert (rating.name, rating.key, rating.error) == ("song.wav", "key of song.wav", "")
    assert rating.result["valence"] == expected["valence"]
    assert rating.point == (expected["valence"], expected["arousal"])
    assert rating.scale == (1.0, 9.0)
    assert rating.midpoint == 5
    assert rating.seconds == pytest.approx(4)
    assert [moment[0] for moment in rating.course] == pytest.approx([0.75, 2.25, 3.25])


def test_the_course_is_that_of_frames_where_the_model_has_them(upload):
    model, feature_extractor = tiny_model(use_frame_head=True)
    music_emotion = pipeline("music-emotion", model=model, feature_extractor=feature_extractor)
    seconds = [moment[0] for moment in Rater(music_emotion).rate(upload()).course]
    assert seconds == pytest.approx([0.5 * index for index in range(len(seconds))])
    assert len(seconds) > 4


def test_errors_name_the_song_and_not_the_path(music_emotion, upload):
    rating = Rater(music_emotion).rate(upload("cover.mp3", b"no audio"))
    assert rating.error.startswith("expected an audio file, but")
    assert "key.wav" not in rating.error
    short = upload("short.wav", b"")
    soundfile.write(short.path, chords(0.1, 8000), 8000)
    assert Rater(music_emotion).rate(short).error == "expected at least 0.5 s of audio, but got 0.100 s."
    gone = upload("gone.wav")
    gone.path.unlink()
    assert "key.wav" not in Rater(music_emotion).rate(gone).error


def test_every_upload_is_deleted(music_emotion, upload, caplog):
    caplog.set_level(logging.WARNING)
    uploads = [upload("a.wav"), upload("b.mp3", b"no audio"), upload("c.wav")]
    remaining = [
        (rating.error == "", [one.path.exists() for one in uploads])
        for rating in Rater(music_emotion).rate_all(uploads)
    ]
    assert remaining == [
        (True, [False, True, True]),
        (False, [False, False, True]),
        (True, [False, False, False]),
    ]
    assert caplog.records == []


def test_uploads_are_deleted_when_nobody_waits_or_an_error_is_unexpected(music_emotion, upload, monkeypatch):
    uploads = [upload("a.wav"), upload("b.wav")]
    ratings = Rater(music_emotion).rate_all(uploads)
    next(ratings)
    ratings.close()
    assert not any(one.path.exists() for one in uploads)
    one = upload("c.wav")
    rater = Rater(music_emotion)
    monkeypatch.setattr(rater, "rate", lambda upload: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(rater.rate_all([one]))
    assert not one.path.exists()


def test_what_a_model_does_not_predict_is_missing():
    assert least().interval("valence") is None
    assert [moment[0] for moment in least().course] == [1.5, 4.5]
    assert most().interval("valence") == (4.9, 7.3)
    assert most().interval("arousal") == (1, 5.6)
    assert most().course[1] == (0.5, 6.05, 3.95)


def test_rows_have_the_columns_of_tables():
    row = most().row
    assert {name: row[name] for name in ("path", "valence_low", "valence_high", "num_segments", "error")} == {
        "path": "song.mp3",
        "valence_low": 4.9,
        "valence_high": 7.3,
        "num_segments": 2,
        "error": None,
    }
    assert "valence_low" not in least().row
    assert failed().row["error"] == "expected an audio file, but it is empty."
    assert LEAST["segments"]
    assert MOST["segments"]  # are not changed
