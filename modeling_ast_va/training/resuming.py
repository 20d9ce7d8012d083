# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Checkpoints of a training run: which one to resume from, which are damaged, and whether the run is finished."""

from __future__ import annotations

import logging
import math
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from transformers.trainer_callback import TrainerState
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from ..hub.files import CARD_FILE, RESULTS_FILE, WEIGHTS_FILE, read_json
from ..training.training_arguments import ASTVATrainingArguments

logger = logging.getLogger(__name__)

STATE_FILE = "trainer_state.json"
UNFINISHED = "unfinished"  # folder in the output folder of the checkpoint that is being written


def checkpoint_to_resume(args: ASTVATrainingArguments) -> Path | None:
    """
    The checkpoint to resume from: the one that is asked for, or the last whole one; None for a new run.

    Later checkpoints that are damaged are logged and removed; training writes them again.

    Raises:
        ValueError: for a new run in a folder with checkpoints; without a checkpoint to resume from, or if all are
            damaged.
    """
    found = checkpoints_of(args.output_dir)
    wanted = str(args.resume_from_checkpoint or "false")
    if wanted.lower() == "false":
        if not found:
            return None
        raise ValueError(
            f"Expected an output_dir without checkpoints for a new run, but got {args.output_dir!r}. Resume with "
            "--resume_from_checkpoint true, or choose another --output_dir."
        )
    if wanted.lower() != "true":
        if damage := damage_of(Path(wanted)):
            raise ValueError(f"Expected a whole checkpoint to resume from, but got {damage}.")
        return Path(wanted)
    damages = []
    while found and (damage := damage_of(found[-1])):
        damages.append((found.pop(), damage))
    if not found:
        got = f"only damaged ones: {'; '.join(damage for _, damage in damages)}" if damages else "none"
        raise ValueError(f"Expected a checkpoint to resume from in {args.output_dir!r}, but got {got}.")
    for folder, damage in damages:
        logger.warning("Removed a damaged checkpoint (%s); training continues from %s.", damage, found[-1])
        shutil.rmtree(folder)
    return found[-1]


def damage_of(checkpoint: Path) -> str:
    """What is missing or damaged in a checkpoint, or in the best one that it refers to; empty if both are whole."""
    if not checkpoint.is_dir():
        return f"no folder {str(checkpoint)!r}"
    names = [path.name for path in checkpoint.iterdir()]
    needed = [WEIGHTS_FILE, STATE_FILE, "optimizer.pt", "scheduler.pt"]
    needed += sorted(name for name in names if name.startswith("rng_state")) or ["rng_state.pth"]
    for path in (checkpoint / name for name in needed):
        if damage := _damage_of_file(path):
            return damage
    best = read_json(checkpoint / STATE_FILE)["best_model_checkpoint"]
    return _damage_of_file(checkpoint.parent / Path(best).name / WEIGHTS_FILE) if best else ""


def _damage_of_file(path: Path) -> str:
    """What is wrong with a JSON, safetensors or torch file; its numbers are not checked."""
    try:
        if path.name == STATE_FILE:
            TrainerState.load_from_json(str(path))
            if missing := sorted({"best_model_checkpoint", "global_step", "log_history"} - read_json(path).keys()):
                raise ValueError(f"no {', '.join(missing)}")
        elif path.name == WEIGHTS_FILE:
            with safe_open(path, framework="np"):
                pass  # compares the size with the header
        else:
            with zipfile.ZipFile(path) as archive:
                if damaged := archive.testzip():
                    return f"a wrong checksum of {damaged} in {str(path)!r}"
    except (OSError, ValueError, TypeError, SafetensorError, zipfile.BadZipFile) as error:
        return f"{str(path)!r}, which cannot be read: {error}"
    return ""


def is_finished(args: ASTVATrainingArguments) -> bool:
    """Whether a run in the output folder that is to be resumed wrote its results after as many epochs or steps."""
    folder = Path(args.output_dir)
    if str(args.resume_from_checkpoint).lower() != "true" or not (folder / CARD_FILE).is_file():
        return False
    if not (folder / RESULTS_FILE).is_file() or _damage_of_file(folder / STATE_FILE):
        return False
    state = recorded_state(folder)
    if any(_step(path) > state["global_step"] for path in checkpoints_of(folder)):
        return False  # it was resumed with more epochs, and interrupted
    if args.max_steps > 0:
        return args.max_steps <= state["max_steps"]
    return math.ceil(args.num_train_epochs) <= state["num_train_epochs"]


def recorded_state(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The state of the `Trainer` at the end of the run in a folder; empty if training did not end."""
    path = Path(folder) / STATE_FILE
    return read_json(path) if path.is_file() else {}


def checkpoints_of(output_dir: str | os.PathLike[str]) -> list[Path]:
    """The folders of checkpoints in an output folder, the last one last."""
    found = Path(output_dir).glob(f"{PREFIX_CHECKPOINT_DIR}-*")
    return sorted((path for path in found if path.is_dir() and path.name.rpartition("-")[2].isdecimal()), key=_step)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def remove_unfinished(output_dir: str | os.PathLike[str]) -> None:
    """Remove the checkpoint that a run was writing when it was interrupted."""
    if (folder := Path(output_dir) / UNFINISHED).is_dir():
        logger.warning("Removed %s, a checkpoint that was not finished.", folder)
        shutil.rmtree(folder)


def publish_checkpoint(unfinished: Path, folder: Path) -> None:
    """Give a written checkpoint its name, once its files are on the disk."""
    for path in (*unfinished.rglob("*"), unfinished):
        _synchronize(path)
    if folder.is_dir():
        shutil.rmtree(folder)
    unfinished.rename(folder)
    _synchronize(folder.parent)
    unfinished.parent.rmdir()


def _synchronize(path: Path) -> None:
    if path.is_dir() and os.name == "nt":  # Windows does not open folders
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
