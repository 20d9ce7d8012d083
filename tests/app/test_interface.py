# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The page as gradio has it: what happens after an upload, and who waits for whom."""

from __future__ import annotations

import pytest
import soundfile
from music import chords
from transformers import pipeline

gradio = pytest.importorskip("gradio", reason="the app needs the packages of the extra app")

from modeling_ast_va.app.interface import Interface  # noqa: E402
from modeling_ast_va.app.ratings import Rater  # noqa: E402


@pytest.fixture
def interface(model, feature_extractor, tmp_path):
    music_emotion = pipeline("music-emotion", model=model, feature_extractor=feature_extractor)
    return Interface(Rater(music_emotion), tmp_path, num_workers=2)


@pytest.fixture
def uploaded(tmp_path):
    """Upload songs, and make the event of it."""

    def write(*names):
        songs = []
        for name in names:
            path = tmp_path / f"hash of {name}" / "key.wav"
            path.parent.mkdir()
            soundfile.write(path, chords(2, 8000), 8000)
            songs.append({"path": str(path), "name": name, "key": f"key of {name}"})
        return gradio.EventData(None, {"songs": songs})

    return write


def test_a_song_is_rated_and_deleted(interface, uploaded, tmp_path):
    html = interface.rate_song(uploaded("a.wav"))
    assert 'data-song="key of a.wav"' in html
    assert "Not rated" not in html
    assert list(tmp_path.iterdir()) == []


def test_songs_of_a_batch_are_shown_one_by_one(interface, uploaded, tmp_path):
    pages = list(interface.rate_batch(uploaded("a.wav", "b.wav")))
    assert ["1 of 2 songs" in pages[0], "2 songs rated" in pages[1]] == [True, True]
    assert list(tmp_path.iterdir()) == []


def test_other_events_are_messages(interface, uploaded, tmp_path):
    for event in (gradio.EventData(None, {}), gradio.EventData(None, {"songs": [{"path": "/etc/passwd"}]})):
        assert 'role="alert"' in interface.rate_song(event)
        assert 'role="alert"' in next(interface.rate_batch(event))
    assert "Expected at most 1 songs at a time, but got 2." in interface.rate_song(uploaded("a.wav", "b.wav"))
    assert "Expected at most 20 songs" in next(interface.rate_batch(uploaded(*map(str, range(21)))))
    assert list(tmp_path.iterdir()) == []


def test_songs_wait_in_one_queue_and_no_program_may_call(interface):
    blocks = interface.build().queue(api_open=False)
    rating = [one for one in blocks.fns.values() if one.concurrency_id == "model"]
    assert len(rating) == 4  # one song, two that are compared, several
    assert {one.concurrency_limit for one in rating} == {2}
    assert {one.api_visibility for one in blocks.fns.values()} == {"private"}
    assert blocks.analytics_enabled is False


def test_fonts_are_those_of_the_system(interface):
    theme = interface.launch_options()["theme"]
    assert theme._stylesheets == []
