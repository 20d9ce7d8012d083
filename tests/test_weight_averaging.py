# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The average of the weights against its recursion, through whole runs, and through one that is resumed."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from tiny_training import train_tiny, write_songs
from torch import nn

from modeling_ast_va import evaluation, training
from modeling_ast_va.weight_averaging import WeightAveraging

RUN = ["--num_train_epochs", "3", "--per_device_train_batch_size", "8", "--learning_rate", "1e-2", "--split_by", "none"]


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return write_songs(tmp_path_factory.mktemp("songs") / "deam")


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    monkeypatch.setattr(training, "plot_loss_curves", lambda *args: None)
    monkeypatch.setattr(evaluation, "save_evaluation_plots", lambda *args: None)


def weights(folder):
    return load_file(folder / "model.safetensors")


def test_the_average_follows_its_recursion():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    averaging = WeightAveraging(decay=0.5)
    averaging.on_train_begin(None, None, None, model=model)
    expected = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for step in range(1, 6):
        with torch.no_grad():
            for tensor in model.state_dict().values():
                tensor.add_(step)
        averaging.on_step_end(None, None, None, model=model)
        keep = min(0.5, (1 + step) / (10 + step))
        for name, tensor in model.state_dict().items():
            expected[name] = (
                keep * expected[name] + (1 - keep) * tensor if tensor.is_floating_point() else tensor.clone()
            )
    averaging.on_train_end(None, None, None, model=model)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, expected[name])


def test_averaged_weights_are_those_that_are_left(songs, tmp_path):
    train_tiny(songs, tmp_path / "last", *RUN)
    train_tiny(songs, tmp_path / "average", *RUN, "--weight_average_decay", "0.9")
    last, average = weights(tmp_path / "last"), weights(tmp_path / "average")
    assert any(not torch.allclose(last[name], average[name]) for name in last)
    checkpoint = max((tmp_path / "average").glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    for name, tensor in weights(checkpoint).items():  # training itself goes on with the weights as they are
        if name in last:
            torch.testing.assert_close(tensor, last[name])
    kept = load_file(checkpoint / "weight_average.safetensors")
    for name, tensor in average.items():
        torch.testing.assert_close(tensor, kept[f"module.{name}"])


def test_a_resumed_run_ends_with_the_same_average(songs, tmp_path):
    flags = [*RUN, "--weight_average_decay", "0.9"]
    train_tiny(songs, tmp_path / "whole", *flags)
    checkpoints = sorted((tmp_path / "whole").glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    train_tiny(songs, tmp_path / "resumed", *flags, "--resume_from_checkpoint", str(checkpoints[0]))
    whole, resumed = weights(tmp_path / "whole"), weights(tmp_path / "resumed")
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed[name]), name


def test_a_checkpoint_without_average_is_refused(songs, tmp_path):
    train_tiny(songs, tmp_path / "model", *RUN)
    with pytest.raises(ValueError, match="Expected the average of the weights"):
        train_tiny(songs, tmp_path / "model", *RUN, "--weight_average_decay", "0.9", "--resume_from_checkpoint", "true")


def test_the_best_checkpoint_and_an_average_exclude_each_other(songs, tmp_path):
    with pytest.raises(ValueError, match="--validation_ratio 0"):
        train_tiny(songs, tmp_path / "model", "--weight_average_decay", "0.9")
