# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Kill predictions of a library at random moments, continue them, and compare the table with that of an uninterrupted run.

    python tests/fuzz/kill_predict.py [--kills 100] [--num_workers 1 4] [--seed 0]

A third of the kills comes while the program starts, a third between and within songs, and a third while the table is
written. The next run with another number of threads continues. Each run that reaches its end is compared, byte for
byte, and the next one starts over. It is not part of the test suite: each start takes as long as the libraries take to
load.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
sys.path.append(str(REPOSITORY))

from modeling_ast_va import make_demo_deam  # noqa: E402

NUM_SONGS, SONG_SECONDS = 40, 6.0
PHASES = ("start", "songs", "table")
POLL_SECONDS = 0.0005


def write_library(folder: Path) -> Path:
    """Demo songs, one that is cut, and one that cannot be decoded."""
    songs = sorted(make_demo_deam(folder, NUM_SONGS, song_seconds=SONG_SECONDS).rglob("*.mp3"))
    songs[3].write_bytes(songs[3].read_bytes()[:20_000])
    songs[7].write_bytes(b"no music")
    return folder


def start(library: Path, output: Path, num_workers: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "modeling_ast_va", "predict", str(library), "--output", str(output)]
    log = output.with_name("log.txt")
    with log.open("w") as file:
        return subprocess.Popen(
            [*command, "--num_workers", str(num_workers), "--device", "cpu"], cwd=REPOSITORY, stdout=file, stderr=file
        )


def finish(run: subprocess.Popen, output: Path) -> bytes:
    """Wait for a run, and return its table."""
    if run.wait():
        raise SystemExit(f"A run failed with {run.returncode}:\n{output.with_name('log.txt').read_text()}")
    return output.read_bytes()


def kill(run: subprocess.Popen, output: Path, rng: random.Random, phase: str, start_seconds: float) -> bool:
    """Kill a run in a phase, at a random moment; False if it ended before."""
    journal = output.with_name(f"{output.name}.journal")
    before = num_lines(journal)
    lines = {"start": 0, "songs": before + rng.randint(1, 6), "table": NUM_SONGS + 1}[phase]
    while run.poll() is None and num_lines(journal) < lines:
        time.sleep(POLL_SECONDS)
    pause = rng.uniform(0, {"start": start_seconds, "songs": 0.2, "table": 0.05}[phase])
    end = time.monotonic() + pause
    while run.poll() is None and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
    run.kill()
    return run.wait() != 0


def num_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kill predictions at random moments, and continue them.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--num_workers", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    rng = random.Random(arguments.seed)
    kills: Counter[str] = Counter()
    num_tables = 0
    with tempfile.TemporaryDirectory() as temporary:
        library, output = write_library(Path(temporary) / "deam"), Path(temporary) / "songs.csv"
        began = time.monotonic()
        run = start(library, output, max(arguments.num_workers))
        while run.poll() is None and not output.with_name("songs.csv.journal").exists():
            time.sleep(POLL_SECONDS)
        start_seconds = time.monotonic() - began
        expected = finish(run, output)
        clear(output)
        while kills.total() < arguments.kills:
            run = start(library, output, rng.choice(arguments.num_workers))
            phase = PHASES[kills.total() % len(PHASES)]
            if kill(run, output, rng, phase, start_seconds):
                kills[phase] += 1
                if rng.random() < 0.8:
                    continue
                run = start(library, output, rng.choice(arguments.num_workers))
            check(finish(run, output), expected, output)
            num_tables += 1
            clear(output)
        check(finish(start(library, output, max(arguments.num_workers)), output), expected, output)
    print(
        f"{kills.total()} kills ({', '.join(f'{phase} {kills[phase]}' for phase in PHASES)}), seed {arguments.seed}: "
        f"all {num_tables + 1} tables are those of the uninterrupted run, byte for byte."
    )


def check(table: bytes, expected: bytes, output: Path) -> None:
    others = {path.name for path in output.parent.glob("*songs.csv*")} - {"songs.csv", "songs.csv.journal"}
    if table != expected or others:
        raise SystemExit(f"Expected the table of the uninterrupted run and no other file, but got {others}:\n{table!r}")


def clear(output: Path) -> None:
    for path in output.parent.glob("*songs.csv*"):
        path.unlink()


if __name__ == "__main__":
    main()
