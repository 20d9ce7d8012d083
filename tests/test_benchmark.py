# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The benchmark: implementation of the notebook, times and table, and every stage at a small size."""

import json
import shutil
import sys
from types import SimpleNamespace

import librosa
import numpy as np
import pytest
import torch
from notebook_model import NotebookTransformer

from benchmarks import (
    audio_stages,
    epoch_stage,
    job_stages,
    loading_stage,
    network_stages,
    notebook_way,
    predict_libraries,
    run,
)
from benchmarks.context import Context, torch_threads
from benchmarks.timing import Row, describe_machine, format_rows, format_seconds, time_interleaved
from modeling_ast_va import make_demo_deam


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """Demo songs of one segment each."""
    return make_demo_deam(tmp_path_factory.mktemp("songs") / "deam", 10, song_seconds=5.2)


@pytest.fixture
def context(songs, tmp_path):
    """Small settings, because these are tests and not measurements."""
    return Context(
        songs,
        tmp_path,
        repeats=1,
        num_threads=1,
        prepared_songs=12,
        num_epochs=1,
        batch_size=2,
        hidden_size=32,
        num_layers=1,
    )


# The notebook


def test_notebook_data_set_equals_librosa(songs):
    annotations = notebook_way.read_annotations(songs)
    audio_dir = songs / notebook_way.AUDIO_FOLDER
    assert len(annotations) == 10
    dataset = notebook_way.NotebookDataset(annotations, audio_dir)
    assert len(dataset) == 10
    log_mel, label = dataset[3]
    song_id, valence, arousal = annotations.iloc[3][["song_id", "valence_mean", "arousal_mean"]]
    waveform, _ = librosa.load(audio_dir / f"{int(song_id)}.mp3", sr=44100)
    mel = librosa.feature.melspectrogram(y=waveform[: 5 * 44100], sr=44100, n_mels=128, n_fft=2048, hop_length=512)
    np.testing.assert_array_equal(log_mel[0, :, :431], librosa.power_to_db(mel, ref=np.max))
    assert (log_mel[0, :, 431:] == 0).all()
    assert label.tolist() == pytest.approx([valence, arousal])

    masked, _ = notebook_way.NotebookDataset(annotations, audio_dir, augment=True)[3]
    changed = masked[0] != log_mel[0]
    assert (masked[0][changed] == 0).all()
    assert changed.all(dim=1).sum() <= 10 <= (masked[0][:, :431] == 0).all(dim=1).sum()


def test_notebook_trains_with_the_same_split_each_time(songs, tmp_path, monkeypatch):
    indices = notebook_way.split_indices(216)
    assert [len(part) for part in indices] == [172, 21, 23]
    assert sorted(index for part in indices for index in part) == list(range(216))
    assert indices == notebook_way.split_indices(216)

    small = NotebookTransformer(hidden_size=16, num_layers=1, num_heads=2)
    before = {name: weight.clone() for name, weight in small.state_dict().items()}
    monkeypatch.setattr(notebook_way, "NotebookTransformer", lambda: small)
    metrics = notebook_way.train(songs, tmp_path, num_epochs=1, num_workers=0)
    assert set(metrics) == {f"{name}_{metric}" for name in ("valence", "arousal") for metric in ("mse", "mae", "ccc")}
    saved = torch.load(tmp_path / notebook_way.CHECKPOINT_FILE)
    assert set(saved) >= {"epoch", "val_loss", "global_mean", "global_std", "model_state_dict", "optimizer_state_dict"}
    assert not any(torch.equal(before[name], saved["model_state_dict"][name]) for name in ("cls_token", "pos_embed"))


# Times and table


def test_functions_are_measured_in_turns_and_the_median_is_returned(monkeypatch):
    durations = {"ours": [9, 1, 5, 2], "rival": [9, 7, 8, 100]}
    order, now = [], 0

    def way(name):
        def work():
            nonlocal now
            now += durations[name][order.count(name)]
            order.append(name)

        return work

    monkeypatch.setattr("benchmarks.timing.time", SimpleNamespace(perf_counter=lambda: now))
    assert time_interleaved({name: way(name) for name in durations}, repeats=3) == {"ours": 2, "rival": 8}
    assert order == ["ours", "rival"] * 4


