# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Defaults and checks of the arguments of the `Trainer`."""

import pytest

from modeling_ast_va.training.training_arguments import ASTVATrainingArguments


def arguments(**given):
    return ASTVATrainingArguments(**given, use_cpu=True)


def test_the_best_checkpoint_has_the_lowest_mean_squared_error():
    args = arguments()
    assert (args.metric_for_best_model, args.greater_is_better) == ("mse", False)
    assert args.load_best_model_at_end
    assert args.early_stopping_patience > 0


@pytest.mark.parametrize(
    ("metric", "greater_is_better"),
    [("loss", False), ("eval_mse", False), ("song_rmse", False), ("valence_mae", False), ("ccc", True), ("r2", True)],
)
def test_less_is_better_for_errors(metric, greater_is_better):
    assert arguments(metric_for_best_model=metric).greater_is_better is greater_is_better
    assert arguments(metric_for_best_model=metric, greater_is_better=True).greater_is_better


@pytest.mark.parametrize("name", ["frequency_mask_bins", "time_mask_frames", "early_stopping_patience"])
def test_negative_values_are_refused(name):
    with pytest.raises(ValueError, match=f"Expected {name} of at least 0, but got -1"):
        arguments(**{name: -1})


def test_muon_needs_adamw_beside_it():
    for optim in ("adamw_torch", "adamw_torch_fused"):
        assert arguments(matrix_learning_rate=0.02, optim=optim).matrix_learning_rate == 0.02
    expected = "Expected optim adamw_torch or adamw_torch_fused with matrix_learning_rate, but got adafactor"
    with pytest.raises(ValueError, match=expected):
        arguments(matrix_learning_rate=0.02, optim="adafactor")
