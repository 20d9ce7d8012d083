# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Predict damaged audio files, each of which must give a rating on the scale or an error.

    python tests/fuzz/mutate_audio.py [--num_files 10000] [--seed 0] [--num_workers 2]

A process that dies or needs more than 30 s for a file is a fault too. Faults are printed with the seed of their file,
`mutated_song(songs, seed)` in mutations.py, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import collections
import multiprocessing
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from mutations import find_fault, mutated_song, write_songs  # noqa: E402

MAX_SECONDS = 30.0
START_SECONDS = 120.0


def predict_songs(connection, songs: list[Path]) -> None:
    """Answer each seed with the result of its file."""
    import torch

    from modeling_ast_va.prediction import load_pipeline
    from modeling_ast_va.released import RELEASED_MODEL

    torch.set_num_threads(1)
    music_emotion = load_pipeline(RELEASED_MODEL)
    connection.send("ready")
    while (seed := connection.recv()) is not None:
        _, content = mutated_song(songs, seed)
        music_emotion.call_count = 0
        connection.send(music_emotion(content, on_error="return"))


class Worker:
    """A process that predicts songs, and is started again after it died or hung."""

    def __init__(self, songs: list[Path]):
        self.songs, self.process, self.slowest_seconds = songs, None, 0.0

    def predict(self, seed: int) -> str | dict:
        """The result of a file, or what happened to the process."""
        if self.process is None:
            self.connection, theirs = multiprocessing.Pipe()
            arguments = (theirs, self.songs)
            self.process = multiprocessing.Process(target=predict_songs, args=arguments, daemon=True)
            self.process.start()
            theirs.close()
            if not self.connection.poll(START_SECONDS):
                raise RuntimeError(f"Expected a worker to start within {START_SECONDS} s.")
            self.connection.recv()
        start = time.monotonic()
        try:
            self.connection.send(seed)
            if self.connection.poll(MAX_SECONDS):
                self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - start)
                return self.connection.recv()
            fault = f"no result within {MAX_SECONDS} s"
        except (EOFError, OSError):
            self.process.join()
            fault = f"the process ended with {self.process.exitcode}"
        self.process.kill()
        self.process = None
        return fault

    def stop(self) -> None:
        if self.process is not None:
            self.connection.send(None)
            self.process.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num_files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first file")
    parser.add_argument("--num_workers", type=int, default=2)
    arguments = parser.parse_args()
    multiprocessing.set_start_method("spawn")
    seeds = iter(range(arguments.seed, arguments.seed + arguments.num_files))
    counts: collections.Counter = collections.Counter()
    faults: list[str] = []
    lock, start = threading.Lock(), time.monotonic()

    def work(worker: Worker) -> None:
        while (seed := next(seeds, None)) is not None:
            result = worker.predict(seed)
            fault = result if isinstance(result, str) else find_fault(result)
            with lock:
                kind = "faults" if fault else "errors" if "error" in result else "ratings"
                counts[kind] += 1
                if kind == "ratings" and "warning" in result:
                    counts["ratings with a warning"] += 1
                if fault:
                    faults.append(f"{seed} ({worker.songs[seed % len(worker.songs)].name}): {fault}")
                    print(faults[-1], flush=True)
                if counts.total() % 500 == 0:
                    print(dict(counts), f"{time.monotonic() - start:.0f} s", flush=True)
        worker.stop()

    with tempfile.TemporaryDirectory() as folder:
        songs = write_songs(Path(folder))
        workers = [Worker(songs) for _ in range(arguments.num_workers)]
        threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    slowest = max(worker.slowest_seconds for worker in workers)
    print(f"{arguments.num_files} files: {dict(counts)}; the slowest took {slowest:.1f} s")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
