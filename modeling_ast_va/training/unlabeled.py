# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Music without labels: the segments of the audio files of a folder."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from ..data.cache import identify
from ..data.left_out import format_left_out
from ..data.log_mels import LogMelTransform
from ..data.segments import cut_songs
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..prediction.audio_files import find_audio

logger = logging.getLogger(__name__)


def load_unlabeled(
    folder: str | Path,
    feature_extractor: ASTVAFeatureExtractor,
    rated_paths: Iterable[str],
    *,
    num_proc: int | None,
    cache_dir: str | Path | None,
    log_mels: str,
) -> Dataset:
    """
    Load the segments of the audio files of a folder, which is searched as for predictions.

    Segments overlap by half: there is more music without labels than with labels. The `song_id` of a row is the path of
    its file; other columns are those of [`cut_songs`].

    Args:
        folder: searched at any depth.
        rated_paths: files of rated songs, which are left out if they are in the folder: they may be in the test.
        num_proc, cache_dir, log_mels: as for [`load_ratings`].

    Raises:
        ValueError: when no file is usable.
    """
    rated = {os.path.realpath(path) for path in rated_paths}
    files = [path for path in map(os.path.abspath, find_audio([folder]).files) if os.path.realpath(path) not in rated]
    if not files:
        raise ValueError(f"Expected audio files without ratings in {str(folder)!r}, but got none.")
    songs: list[dict[str, Any]] = [{"song_id": path, "path": path} for path in files]
    rows = cut_songs(
        songs,
        segment_seconds=feature_extractor.segment_seconds,
        hop_seconds=feature_extractor.segment_seconds / 2,
        feature_extractor=feature_extractor,
        num_proc=num_proc,
        cache_dir=cache_dir,
        log_mels=log_mels,
    )
    reasons = rows.select_columns(["reason"]).with_format("numpy")[:]["reason"]
    left_out = rows.select_columns(["song_id", "reason", "detail"]).select(np.flatnonzero(reasons != "")).to_list()
    if left_out:
        logger.warning("Music without labels: %s", format_left_out(left_out))
    if len(left_out) == len(files):
        raise ValueError(f"Expected audio files that can be decoded in {str(folder)!r}, but got none.")
    rows = rows.remove_columns(["reason", "detail"]).select(np.flatnonzero(reasons == ""))
    if log_mels == "on_the_fly":
        return rows.with_transform(LogMelTransform(map(identify, songs), feature_extractor))
    return rows.with_format("numpy")


def describe_unlabeled(rows: Dataset) -> dict[str, Any]:
    """
    The record of music without labels: numbers of songs and segments, and SHA-256 of names and segments.

    The same files give the same in every folder.
    """
    columns = rows.select_columns(["song_id", "start_seconds"]).with_format(None).to_pandas()
    digest, songs = hashlib.sha256(), columns.groupby("song_id", sort=False)["start_seconds"]
    for path, starts in songs:
        digest.update(os.path.basename(path).encode() + starts.to_numpy().tobytes())
    return {"num_songs": len(songs), "num_segments": len(rows), "fingerprint": digest.hexdigest()}
