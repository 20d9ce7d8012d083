# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The processes of one run, as `accelerate launch`, `torchrun` or a cluster's scheduler starts them."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed


@dataclass(frozen=True)
class Process:
    """Which of how many processes this is: of all, and of those on this machine."""

    index: int = 0
    count: int = 1
    local_index: int = 0
    local_count: int = 1

    @property
    def num_cores(self) -> int:
        """Its share of the cores that this machine lends."""
        lent = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, lent // self.local_count)

    @property
    def device(self) -> str:
        """Its share of the accelerators of this machine, or the CPU."""
        accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        if accelerator is None:
            return "cpu"
        return f"{accelerator.type}:{self.local_index % torch.accelerator.device_count()}"

    def meet(self) -> None:
        """Wait until all are here, then part: a process that dies from then on holds nobody up."""
        if self.count == 1:
            return
        torch.distributed.init_process_group("gloo")
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def this_process() -> Process:
    """As the launcher's environment says; without one, a single process."""
    count = int(os.environ.get("WORLD_SIZE", 1))
    return Process(
        index=int(os.environ.get("RANK", 0)),
        count=count,
        local_index=int(os.environ.get("LOCAL_RANK", 0)),
        local_count=int(os.environ.get("LOCAL_WORLD_SIZE", count)),
    )