@pytest.mark.parametrize(
    ("row", "ratio", "share", "met"),
    [
        (Row("a", 2.0, 3.0, "rival", 1.0, "limit", min_ratio=1.5, min_share=0.5), 1.5, 0.5, True),
        (Row("a", 2.0, 3.0, "rival", 1.0, "limit", min_ratio=1.6, min_share=0.5), 1.5, 0.5, False),
        (Row("a", 2.0, 3.0, "rival", 1.0, "limit", min_ratio=1.5, min_share=0.6), 1.5, 0.5, False),
        (Row("a", 2.0, max_seconds=1.9), None, None, False),
        (Row("a", 2.0, 3.0, "rival"), 1.5, None, None),
    ],
)
def test_goals_of_a_row(row, ratio, share, met):
    assert (row.ratio, row.share, row.met) == (ratio, share, met)


def test_table_shows_goals_that_are_not_met():
    rows = [
        Row("step", 0.4, 0.75, "the notebook's", 0.3, "75 GFLOP", min_ratio=1.5),
        Row("start", 7.0, max_seconds=6.0, note="warm"),
    ]
    header, rule, step, start = (line.strip("| ").split("|") for line in format_rows(rows).splitlines())
    assert [cell.strip() for cell in header][:4] == ["stage", "ours", "rival", "rival / ours"]
    assert set("".join(rule)) == {"-", ":", " "}
    assert [cell.strip() for cell in step] == [
        *("step", "400 ms", "750 ms the notebook's", "1.88 x", "300 ms 75 GFLOP", "75%", "1.5 x", "yes")
    ]
    assert [cell.strip() for cell in start] == ["start (warm)", "7 s", "", "", "", "", "at most 6 s", "NO"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(205.4, "205 s"), (1.234, "1.23 s"), (0.0582, "58.2 ms"), (5e-6, "5 us")]
)
def test_seconds_have_three_digits(seconds, text):
    assert format_seconds(seconds) == text


def test_description_of_the_machine():
    machine = describe_machine(3)
    assert machine["threads"] == 3
    assert machine["torch"] == torch.__version__
    assert machine["processor"]


def test_number_of_threads_is_restored():
    before = torch.get_num_threads()
    with torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


# Stages


def check(rows, num_rows):
    assert len(rows) == num_rows
    for row in rows:
        assert row.ours > 0
        assert row.rival is None or row.rival > 0
        assert row.limit is None or row.limit > 0
    return rows


def test_stages_of_audio(context, monkeypatch):
    monkeypatch.setattr(audio_stages, "LONG_FILE_SECONDS", 12)
    monkeypatch.setattr(audio_stages, "SEGMENT_START_SECONDS", 6)
    check(audio_stages.decoding(context), 1)
    check(audio_stages.segment_of_a_long_file(context), 1)
    check(audio_stages.log_mel(context), 2)
    check(audio_stages.preparation(context), 1)


def test_stages_of_the_network_and_the_epoch(context, monkeypatch):
    monkeypatch.setattr(context, "_rates", {(torch.float32, "cpu", 2048): 1e11, (torch.bfloat16, "cpu", 2048): 4e11})
    for stage in (network_stages.step, network_stages.evaluation):
        rows = check(stage(context), 3)
        assert rows[2].limit == pytest.approx(rows[0].limit / 4)
    for row in check(epoch_stage.epoch(context), 2):
        assert 0 < row.share < 1


def test_operations_of_the_matrix_products(context):
    # One layer that is pooled at its first token: all of its 217 tokens are keys and values, and one is a query.
    tokens, width = 217, 32
    patches = 2 * 216 * 256 * width
    keys_and_values = 2 * tokens * width * 2 * width
    one_token = 2 * (2 * width * width + 2 * tokens * width + 2 * 4 * width * width)
    head = 2 * (width * 128 + 128 * 2)
    expected = patches + keys_and_values + one_token + head
    assert network_stages.count_operations(context, training=False) == context.batch_size * expected


