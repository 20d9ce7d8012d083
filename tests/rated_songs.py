# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Ratings as the app shows them: with all that a model may predict, or with the least."""

from __future__ import annotations

from typing import Any

from modeling_ast_va.app.ratings import Rating

LEAST: dict[str, Any] = {
    "valence": 6.12,
    "arousal": 4.2,
    "valence_std": 0.3,
    "arousal_std": 0.5,
    "quadrant": "Calm",
    "segments": [
        {"start": 0.0, "end": 3.0, "valence": 6.5, "arousal": 4.0},
        {"start": 3.0, "end": 6.0, "valence": 5.7, "arousal": 4.4},
    ],
}
MOST: dict[str, Any] = {
    **LEAST,
    "valence_interval": [4.9, 7.3],
    "arousal_interval": [1.0, 5.6],
    "valence_rater_std": 1.4,
    "arousal_rater_std": 1.5,
    "valence_percentile": 81.4,
    "arousal_percentile": 35.0,
    "quadrant_probability": 0.734,
    "frames": [{"time": i / 2, "valence": 6 + i / 20, "arousal": 4 - i / 20} for i in range(12)],
}


def least(name: str = "song.mp3", **values: Any) -> Rating:
    """A rating of a model without intervals, percentiles, probabilities and frames."""
    return Rating(name, "key", {**LEAST, **values})


def most(name: str = "song.mp3", **values: Any) -> Rating:
    """A rating with everything."""
    return Rating(name, "key", {**MOST, **values})


def failed(name: str = "cover.mp3") -> Rating:
    return Rating(name, "key", error="expected an audio file, but it is empty.")
