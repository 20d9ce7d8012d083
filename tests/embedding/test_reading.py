# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Windows of songs, decoded ahead in threads."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import soundfile

from modeling_ast_va.audio_ast_va import stream_segments
from modeling_ast_va.embedding.reading import read_ahead, read_windows


def test_windows_come_in_order_and_with_the_reason_of_what_cannot_be_decoded(tmp_path):
    paths = [str(tmp_path / f"{name}.wav") for name in "abc"]
    for path, seconds in zip(paths, (1.3, 0, 0.7)):
        soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, round(seconds * 8000)), 8000)
    (tmp_path / "b.wav").write_bytes(b"no music")
    windows = list(read_windows(paths, 8000, 0.5, 0.25, num_workers=2))
    assert [song for song, _ in windows] == [0] * 4 + [1, 2]
    assert windows[4][1].startswith(f"{paths[1]}: expected an audio file")
    for song in (0, 2):
        found = [window for index, window in windows if index == song]
        for window, expected in zip(found, stream_segments(paths[song], 8000, 0.5, 0.25), strict=True):
            assert window.start_seconds == expected.start_seconds
            np.testing.assert_array_equal(window.waveform, expected.waveform)


def test_only_a_few_items_are_computed_ahead_and_in_threads():
    computed, threads, lock = [], set(), threading.Lock()

    def items(name):
        for item in range(10):
            with lock:
                computed.append((name, item))
                threads.add(threading.get_ident())
            time.sleep(0.001)
            yield name, item

    ahead = read_ahead((items(name) for name in range(20)), 3, num_workers=2)
    first = next(ahead)
    time.sleep(0.1)
    assert len(computed) <= 12  # of the first iterator six, of two others three
    assert [first, *ahead] == [(name, item) for name in range(20) for item in range(10)]
    assert len(threads) == 2
    assert threading.get_ident() not in threads


def test_an_error_in_a_thread_reaches_the_caller():
    def broken():
        yield 1
        raise OSError("the disk failed")

    with pytest.raises(OSError, match="the disk failed"):
        list(read_ahead(iter([broken()]), 3, num_workers=2))
