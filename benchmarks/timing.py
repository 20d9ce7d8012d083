# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Measured times, their table, and the machine on which they were measured."""

from __future__ import annotations

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
from modeling_ast_va.formatting import format_table
from modeling_ast_va.processes import num_cores

HEADER = ("stage", "ours", "rival", "rival / ours", "physical limit", "share of the limit", "goal", "met")


@dataclass(frozen=True)
class Row:
    """
    A row of the table. All times are seconds for the same work.

    Args:
        stage: what is measured.
        ours: time of this package, in seconds.
        rival, rival_name: time of the other implementation, in seconds, and its name.
        limit, limit_name: lower bound of the time on this machine, in seconds, and what it consists of.
        min_ratio: goal for rival / ours.
        min_share: goal for limit / ours.
        max_seconds: goal for `ours`.
        note: further information, such as a rate.
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
        """Speed relative to the rival."""
        return None if self.rival is None else self.rival / self.ours

    @property
    def share(self) -> float | None:
        """Share of the lower bound in our time; 1 is optimal."""
        return None if self.limit is None else self.limit / self.ours

    @property
    def met(self) -> bool | None:
        """Whether every goal is met; None if there is no goal."""
        checks = [
            value >= goal
            for value, goal in ((self.ratio, self.min_ratio), (self.share, self.min_share))
            if value is not None and goal is not None
        ]
        if self.max_seconds is not None:
            checks.append(self.ours <= self.max_seconds)
        return all(checks) if checks else None


def time_interleaved(
    ways: Mapping[str, Callable[[], Any]], repeats: int, finish: Callable[[], Any] | None = None
) -> dict[str, float]:
    """
    Measure functions in turns, so that a slow moment of the machine affects all of them, after one round to warm up.

    Args:
        ways: functions to measure, by name.
        repeats: number of measured rounds.
        finish: waits for a device that works asynchronously.

    Returns:
        Median time of each function, in seconds.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(1 + repeats):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if finish:
                finish()
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def describe_machine(num_threads: int) -> dict[str, str | int]:
    """Processor, cores, threads and versions, on which a time depends."""
    machine: dict[str, str | int] = {
        "processor": _processor(),
        "cores": num_cores(),
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
    values = dict(line.replace("\t", "").split(": ", 1) for line in lines if ": " in line)
    name = values.get("model name") or platform.processor() or platform.machine()
    return f"{name}, AVX-512 BF16" if "avx512_bf16" in values.get("flags", "").split() else name


def format_rows(rows: Iterable[Row]) -> str:
    """The rows as one table in Markdown."""
    return format_table(HEADER, [_cells(row) for row in rows], markdown=True)


def format_machine(machine: Mapping[str, str | int]) -> str:
    """Description of the machine in one line."""
    return ", ".join(f"{name} {value}" for name, value in machine.items())


def format_seconds(seconds: float) -> str:
    """A time with three digits and its unit: `12.3 ms`."""
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
