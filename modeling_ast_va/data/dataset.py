# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""DEAM as a `datasets.DatasetDict` of song segments, with their log-mels where a feature extractor is given.

Folder -> rated songs -> segments (with log-mels) -> splits. Each song is decoded once, by `stream_segments`, which the
pipeline hears songs through too. What was decoded is cached on disk without labels and names, so that another split,
another reading of the labels, or another mean and std starts at once.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from datasets import Dataset, DatasetDict, Features, List, Value, concatenate_datasets

from ..data.annotations import DeamFolder, find_deam, read_metadata
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..data.label_audit import load_ratings
from ..data.segments import check_segments, cut_songs
from ..data.splits import VALIDATION_RATIO, check_split, split_segments

logger = logging.getLogger(__name__)

STATISTICS_BATCH_SIZE = 64
REPORTED_NAMES = 12  # songs or runs of songs in one line of the report; its data names all
SONG_FEATURES = Features(
    {"song_id": Value("int64"), "path": Value("string"), "num_bytes": Value("int64"), "modified_ns": Value("int64")}
)


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
    """Loads DEAM as rows of segments, split into `train`, `validation` and `test`; reports songs that are left out.

    Args:
        data_dir: DEAM's folder as distributed; see `find_deam`.
        labels: "corrected" exchanges valence and arousal of songs up to 1000 back; "published" leaves them.
        split_by: "artist", "song", "segment", "mediaeval2015", or "none" to train on all; see `split_segments`.
        segment_seconds, segment_hop_seconds: length of a segment and step to the next (None: the length); see
            `stream_segments`. The rest of a song is a shorter segment.
        seed: of the split.
        num_folds, fold: for cross-validation, test on this one of so many folds; see `assign_folds`.
        validation_ratio: songs to validate on, of all; with 0 they train.
        feature_extractor: computes `input_values`, without normalisation; its mean and std play no part.
        num_proc: processes that decode; None is one for each core.
        cache_dir: where decoded segments are kept, by default in the cache of `datasets`; a run that was killed goes
            on from there. Log-mels of the whole of DEAM take 4 GB for every setting of segments and feature
            extractor; older ones may be deleted at any time.

    Returns:
        The splits that are asked for ("none" gives `train` only, a `validation_ratio` of 0 no `validation`), with
        rows of `song_id`, `segment_index`, `start_seconds`, `duration_seconds`, `path`, `labels` [valence, arousal]
        and `label_stds` on the 1-9 scale, `artist` and `title` (empty where unknown), and with a feature extractor
        `input_values` `(max_length, num_mel_bins)`, float32, memory-mapped, in numpy format.

    Raises:
        ValueError: not a DEAM folder, columns that the correction would put wrong, no usable song, or too few for the
            split; see the functions named above.
    """
    check_split(split_by, num_folds, fold, validation_ratio)
    segments, left_out = load_segments(
        data_dir,
        labels=labels,
        segment_seconds=segment_seconds,
        segment_hop_seconds=segment_hop_seconds,
        feature_extractor=feature_extractor,
        num_proc=num_proc,
        cache_dir=cache_dir,
    )
    if left_out:
        logger.warning(format_left_out(left_out))
    return split_dataset(
        segments, split_by=split_by, seed=seed, num_folds=num_folds, fold=fold, validation_ratio=validation_ratio
    )


def split_dataset(segments: Dataset, **settings: Any) -> DatasetDict:
    """Splits all segments, as `load_segments` gives them, by the settings of `split_segments`."""
    names = segments.select_columns(["song_id", "artist", "title"])[:]
    indices = split_segments(names["song_id"], names["artist"], names["title"], **settings)
    return DatasetDict({split: segments.select(rows) for split, rows in indices.items()})


def load_segments(
    data_dir: str | Path,
    *,
    labels: str = "corrected",
    segment_seconds: float = 5.0,
    segment_hop_seconds: float | None = None,
    feature_extractor: ASTVAFeatureExtractor | None = None,
    num_proc: int | None = None,
    cache_dir: str | Path | None = None,
) -> tuple[Dataset, list[dict[str, Any]]]:
    """Loads all segments of DEAM as one dataset, with the list of the songs that were left out.

    Args and rows are those of `load_deam`, unsplit, in ascending order of songs and segments.

    Returns:
        The segments, and of each song that is left out its `song_id`, the `reason`: "unrated", "missing",
        "undecodable", "truncated", "silent" or "too short", and a `detail`.

    Raises:
        ValueError: as `load_deam`, but for the split.
    """
    check_segments(segment_seconds, segment_hop_seconds, feature_extractor)
    folder = find_deam(data_dir)
    ratings = load_ratings(folder, labels)
    songs, left_out = _find_songs(folder, ratings)
    if not songs:
        raise ValueError(_no_usable_song(data_dir, left_out))
    segments = cut_songs(
        Dataset.from_list(songs, features=SONG_FEATURES),
        segment_seconds=segment_seconds,
        hop_seconds=segment_hop_seconds,
        feature_extractor=feature_extractor,
        num_proc=num_proc,
        cache_dir=cache_dir,
    )
    reasons = _column(segments, "reason")
    unusable = segments.select_columns(["song_id", "reason", "detail"]).select(np.flatnonzero(reasons != ""))
    left_out = sorted(left_out + unusable.to_list(), key=lambda row: row["song_id"])
    if len(left_out) == len(ratings):
        raise ValueError(_no_usable_song(data_dir, left_out))
    annotations = _annotate(_column(segments, "song_id"), folder, ratings)
    segments = concatenate_datasets([segments.remove_columns(["reason", "detail"]), annotations], axis=1)
    return segments.with_format("numpy" if feature_extractor else None).select(np.flatnonzero(reasons == "")), left_out


