# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Cached rows are the same for any number of processes, after every kill, and for two runs at once."""

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

from modeling_ast_va.data import cache as cache_module
from modeling_ast_va.data.cache import map_songs

FEATURES = Features({"song_id": Value("int64"), "detail": Value("string"), "input_values": Array2D((3, 2), "float32")})
NUM_SONGS = 11
SHARDS_OF_FOUR = ("000000-000004", "000004-000008", "000008-000011")
DEADLINE_SECONDS = 30.0
needs_fork = pytest.mark.skipif(sys.platform != "linux", reason="the processes of these tests are forked")


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(cache_module, "SONGS_PER_SHARD", 2)


def cut(song: dict, seconds: float = 0.0, log: Path | None = None) -> dict:
    """One to three rows of a song with values of its own; every fourth song is unusable."""
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


def run(
    cache_dir: Path, compute=cut, num_proc: int | None = 1, key: dict | None = None, path=__file__, features=FEATURES
) -> Dataset:
    return map_songs(
        compute,
        [{"song_id": song_id, "path": str(path)} for song_id in range(NUM_SONGS)],
        name="rows",
        key=key or {"version": 1, "settings": {"a": 1, "b": None}},
        features=features,
        num_proc=num_proc,
        cache_dir=cache_dir,
        desc="Songs",
    )


def shards(cache_dir: Path) -> list[Path]:
    return sorted(cache_dir.glob("modeling_ast_va/rows-*/*.arrow"))


def contents(cache_dir: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in shards(cache_dir)}


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


def test_finished_rows_are_only_read(tmp_path):
    run(tmp_path / "rows")
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    log = tmp_path / "log"
    run(tmp_path / "rows", partial(cut, log=log), num_proc=2, key={"settings": {"b": None, "a": 1}, "version": 1})
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before


def test_many_songs_are_in_few_shards(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "MAX_SHARDS", 3)
    rows = run(tmp_path, num_proc=2)
    assert [file.name for file in shards(tmp_path)] == [f"{name}.arrow" for name in SHARDS_OF_FOUR]
    assert rows["song_id"][:] == run(tmp_path)["song_id"][:]


def test_rows_without_arrays_are_joined_to_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "SONGS_PER_SHARD", 20)
    monkeypatch.setattr(cache_module, "ROWS_PER_BATCH", 5)
    rows = run(tmp_path / "arrays")
    assert [len(batch) for batch in rows.data.to_batches()] == [1, 2, 3, 1, 2, 3, 1, 1, 3, 1, 2]
    texts = run(tmp_path / "texts", compute=cut_texts, features=Features({"song_id": Value("int64")}))
    assert [len(batch) for batch in texts.data.to_batches()] == [6, 6, 5, 3]
    assert texts["song_id"][:] == rows["song_id"][:]


def cut_texts(song: dict) -> dict:
    return {"song_id": cut(song)["song_id"]}


def test_another_key_or_file_is_computed_separately(tmp_path):
    file = tmp_path / "song"
    file.write_bytes(b"one")
    cache_dir = tmp_path / "cache"
    run(cache_dir, path=file)
    run(cache_dir, path=file, key={"version": 2})
    assert len(shards(cache_dir)) == 2 * 6
    file.write_bytes(b"other")
    run(cache_dir, path=file)
    assert len(shards(cache_dir)) == 3 * 6
    os.utime(file, (0, 0))
    run(cache_dir, path=file)
    assert len(shards(cache_dir)) == 4 * 6


def test_a_relative_path_is_the_same_file(tmp_path, monkeypatch):
    run(tmp_path)
    monkeypatch.chdir(Path(__file__).parent)
    run(tmp_path, path=Path(__file__).name)
    assert len(shards(tmp_path)) == 6


@needs_fork
@pytest.mark.parametrize("num_proc", [1, 2])
def test_a_run_that_was_killed_is_continued(tmp_path, num_proc):
    cache_dir, first, second = tmp_path / "rows", tmp_path / "first", tmp_path / "second"
    slow = partial(cut, seconds=0.1, log=first)
    process = multiprocessing.get_context("fork").Process(target=run, args=(cache_dir, slow, num_proc))
    process.start()
    wait_for(lambda: shards(cache_dir))
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    workers = {int(line.split()[1]) for line in first.read_text().splitlines()}
    assert len(workers) == num_proc
    wait_for(lambda: not any(is_running(worker) for worker in workers))

    finished = {file: file.stat().st_mtime_ns for file in shards(cache_dir)}
    assert 0 < len(finished) < 6
    (shards(cache_dir)[0].parent / "000004-000006-0123.tmp").write_text("half a shard")
    rows = run(cache_dir, partial(cut, log=second), num_proc)
    assert {file: file.stat().st_mtime_ns for file in finished} == finished
    kept = {song_id for file in finished for song_id in range(*map(int, file.stem.split("-")))}
    assert sorted(computed(second)) == [song_id for song_id in range(NUM_SONGS) if song_id not in kept]
    assert not list(cache_dir.rglob("*.tmp"))
    uninterrupted = run(tmp_path / "uninterrupted")
    assert contents(cache_dir) == contents(tmp_path / "uninterrupted")
    assert rows.to_list() == uninterrupted.to_list()


