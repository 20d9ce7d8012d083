# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Measure the memory that a long file takes, by each decoder.

    python tests/fuzz/long_file.py [--minutes 3 180]

Peak memory of a process that predicts a file of each length; it must not grow with the length.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

SAMPLING_RATE = 44_100
FILES = {"libsndfile": "song.flac", "PyAV": "song.m4a", "ffmpeg": "song.m4a"}


def predict(path: str, decoder: str) -> None:
    """Predict a file, and print the number of segments and the peak memory in MiB."""
    from modeling_ast_va import ffmpeg_ast_va
    from modeling_ast_va.prediction import load_pipeline
    from modeling_ast_va.released import RELEASED_MODEL

    if decoder == "ffmpeg":
        ffmpeg_ast_va.find_spec = lambda name: None
    result = load_pipeline(RELEASED_MODEL)(path)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{len(result['segments'])} segments, {peak / 1024:.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, nargs="+", default=[3, 180])
    parser.add_argument("--predict", nargs=2, metavar=("FILE", "DECODER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.predict:
        predict(*arguments.predict)
        return
    rng = np.random.default_rng(0)
    minute = (0.1 * rng.normal(size=(60 * SAMPLING_RATE, 2))).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        for minutes in arguments.minutes:
            with soundfile.SoundFile(f"{folder}/song.flac", "w", SAMPLING_RATE, 2) as file:
                for _ in range(minutes):
                    file.write(minute)
            encode = ["ffmpeg", "-v", "error", "-y", "-i", f"{folder}/song.flac", f"{folder}/song.m4a"]
            subprocess.run(encode, check=True)
            for decoder, name in FILES.items():
                command = [sys.executable, __file__, "--predict", str(Path(folder) / name), decoder]
                output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                print(f"{minutes} minutes, {decoder}: {output.strip()}", flush=True)


if __name__ == "__main__":
    main()
