# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Measure the time, disk and memory that the preparation of many songs takes.

    python tests/fuzz/many_songs.py [--num_songs 55000] [--clips FOLDER] [--log_mels cached] [--undecoded_seconds 240]

The songs are the audio files of a folder, or else one synthesised clip of ten seconds, under many names. With
`--undecoded_seconds` they are not decoded but taken to last that long, which measures all else for whole tracks. The
memory is the peak of the process, without those that decode.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

SAMPLING_RATE = 44_100
NUM_ARTISTS = 3_500
BATCH_SIZE, NUM_BATCHES = 32, 20


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Print the time of a stage, the time on all cores, and the peak memory up to its end."""
    start, spent = time.perf_counter(), core_seconds()
    yield
    seconds, spent = time.perf_counter() - start, core_seconds() - spent
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"| {name} | {seconds:.2f} s | {spent:.2f} core-s | {peak:,.0f} MiB |", flush=True)


def core_seconds() -> float:
    """Time of this process and of those that it waited for, on all cores."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def write_songs(folder: Path, num_songs: int, clips: list[Path]) -> Path:
    """Link the clips under many names, and write their table."""
    if not clips:
        tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(10 * SAMPLING_RATE) / SAMPLING_RATE)
        soundfile.write(folder / "clip.mp3", tone + np.random.default_rng(0).normal(0, 0.01, tone.size), SAMPLING_RATE)
        clips = [folder / "clip.mp3"]
    copies = [Path(shutil.copy(clip, folder / f"clip_{index}{clip.suffix}")) for index, clip in enumerate(clips)]
    rng, rows = random.Random(0), []
    for index in range(num_songs):
        clip = copies[index % len(copies)]
        path = Path(f"{index % 100:02d}") / f"{1_000_000 + index}{clip.suffix}"
        (folder / path.parent).mkdir(exist_ok=True)
        os.link(clip, folder / path)
        names = [f"artist_{rng.randrange(NUM_ARTISTS)}", f"Title of the track {index}"]
        rows.append([path, f"track_{index:07d}", round(rng.uniform(1, 9), 2), round(rng.uniform(1, 9), 2), *names])
    with (folder / "ratings.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "song_id", "valence", "arousal", "artist", "title"], *rows])
    return folder / "ratings.csv"


def skip_decoding(seconds: float) -> None:
    """Replace the decoder by segments of noise."""
    from modeling_ast_va.audio_ast_va import Segment
    from modeling_ast_va.data import segments as module

    def stream_segments(source, rate, segment_seconds, hop_seconds=None, **part):
        waveform = np.full(round(segment_seconds * rate), 0.1, np.float32)
        hop = hop_seconds or segment_seconds
        starts = np.arange(0, seconds - segment_seconds + 1e-9, hop).tolist()
        return (Segment(start, waveform, hop) for start in starts)

    module.stream_segments = stream_segments


def measure(table: Path, cache_dir: Path, log_mels: str, hop_seconds: float, is_decoded: bool) -> None:
    """Print the stages from the table to a batch."""
    from modeling_ast_va.data.dataset import load_segments, split_dataset
    from modeling_ast_va.data.ratings_table import read_ratings_table
    from modeling_ast_va.data.splits import SplitSettings
    from modeling_ast_va.released import find_recipe
    from modeling_ast_va.settings import build_new
    from modeling_ast_va.training.arguments import parse_arguments

    feature_extractor = build_new(parse_arguments([str(find_recipe("deam_fast.json"))]).settings)[1]
    options = {"segment_hop_seconds": hop_seconds, "feature_extractor": feature_extractor, "log_mels": log_mels}
    with stage("table read and checked"):
        songs = read_ratings_table(table)
    with stage("songs prepared"):
        rows = load_segments(songs, cache_dir=cache_dir, **options).rows
    del rows
    with stage("second start"):
        rows = load_segments(songs, cache_dir=cache_dir, **options).rows
    for split_by in ("artist", "segment"):
        with stage(f"{len(rows):,} segments split by {split_by}"):
            splits = split_dataset(rows, SplitSettings(split_by))
    size = sum(file.stat().st_size for file in cache_dir.rglob("*.arrow"))
    num_files = len(list(cache_dir.rglob("*.arrow")))
    print(f"{size / 1e9:.3f} GB in {num_files} files of the cache, {size / len(rows):,.0f} bytes a segment")
    if not is_decoded:
        return
    order = np.random.default_rng(0).permutation(len(splits["train"]))
    with stage(f"{NUM_BATCHES} batches of {BATCH_SIZE} in random order"):
        for batch in range(NUM_BATCHES):
            splits["train"].__getitems__(order[batch * BATCH_SIZE :][:BATCH_SIZE].tolist())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num_songs", type=int, default=55_000)
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--log_mels", default="on_the_fly")
    parser.add_argument("--segment_hop_seconds", type=float, default=3.0)
    parser.add_argument("--undecoded_seconds", type=float)
    arguments = parser.parse_args()
    if arguments.undecoded_seconds:
        skip_decoding(arguments.undecoded_seconds)
    clips = sorted(path for path in arguments.clips.iterdir() if path.suffix == ".mp3") if arguments.clips else []
    with tempfile.TemporaryDirectory() as folder:
        table = write_songs(Path(folder), arguments.num_songs, clips)
        is_decoded = arguments.undecoded_seconds is None
        measure(table, Path(folder) / "cache", arguments.log_mels, arguments.segment_hop_seconds, is_decoded)


if __name__ == "__main__":
    main()
