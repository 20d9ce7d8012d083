# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""What runs in the processes of a Ray cluster, without a cluster."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

import numpy as np
import pyarrow
import pytest
from deam_folder import write_song

from modeling_ast_va.hub.folder import save_hub_folder
from modeling_ast_va.prediction import load_pipeline
from modeling_ast_va.prediction.rated_parts import KEY, part_columns, song_key
from modeling_ast_va.prediction.ray_workers import MAX_ATTEMPTS, Attempts, SongRater, run_settings

pytest.importorskip("ray", reason="needs ray")


@pytest.fixture
def options(model, feature_extractor, tmp_path):
    save_hub_folder(model, feature_extractor, tmp_path / "model")
    return {"model": str(tmp_path / "model"), "batch_size": 16, "dtype": "float32", "device": None}


@pytest.fixture
def make_rater(options, tmp_path, monkeypatch):
    """Makes a process's object; what is remote in a cluster is here."""
    monkeypatch.setattr("ray.get", lambda value: value)
    monkeypatch.setattr("ray.get_gpu_ids", list)
    monkeypatch.chdir(tmp_path)
    counts = Attempts()
    attempts = SimpleNamespace(
        counts=counts, start=SimpleNamespace(remote=counts.start), finish=SimpleNamespace(remote=counts.finish)
    )

    def make(finished=(), **changed):
        settings = (
            run_settings(load_pipeline(options["model"], "cpu"), coverage=0.9, segment_hop_seconds=None) | changed
        )
        keys = np.sort(np.array(finished, KEY))
        return SongRater(options, settings, part_columns(), keys, attempts, str(tmp_path))

    return make


def songs(*names):
    return pyarrow.table({"path": [os.fsencode(name) for name in names], "position": list(range(len(names)))})


def version(path, *ffmpeg):
    status = os.stat(path)
    return json.dumps([[status.st_size, status.st_mtime_ns], *ffmpeg])


def test_what_is_finished_in_this_version_gives_an_empty_row(make_rater):
    for name in ("a.mp3", "b.mp3"):
        write_song(name, 2.0)
    first, second = make_rater()(songs("a.mp3", "missing.mp3")).to_pylist()
    assert first["version"] == version("a.mp3")
    assert first["num_segments"] == 2
    assert (second["version"], second["valence"]) == (None, None)
    assert "missing.mp3" in second["error"]
    keys = [song_key("a.mp3", first["version"]), song_key("b.mp3", "[[1, 1]]")]
    kept, rated = make_rater(keys)(songs("a.mp3", "b.mp3")).to_pylist()
    assert set(kept.values()) == {None}
    assert rated["path"] == "b.mp3"
    os.utime("a.mp3", ns=(0, 0))
    assert make_rater(keys)(songs("a.mp3")).to_pylist()[0]["path"] == "a.mp3"


def test_a_song_that_was_started_too_often_gets_an_error_and_the_next_one_its_ratings(make_rater):
    write_song("a.mp3", 2.0)
    rater = make_rater()
    for _ in range(MAX_ATTEMPTS - 1):
        rater.attempts.counts.start(0)
    assert rater(songs("a.mp3", "a.mp3"))["error"].to_pylist() == [None, None]
    assert not rater.attempts.counts.started
    for _ in range(MAX_ATTEMPTS):
        rater.attempts.counts.start(0)
    first, second = rater(songs("a.mp3", "a.mp3")).to_pylist()
    assert first["error"].startswith("a.mp3: expected a rating, but the process ended 3 times")
    assert (first["version"], first["valence"], first["num_segments"]) == (None, None, 0)
    assert second["error"] is None
    assert not rater.attempts.counts.started


def test_another_model_or_version_is_refused(make_rater):
    with pytest.raises(ValueError, match=r"Expected .*'version': '0.0.1'.* on every machine, but .* has "):
        make_rater(version="0.0.1")
