# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Numbers of cores, processes and accelerators, and how processes start."""

from __future__ import annotations

import multiprocessing
import os
import sys
from importlib import metadata
from multiprocessing.context import BaseContext

# Of the drivers for which torch is built; on Linux, where it finds accelerators, there is one of them.
ACCELERATOR_FILES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dri", "/dev/dxg", "/dev/accel")


def num_cores() -> int:
    """Cores that this process may run on, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores_per_process() -> int:
    """Cores for each of the processes that a launcher started on this machine."""
    return max(1, num_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def process_context() -> BaseContext:
    """How processes start: a fork, at once and without a guard in the script; libraries forbid it outside Linux."""
    return multiprocessing.get_context("fork" if sys.platform == "linux" else None)


def accelerators() -> list[str]:
    """Names such as `cuda:0` of the accelerators of this machine; empty if there is only the CPU."""
    import torch

    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return [f"{accelerator.type}:{index}" for index in range(torch.accelerator.device_count())] if accelerator else []


def may_have_accelerators() -> bool:
    """Whether torch may find accelerators on this machine: certain if there is none, and decided without torch."""
    if metadata.version("torch").endswith("+cpu"):
        return False
    return sys.platform != "linux" or any(map(os.path.exists, ACCELERATOR_FILES))


def check_device(name: str) -> None:
    """Check that torch can use a device such as `cpu` or `cuda:0` on this machine (ValueError)."""
    devices = ["cpu", *accelerators()]
    if name not in {*devices, *(device.partition(":")[0] for device in devices)}:
        raise ValueError(f"Expected a device out of {', '.join(devices)}, but got {name!r}.")
