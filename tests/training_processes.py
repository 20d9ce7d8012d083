# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Trains in processes that communicate through gloo and can be killed at a step, for tests."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import sys
from pathlib import Path

import torch
from transformers import TrainerCallback

from modeling_ast_va.evaluation import model as evaluation
from modeling_ast_va.training import run as training
from modeling_ast_va.training.arguments import parse_arguments

NUM_PROCESSES = 2


class Probe(TrainerCallback):
    """Records the rank and world size of a process, and optionally kills it at a step."""

    def __init__(self, folder: Path, killed_at: int | None):
        self.folder, self.killed_at = folder, killed_at

    def on_train_begin(self, args, state, control, **kwargs):
        found = {
            "world_size": torch.distributed.get_world_size(),
            "backend": torch.distributed.get_backend(),
            "first_step": state.global_step,
            "num_steps": state.max_steps,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{torch.distributed.get_rank()}.json").write_text(json.dumps(found))

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.killed_at:
            os.kill(os.getpid(), signal.SIGKILL)


def install_probe(folder: str | Path, killed_at: int | None = None) -> None:
    """Adds a probe to the training of this process, without plots, which take most of the time of a tiny run."""
    build_trainer = training.build_trainer

    def build(*args, **kwargs):
        trainer = build_trainer(*args, **kwargs)
        trainer.add_callback(Probe(Path(folder), killed_at))
        return trainer

    training.build_trainer = build
    training.plot_loss_curves = evaluation.save_evaluation_plots = lambda *args, **kwargs: None


def read_probes(folder: Path) -> list[dict]:
    """The records of the processes, by rank."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def train_in_processes(arguments: list[str], probes: Path, killed_at: int | None = None) -> list[int | None]:
    """Trains in processes that are forked from one with all imports; returns the exit codes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([training.__name__])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    workers = [
        context.Process(target=_train, args=(rank, port, arguments, probes, killed_at)) for rank in range(NUM_PROCESSES)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=240)
        worker.kill()  # has an effect only if it hangs
        worker.join()
    return [worker.exitcode for worker in workers]


def _train(rank: int, port: int, arguments: list[str], probes: Path, killed_at: int | None) -> None:
    ranks = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": NUM_PROCESSES, "LOCAL_WORLD_SIZE": NUM_PROCESSES}
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "ACCELERATE_USE_CPU": "true"}
    os.environ |= {name: str(value) for name, value in {**ranks, **address}.items()}
    install_probe(probes, killed_at)
    training.train(parse_arguments(arguments))


if __name__ == "__main__":  # under a launcher: a folder for the probes, a script, its arguments
    import runpy

    install_probe(sys.argv[1])
    sys.argv = sys.argv[2:]
    runpy.run_path(sys.argv[0], run_name="__main__")
