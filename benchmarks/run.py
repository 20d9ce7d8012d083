# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Runs the stages, saves the result of each, and prints one table."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import datasets
import torch
import transformers

from modeling_ast_va import make_demo_deam

from . import audio_stages, device_stages, epoch_stage, job_stages, loading_stage, network_stages
from .context import Context
from .timing import Row, describe_machine, format_machine, format_rows

STAGES: dict[str, Callable[[Context], list[Row]]] = {
    "decoding": audio_stages.decoding,
    "segment": audio_stages.segment_of_a_long_file,
    "log_mel": audio_stages.log_mel,
    "preparation": audio_stages.preparation,
    "step": network_stages.step,
    "evaluation": network_stages.evaluation,
    "optimizations": network_stages.optimizations,
    "epoch": epoch_stage.epoch,
    "loading": loading_stage.loading,
    "inference": job_stages.inference,
    "start": job_stages.start,
    "job": job_stages.job,
    "gpu": device_stages.gpu,
}
DEMO_SONGS, DEMO_SONG_SECONDS = 24, 45.0  # in DEAM's shape


def benchmark(
    stages: Sequence[str] = (),
    *,
    data_dir: str | Path | None = None,
    repeats: int = 5,
    num_threads: int | None = None,
    device: str = "cpu",
    output: str | Path | None = None,
) -> list[Row]:
    """
    Measure stages and print them as one table, in Markdown.

    Args:
        stages: names of `STAGES`; empty means all.
        data_dir: folder in the layout of DEAM; None synthesises demo songs.
        repeats: measured rounds of each stage, after one to warm up; the job runs once for every five.
        num_threads: threads of torch; None is the default of torch.
        device: `"cuda"` adds the stage of the GPU.
        output: JSON file, written after each stage. Stages that it contains are not measured again.

    Returns:
        The rows of the table.

    Raises:
        ValueError: for an unknown stage, a device that is not available, or an `output` of another machine.
    """
    unknown = sorted(set(stages) - set(STAGES))
    if unknown:
        raise ValueError(f"Expected stages of {sorted(STAGES)}, but got {unknown}.")
    if device not in ("cpu", "cuda") or (device == "cuda" and not torch.cuda.is_available()):
        raise ValueError(f"Expected cpu, or cuda where there is a GPU, but got {device!r}.")
    num_threads = num_threads or torch.get_num_threads()
    torch.set_num_threads(num_threads)
    datasets.disable_progress_bars()
    transformers.logging.disable_progress_bar()
    machine = describe_machine(num_threads)
    settings = {"data": str(data_dir or "demo songs"), "repeats": repeats}
    measured = _read(Path(output), machine, settings) if output else {}
    with tempfile.TemporaryDirectory(prefix="benchmark_") as work_dir:
        if data_dir is None:
            data_dir = make_demo_deam(Path(work_dir) / "songs", DEMO_SONGS, song_seconds=DEMO_SONG_SECONDS)
        context = Context(Path(data_dir), Path(work_dir), repeats, num_threads, device)
        for name in stages or STAGES:
            if name in measured:
                continue
            measured[name] = STAGES[name](context)
            if output:
                _write(Path(output), machine, settings, measured)
    rows = [row for name in STAGES for row in measured.get(name, [])]
    print(f"\n{format_machine(machine)}; medians of {repeats}; songs: {settings['data']}\n\n{format_rows(rows)}")
    return rows


def _read(path: Path, machine: dict, settings: dict) -> dict[str, list[Row]]:
    if not path.exists():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    if (content["machine"], content["settings"]) != (machine, settings):
        raise ValueError(f"Expected times of this machine and these settings in {path}, but got {content['machine']}.")
    return {name: [Row(**row) for row in rows] for name, rows in content["stages"].items()}


def _write(path: Path, machine: dict, settings: dict, measured: dict[str, list[Row]]) -> None:
    stages = {name: [asdict(row) for row in rows] for name, rows in measured.items()}
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.write_text(json.dumps({"machine": machine, "settings": settings, "stages": stages}, indent=2) + "\n")
    unfinished.replace(path)
