# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Shards of rows: the same for any number of processes, after every kill, and for two runs at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from datasets import Array2D, Dataset, Features, Value, disable_progress_bars, enable_progress_bars

from modeling_ast_va.data import cache as shards
from modeling_ast_va.data.cache import map_songs

FEATURES = Features({"song_id": Value("int64"), "detail": Value("string"), "input_values": Array2D((3, 2), "float32")})
NUM_SONGS = 11
DEADLINE_SECONDS = 30.0
needs_fork = pytest.mark.skipif(sys.platform != "linux", reason="the processes of these tests are forked")


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(shards, "SONGS_PER_SHARD", 2)
    monkeypatch.setattr(shards, "ORPHAN_POLL_SECONDS", 0.05)


def cut(song: dict, seconds: float = 0.0, log: Path | None = None) -> dict:
    """One to three rows of a song, of values that tell which; every fourth song is unusable."""
    time.sleep(seconds)
    if log:
        with log.open("a") as file:
            file.write(f"{song['song_id']} {os.getpid()}\n")
    if song["song_id"] % 4 == 3:
        return {"song_id": [song["song_id"]], "detail": ["unusable"], "input_values": [None]}
    count = 1 + song["song_id"] % 3
    values = np.arange(6 * count, dtype=np.float32).reshape(count, 3, 2) + 100 * song["song_id"]
    return {"song_id": [song["song_id"]] * count, "detail": [""] * count, "input_values": values}


def computed(log: Path) -> list[int]:
    return [int(line.split()[0]) for line in log.read_text().splitlines()]


def run(folder: Path, compute=cut, num_proc: int | None = 1) -> Dataset:
    songs = [{"song_id": song_id} for song_id in range(NUM_SONGS)]
    return map_songs(compute, songs, folder=folder, features=FEATURES, num_proc=num_proc, desc="Songs")


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("*.arrow")}


def wait_for(condition) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("num_proc", [1, 2, 5, None])
def test_rows_are_those_of_the_songs_in_order(tmp_path, num_proc):
    rows = run(tmp_path / "rows", num_proc=num_proc)
    expected = [cut({"song_id": song_id}) for song_id in range(NUM_SONGS)]
    assert rows.features == FEATURES
    assert rows["song_id"][:] == [song_id for song in expected for song_id in song["song_id"]]
    assert rows["detail"][:] == [detail for song in expected for detail in song["detail"]]
    for row, values in zip(rows, (values for song in expected for values in song["input_values"])):
        np.testing.assert_array_equal(row["input_values"], values)
    run(tmp_path / "alone")
    assert contents(tmp_path / "rows") == contents(tmp_path / "alone")
    assert len(contents(tmp_path / "rows")) == 6


def test_what_is_finished_is_only_read(tmp_path):
    run(tmp_path)
    before = {file: file.stat().st_mtime_ns for file in [tmp_path, *tmp_path.iterdir()]}
    log = tmp_path.with_suffix(".log")
    run(tmp_path, partial(cut, log=log), num_proc=2)
    assert {file: file.stat().st_mtime_ns for file in [tmp_path, *tmp_path.iterdir()]} == before
    assert not log.exists()


@needs_fork
@pytest.mark.parametrize("num_proc", [1, 2])
def test_a_run_that_was_killed_is_taken_up(tmp_path, num_proc):
    folder, first, second = tmp_path / "rows", tmp_path / "first", tmp_path / "second"
    slow = partial(cut, seconds=0.1, log=first)
    process = multiprocessing.get_context("fork").Process(target=run, args=(folder, slow, num_proc))
    process.start()
    wait_for(lambda: contents(folder))
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    workers = {int(line.split()[1]) for line in first.read_text().splitlines()}
    assert len(workers) == num_proc
    wait_for(lambda: not any(is_running(worker) for worker in workers))

    finished = {file: file.stat().st_mtime_ns for file in folder.glob("*.arrow")}
    assert 0 < len(finished) < 6
    (folder / "000004-000006-0123.tmp").write_text("half a shard")
    rows = run(folder, partial(cut, log=second), num_proc)
    assert {file: file.stat().st_mtime_ns for file in finished} == finished
    held = {song_id for file in finished for song_id in range(*map(int, file.stem.split("-")))}
    assert sorted(computed(second)) == [song_id for song_id in range(NUM_SONGS) if song_id not in held]
    assert not list(folder.glob("*.tmp"))
    uninterrupted = run(tmp_path / "uninterrupted")
    assert contents(folder) == contents(tmp_path / "uninterrupted")
    assert rows.to_list() == uninterrupted.to_list()


def is_running(pid: int) -> bool:
    """Neither gone nor dead and waiting for its parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def killed_at(song: dict, song_id: int) -> dict:
    if song["song_id"] == song_id:
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGKILL)
    return cut(song)


@needs_fork
def test_a_process_that_is_killed_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(RuntimeError, match=r"One of 2 processes .* was killed.* memory.* kept: .* num_proc"):
        run(tmp_path, partial(killed_at, song_id=7), num_proc=2)
    assert contents(tmp_path)
    assert "000006-000008.arrow" not in contents(tmp_path)
    assert run(tmp_path, num_proc=2)["song_id"][:] == run(tmp_path / "again")["song_id"][:]


def fail_at(song: dict, song_id: int) -> dict:
    if song["song_id"] == song_id:
        raise RuntimeError("a bug")
    return cut(song)


@pytest.mark.parametrize("num_proc", [1, 2])
def test_an_error_is_raised_as_it_is(tmp_path, num_proc):
    with pytest.raises(RuntimeError, match=r"^a bug$"):
        run(tmp_path, partial(fail_at, song_id=5), num_proc=num_proc)
    assert "000004-000006.arrow" not in contents(tmp_path)
    assert not list(tmp_path.glob("*.tmp"))


@needs_fork
def test_of_two_runs_at_once_one_computes(tmp_path):
    folder, log = tmp_path / "rows", tmp_path / "log"
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=run, args=(folder, partial(cut, seconds=0.02, log=log), 2)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(DEADLINE_SECONDS)
        assert process.exitcode == 0
    assert sorted(computed(log)) == list(range(NUM_SONGS))
    run(tmp_path / "alone")
    assert contents(folder) == contents(tmp_path / "alone")


def test_the_progress_bar_begins_at_what_is_finished(tmp_path, capfd):
    enable_progress_bars()  # a training run of another test may have left them off
    run(tmp_path)
    assert "11/11" in capfd.readouterr().err
    (tmp_path / "000002-000004.arrow").unlink()
    (tmp_path / "000010-000011.arrow").unlink()
    run(tmp_path)
    printed = capfd.readouterr().err
    assert "Songs:" in printed
    assert "| 8/11" in printed
    assert "| 11/11" in printed
    (tmp_path / "000010-000011.arrow").unlink()
    disable_progress_bars()
    try:
        run(tmp_path)
    finally:
        enable_progress_bars()
    assert capfd.readouterr().err == ""
