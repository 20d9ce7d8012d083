# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Muon: its steps against the singular value decomposition and torch's own Muon, and what it leaves to AdamW."""

import copy

import pytest
import torch
from datasets import Dataset, DatasetDict
from hub_folder import tiny_model

from modeling_ast_va.training.muon import MuonWithAdamW, orthogonalize, parameter_groups
from modeling_ast_va.training.trainer import build_trainer
from modeling_ast_va.training.training_arguments import ASTVATrainingArguments

SHAPES = [(24, 32), (16, 48), (48, 16)]


@pytest.mark.parametrize("shape", SHAPES)
def test_orthogonalize_keeps_the_singular_vectors_and_equalizes_the_values(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    assert values.min() > 0.01 * matrix.norm()  # the smallest that the polynomial raises far enough
    inside = left.T @ orthogonalize(matrix) @ right.T
    assert ((inside.diagonal() >= 0.68) & (inside.diagonal() <= 1.14)).all()
    torch.testing.assert_close(inside, inside.diagonal().diag(), atol=1e-5, rtol=0)


def test_a_matrix_of_zeros_stays():
    assert not orthogonalize(torch.zeros(3, 5)).any()


@pytest.mark.parametrize("shape", SHAPES)
def test_steps_are_those_of_torch(shape):
    # torch computes them in bfloat16, so to 2 % of the length of a step.
    generator = torch.Generator().manual_seed(1)
    ours, theirs = (torch.nn.Parameter(torch.zeros(shape)) for _ in range(2))
    optimizers = [
        MuonWithAdamW([{"params": [ours], "use_muon": True}], lr=0.01, weight_decay=0.1),
        torch.optim.Muon([theirs], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
    ]
    for _ in range(3):
        gradient = torch.randn(shape, generator=generator)
        for weight, optimizer in zip((ours, theirs), optimizers):
            weight.grad = gradient.clone()
            optimizer.step()
    assert (ours - theirs).norm() < 0.02 * theirs.norm()


def test_other_groups_are_those_of_adamw_and_a_restored_state_continues():
    generator = torch.Generator().manual_seed(2)
    gradients = [[torch.randn(4, 6, generator=generator), torch.randn(6, generator=generator)] for _ in range(4)]

    def optimizer_of(weights):
        matrix, bias = weights
        groups = [{"params": [bias], "weight_decay": 0.0}, {"params": [matrix], "lr": 0.02, "use_muon": True}]
        return MuonWithAdamW(groups, lr=0.01)

    def step(weights, optimizer, of_step):
        for weight, gradient in zip(weights, of_step):
            weight.grad = gradient.clone()
        optimizer.step()

    weights = [torch.nn.Parameter(torch.ones(4, 6)), torch.nn.Parameter(torch.ones(6))]
    bias = torch.nn.Parameter(torch.ones(6))
    optimizer, adamw = optimizer_of(weights), torch.optim.AdamW([bias], lr=0.01, weight_decay=0.0)
    for index, of_step in enumerate(gradients):
        if index == 2:
            restored = copy.deepcopy(weights)
            continued = optimizer_of(restored)
            continued.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        step(weights, optimizer, of_step)
        step([bias], adamw, of_step[1:])
        if index >= 2:
            step(restored, continued, of_step)
    assert torch.equal(weights[1], bias)
    assert all(torch.equal(weight, other) for weight, other in zip(weights, restored))


def test_only_matrices_are_taken():
    with pytest.raises(ValueError, match=r"Expected matrices .* got parameters of shape \[\(3,\)\]"):
        MuonWithAdamW([{"params": [torch.nn.Parameter(torch.zeros(3))], "use_muon": True}], lr=0.01)


def test_groups_hold_every_trained_weight_once():
    model, _ = tiny_model(num_auxiliary_targets=3, use_spread_head=True)
    model.head.out_proj.bias.requires_grad_(False)
    names = {weight: name for name, weight in model.named_parameters()}
    decayed = {name for name in names.values() if name.endswith("weight")}
    groups = parameter_groups(model, decayed, weight_decay=0.1, matrix_learning_rate=0.02)
    in_groups = [names[weight] for group in groups for weight in group["params"]]
    assert sorted(in_groups) == sorted(set(names.values()) - {"head.out_proj.bias"})
    matrices = {names[weight] for weight in groups[2]["params"]}
    of_layer = {f"attention.{name}_proj" for name in "qkvo"} | {"mlp.fc1", "mlp.fc2"}
    expected = {f"ast_va.layers.{i}.{name}.weight" for name in of_layer for i in range(len(model.ast_va.layers))}
    assert matrices == expected | {"ast_va.embeddings.patch_embeddings.projection.weight"}
    assert {names[weight] for weight in groups[0]["params"]} == decayed - matrices
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0, 0.1]
    assert groups[2]["lr"] == 0.02


def test_the_trainer_uses_muon_where_it_has_a_rate(tmp_path):
    model, feature_extractor = tiny_model()
    for rate, groups in ((0.02, [0.001, 0.001, 0.02]), (0.0, [0.001, 0.001])):
        args = ASTVATrainingArguments(
            str(tmp_path),
            learning_rate=0.001,
            matrix_learning_rate=rate,
            eval_strategy="no",
            use_cpu=True,
            load_best_model_at_end=False,
        )
        rows = DatasetDict(train=Dataset.from_dict({"song_id": [1, 2]}))
        trainer = build_trainer(model, feature_extractor, args, rows)
        optimizer = trainer.create_optimizer()
        assert [group["lr"] for group in optimizer.param_groups] == groups
        assert isinstance(optimizer, MuonWithAdamW) == bool(rate)