def format_left_out(left_out: list[dict[str, Any]]) -> str:
    """Writes the report of songs left out, as `load_segments` lists them, as text: a line for each reason."""
    lines = [f"{len(left_out)} songs are left out:"]
    for reason in sorted({row["reason"] for row in left_out}):
        rows = [row for row in left_out if row["reason"] == reason]
        lines.append(f"  {len(rows)} {reason}: {_name_songs(rows)}")
    return "\n".join(lines)


def normalization_statistics(dataset: Dataset) -> tuple[float, float]:
    """Measures mean and standard deviation of all log-mel values, for `ASTVAFeatureExtractor(mean=..., std=...)`.

    Padding counts, as in the notebook: the statistics are those of what the model is given. They must be of training
    rows only.

    Args:
        dataset: rows with `input_values` as `load_deam` computes them, without normalisation.

    Returns:
        Mean and population standard deviation, summed in float64.

    Raises:
        ValueError: there are no `input_values`, or no rows.
    """
    if "input_values" not in dataset.column_names or not len(dataset):
        raise ValueError(
            f"Expected rows with input_values, got {len(dataset)} rows of {dataset.column_names}; "
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
    """The rated songs whose audio file exists, with what tells whether the file has changed; and the others."""
    songs, left_out = [], []
    unrated = ratings.isna().any(axis=1)
    for song_id, is_unrated in zip(ratings["song_id"].tolist(), unrated):
        path = _song_path(folder, song_id)
        if is_unrated:
            left_out.append({"song_id": song_id, "reason": "unrated", "detail": "a rating is blank"})
        elif not path.is_file():
            left_out.append({"song_id": song_id, "reason": "missing", "detail": f"no file in {str(folder.audio)!r}"})
        else:
            status = path.stat()
            file = {"path": os.path.abspath(path), "num_bytes": status.st_size, "modified_ns": status.st_mtime_ns}
            songs.append({"song_id": song_id, **file})
    return songs, left_out


def _annotate(song_ids: np.ndarray, folder: DeamFolder, ratings: pd.DataFrame) -> Dataset:
    """What is known of the song of each segment: path, labels and names."""
    metadata = read_metadata(folder.metadata)
    names = {song: (artist, title) for song, artist, title in metadata.itertuples(index=False)}
    of_song = {
        song: {
            "path": str(_song_path(folder, song)),
            "labels": [valence, arousal],
            "label_stds": [valence_std, arousal_std],
            "artist": names.get(song, ("", ""))[0],
            "title": names.get(song, ("", ""))[1],
        }
        for song, valence, valence_std, arousal, arousal_std in ratings.itertuples(index=False)
    }
    pair = List(Value("float64"), length=2)
    text = Value("string")
    features = Features({"path": text, "labels": pair, "label_stds": pair, "artist": text, "title": text})
    return Dataset.from_list([of_song[song] for song in song_ids.tolist()], features=features)


def _song_path(folder: DeamFolder, song_id: int) -> Path:
    return folder.audio / f"{song_id}.mp3"


def _column(dataset: Dataset, name: str) -> np.ndarray:
    return dataset.select_columns([name]).with_format("numpy")[:][name]


def _no_usable_song(data_dir: str | Path, left_out: list[dict[str, Any]]) -> str:
    return f"{str(data_dir)!r} has no usable song. {format_left_out(left_out)}"


def _name_songs(rows: list[dict[str, Any]]) -> str:
    """The songs of one reason, those with the same detail together, runs of ids as ranges."""
    ids_of: dict[str, list[int]] = {}
    for row in rows:
        ids_of.setdefault(row["detail"], []).append(row["song_id"])
    return _abbreviate([f"{_abbreviate(_ranges(ids))} ({detail})" for detail, ids in ids_of.items()], separator="; ")


def _ranges(song_ids: list[int]) -> list[str]:
    runs: list[list[int]] = []
    for song_id in sorted(song_ids):
        if runs and song_id == runs[-1][1] + 1:
            runs[-1][1] = song_id
        else:
            runs.append([song_id, song_id])
    return [str(first) if first == last else f"{first}-{last}" for first, last in runs]


def _abbreviate(names: list[str], separator: str = ", ") -> str:
    return separator.join(names[:REPORTED_NAMES] + ["..."] * (len(names) > REPORTED_NAMES))
