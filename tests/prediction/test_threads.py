# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Threads that predict songs."""

import threading
import time
from functools import partial

import pytest
import torch

from modeling_ast_va.prediction.threads import map_in_threads


def test_as_many_songs_are_processed_at_the_same_time_as_there_are_threads():
    active, counts, drawn, lock = set(), [], [], threading.Lock()

    def process(path):
        with lock:
            active.add(path)
            counts.append((len(active), torch.get_num_threads()))
        time.sleep(0.01)
        with lock:
            active.remove(path)
        return path

    def library():
        for i in range(40):
            drawn.append(i)
            yield str(i)

    before = torch.get_num_threads()
    results = map_in_threads([process], library(), num_workers=3)
    first = next(results)
    assert len(drawn) <= 9
    assert sorted([first, *results]) == sorted(map(str, range(40)))
    assert max(counts) == (3, 1)
    assert torch.get_num_threads() == before


def test_threads_are_shared_out_among_the_devices():
    active, most, lock = {"cuda:0": 0, "cuda:1": 0}, {"cuda:0": 0, "cuda:1": 0}, threading.Lock()

    def process(device, path):
        with lock:
            active[device] += 1
            most[device] = max(most[device], active[device])
        time.sleep(0.01)
        with lock:
            active[device] -= 1
        return device

    devices = list(map_in_threads([partial(process, device) for device in active], map(str, range(40)), num_workers=3))
    assert most == {"cuda:0": 2, "cuda:1": 1}
    assert 0 < devices.count("cuda:1") < 40


def test_results_that_are_finished_come_before_an_error():
    def process(path):
        if path == "0":
            raise RuntimeError("expected")
        return path

    results = map_in_threads([process], ["1", "2", "0", "3"], num_workers=1)
    assert [next(results), next(results)] == ["1", "2"]
    with pytest.raises(RuntimeError, match="expected"):
        list(results)
