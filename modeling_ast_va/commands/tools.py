# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Commands for trying and measuring the package."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from .. import demo as demo_songs
from ..argument_parser import ArgumentParser, number
from .flags import check_paths


def demo(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Synthesise demo songs in the folder layout of DEAM."""
    parser.add_argument("--output_dir", required=True, help="new or empty folder to write")
    parser.add_argument("--num_songs", type=number(int, 1), help="up to 580 (default: 400)")
    parser.add_argument("--seed", type=number(int, 0), help="of songs and ratings (default: 0)")
    parser.add_argument("--song_seconds", type=number(float, 0, above=True), help="length of a song (default: 20)")
    options = vars(parser.parse_args(argv))
    check_paths(options)
    print(f"Demo songs: {demo_songs.make_demo_deam(**options)}")


def benchmark(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Measure the speed of every stage (in a clone of the repository)."""
    parser.add_argument("--stages", nargs="+", help="stages to measure (default: all)")
    parser.add_argument("--data_dir", help="folder of DEAM, as distributed (default: demo songs)")
    parser.add_argument("--repeats", type=number(int, 1), help="measured rounds (default: 5)")
    parser.add_argument("--num_threads", type=number(int, 1), help="threads of torch (default: its own choice)")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="cuda adds the stage of the GPU (default: cpu)")
    parser.add_argument("--output", help="JSON file, written after each stage; stages in it are not measured again")
    options = vars(parser.parse_args(argv))
    if find_spec("benchmarks") is None:
        raise ValueError(
            "Expected the folder benchmarks of the repository, but got only the package, which does not contain it. "
            "Run python scripts/benchmark.py in a clone."
        )
    from benchmarks.run import benchmark

    benchmark(**options)
