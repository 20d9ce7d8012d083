# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The examples that need torch run as their first line says; `test_onnx.py` runs the other one."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import matplotlib
import numpy as np
import soundfile
from music import chords

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_attention_is_shown_over_a_song(tmp_path, monkeypatch):
    matplotlib.use("agg")
    soundfile.write(tmp_path / "song.wav", chords(7.0, 16000), 16000)
    monkeypatch.setattr(sys, "argv", ["attention_rollout.py", str(tmp_path / "song.wav"), str(tmp_path / "plot.png")])
    found = runpy.run_path(str(EXAMPLES / "attention_rollout.py"))
    assert (tmp_path / "plot.png").stat().st_size > 20_000
    shares = found["shares"].reshape(2, -1)  # two segments of three seconds
    np.testing.assert_allclose(shares.mean(axis=1), 1, rtol=1e-5)
    rollout = found["rollout"].numpy()
    np.testing.assert_allclose(rollout.sum(axis=2), 1, rtol=1e-4)  # every row is a mixture of the tokens
    assert (rollout >= 0).all()
