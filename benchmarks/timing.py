# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Measured times, the table that they stand in, and the machine that they are of."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

import modeling_ast_va

HEADER = ("stage", "ours", "rival", "rival / ours", "physical limit", "share of the limit", "goal", "met")


@dataclass(frozen=True)
class Row:
    """
    A line of the table. All times are seconds for the same piece of work, so smaller is better everywhere.

    Args:
        stage: what is done.
        ours: our time.
        rival: the other way's time, and its name.
        limit: the time below which nothing can be done here, and what it is of.
        min_ratio: the goal for rival / ours.
        min_share: the goal for limit / ours.
        max_seconds: the goal for our time.
        note: what else is to be known, such as a rate.
    """

    stage: str
    ours: float
    rival: float | None = None
    rival_name: str = ""
    limit: float | None = None
    limit_name: str = ""
    min_ratio: float | None = None
    min_share: float | None = None
    max_seconds: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times faster than the rival."""
        return None if self.rival is None else self.rival / self.ours

    @property
    def share(self) -> float | None:
        """How much of the time had to be: 1 is the limit itself."""
        return None if self.limit is None else self.limit / self.ours

    @property
    def met(self) -> bool | None:
        """Whether every goal is met; None without any."""
        checks = [
            value >= goal
            for value, goal in ((self.ratio, self.min_ratio), (self.share, self.min_share))
            if value is not None and goal is not None
        ]
        if self.max_seconds is not None:
            checks.append(self.ours <= self.max_seconds)
        return all(checks) if checks else None


def time_interleaved(
    ways: Mapping[str, Callable[[], Any]], repeats: int, warm_up: bool = True, finish: Callable[[], Any] | None = None
) -> dict[str, float]:
    """
    Median time of each way, in seconds, taken in turns, so that a slow moment of the machine strikes all alike.

    Args:
        ways: what to time, by name.
        repeats: measured rounds.
        warm_up: whether a first round is not counted.
        finish: waits for a device that works on its own.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + warm_up):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if finish:
                finish()
            if turn or not warm_up:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def describe_machine(num_threads: int) -> dict[str, str | int]:
    """What a time depends on: processor, cores, threads, versions."""
    machine: dict[str, str | int] = {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "threads": num_threads,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "modeling_ast_va": modeling_ast_va.__version__,
    }
    if torch.cuda.is_available():
        machine["gpu"] = torch.cuda.get_device_name(0)
    return machine


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    values = dict(_pair(line) for line in lines)
    name = values.get("model name") or platform.processor() or platform.machine()
    return f"{name}, AVX-512 BF16" if "avx512_bf16" in values.get("flags", "").split() else name


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def format_table(rows: Iterable[Row]) -> str:
    """The rows as one table in Markdown."""
    cells = [HEADER, *map(_cells, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADER))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in cells]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def format_machine(machine: Mapping[str, str | int]) -> str:
    """The machine in one line."""
    return ", ".join(f"{name} {value}" for name, value in machine.items())


def format_seconds(seconds: float) -> str:
    """Three digits, in the unit that suits: 12.3 ms."""
    for factor, unit in ((1.0, "s"), (1e3, "ms")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}" if seconds * factor < 1000 else f"{seconds:.0f} s"
    return f"{seconds * 1e6:.3g} us"


def _cells(row: Row) -> tuple[str, ...]:
    goals = []
    if row.min_ratio is not None:
        goals.append(f"{row.min_ratio:g} x")
    if row.min_share is not None:
        goals.append(f"{row.min_share:.0%} of the limit")
    if row.max_seconds is not None:
        goals.append(f"at most {format_seconds(row.max_seconds)}")
    return (
        row.stage + (f" ({row.note})" if row.note else ""),
        format_seconds(row.ours),
        "" if row.rival is None else f"{format_seconds(row.rival)} {row.rival_name}",
        "" if row.ratio is None else f"{row.ratio:.2f} x",
        "" if row.limit is None else f"{format_seconds(row.limit)} {row.limit_name}",
        "" if row.share is None else f"{row.share:.0%}",
        " and ".join(goals),
        "" if row.met is None else ("yes" if row.met else "NO"),
    )
