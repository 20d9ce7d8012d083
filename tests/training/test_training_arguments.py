# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Defaults and checks of the arguments of the `Trainer`, and the checkpoint to resume from."""

import pytest

from modeling_ast_va.training.training_arguments import ASTVATrainingArguments, checkpoint_to_resume


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


def test_the_checkpoint_to_resume_from(tmp_path):
    args = arguments(output_dir=tmp_path)
    assert checkpoint_to_resume(args) is None
    for step in (3, 12):
        (tmp_path / f"checkpoint-{step}").mkdir()
    for wanted in (None, "false"):
        args.resume_from_checkpoint = wanted
        with pytest.raises(ValueError, match="Expected an output_dir without checkpoints"):
            checkpoint_to_resume(args)
    args.resume_from_checkpoint = "true"
    assert checkpoint_to_resume(args) == str(tmp_path / "checkpoint-12")
    args.resume_from_checkpoint = str(tmp_path / "checkpoint-3")
    assert checkpoint_to_resume(args) == str(tmp_path / "checkpoint-3")
    args.resume_from_checkpoint = "checkpoint-7"
    with pytest.raises(ValueError, match="Expected a checkpoint to resume from, but got none in 'checkpoint-7'"):
        checkpoint_to_resume(args)
    args = arguments(output_dir=tmp_path / "missing", resume_from_checkpoint="true")
    with pytest.raises(ValueError, match="but got none in"):
        checkpoint_to_resume(args)
