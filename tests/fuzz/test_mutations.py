# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""A small share of mutate_audio.py."""

from __future__ import annotations

import pytest
from fuzz.mutations import find_fault, mutated_song, write_songs

from modeling_ast_va.prediction import load_pipeline
from modeling_ast_va.released import RELEASED_MODEL

pytest.importorskip("av")


def test_damaged_files_are_rated_on_the_scale_or_are_errors(tmp_path):
    songs = write_songs(tmp_path)
    contents = [mutated_song(songs, seed)[1] for seed in range(5 * len(songs))]
    results = load_pipeline(RELEASED_MODEL)(contents, on_error="return")
    assert len(results) == len(contents)
    assert [fault for result in results if (fault := find_fault(result))] == []
    num_errors = sum("error" in result for result in results)
    assert 0.2 * len(results) < num_errors < 0.8 * len(results)