@pytest.mark.slow
def test_stage_of_loading(context, monkeypatch):
    monkeypatch.setattr(loading_stage, "NUM_WORKERS", (0,))
    monkeypatch.setattr(loading_stage, "WARM_UP_STEPS", 0)
    monkeypatch.setattr(loading_stage, "NUM_STEPS", 2)
    check(loading_stage.loading(context), 1)


def test_stages_of_inference_and_start(context, monkeypatch):
    for row in check(job_stages.inference(context), 2):
        assert "x real time" in row.note
    monkeypatch.setattr(job_stages, "FIRST_RESULT", "pass")
    monkeypatch.setattr(job_stages, "NOTEBOOK_FIRST_RESULT", "pass")
    monkeypatch.setattr(job_stages, "BARE_IMPORTS", "pass")
    check(job_stages.start(context), 1)


def test_failed_job_raises_an_error(context):
    with pytest.raises(RuntimeError, match=r"failed:\n(.|\n)*ZeroDivisionError"):
        job_stages.run_timed([sys.executable, "-c", "1 / 0"], context)


def test_saved_stages_are_not_measured_again(songs, tmp_path, monkeypatch, capsys):
    calls = []

    def stage(name):
        return lambda context: calls.append(name) or [Row(name, 1.0, 2.0, "rival")]

    monkeypatch.setattr(run, "STAGES", {name: stage(name) for name in ("first", "second", "third")})
    output = tmp_path / "times.json"
    run.benchmark(["second"], data_dir=songs, output=output)
    assert list(json.loads(output.read_text())["stages"]) == ["second"]
    rows = run.benchmark(data_dir=songs, output=output)
    assert calls == ["second", "first", "third"]
    assert [row.stage for row in rows] == ["first", "second", "third"]
    assert "| third  |  1 s | 2 s rival |       2.00 x |" in capsys.readouterr().out
    with pytest.raises(ValueError, match="Expected times of this machine and these settings"):
        run.benchmark(data_dir=songs, output=output, repeats=7)
    with pytest.raises(ValueError, match=r"Expected stages of .* but got \['fourth'\]"):
        run.benchmark(["fourth"], data_dir=songs)


def test_stage_of_the_gpu_has_no_rows_on_cpu(context):
    assert run.STAGES["gpu"](context) == []


def test_unknown_device_raises_an_error():
    with pytest.raises(ValueError, match="Expected cpu, or cuda where there is a GPU, but got 'tpu'"):
        run.benchmark(device="tpu")


def test_optimizations_are_measured_one_by_one(context):
    rows = check(network_stages.optimizations(context), 8)
    assert [row.rival_name for row in rows] == [
        *("all tokens in the last layer", "dropout of torch", 'attn_implementation="sdpa"'),
        "all tokens in the last layer",
        *2 * ("dropout of torch", "descriptors computed in every step"),
    ]


@pytest.mark.slow
def test_commands_on_libraries(songs, tmp_path, monkeypatch):
    """Every command that is compared rates a song."""
    song = tmp_path / "song.mp3"
    shutil.copy(next(iter(sorted(songs.rglob("*.mp3")))), song)
    fast = ("`ast-va predict`", "librosa: decoding and mel spectrogram alone", "VibeNet")
    all_commands = predict_libraries.commands
    monkeypatch.setattr(
        predict_libraries,
        "commands",
        lambda *args: {name: command for name, command in all_commands(*args).items() if name in fast},
    )
    measured = predict_libraries.compare(str(tmp_path), repeats=1, vibenet=shutil.which("true"))
    assert tuple(measured) == fast
    assert all(one.seconds > 0 and one.peak_bytes > 0 for one in measured.values())
    rows = predict_libraries.table_rows("songs", measured)
    assert [row[:2] for row in rows] == [("songs", name) for name in fast]
    assert rows[0][3] == "1.00"
    with pytest.raises(RuntimeError, match="failed"):
        predict_libraries.measure([sys.executable, "-c", "raise SystemExit(3)"])
