# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
DEAM as a `datasets.DatasetDict`: folder -> rated songs -> segments, with log-mels or without -> splits.

Decoded songs are cached without labels and names, so another split, another reading of the labels, or another mean and
std starts at once.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from datasets import Dataset, DatasetDict, Features, List, Value, concatenate_datasets

from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from .annotations import DeamFolder, find_deam, read_metadata
from .groups import song_groups
from .label_audit import read_corrected_ratings
from .left_out import format_ids, format_left_out
from .segments import check_segments, cut_songs
from .splits import VALIDATION_RATIO, SplitSettings, split_segments

logger = logging.getLogger(__name__)

STATISTICS_BATCH_SIZE = 64
TEXT, PAIR = Value("string"), List(Value("float64"), length=2)
ANNOTATIONS = {"path": TEXT, "labels": PAIR, "label_stds": PAIR, "artist": TEXT, "title": TEXT, "group": Value("int64")}


class LoadedSegments(NamedTuple):
    """
    Segments of DEAM before they are split.

    Args:
        rows: as [`load_deam`] describes them, in ascending order of songs and segments.
        left_out: `song_id`, `reason` and `detail` of each song that is left out; the reason is `"unrated"`, `"missing"`
            or `"unreadable"`, or one of [`~segments.cut_songs`]. An unrated MP3 whose name is no song id has its name
            as `song_id`.
        audit: of the published ratings, by [`~label_audit.audit_labels`].
    """

    rows: Dataset
    left_out: list[dict[str, Any]]
    audit: list[dict[str, Any]]


def load_deam(
    data_dir: str | Path,
    *,
    labels: str = "corrected",
    split_by: str = "artist",
    segment_seconds: float = 5.0,
    segment_hop_seconds: float | None = None,
    seed: int = 42,
    num_folds: int | None = None,
    fold: int | None = None,
    validation_ratio: float = VALIDATION_RATIO,
    feature_extractor: ASTVAFeatureExtractor | None = None,
    num_proc: int | None = None,
    cache_dir: str | Path | None = None,
) -> DatasetDict:
    """
    Load DEAM as rows of segments, split into `train`, `validation` and `test`; a warning reports songs left out.

    Args:
        data_dir: the folder of DEAM as distributed; see [`find_deam`].
        labels: `"corrected"` exchanges valence and arousal of songs up to 1000 back; `"published"` leaves them.
        split_by, seed, num_folds, fold, validation_ratio: see [`SplitSettings`].
        segment_seconds, segment_hop_seconds: length of a segment and step to the next; `None` is the length. The last
            segment ends with the song.
        feature_extractor: computes `input_values` without normalisation; its mean and std are ignored.
        num_proc: processes that decode; `None` is one for each core.
        cache_dir: where decoded segments are kept, by default the cache of `datasets`; a run that was killed continues
            from there. Log-mels of all of DEAM take 4 GB for every setting of segments and feature extractor; old ones
            may be deleted at any time.

    Returns:
        The requested splits, with rows of `song_id`, `segment_index`, `start_seconds`, `duration_seconds`,
        `weight_seconds` (what the segment adds to the ones before), `path`, `labels` [valence, arousal] and
        `label_stds` on the 1-9 scale, `artist` and `title` (empty where unknown), `group` (the lowest song id of the
        artist), and with a feature extractor `input_values`, `(max_length, num_mel_bins)`, float32, memory-mapped, in
        numpy format.

    Raises:
        ValueError: when the folder is not DEAM, the label correction does not apply to it, no song is usable, or there
            are too few for the split.
    """
    settings = SplitSettings(
        split_by=split_by, seed=seed, num_folds=num_folds, fold=fold, validation_ratio=validation_ratio
    )
    segments = load_segments(
        data_dir,
        labels=labels,
        segment_seconds=segment_seconds,
        segment_hop_seconds=segment_hop_seconds,
        feature_extractor=feature_extractor,
        num_proc=num_proc,
        cache_dir=cache_dir,
    )
    return split_dataset(segments.rows, settings)


def load_segments(
    data_dir: str | Path,
    *,
    labels: str = "corrected",
    segment_seconds: float = 5.0,
    segment_hop_seconds: float | None = None,
    feature_extractor: ASTVAFeatureExtractor | None = None,
    num_proc: int | None = None,
    cache_dir: str | Path | None = None,
) -> LoadedSegments:
    """Load all segments of DEAM as one dataset; arguments, warnings and errors are those of [`load_deam`]."""
    check_segments(segment_seconds, segment_hop_seconds, feature_extractor)
    folder = find_deam(data_dir)
    ratings, audit = read_corrected_ratings(folder, labels)
    metadata = read_metadata(folder.metadata)
    songs, left_out = _find_songs(folder, ratings)
    reasons = np.array([], str)
    if songs:
        segments = cut_songs(
            songs,
            segment_seconds=segment_seconds,
            hop_seconds=segment_hop_seconds,
            feature_extractor=feature_extractor,
            num_proc=num_proc,
            cache_dir=cache_dir,
        )
        reasons = _column(segments, "reason")
        unusable = segments.select_columns(["song_id", "reason", "detail"]).select(np.flatnonzero(reasons != ""))
        left_out += unusable.to_list()
    left_out.sort(key=lambda song: (isinstance(song["song_id"], str), song["song_id"]))
    if not (reasons == "").any():
        raise ValueError(f"Expected usable songs in {str(data_dir)!r}, but got none. {format_left_out(left_out)}")
    if left_out:
        logger.warning(format_left_out(left_out))
    annotations = _annotate(_column(segments, "song_id"), reasons == "", folder, ratings, metadata)
    rows = concatenate_datasets([segments.remove_columns(["reason", "detail"]), annotations], axis=1)
    rows = rows.with_format("numpy" if feature_extractor else None).select(np.flatnonzero(reasons == ""))
    return LoadedSegments(rows, left_out, audit)


