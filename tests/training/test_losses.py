# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The terms of the loss against closed forms and against the metrics, to 1e-6."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from modeling_ast_va import concordance_correlation_coefficient
from modeling_ast_va.data.tracks import Track
from modeling_ast_va.metrics import evaluate_predictions
from modeling_ast_va.modeling_ast_va import ASTVAOutput
from modeling_ast_va.training.auxiliary import AuxiliaryTargets
from modeling_ast_va.training.losses import concordance_loss, spread_loss, training_loss, validation_loss

UNKNOWN = torch.full((40, 2), float("nan"))  # spreads of raters


def batch(num_rows=40, num_columns=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    predictions = torch.randn(num_rows, num_columns, generator=generator) + 1
    return predictions, 2 * torch.randn(num_rows, num_columns, generator=generator)


def outputs_of(predictions, auxiliary=None):
    return ASTVAOutput(logits=predictions, auxiliary_logits=auxiliary)


def kind(name, weight, num_targets, **options):
    track = Track(np.arange(4.0), np.random.default_rng(0).normal(size=(4, num_targets)))
    return AuxiliaryTargets(name, weight, {1: track}, 0.0, [1], **options)


def test_the_loss_is_the_sum_of_its_terms():
    predictions, labels = batch()
    auxiliary, targets = batch(num_columns=5, seed=1)
    kinds = [kind("dynamic", 0.5, 2), kind("teacher", 2.0, 3)]
    loss, terms = training_loss(outputs_of(predictions, auxiliary), labels, UNKNOWN, targets, 3.0, kinds)
    squared = (auxiliary - targets).square()
    expected = {
        "mse": (predictions - labels).square().mean(),
        "concordance": 3 * concordance_loss(predictions, labels),
        "dynamic": 0.5 * squared[:, :2].mean(),
        "teacher": 2 * squared[:, 2:].mean(),
    }
    torch.testing.assert_close(terms, expected)
    torch.testing.assert_close(loss, sum(expected.values()))


def test_without_weights_the_loss_is_the_mean_squared_error():
    predictions, labels = batch()
    loss = torch.nn.functional.mse_loss(predictions, labels)
    assert training_loss(outputs_of(predictions), labels, UNKNOWN, None, 0.0, []) == (loss, {"mse": loss})


def test_each_term_is_over_the_segments_that_have_what_it_compares_with():
    predictions, labels = batch()
    auxiliary, embeddings = batch(num_columns=3, seed=1)
    _, ratings = batch(seed=2)
    labels[10:] = float("nan")  # 30 segments without labels
    embeddings[:5] = float("nan")
    kinds = [kind("teacher", 0.5, 3), kind("ratings", 2.0, 2, are_ratings=True)]
    targets = torch.cat([embeddings, ratings], dim=1)
    predictions.requires_grad_()
    loss, terms = training_loss(outputs_of(predictions, auxiliary), labels, UNKNOWN, targets, 1.0, kinds)
    expected = {
        "mse": (predictions - labels)[:10].square().mean(),
        "concordance": concordance_loss(predictions[:10], labels[:10]),
        "teacher": 0.5 * (auxiliary - embeddings)[5:].square().mean(),
        "ratings": 2 * (predictions - ratings).square().mean(),  # of the head, on all segments
    }
    torch.testing.assert_close(terms, expected)
    loss.backward()
    assert torch.isfinite(predictions.grad).all()


def test_validation_has_the_same_loss_of_ratings():
    predictions, labels = batch()
    metrics = {f"eval_{k}": v for k, v in evaluate_predictions(labels.numpy() + 5, predictions.numpy() + 5).items()}
    for weight in (0.0, 2.0):
        loss, _ = training_loss(outputs_of(predictions), labels, UNKNOWN, None, weight, [])
        assert validation_loss(metrics, "eval", weight) == pytest.approx(loss.item(), abs=1e-5)


def test_the_concordance_loss_is_one_minus_the_metric():
    predictions, labels = batch()
    cccs = [concordance_correlation_coefficient(labels[:, i].numpy(), predictions[:, i].numpy()) for i in range(2)]
    assert concordance_loss(predictions, labels).item() == pytest.approx(1 - np.mean(cccs), abs=1e-6)


def test_the_concordance_loss_of_equal_and_of_constant_columns():
    labels = torch.randn(10, 2)
    assert concordance_loss(labels, labels).item() == pytest.approx(0, abs=1e-6)
    constant = torch.full((4, 2), 5.0, requires_grad=True)
    loss = concordance_loss(constant, constant.detach())
    loss.backward()
    assert loss.item() == 1
    assert torch.isfinite(constant.grad).all()


def spreads(num_rows=40, seed=3):
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(num_rows, 2, generator=generator) + 0.5 for _ in range(3)]


def test_the_spread_loss_is_that_of_torch():
    predictions, labels = batch()
    error_std, rater_std, label_stds = spreads()
    label_stds[10:, 0] = float("nan")
    is_known = ~label_stds.isnan()
    gaussian = torch.nn.GaussianNLLLoss()(predictions, labels, error_std.square())
    squares = (rater_std - label_stds)[is_known].square().mean()
    torch.testing.assert_close(spread_loss(predictions, error_std, rater_std, labels, label_stds), gaussian + squares)
    torch.testing.assert_close(spread_loss(predictions, error_std, rater_std, labels, UNKNOWN), gaussian)


def test_the_spread_term_is_over_labelled_segments_and_does_not_change_the_ratings():
    predictions, labels = batch()
    error_std, rater_std, label_stds = spreads()
    labels[10:] = label_stds[10:] = float("nan")
    for tensor in (predictions, error_std, rater_std):
        tensor.requires_grad_()
    outputs = ASTVAOutput(logits=predictions, error_std=error_std, rater_std=rater_std)
    loss, terms = training_loss(outputs, labels, label_stds, None, 0.0, [])
    known = (tensor[:10] for tensor in (predictions, error_std, rater_std, labels, label_stds))
    torch.testing.assert_close(terms["spread"], spread_loss(*known))
    torch.testing.assert_close(loss, terms["mse"] + terms["spread"])
    assert torch.autograd.grad(terms["spread"], predictions, retain_graph=True, allow_unused=True) == (None,)
    loss.backward()
    for tensor in (error_std, rater_std):
        assert tensor.grad[:10].abs().min() > 0
        assert not tensor.grad[10:].any()


class Course:
    """Targets of three time steps."""

    name, weight, num_targets, output = "dynamic", 0.5, 6, "frame_logits"


def test_the_course_is_compared_at_the_time_steps_that_are_annotated():
    predictions, labels = batch()
    course, targets = torch.randn(40, 3, 2), torch.randn(40, 6)
    targets[:7] = targets[8, 2:] = float("nan")
    outputs = ASTVAOutput(logits=predictions, frame_logits=course)
    _, terms = training_loss(outputs, labels, UNKNOWN, targets, 0.0, [Course()])
    squares = [(course[i, j // 2, j % 2] - targets[i, j]) ** 2 for i in range(40) for j in range(6)]
    known = [square for square in squares if not square.isnan()]
    assert len(known) == 33 * 6 - 4
    torch.testing.assert_close(terms["dynamic"], 0.5 * torch.stack(known).mean())
    _, terms = training_loss(outputs, labels, UNKNOWN, torch.full((40, 6), float("nan")), 0.0, [Course()])
    assert terms["dynamic"] == 0
