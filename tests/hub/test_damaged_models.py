# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Damaged folders of models: loading gives a model that works, or a ValueError that names the file."""

import json
import pickle
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hub_folder import write_hub_folder
from safetensors.torch import load_file, save_file

from modeling_ast_va.checkpoints.audioset import load_initial_model
from modeling_ast_va.evaluation.model import evaluate_model
from modeling_ast_va.hub.folder import check_hub_folder, load_model
from modeling_ast_va.training.release import refresh_release, release_model

CONFIG, EXTRACTOR, WEIGHTS = "config.json", "preprocessor_config.json", "model.safetensors"
RECORDS = ("protocol.json", "all_results.json")
VALUES = (None, True, -1, 0, 1.5, float("nan"), 10**30, "", "text", [], [[]], {}, {"a": 1})


@pytest.fixture(scope="module")
def complete(tmp_path_factory) -> Path:
    return write_hub_folder(tmp_path_factory.mktemp("complete") / "model")


@pytest.fixture
def folder(complete, tmp_path) -> Path:
    return Path(shutil.copytree(complete, tmp_path / "model"))


def flip(path: Path, rng: random.Random, num_bits: int) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(num_bits):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def damage_json(path: Path, rng: random.Random) -> None:
    """Cut, flip bits, remove a key, or replace a value by one of another type."""
    kind = rng.randrange(4)
    if kind == 0:
        path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)])
    elif kind == 1:
        flip(path, rng, rng.randrange(1, 4))
    else:
        content = json.loads(path.read_text(encoding="utf-8"))
        name = rng.choice(sorted(content))
        if kind == 2:
            del content[name]
        else:
            content[name] = rng.choice(VALUES)
        path.write_text(json.dumps(content), encoding="utf-8")


def damage_weights(path: Path, rng: random.Random) -> None:
    """Cut, flip bits of the header, or change a tensor: its name, shape, type or numbers."""
    kind = rng.randrange(6)
    content = path.read_bytes()
    if kind == 0:
        path.write_bytes(content[: rng.randrange(len(content))])
        return
    if kind == 1:
        header = bytearray(content)
        header[rng.randrange(8 + int.from_bytes(content[:8], "little"))] ^= 1 << rng.randrange(8)
        path.write_bytes(header)
        return
    tensors = load_file(path)
    name = rng.choice(sorted(tensors))
    tensor = tensors.pop(name)
    if kind == 2:
        tensors[f"{name}_other"] = tensor
    elif kind == 3:
        tensors[name] = torch.cat([tensor, tensor]) if tensor.ndim else tensor[None]
    elif kind == 4:
        tensors[name] = (
            torch.full_like(tensor, rng.choice([torch.nan, torch.inf])) if tensor.is_floating_point() else tensor
        )
    save_file(tensors, path, metadata={"format": "pt"})


@pytest.mark.parametrize("seed", range(40))
def test_damage_is_named_or_has_no_effect(seed, folder):
    rng = random.Random(seed)
    name = rng.choice([CONFIG, EXTRACTOR, WEIGHTS, *RECORDS])
    (damage_weights if name == WEIGHTS else damage_json)(folder / name, rng)
    check(check_hub_folder, folder)
    check(refresh_release, folder)
    loaded = check(load_model, folder)
    if loaded is not None:
        model, feature_extractor = loaded
        input_values = feature_extractor(np.zeros(8000), sampling_rate=8000, return_tensors="pt")
        assert torch.isfinite(model(**input_values).logits).all()


def check(load, folder: Path):
    """What a function makes of a folder, or None after an error that names it."""
    try:
        return load(folder)
    except ValueError as error:
        message = str(error)
    assert message.startswith("Expected ")
    assert str(folder) in message
    return None


@pytest.mark.parametrize(
    "content",
    [pickle.dumps({"weights": 1}), b"", bytes(100), b"<!DOCTYPE html>" * 20],
    ids=["pickle", "empty", "zeros", "html"],
)
@pytest.mark.parametrize("name", [CONFIG, EXTRACTOR, WEIGHTS])
def test_other_content_is_refused_by_every_command(name, content, folder, tmp_path):
    (folder / name).write_bytes(content)
    for load in (
        check_hub_folder,
        load_initial_model,
        lambda model: release_model(model, tmp_path / "released"),
        lambda model: evaluate_model(model, tmp_path / "deam"),
    ):
        with pytest.raises(ValueError, match=f"Expected .*{name}.* but got"):
            load(folder)


def test_a_pickle_is_never_loaded(folder):
    torch.save(load_file(folder / WEIGHTS), folder / "pytorch_model.bin")
    (folder / WEIGHTS).unlink()
    with pytest.raises(ValueError, match=f"has no {WEIGHTS}"):
        load_model(folder)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_refused(value, folder):
    tensors = load_file(folder / WEIGHTS)
    tensors["head.dense.bias"][3] = value
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"1 of 16 in head\.dense\.bias that are not"):
        load_model(folder)
