# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Whole jobs as a user runs them: training, prediction of songs, and the start of a process."""

from __future__ import annotations

import functools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import soundfile
import torch

from modeling_ast_va.prediction import load_pipeline, predict

from .context import DECODED_SONGS, ROOT, Context, torch_threads
from .network_stages import count_operations
from .notebook_way import CHECKPOINT_FILE, NotebookTransformer, predict_song
from .timing import Row, time_interleaved

LAUNCH = ["--num_processes", "1", "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--cpu"]

FIRST_RESULT = """
from transformers import pipeline
import modeling_ast_va
print(pipeline("music-emotion", model={model!r})({song!r})["valence"])
"""
NOTEBOOK_FIRST_RESULT = """
from benchmarks.notebook_way import NotebookTransformer, predict_song
import torch
network = NotebookTransformer(hidden_size={hidden_size}, num_layers={num_layers})
network.load_state_dict(torch.load({checkpoint!r})["model_state_dict"])
print(predict_song(network, {song!r}, -40.0, 20.0))
"""
BARE_IMPORTS = "import torch; from transformers import pipeline, AutoModelForAudioClassification"


def job(context: Context) -> list[Row]:
    """Train and evaluate a model in a new process: imports, preparation, training, evaluation."""
    ours: dict[str, list[float]] = {"float32": []}
    if context.has_fast_bfloat16:
        ours["bfloat16"] = []
    rival = []
    for _ in range(max(1, context.repeats // 5)):
        for precision, times in ours.items():
            times.append(_train(context, bfloat16=precision == "bfloat16"))
        with tempfile.TemporaryDirectory(dir=context.work_dir) as folder:
            command = [sys.executable, "-m", "benchmarks.notebook_way", "--data_dir", str(context.data_dir)]
            command += ["--output_dir", folder, "--num_epochs", str(context.num_epochs)]
            rival.append(run_timed(command, context))
    operations = _operations(context)
    return [
        Row(
            f"job: {context.num_epochs} epochs on {len(context.songs)} songs, {precision}",
            statistics.median(times),
            statistics.median(rival),
            "the notebook",
            operations / context.matrix_rate(getattr(torch, precision)),
            f"{operations / 1e12:.2g} TFLOP of its steps",
            min_ratio=4,
        )
        for precision, times in reversed(ours.items())
    ]


def _operations(context: Context) -> float:
    """Operations in the matrix products of a job, which trains on four fifths of the segments."""
    num_segments = sum(int(soundfile.info(song).duration / 5) for song in context.songs)
    return 0.8 * num_segments * context.num_epochs * count_operations(context, training=True) / context.batch_size


def inference(context: Context) -> list[Row]:
    """Predict songs from MP3 files."""
    songs = context.songs
    seconds = sum(soundfile.info(song).duration for song in songs)
    music_emotion = load_pipeline(context.model_dir, device="cpu")
    network = NotebookTransformer(hidden_size=context.hidden_size, num_layers=context.num_layers)
    sample = songs[:DECODED_SONGS]

    def table() -> None:
        with tempfile.TemporaryDirectory(dir=context.work_dir) as folder:
            predict(context.model_dir, songs, Path(folder) / "table.csv")

    with torch_threads(context.num_threads):
        times = time_interleaved(
            {
                "pipeline": lambda: music_emotion([str(song) for song in songs]),
                "notebook": lambda: [predict_song(network, song, -40.0, 20.0) for song in sample],
                "libsndfile": lambda: [soundfile.read(song, dtype="float32") for song in songs],
            },
            min(context.repeats, 3),
        )
        # Measured separately, because it sets the number of threads.
        times |= time_interleaved({"predict": table}, min(context.repeats, 3))
    rival = times["notebook"] / len(sample)
    limit, limit_name = times["libsndfile"] / len(songs) / context.num_threads, f"decoding / {context.num_threads}"
    rows = []
    for name, way in (("predict", "scripts/predict.py"), ("pipeline", "the pipeline")):
        ours = times[name] / len(songs)
        stage = f"prediction of a song of {seconds / len(songs):.0f} s by {way}"
        goal = seconds / len(songs) / 250
        rate = f"{seconds / len(songs) / ours:.0f} x real time"
        rows.append(Row(stage, ours, rival, "the notebook", limit, limit_name, max_seconds=goal, note=rate))
    return rows


def start(context: Context) -> list[Row]:
    """Start a process and predict one song, with imports."""
    song = str(context.songs[0])
    network = NotebookTransformer(hidden_size=context.hidden_size, num_layers=context.num_layers)
    checkpoint = context.work_dir / CHECKPOINT_FILE
    torch.save({"model_state_dict": network.state_dict()}, checkpoint)
    sizes = {"hidden_size": context.hidden_size, "num_layers": context.num_layers}
    scripts = {
        "ours": FIRST_RESULT.format(model=str(context.model_dir), song=song),
        "notebook": NOTEBOOK_FIRST_RESULT.format(checkpoint=str(checkpoint), song=song, **sizes),
        "imports": BARE_IMPORTS,
    }
    ways = {
        name: functools.partial(run_timed, [sys.executable, "-c", script], context) for name, script in scripts.items()
    }
    times = time_interleaved(ways, min(context.repeats, 3))
    return [
        Row(
            "start: imports to the first prediction",
            times["ours"],
            times["notebook"],
            "the notebook",
            times["imports"],
            "bare imports of torch and transformers",
            max_seconds=6.0,
        )
    ]


def _train(context: Context, bfloat16: bool) -> float:
    folder = Path(tempfile.mkdtemp(dir=context.work_dir))
    flags = {
        "data_dir": context.data_dir,
        "output_dir": folder / "run",
        "cache_dir": folder / "cache",
        "split_by": "segment",  # as the notebook, for the same number of steps
        "num_train_epochs": context.num_epochs,
        "num_threads": context.num_threads,
        "num_proc": context.num_threads,
        "hidden_size": context.hidden_size,
        "intermediate_size": 4 * context.hidden_size,
        "num_hidden_layers": context.num_layers,
        "bf16": str(bfloat16).lower(),
        "use_cpu": "true",
    }
    command = [sys.executable, "-m", "accelerate.commands.launch", *LAUNCH, str(ROOT / "scripts" / "train.py")]
    seconds = run_timed(
        [*command, *(str(part) for name, value in flags.items() for part in (f"--{name}", value))], context
    )
    shutil.rmtree(folder)
    return seconds


def run_timed(command: Sequence[str], context: Context) -> float:
    """Time of a process, in seconds; RuntimeError with the end of its output if it fails."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "OMP_NUM_THREADS": str(context.num_threads),
        "CUDA_VISIBLE_DEVICES": "",  # jobs are compared on CPU
        "HF_HUB_OFFLINE": "1",
    }
    begin = time.perf_counter()
    done = subprocess.run(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    seconds = time.perf_counter() - begin
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} ... failed:\n{done.stdout[-3000:]}")
    return seconds