def split_dataset(rows: Dataset, settings: SplitSettings) -> DatasetDict:
    """Split the rows of [`load_segments`] by [`split_segments`], which raises a ValueError for too few songs."""
    columns = rows.select_columns(["song_id", "artist", "title", "group"]).with_format(None)[:]
    groups = columns["group"]
    if settings.split_by == "song":
        groups = song_groups(columns["song_id"], columns["artist"], columns["title"], by="song")
    elif settings.split_by in ("artist", "mediaeval2015") and not any(columns["artist"]):
        logger.warning("No artist is known (no metadata): splitting by song, so an artist may be in several splits.")
    indices = split_segments(columns["song_id"], groups, settings)
    return DatasetDict({split: rows.select(index) for split, index in indices.items()})


def normalization_statistics(dataset: Dataset) -> tuple[float, float]:
    """
    Measure mean and population standard deviation of all log-mel values of training rows, in float64.

    They are for `ASTVAFeatureExtractor(mean=..., std=...)`. Padding counts, as in the notebook: the statistics are
    those of the input of the model. A ValueError says that there are no `input_values`, or no rows.
    """
    if "input_values" not in dataset.column_names or not len(dataset):
        raise ValueError(
            f"Expected rows with input_values, but got {len(dataset)} rows of {dataset.column_names}; "
            "call load_deam with a feature_extractor."
        )
    count, total, total_of_squares = 0, 0.0, 0.0
    for batch in dataset.select_columns(["input_values"]).with_format("numpy").iter(STATISTICS_BATCH_SIZE):
        values = batch["input_values"].astype(np.float64)
        count += values.size
        total += values.sum()
        total_of_squares += np.vdot(values, values)
    mean = total / count
    return float(mean), float(np.sqrt(max(0.0, total_of_squares / count - mean**2)))


def _find_songs(folder: DeamFolder, ratings: pd.DataFrame) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rated songs with an audio file, and the entries of the others in the list of songs left out."""
    songs, left_out = [], []
    for song_id, unrated in zip(ratings["song_id"].tolist(), ratings.isna().any(axis=1)):
        path = folder.song_path(song_id)
        if unrated:
            reason, detail = "unrated", "a rating is blank."
        elif not path.exists():
            reason, detail = "missing", f"no file in {str(folder.audio)!r}."
        elif not path.is_file():
            reason, detail = "unreadable", "it is a folder or a device."
        elif not os.access(path, os.R_OK):  # not left to the decoder, whose errors are cached
            reason, detail = "unreadable", "permission denied."
        else:
            songs.append({"song_id": song_id, "path": str(path)})
            continue
        left_out.append({"song_id": song_id, "reason": reason, "detail": detail})
    detail = "no row in the files of ratings."
    left_out += [
        {"song_id": song, "reason": "unrated", "detail": detail} for song in _songs_without_row(folder, ratings)
    ]
    return songs, left_out


def _songs_without_row(folder: DeamFolder, ratings: pd.DataFrame) -> list[int | str]:
    """The MP3 files that have no row of ratings: their song id, or the file name where that is none."""
    rated = {folder.song_path(song_id).name for song_id in ratings["song_id"]}
    names = [path.name for path in folder.audio.iterdir() if path.suffix.lower() == ".mp3" and path.name[0] != "."]
    unrated = [name for name in names if name.lower() not in rated]
    return [int(Path(name).stem) if re.fullmatch(r"[1-9][0-9]*\.mp3", name) else name for name in unrated]


def _annotate(
    song_ids: np.ndarray, usable: np.ndarray, folder: DeamFolder, ratings: pd.DataFrame, metadata: pd.DataFrame
) -> Dataset:
    """Path, labels, names and group of the song of each segment."""
    rated = ratings.set_index("song_id").loc[song_ids]
    names = metadata.set_index("song_id").reindex(song_ids, fill_value="")
    unknown = np.unique(song_ids[usable & (names["artist"] == "").to_numpy()]).tolist()
    if len(metadata) and unknown:
        logger.warning(
            f"Expected metadata of every song, but {len(unknown)} have no artist: {format_ids(unknown)}. Each counts "
            "as an artist of its own, so songs of one artist may be in several splits."
        )
    # Only usable songs form groups: the draw of a split depends on the lowest song id of each group.
    groups = song_ids.copy()
    groups[usable] = song_groups(song_ids[usable].tolist(), names["artist"][usable], names["title"][usable])
    columns = {
        "path": [str(folder.song_path(song)) for song in song_ids.tolist()],
        "labels": rated[["valence_mean", "arousal_mean"]].to_numpy(),
        "label_stds": rated[["valence_std", "arousal_std"]].to_numpy(),
        "artist": names["artist"].tolist(),
        "title": names["title"].tolist(),
        "group": groups,
    }
    return Dataset.from_dict(columns, features=Features(ANNOTATIONS))


def _column(dataset: Dataset, name: str) -> np.ndarray:
    return dataset.select_columns([name]).with_format("numpy")[:][name]
