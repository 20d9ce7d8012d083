# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The estimate of the time of training, with a clock that does not run by itself."""

from __future__ import annotations

import pytest
from transformers import TrainerState

from modeling_ast_va.training.estimates import TimeEstimate, format_duration


def run(capsys, max_steps, step_seconds, first_step=0, **state):
    """What a training run prints, by the step after which it is printed."""
    now = 0.0
    estimate = TimeEstimate("2 songs, 3 segments", clock=lambda: now)
    state = TrainerState(max_steps=max_steps, global_step=first_step, **state)
    estimate.on_train_begin(None, state, None)
    printed = {first_step: capsys.readouterr().out}
    for step in range(first_step + 1, max_steps + 1):
        now += step_seconds(step)
        state.global_step = step
        estimate.on_step_end(None, state, None)
        printed[step] = capsys.readouterr().out
    return {step: text for step, text in printed.items() if text}


def test_the_work_is_printed_at_once_and_the_time_after_some_steps(capsys):
    printed = run(capsys, 1050, lambda step: 60 if step <= 3 else 3 if step == 7 else 0.25)
    assert printed == {
        0: "Training on 2 songs, 3 segments: 1,050 steps.\n",
        23: "1,050 steps, about 4 minutes, plus evaluations.\n",
    }


def test_slow_steps_are_measured_for_some_seconds_only(capsys):
    printed = run(capsys, 1000, lambda step: 6.0)
    assert printed[5] == "1,000 steps, about 1.7 hours, plus evaluations.\n"
    assert list(printed) == [0, 5]


def test_a_resumed_run_counts_the_steps_that_are_left(capsys):
    printed = run(capsys, 1000, lambda step: 1.0, first_step=400)
    assert printed == {
        400: "Training on 2 songs, 3 segments: 600 steps.\n",
        413: "600 steps, about 10 minutes, plus evaluations.\n",
    }
    assert run(capsys, 400, lambda step: 1.0, first_step=400) == {}


def test_a_short_run_and_other_processes_print_no_time(capsys):
    assert list(run(capsys, 20, lambda step: 0.1)) == [0]
    assert run(capsys, 100, lambda step: 1.0, is_world_process_zero=False) == {}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3, "about 10 seconds"),
        (38, "about 40 seconds"),
        (55, "about 1 minute"),
        (89, "about 1 minute"),
        (170, "about 3 minutes"),
        (5300, "about 88 minutes"),
        (5400, "about 1.5 hours"),
        (36000, "about 10 hours"),
        (123456 * 60, "about 2058 hours"),
    ],
)
def test_durations(seconds, text):
    assert format_duration(seconds) == text
