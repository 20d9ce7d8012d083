# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Prediction on a Ray cluster of two machines on this one: every song once, whatever fails."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import ray_songs
from deam_folder import write_song

from modeling_ast_va import ASTVAForRegression
from modeling_ast_va.cli import main
from modeling_ast_va.hub.folder import save_hub_folder
from modeling_ast_va.prediction import predict, rated_parts, ray_engine
from modeling_ast_va.prediction.ray_engine import predict_with_ray
from modeling_ast_va.prediction.tables import song_columns

NUM_SONGS = 16
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
NUMBERS = ["valence", "arousal", "valence_std", "arousal_std", "num_segments"]
TEXTS = ["quadrant", "title", "warning", "error"]


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture(scope="module")
def cluster():
    """Two nodes, the driver's and another."""
    pytest.importorskip("ray.data", reason="needs ray")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("PYTHONPATH", os.pathsep.join([os.getcwd(), *sys.path]))
        import ray
        from ray.cluster_utils import Cluster

        nodes = Cluster(initialize_head=True, head_node_args=NODE)
        try:
            nodes.add_node(**NODE)
            yield nodes
        finally:
            ray.shutdown()
            nodes.shutdown()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The folder of a small model."""
    import torch

    from modeling_ast_va import ASTVAConfig, ASTVAFeatureExtractor

    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    front = {"sampling_rate": 8000, "hop_length": 256, "num_mel_bins": 32, "max_length": 48, "segment_seconds": 1.5}
    config = ASTVAConfig(**size, **front, head_hidden_size=16, initializer_range=0.2)
    folder = tmp_path_factory.mktemp("model")
    save_hub_folder(ASTVAForRegression(config).eval(), ASTVAFeatureExtractor(n_fft=512, **front), folder / "model")
    return str(folder / "model")


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """Songs, and a file that cannot be decoded."""
    folder = tmp_path_factory.mktemp("music")
    for i in range(NUM_SONGS):
        write_song(folder / f"{i:02}.mp3", 1.0 + 0.25 * i, frequency=150 + 50 * i)
    (folder / "damaged.mp3").write_bytes(b"no music")
    return folder


@pytest.fixture(scope="module")
def expected(saved, music, tmp_path_factory):
    """The table of one process."""
    output = tmp_path_factory.mktemp("expected") / "songs.parquet"
    predict(saved, [music], output, device="cpu", num_workers=1)
    return pd.read_parquet(output).set_index("path")


def check(output, expected):
    """Check that every song has one row, with the ratings of one process; returns the rows."""
    table = pd.read_parquet(output).set_index("path").sort_index()
    assert table.columns.tolist() == [*song_columns(), "version"][1:]
    assert table.index.tolist() == sorted(expected.index)
    ours, theirs = table.loc[expected.index, NUMBERS], expected[NUMBERS]
    np.testing.assert_allclose(ours.to_numpy(float), theirs.to_numpy(float), rtol=0, atol=1e-6)
    texts = (one.loc[expected.index, TEXTS].astype(object).fillna("").to_dict() for one in (table, expected))
    assert next(texts) == next(texts)
    return table


def counts(capsys):
    return capsys.readouterr().out.partition("(")[2].partition(";")[0]


@pytest.mark.slow
def test_ratings_are_those_of_one_process_and_later_runs_rate_what_is_new_or_changed(
    cluster, saved, music, expected, tmp_path, capsys, monkeypatch
):
    copied = tmp_path / "music"
    shutil.copytree(music, copied)
    monkeypatch.chdir(tmp_path)
    songs = expected.rename(lambda path: path.replace(str(music), "music"))
    songs["error"] = songs["error"].str.replace(str(music), "music")
    flags = ["--engine", "ray", "--ray_address", cluster.address, "--model", saved, "--output", "rated"]
    assert main(["predict", "music", *flags]) == 0
    assert counts(capsys) == "17 new, 0 changed, 0 kept"
    check("rated", songs)
    parts = {path: path.read_bytes() for path in Path("rated").iterdir()}
    pd.DataFrame({"path": [*songs.index, "music/00.mp3"]}).to_parquet("songs.parquet")
    assert main(["predict", "songs.parquet", *flags]) == 0
    assert counts(capsys) == "0 new, 0 changed, 17 kept"
    assert {path: path.read_bytes() for path in Path("rated").iterdir()} == parts
    shutil.copy("music/03.mp3", "music/01.mp3")
    shutil.copy("music/05.mp3", "music/new.mp3")
    os.remove("music/02.mp3")
    assert main(["predict", "music", *flags]) == 0
    assert counts(capsys) == "1 new, 1 changed, 16 kept"  # a song that is not among the inputs keeps its row
    songs.loc["music/01.mp3"], songs.loc["music/new.mp3"] = songs.loc["music/03.mp3"], songs.loc["music/05.mp3"]
    check("rated", songs)
    assert main(["predict", "music", *flags, "--segment_hop_seconds", "1"]) == 2
    assert "has segment_hop_seconds None instead of 1.0. Choose another output." in capsys.readouterr().err


@pytest.mark.slow
def test_a_song_that_ends_its_process_costs_its_row_only(
    cluster, saved, music, expected, tmp_path, capsys, monkeypatch
):
    crash = tmp_path / "crash.mp3"
    shutil.copy(music / "04.mp3", crash)
    monkeypatch.setattr(ray_engine, "SongRater", ray_songs.FragileRater)
    predict_with_ray(saved, [music, crash], tmp_path / "rated", ray_address=cluster.address)
    assert "column error: 2. " in capsys.readouterr().out
    row = pd.read_parquet(tmp_path / "rated").set_index("path").loc[str(crash)]
    assert row["error"].startswith(f"{crash}: expected a rating, but the process ended 3 times")
    assert row[["valence", "arousal", "quadrant", "version"]].isna().all()
    songs = expected.copy()
    songs.loc[str(crash)] = songs.loc[str(music / "04.mp3")]
    songs.loc[str(crash), [*NUMBERS, "quadrant"]] = np.nan, np.nan, np.nan, np.nan, 0, None
    songs.loc[str(crash), "error"] = row["error"]
    check(tmp_path / "rated", songs)
    monkeypatch.undo()
    predict_with_ray(saved, [music, crash], tmp_path / "rated", ray_address=cluster.address)  # a repaired decoder
    assert counts(capsys) == "0 new, 0 changed, 1 tried again, 17 kept"
    songs.loc[str(crash)] = songs.loc[str(music / "04.mp3")]
    check(tmp_path / "rated", songs)


@pytest.mark.slow
def test_a_killed_driver_loses_only_the_songs_in_work(cluster, saved, music, expected, tmp_path, capsys):
    output = tmp_path / "rated"
    command = [sys.executable, ray_songs.__file__, cluster.address, saved, str(music), str(output)]
    with subprocess.Popen(command, start_new_session=True) as driver:
        try:
            wait_for(lambda: list(output.glob("*.parquet")))
        finally:
            driver.send_signal(signal.SIGKILL)
    kept = pd.read_parquet(output)["path"].tolist()
    assert 0 < len(kept) < len(expected)
    parts = {path.name: path.read_bytes() for path in output.glob("*.parquet")}
    predict_with_ray(saved, [music], output, ray_address=cluster.address)
    assert counts(capsys) == f"{len(expected) - len(kept)} new, 0 changed, {len(kept)} kept"
    check(output, expected)
    assert all((output / name).read_bytes() == content for name, content in parts.items())


@pytest.mark.slow
def test_songs_of_a_machine_that_is_lost_are_rated_by_another(cluster, saved, music, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_engine, "SongRater", ray_songs.SlowRater)
    monkeypatch.setattr(rated_parts, "SECONDS_PER_PART", 0.0)
    output, lost = tmp_path / "rated", cluster.add_node(**NODE)

    def lose_a_machine():
        wait_for(lambda: len(list(output.glob("*.parquet"))) >= 2)
        cluster.remove_node(lost, allow_graceful=False)

    killer = threading.Thread(target=lose_a_machine)
    killer.start()
    predict_with_ray(saved, [music], output, ray_address=cluster.address)
    killer.join()
    assert (music / f".{lost.node_id}").exists()
    check(output, expected)