def is_running(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
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
def test_a_process_that_is_killed_is_an_error_with_advice(tmp_path):
    with pytest.raises(OSError, match=r"Expected 2 processes .* was killed.* memory.* kept: .* num_proc"):
        run(tmp_path, partial(killed_at, song_id=7), num_proc=2)
    assert contents(tmp_path)
    assert "000006-000008.arrow" not in contents(tmp_path)
    assert run(tmp_path, num_proc=2)["song_id"][:] == run(tmp_path / "alone")["song_id"][:]


def fail_at(song: dict, song_id: int) -> dict:
    if song["song_id"] == song_id:
        raise RuntimeError("a bug")
    return cut(song)


@pytest.mark.parametrize("num_proc", [1, 2])
def test_an_error_is_raised_unchanged(tmp_path, num_proc):
    with pytest.raises(RuntimeError, match=r"^a bug$"):
        run(tmp_path, partial(fail_at, song_id=5), num_proc=num_proc)
    assert "000004-000006.arrow" not in contents(tmp_path)
    assert not list(tmp_path.rglob("*.tmp"))


def vanish_at(song: dict, song_id: int, path: Path) -> dict:
    if song["song_id"] == song_id:
        path.rename(path.with_name("elsewhere"))  # at once: another process may write into a folder meanwhile
    return cut(song)


@pytest.mark.parametrize("num_proc", [1, 2])
def test_a_cache_that_vanishes_is_named(tmp_path, num_proc):
    cache_dir = tmp_path / "cache"
    with pytest.raises(
        OSError, match=r"songs in the cache folder '.*cache/modeling_ast_va/rows-.*', but it has vanished"
    ):
        run(cache_dir, partial(vanish_at, song_id=5, path=cache_dir), num_proc)


@pytest.mark.parametrize("num_proc", [1, 2])
def test_a_song_that_vanishes_is_named_and_nothing_is_kept_of_it(tmp_path, num_proc):
    song, cache_dir = tmp_path / "song.mp3", tmp_path / "cache"
    song.touch()
    vanish = partial(vanish_at, song_id=10, path=song)
    with pytest.raises(ValueError, match=r"Expected the file '.*song.mp3', but the system reports: No such file"):
        run(cache_dir, vanish, num_proc, path=song)
    assert "000010-000011.arrow" not in contents(cache_dir)
    with pytest.raises(ValueError, match=r"Expected the file '.*song.mp3'"):
        run(cache_dir, path=song)


def test_a_song_that_changes_is_named_and_nothing_is_kept_of_it(tmp_path):
    song = tmp_path / "song.mp3"
    song.touch()

    def change(_: dict) -> dict:
        song.write_text("more")
        return cut({"song_id": 0})

    with pytest.raises(ValueError, match=r"Expected '.*song.mp3' to stay as it was, but it has changed meanwhile"):
        run(tmp_path / "cache", change, path=song)
    assert not contents(tmp_path / "cache")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "ArrowWriter", partial(write_to_full_disk, cache_module.ArrowWriter))
    with pytest.raises(OSError, match=r"in the cache folder '.*rows-.*', but the system reports: No space left"):
        run(tmp_path)
    assert not contents(tmp_path)


def write_to_full_disk(original, features, path):
    os.symlink("/dev/full", path)
    return original(features=features, path=path)


@needs_fork
def test_of_two_runs_at_once_one_computes(tmp_path):
    cache_dir, log = tmp_path / "rows", tmp_path / "log"
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=run, args=(cache_dir, partial(cut, seconds=0.02, log=log), 2)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(DEADLINE_SECONDS)
        assert process.exitcode == 0
    assert sorted(computed(log)) == list(range(NUM_SONGS))
    run(tmp_path / "alone")
    assert contents(cache_dir) == contents(tmp_path / "alone")


def test_the_progress_bar_starts_at_the_finished_songs(tmp_path, capfd):
    enable_progress_bars()  # a training run of another test may have disabled them
    run(tmp_path)
    assert "11/11" in capfd.readouterr().err
    shards(tmp_path)[5].unlink()
    shards(tmp_path)[1].unlink()
    run(tmp_path)
    printed = capfd.readouterr().err
    assert "Songs:" in printed
    assert "| 8/11" in printed
    assert "| 11/11" in printed
    shards(tmp_path)[5].unlink()
    disable_progress_bars()
    try:
        run(tmp_path)
    finally:
        enable_progress_bars()
    assert capfd.readouterr().err == ""
