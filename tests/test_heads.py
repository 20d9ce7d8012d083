# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The heads of the course and of spreads against closed forms (1e-6), and what they leave as it is."""

from __future__ import annotations

import math

import pytest
import torch

from modeling_ast_va import ASTVAConfig, ASTVAForRegression
from modeling_ast_va.modeling_ast_va import LOG_STD_RANGE

HEADS = {"use_frame_head": True, "use_spread_head": True}


def config_with(config, **settings) -> ASTVAConfig:
    return ASTVAConfig(**{**config.to_diff_dict(), **settings})


@pytest.fixture
def headed(config) -> ASTVAForRegression:
    torch.manual_seed(0)
    return ASTVAForRegression(config_with(config, **HEADS)).eval()


def test_the_ratings_are_those_without_the_heads(headed, config, input_values):
    plain = ASTVAForRegression(config).eval()
    weights = {name: value for name, value in headed.state_dict().items() if name in plain.state_dict()}
    plain.load_state_dict(weights)
    with torch.no_grad():
        ours, expected = headed(input_values), plain(input_values)
    torch.testing.assert_close(ours.logits, expected.logits, atol=1e-5, rtol=0)
    torch.testing.assert_close(ours.pooler_output, expected.pooler_output, atol=1e-5, rtol=0)
    assert (expected.frame_logits, expected.error_std, expected.rater_std) == (None, None, None)


def test_a_step_is_the_rating_and_a_linear_map_of_its_mean_token(headed, input_values):
    config = headed.config
    num_rows, num_steps = config.patch_grid
    with torch.no_grad():
        outputs = headed(input_values)
        tokens = headed.ast_va(input_values).last_hidden_state[:, config.num_prefix_tokens :]
        assert tokens.shape[1] == num_rows * num_steps == 6
        of_steps = [tokens[:, step::num_steps].mean(dim=1) for step in range(num_steps)]
        expected = [outputs.logits + headed.frame_head.out_proj(token) for token in of_steps]
    torch.testing.assert_close(outputs.frame_logits, torch.stack(expected, dim=1))
    assert outputs.frame_logits.shape == (3, len(config.step_seconds(config.max_length)), 2)
    assert outputs.frame_logits.std(dim=1).min() > 1e-3


@pytest.mark.parametrize("settings", [{}, {"stem_channels": [8, 8], "stem_strides": [2, 2]}])
def test_tokens_of_a_step_are_those_of_its_frames(config, input_values, settings):
    """What changes in the last frames changes the embeddings of the last steps only."""
    model = ASTVAForRegression(config_with(config, **settings)).eval()
    num_steps = model.config.patch_grid[1]
    changed = input_values.clone()
    changed[:, -4:] += 1
    with torch.no_grad():
        before, after = (model(one, output_hidden_states=True).hidden_states[0] for one in (input_values, changed))
    moved = (before != after).any(dim=2).any(dim=0)[model.config.num_prefix_tokens :]
    steps = {position % num_steps for position in moved.nonzero().flatten().tolist()}
    assert num_steps - 1 in steps
    assert steps <= set(range(num_steps - 3, num_steps))
    assert 0 not in steps or num_steps <= 3


def test_times_of_steps_are_the_centres_of_their_frames(config):
    # Patches of 16 frames of 32 ms: the centre of the first is 7.5 frames after that of its first frame.
    assert config.step_seconds(48) == pytest.approx([0.24, 0.752, 1.264])
    assert config.step_seconds(32) == pytest.approx([0.24, 0.752])
    overlapping = config_with(config, time_stride=8)
    assert overlapping.step_seconds(48) == pytest.approx([0.24 + 0.256 * step for step in range(5)])
    stem = config_with(config, stem_channels=[8, 8], stem_strides=[2, 2])
    assert stem.step_seconds(48) == pytest.approx([0.128 * step for step in range(12)])


def test_spreads_are_learnt_without_changing_anything_else(headed, input_values):
    outputs = headed.train()(input_values)
    (outputs.error_std.sum() + outputs.rater_std.sum()).backward()
    for name, weights in headed.named_parameters():
        is_reached = weights.grad is not None and bool(weights.grad.any())
        assert is_reached == name.startswith("spread_head."), name


@pytest.mark.parametrize("label_range", [(1, 9), (-1, 1)])
def test_spreads_are_exponentials_within_bounds_on_the_scale_of_the_ratings(config, input_values, label_range):
    torch.manual_seed(0)
    model = ASTVAForRegression(config_with(config, **HEADS, label_range=label_range)).eval()
    head, point = model.spread_head, (label_range[1] - label_range[0]) / 8
    with torch.no_grad():
        outputs = model(input_values)
        scaled = (outputs.logits - sum(label_range) / 2) / (4 * point)
        hidden = head.activation_fn(head.dense(torch.cat([outputs.pooler_output, scaled], dim=1)))
        expected = point * head.out_proj(hidden).clamp(*LOG_STD_RANGE).exp()
        torch.testing.assert_close(torch.cat([outputs.error_std, outputs.rater_std], dim=1), expected)
        head.out_proj.bias.copy_(torch.tensor([100.0, -100.0, -100.0, 100.0]))
        outputs = model(input_values)
    low, high = (point * math.exp(bound) for bound in LOG_STD_RANGE)
    torch.testing.assert_close(outputs.error_std, torch.tensor([[high, low]]).expand(3, 2))
    torch.testing.assert_close(outputs.rater_std, torch.tensor([[low, high]]).expand(3, 2))


def test_a_model_with_heads_is_saved_and_loaded(headed, input_values, tmp_path):
    headed.config.label_quantiles = [[float(i) for i in range(101)]] * 2
    headed.save_pretrained(tmp_path)
    loaded = ASTVAForRegression.from_pretrained(tmp_path)
    assert loaded.config.label_quantiles == headed.config.label_quantiles
    with torch.no_grad():
        ours, theirs = headed(input_values), loaded(input_values)
    for name in ("logits", "frame_logits", "error_std", "rater_std"):
        torch.testing.assert_close(theirs[name], ours[name], rtol=0, atol=0)


QUANTILES = [[float(i) for i in range(99)]] * 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"conformal_quantiles": QUANTILES[:1]}, r"conformal_quantiles of 99 ascending .* but got lists of \[99\]"),
        ({"conformal_quantiles": [QUANTILES[0], QUANTILES[0][:9]]}, r"but got lists of \[99, 9\]"),
        ({"conformal_quantiles": [QUANTILES[0], QUANTILES[0][::-1]]}, "of 99 ascending numbers"),
        ({"conformal_quantiles": [QUANTILES[0], [*QUANTILES[0][:-1], math.inf]]}, "of 99 ascending numbers"),
        ({"label_quantiles": QUANTILES}, r"label_quantiles of 101 ascending .* but got lists of \[99, 99\]"),
        ({"error_correlation": 1.0}, r"error_correlation in \(-1, 1\), but got 1.0"),
    ],
)
def test_quantiles_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ASTVAConfig(**settings)
