# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pandas as pd
from deam_folder import SMALL_OPTIONS

from modeling_ast_va.data import annotated_rows as module
from modeling_ast_va.data.dataset import load_segments, split_dataset
from modeling_ast_va.data.deam import read_deam
from modeling_ast_va.data.splits import SplitSettings, split_segments


def test_rows_are_the_same_in_blocks(deam, cache, monkeypatch):
    songs = read_deam(deam)
    rows = load_segments(songs, cache_dir=cache, **SMALL_OPTIONS).rows
    monkeypatch.setattr(module, "ROWS_PER_BLOCK", 7)
    in_blocks = load_segments(songs, cache_dir=cache, **SMALL_OPTIONS).rows
    assert len(in_blocks.data.column("path").chunks) > len(rows.data.column("path").chunks)
    for name in ("path", "labels", "artist", "group"):
        assert in_blocks.with_format(None)[name][:] == rows.with_format(None)[name][:]


def test_songs_are_split_as_their_segments(deam, cache):
    rows = load_segments(read_deam(deam), segment_seconds=2.0, cache_dir=cache).rows
    for split_by in ("artist", "song", "segment", "none"):
        splits = split_dataset(rows, SplitSettings(split_by, seed=3))
        expected = split_segments(rows[:], SplitSettings(split_by, seed=3))
        assert splits.keys() == expected.keys()
        for name, part in splits.items():
            table = rows.select(expected[name]).to_pandas()
            pd.testing.assert_frame_equal(part.to_pandas(), table)
