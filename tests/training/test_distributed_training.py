# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Training in processes that communicate through gloo: killed in the middle and resumed; and on two machines."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import training_processes
from safetensors.torch import load_file
from tiny_training import tiny_flags, train_tiny, write_songs
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
# With --cpu, accelerate starts one process whatever the number.
LAUNCH = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--mixed_precision", "no"]
LAUNCH += ["--dynamo_backend", "no"]
NUM_MACHINES, PROCESSES_PER_MACHINE = 2, 2
# Each step uses the whole training split, so the order has no effect; nothing is drawn at random.
PLAIN = (
    "--max_steps 3 --optim sgd --learning_rate 1e-3 --lr_scheduler_type constant --max_grad_norm 0 "
    "--hidden_dropout_prob 0 --attention_probs_dropout_prob 0 --frequency_mask_bins 0 --time_mask_frames 0 "
    "--logging_strategy steps --logging_steps 1 --eval_strategy no --save_strategy no --load_best_model_at_end false"
)


def launch_environment():
    python_path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "PYTHONPATH": python_path}


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return write_songs(tmp_path_factory.mktemp("songs") / "deam")


@pytest.fixture(scope="module")
def uninterrupted(songs, tmp_path_factory):
    """The folder of a whole run of `scripts/train.py` under `accelerate launch`, and what it printed."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    command = [*LAUNCH, "--num_processes", "2", "--num_machines", "1", "--main_process_port", "0"]
    command += [training_processes.__file__, str(folder / "probes"), str(ROOT / "scripts" / "train.py")]
    command += tiny_flags(songs, folder / "run", *RUN)
    done = subprocess.run(command, env=launch_environment(), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder / "run", done.stdout


def results(folder):
    """Metrics, without those that the clock or an interruption changes."""
    metrics = json.loads((folder / "all_results.json").read_text())
    during = ("runtime", "per_second", "train_loss", "total_flos")
    return {name: value for name, value in metrics.items() if not name.endswith(during)}


@pytest.mark.slow
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


@pytest.mark.slow
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


def training_losses(folder):
    history = json.loads((folder / "trainer_state.json").read_text())["log_history"]
    return [entry["loss"] for entry in history if "loss" in entry]


@pytest.mark.slow
def test_two_machines_give_the_losses_of_one_process(songs, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    num_processes = NUM_MACHINES * PROCESSES_PER_MACHINE
    command = [*LAUNCH, "--num_machines", str(NUM_MACHINES), "--num_processes", str(num_processes)]
    command += ["--main_process_ip", "127.0.0.1", "--main_process_port", str(port), "--machine_rank"]
    script = [training_processes.__file__, str(tmp_path / "probes"), str(ROOT / "scripts" / "train.py")]
    batch_size = ["--per_device_train_batch_size", str(32 // num_processes)]
    flags = tiny_flags(songs, tmp_path / "machines", *PLAIN.split(), *batch_size)
    launched = [
        subprocess.Popen([*command, str(rank), *script, *flags], env=launch_environment())
        for rank in range(NUM_MACHINES)
    ]
    try:
        assert [machine.wait(timeout=600) for machine in launched] == [0, 0]
    finally:
        for machine in launched:
            machine.kill()  # has an effect only if it hangs
    probes = read_probes(tmp_path / "probes")
    assert [probe["world_size"] for probe in probes] == [num_processes] * num_processes
    train_tiny(songs, tmp_path / "one", *PLAIN.split(), "--per_device_train_batch_size", "32")
    losses = training_losses(tmp_path / "one")
    assert len(losses) == 3
    assert losses[0] > 1.01 * losses[-1]
    assert training_losses(tmp_path / "machines") == pytest.approx(losses, rel=1e-5)
