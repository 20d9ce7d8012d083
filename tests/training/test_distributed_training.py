# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Training in two processes that communicate through gloo, killed in the middle and resumed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import training_processes
from safetensors.torch import load_file
from tiny_training import tiny_flags, write_songs
from training_processes import read_probes, train_in_processes

from modeling_ast_va.hub.protocol import load_protocol

ROOT = Path(__file__).parents[2]
# 32 segments, 8 a step of both processes: 4 steps an epoch; checkpoints in the middle of one.
RUN = [
    *("--num_train_epochs", "3", "--per_device_train_batch_size", "4", "--learning_rate", "1e-3"),
    *("--eval_strategy", "steps", "--eval_steps", "3", "--save_strategy", "steps", "--save_steps", "3"),
    *("--descriptor_hidden_size", "8", "--concordance_weight", "1"),  # running statistics, and a further term
]
NUM_STEPS, KILLED_AT = 12, 8


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return write_songs(tmp_path_factory.mktemp("songs") / "deam")


@pytest.fixture(scope="module")
def uninterrupted(songs, tmp_path_factory):
    """The folder of a whole run of `scripts/train.py` under `accelerate launch`, and what it printed."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    # With --cpu, accelerate starts one process whatever the number.
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    command += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    command += [training_processes.__file__, str(folder / "probes"), str(ROOT / "scripts" / "train.py")]
    python_path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "PYTHONPATH": python_path}
    command += tiny_flags(songs, folder / "run", *RUN)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder / "run", done.stdout


def results(folder):
    """Metrics, without those that the clock or an interruption changes."""
    metrics = json.loads((folder / "all_results.json").read_text())
    during = ("runtime", "per_second", "train_loss", "total_flos")
    return {name: value for name, value in metrics.items() if not name.endswith(during)}


def test_two_processes_train_together_and_write_once(uninterrupted):
    folder, printed = uninterrupted
    together = {"world_size": 2, "backend": "gloo", "first_step": 0, "num_steps": NUM_STEPS}
    assert read_probes(folder.with_name("probes")) == [together, together]
    assert load_protocol(folder)["num_segments"]["train"] == 32  # 8 in a step, 3 epochs: 12 steps
    for line in ("Song-level ratings as published", "Test split: 2 songs, 4 segments"):
        assert printed.count(line) == 1
    assert (folder / "predictions.csv").read_text().count("\n") == 3  # a header and two songs
    history = json.loads((folder / "trainer_state.json").read_text())["log_history"]
    assert [entry["step"] for entry in history if "eval_loss" in entry][:4] == [3, 6, 9, 12]


def test_a_killed_and_resumed_run_equals_an_uninterrupted_one(uninterrupted, songs, tmp_path):
    whole, folder = uninterrupted[0], tmp_path / "run"
    arguments = tiny_flags(songs, folder, *RUN)
    exit_codes = train_in_processes(arguments, tmp_path / "killed", killed_at=KILLED_AT)
    assert -signal.SIGKILL in exit_codes
    assert 0 not in exit_codes
    assert {path.name for path in folder.glob("checkpoint-*")} == {"checkpoint-3", "checkpoint-6"}
    assert not (folder / "all_results.json").exists()

    assert train_in_processes([*arguments, "--resume_from_checkpoint", "true"], tmp_path / "resumed") == [0, 0]
    probes = read_probes(tmp_path / "resumed")
    assert [(probe["world_size"], probe["first_step"]) for probe in probes] == [(2, 6), (2, 6)]
    for name in ("", f"checkpoint-{NUM_STEPS}"):
        expected, weights = (load_file(path / name / "model.safetensors") for path in (whole, folder))
        assert expected.keys() == weights.keys()
        # Bit for bit: the sum of two gradients does not depend on their order.
        assert all(expected[weight].equal(weights[weight]) for weight in expected)
    assert results(folder) == results(whole)
    assert (folder / "predictions.csv").read_bytes() == (whole / "predictions.csv").read_bytes()
