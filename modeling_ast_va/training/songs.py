# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The songs to train on: their ratings, segments and dynamic annotations."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from datasets import Dataset

from ..configuration_ast_va import ASTVAConfig
from ..data.dataset import load_segments
from ..data.deam import read_deam
from ..data.rated_songs import RatedSongs, SongId
from ..data.tracks import Track, read_dynamic_tracks
from ..demo.folder import make_demo_deam
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..training.arguments import DataArguments
from ..training.course_targets import CourseTargets
from ..training.distillation import by_song

if TYPE_CHECKING:
    from ..training.training_arguments import ASTVATrainingArguments

logger = logging.getLogger(__name__)
DEMO_DIR, DEMO_SONGS = Path("data") / "demo_deam", "demo songs"


def read_songs(data: DataArguments) -> RatedSongs:
    """The rated songs to train on. Without `data_dir` and `data_csv`, writes and reads the demo songs."""
    if data.data_dir or data.data_csv:
        return data.source.read()
    logger.info("The demo songs are in %s.", DEMO_DIR)
    if not DEMO_DIR.exists():
        make_demo_deam(DEMO_DIR)
    return replace(read_deam(DEMO_DIR, data.labels), dataset=DEMO_SONGS)


def load_rows(data: DataArguments, songs: RatedSongs, feature_extractor: ASTVAFeatureExtractor) -> Dataset:
    """The segments of the songs, with log-mels."""
    options = {name: getattr(data, name) for name in ("segment_hop_seconds", "num_proc", "cache_dir", "log_mels")}
    return load_segments(songs, feature_extractor=feature_extractor, **options).rows


def has_course(data: DataArguments, args: ASTVATrainingArguments) -> bool:
    """Whether dynamic annotations train a head of the course; a table of ratings has none."""
    if args.dynamic_weight and data.data_csv:
        logger.info("A table has no dynamic annotations: training goes without their term of the loss.")
    return args.dynamic_weight > 0 and not data.data_csv


def read_tracks(data: DataArguments) -> dict[SongId, Track]:
    """The dynamic annotations of the songs, as [`read_dynamic_tracks`] reads them."""
    return read_dynamic_tracks(data.data_dir or DEMO_DIR, data.audio_offset_seconds)


def course_targets(
    weight: float, tracks: Mapping[SongId, Track], config: ASTVAConfig, training_set: Dataset
) -> CourseTargets:
    """The dynamic annotations of the training songs as targets."""
    labels = {song: np.asarray(pair) for song, pair in by_song(training_set, "labels").items()}
    return CourseTargets(weight, tracks, labels, np.array(config.step_seconds(config.max_length)))
