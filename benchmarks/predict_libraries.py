# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Time whole commands that rate songs, from their start to their table, in one run:

    python -m benchmarks.predict_libraries SONG_OR_FOLDER ... [--repeats 5] [--vibenet PATH]

VibeNet (https://pypi.org/project/vibenet) is a rival, in an environment of its own; PATH is its program.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from modeling_ast_va.formatting import format_table
from modeling_ast_va.hub.files import ONNX_FILE
from modeling_ast_va.prediction.audio_files import find_audio
from modeling_ast_va.processes import num_cores
from modeling_ast_va.released import RELEASED_MODEL

from .context import ROOT
from .timing import describe_machine, format_machine

HEADER = ("songs", "command", "seconds", "ratio", "core-seconds", "peak memory")
NOTEBOOK = """
import sys
from benchmarks.notebook_way import NotebookTransformer, predict_song
network = NotebookTransformer(hidden_size=256, num_layers=4)
for song in sys.argv[1:]:
    predict_song(network, song, -40.0, 20.0)
"""
LIBROSA = """
import sys
import librosa
for song in sys.argv[1:]:
    waveform, rate = librosa.load(song, sr=None)
    librosa.power_to_db(librosa.feature.melspectrogram(y=waveform, sr=rate))
"""
# Starts a command and prints what it took. It is a small process, because the peak of a new process begins with the
# memory of the one that starts it.
LAUNCHER = """
import json, os, subprocess, sys, time
begin = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
_, status, usage = os.wait4(process.pid, 0)
print(json.dumps([time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))
sys.exit(bool(status))
"""


class Measurement(NamedTuple):
    """A process: seconds from its start to its end, seconds of all cores together, and memory in bytes."""

    seconds: float
    core_seconds: float
    peak_bytes: int


def measure(command: Sequence[str]) -> Measurement:
    """Run a command; a RuntimeError has the end of its output if it fails."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile() as output:
        launch = [sys.executable, "-c", LAUNCHER, *command]
        # No check, because the error needs the output.
        run = subprocess.run(launch, stdout=subprocess.PIPE, stderr=output, env=environment, check=False)
        if run.returncode:
            output.seek(0)
            raise RuntimeError(f"{' '.join(command[:6])} ... failed:\n{output.read().decode()[-3000:]}")
    seconds, core_seconds, peak = json.loads(run.stdout)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes of what the system counts in
    return Measurement(seconds, core_seconds, peak * unit)


def commands(songs: str, work_dir: Path, vibenet: str | None) -> dict[str, list[str]]:
    """The commands that are compared on a song or folder, by name; the first one is ours."""
    in_torch = work_dir / "in_torch"
    if not in_torch.exists():
        shutil.copytree(RELEASED_MODEL, in_torch, ignore=shutil.ignore_patterns(Path(ONNX_FILE).parent.name))
    predict = [sys.executable, "-m", "modeling_ast_va", "predict", songs, "--output", str(work_dir / "songs.csv")]
    paths, python = find_audio([songs]).files, [sys.executable, "-c"]
    compared = {
        "`ast-va predict`": predict,
        "`ast-va predict --num_workers 1`": [*predict, "--num_workers", "1"],
        "the same model in torch": [*predict, "--model", str(in_torch), "--device", "cpu"],
        "the notebook's way": [*python, NOTEBOOK, *paths],
        "librosa: decoding and mel spectrogram alone": [*python, LIBROSA, *paths],
    }
    if vibenet:
        compared["VibeNet"] = [vibenet, "--recursive", "--quiet", "--format", "csv", songs]
    return compared


def compare(songs: str, repeats: int, vibenet: str | None) -> dict[str, Measurement]:
    """Medians of measurements of every command, in turns, so that a slow moment of the machine affects all of them."""
    with tempfile.TemporaryDirectory(prefix="benchmark_") as folder:
        work_dir = Path(folder)
        compared = commands(songs, work_dir, vibenet)
        measured: dict[str, list[Measurement]] = {name: [] for name in compared}
        for _ in range(repeats):
            for name, command in compared.items():
                for left in work_dir.glob("songs.csv*"):
                    left.unlink()
                measured[name].append(measure(command))
    return {name: Measurement(*map(statistics.median, zip(*values))) for name, values in measured.items()}


def table_rows(songs: str, measured: Mapping[str, Measurement]) -> list[tuple[str, ...]]:
    """Rows of the table; the ratio is of seconds to those of the first command."""
    first = next(iter(measured.values()))
    return [
        (
            songs,
            name,
            f"{one.seconds:.2f}",
            f"{one.seconds / first.seconds:.2f}",
            f"{one.core_seconds:.1f}",
            f"{one.peak_bytes / 1e6:.0f} MB",
        )
        for name, one in measured.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", nargs="+", metavar="SONG_OR_FOLDER")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--vibenet", metavar="PATH", help="program of VibeNet")
    arguments = parser.parse_args()
    rows = []
    for songs in arguments.songs:
        rows += table_rows(Path(songs).name, compare(songs, arguments.repeats, arguments.vibenet))
    print(format_table(HEADER, rows, markdown=True))
    print(format_machine(describe_machine(num_cores())))


if __name__ == "__main__":
    main()
