# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Kill training at random moments, resume it, and compare the result with that of an uninterrupted run, bit for bit.

    python tests/fuzz/kill_training.py [NUM_KILLS] [SEED]

Every second kill comes while a checkpoint is being written. It is not part of the test suite: each start takes as long
as the libraries take to load.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from tiny_training import tiny_flags, write_songs

RUN = ["--num_train_epochs", "30", "--per_device_train_batch_size", "8", "--learning_rate", "1e-3"]
RUN += ["--eval_strategy", "steps", "--eval_steps", "2", "--save_strategy", "steps", "--save_steps", "2"]
RUN += ["--early_stopping_patience", "0"]
STARTED_SECONDS = 15.0  # a random kill comes at most so long after the start


def start(songs: Path, folder: Path) -> subprocess.Popen:
    resumed = ["--resume_from_checkpoint", "true"] if list(folder.glob("checkpoint-*")) else []
    command = [sys.executable, "-m", "modeling_ast_va", "train", *tiny_flags(songs, folder, *RUN, *resumed)]
    with folder.with_name("log.txt").open("a") as log:
        return subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=log, stderr=log)


def kill(run: subprocess.Popen, folder: Path, rng: random.Random, while_saving: bool) -> bool:
    """Kill a run while it saves a checkpoint or at a random moment; False if it ended before."""
    end = time.monotonic() + rng.uniform(0, STARTED_SECONDS)
    skipped = rng.randrange(20)  # checkpoints that are written in peace
    while run.poll() is None:
        if while_saving and (folder / "unfinished").exists():
            if not skipped:
                time.sleep(rng.uniform(0, 0.03))
                break
            skipped -= 1
            while (folder / "unfinished").exists() and run.poll() is None:
                time.sleep(0.0005)
        elif not while_saving and time.monotonic() > end:
            break
        time.sleep(0.0005)
    if run.poll() is not None:
        return False
    run.send_signal(signal.SIGKILL)
    run.wait()
    return True


def main(num_kills: int, seed: int) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as temporary:
        songs, folders = write_songs(Path(temporary) / "deam"), [Path(temporary) / name for name in ("whole", "killed")]
        for folder in folders:
            folder.mkdir()
        assert start(songs, folders[0]).wait() == 0, (Path(temporary) / "log.txt").read_text()
        kills = 0
        while kills < num_kills:
            if not kill(start(songs, folders[1]), folders[1], rng, while_saving=kills % 2 == 0):
                raise SystemExit(f"The run ended before kill {kills + 1}:\n{(Path(temporary) / 'log.txt').read_text()}")
            kills += 1
            left = sorted(str(path.relative_to(folders[1])) for path in folders[1].glob("*[ed]*"))
            print(f"kill {kills}: {left}", flush=True)
        assert start(songs, folders[1]).wait() == 0, (Path(temporary) / "log.txt").read_text()
        for name in ("model.safetensors", "predictions.csv"):
            whole, killed = ((folder / name).read_bytes() for folder in folders)
            assert whole == killed, f"{name} differs from that of the uninterrupted run."
    print(f"{num_kills} kills, seed {seed}: the result is that of the uninterrupted run, bit for bit.")


if __name__ == "__main__":
    main(*(int(argument) for argument in (sys.argv[1:] + ["5", "0"][len(sys.argv) - 1 :])))
