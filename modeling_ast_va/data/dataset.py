# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Rated songs as a `datasets.DatasetDict`: DEAM or a table -> rated songs -> segments, with log-mels or without -> splits.

Decoded songs are cached without labels and names, so another split, another reading of the labels, or another mean and
std starts at once.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from datasets import Dataset, DatasetDict, concatenate_datasets

from ..audio_ast_va import RATING_SCALE
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from .annotated_rows import annotate
from .cache import identify
from .deam import read_deam
from .left_out import format_left_out
from .log_mels import LogMelTransform
from .rated_songs import RatedSongs
from .ratings_table import read_ratings_table
from .segments import check_segments, cut_songs
from .sources import LOG_MELS
from .splits import VALIDATION_RATIO, SplitSettings, resolve_split, split_segments

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

SEGMENT_SECONDS = 5.0  # without a feature extractor
SPLIT_COLUMNS = ["song_id", "artist", "group", "recording", "subset", "split"]


class LoadedSegments(NamedTuple):
    """
    Segments of rated songs before they are split.

    Args:
        rows: as [`load_ratings`] describes them, in ascending order of songs and segments.
        left_out: `song_id`, `reason` and `detail` of each song that is left out; the reason is `"unrated"`, `"missing"`
            or `"unreadable"`, or one of [`~segments.cut_songs`].
    """

    rows: Dataset
    left_out: list[dict[str, Any]]


def load_deam(
    data_dir: str | Path,
    *,
    labels: str = "corrected",
    split_by: str | None = "artist",
    segment_seconds: float | None = None,
    segment_hop_seconds: float | None = None,
    seed: int = 42,
    num_folds: int | None = None,
    fold: int | None = None,
    validation_ratio: float = VALIDATION_RATIO,
    feature_extractor: ASTVAFeatureExtractor | None = None,
    num_proc: int | None = None,
    cache_dir: str | Path | None = None,
    log_mels: str = LOG_MELS[0],
) -> DatasetDict:
    """
    Load DEAM as rows of segments, split into `train`, `validation` and `test`; a warning reports songs left out.

    Args:
        data_dir: the folder of DEAM as distributed; see [`find_deam`].
        labels: `"corrected"` exchanges valence and arousal of songs up to 1000 back; `"published"` leaves them.
        split_by, segment_seconds, segment_hop_seconds, seed, num_folds, fold, validation_ratio, feature_extractor,
            num_proc, cache_dir, log_mels: as for [`load_ratings`].

    Returns:
        As [`load_ratings`]; the `subset` of a song is its range of song ids.

    Raises:
        ValueError: as for [`load_ratings`], when the folder is not DEAM, or the label correction does not apply to it.
    """
    settings = SplitSettings(split_by, seed, num_folds, fold, validation_ratio)
    segments = load_segments(
        read_deam(data_dir, labels),
        segment_seconds=segment_seconds,
        segment_hop_seconds=segment_hop_seconds,
        feature_extractor=feature_extractor,
        num_proc=num_proc,
        cache_dir=cache_dir,
        log_mels=log_mels,
    )
    return split_dataset(segments.rows, settings)


def load_ratings(
    table: str | Path | pd.DataFrame | Dataset | DatasetDict,
    audio_dir: str | Path | None = None,
    *,
    label_range: tuple[float, float] = RATING_SCALE,
    split_by: str | None = None,
    segment_seconds: float | None = None,
    segment_hop_seconds: float | None = None,
    seed: int = 42,
    num_folds: int | None = None,
    fold: int | None = None,
    validation_ratio: float = VALIDATION_RATIO,
    feature_extractor: ASTVAFeatureExtractor | None = None,
    num_proc: int | None = None,
    cache_dir: str | Path | None = None,
    log_mels: str = LOG_MELS[0],
) -> DatasetDict:
    """
    Load a table of ratings as rows of segments, split into `train`, `validation` and `test`.

    Args:
        table, audio_dir, label_range: as for [`read_ratings_table`].
        split_by, seed, num_folds, fold, validation_ratio: see [`SplitSettings`].
        segment_seconds, segment_hop_seconds: length of a segment, by default that of the feature extractor or else 5,
            and step to the next; `None` is the length. The last segment ends with the song.
        feature_extractor: computes `input_values` without normalisation; its mean and std are ignored.
        num_proc: processes that decode; `None` is one for each core.
        cache_dir: where decoded segments are kept, by default the cache of `datasets`; a run that was killed continues
            from there. Log-mels of all of DEAM take 4 GB for every setting of segments and feature extractor; old ones
            may be deleted at any time.
        log_mels: `"cached"` keeps log-mels on disk. `"on_the_fly"` keeps only the table of segments, and computes
            `input_values` from the audio files whenever rows are read: equal within rounding, slower, and for rows in
            the format of Python.

    Returns:
        The requested splits, with rows of `song_id`, `segment_index`, `start_seconds` in the file, `duration_seconds`,
        `weight_seconds` (what the segment adds to the ones before), `path`, `labels` [valence, arousal] and
        `label_stds` (NaN where unknown) on the 1-9 scale, `artist` and `title` (empty where unknown), `group` (the
        lowest song id of the artist), `recording` (that of the recording), `subset`, `split` (as the table states it)
        and with a feature extractor `input_values`, `(max_length, num_mel_bins)`, float32, memory-mapped, in numpy
        format.

    Raises:
        ValueError: for a table that [`read_ratings_table`] refuses, when no song is usable, or when there are too few
            for the split.
    """
    settings = SplitSettings(split_by, seed, num_folds, fold, validation_ratio)
    segments = load_segments(
        read_ratings_table(table, audio_dir, label_range),
        segment_seconds=segment_seconds,
        segment_hop_seconds=segment_hop_seconds,
        feature_extractor=feature_extractor,
        num_proc=num_proc,
        cache_dir=cache_dir,
        log_mels=log_mels,
    )
    return split_dataset(segments.rows, settings)


def load_segments(
    songs: RatedSongs,
    *,
    segment_seconds: float | None = None,
    segment_hop_seconds: float | None = None,
    feature_extractor: ASTVAFeatureExtractor | None = None,
    num_proc: int | None = None,
    cache_dir: str | Path | None = None,
    log_mels: str = LOG_MELS[0],
) -> LoadedSegments:
    """Load all segments of rated songs as one dataset; arguments and errors are those of [`load_ratings`]."""
    segment_seconds = segment_seconds or (feature_extractor.segment_seconds if feature_extractor else SEGMENT_SECONDS)
    check_segments(segment_seconds, segment_hop_seconds, feature_extractor)
    if log_mels not in LOG_MELS:
        raise ValueError(f"Expected log_mels to be one of {', '.join(LOG_MELS)}, but got {log_mels!r}.")
    files = _files(songs.table)
    left_out, is_usable = list(songs.left_out), np.zeros(0, bool)
    if files:
        segments = cut_songs(
            files,
            segment_seconds=segment_seconds,
            hop_seconds=segment_hop_seconds,
            feature_extractor=feature_extractor,
            num_proc=num_proc,
            cache_dir=cache_dir,
            log_mels=log_mels,
        )
        is_usable = pc.equal(segments.data.column("reason"), "").to_numpy()
        unusable = segments.select_columns(["song_id", "reason", "detail"]).select(np.flatnonzero(~is_usable))
        left_out += unusable.to_list()
    left_out.sort(key=lambda song: (isinstance(song["song_id"], str), song["song_id"]))
    if not is_usable.any():
        raise ValueError(f"Expected usable songs in {songs.dataset}, but got none. {format_left_out(left_out)}")
    if left_out:
        logger.warning(format_left_out(left_out))
    annotations = annotate(segments.data.column("song_id"), is_usable, songs)
    rows = concatenate_datasets([segments.remove_columns(["reason", "detail"]), annotations], axis=1)
    if not is_usable.all():
        rows = rows.select(np.flatnonzero(is_usable))
    if feature_extractor and log_mels == "on_the_fly":
        rows = rows.with_transform(LogMelTransform(map(identify, files), feature_extractor))
    elif feature_extractor:
        rows = rows.with_format("numpy")
    return LoadedSegments(rows, left_out)


def split_dataset(rows: Dataset, settings: SplitSettings) -> DatasetDict:
    """Split the rows of [`load_segments`] by [`split_segments`], which raises a ValueError for too few songs."""
    firsts = _first_rows(rows)
    settings = resolve_split(_columns_at(rows, firsts), settings)
    if settings.split_by == "segment":
        indices = split_segments(_columns_at(rows, np.arange(len(rows))), settings)
    else:
        song_of_row = np.repeat(np.arange(len(firsts)), np.diff(firsts, append=len(rows)))
        of_songs = split_segments(_columns_at(rows, firsts), settings)
        indices = {split: np.flatnonzero(np.isin(song_of_row, songs)) for split, songs in of_songs.items()}
    return DatasetDict({split: rows.select(index) for split, index in indices.items()})


def resolve_dataset_split(rows: Dataset, settings: SplitSettings) -> SplitSettings:
    """The settings with the `split_by` that [`split_dataset`] uses for these rows: see [`resolve_split`]."""
    return resolve_split(_columns_at(rows, _first_rows(rows)), settings)


def _first_rows(rows: Dataset) -> NDArray[np.int64]:
    """The first row of each song; those of all segments of 55,000 whole tracks would be millions of objects."""
    song_ids = rows.select_columns(["song_id"]).with_format("arrow")[:]["song_id"]
    numbers = pc.index_in(song_ids, pc.unique(song_ids)).to_numpy()
    return np.flatnonzero(np.diff(numbers, prepend=-1))


def _columns_at(rows: Dataset, index: NDArray[np.int64]) -> dict[str, list[Any]]:
    return rows.select_columns(SPLIT_COLUMNS).with_format(None).select(index)[:]


def _files(table: pd.DataFrame) -> list[dict[str, Any]]:
    """What the segments of each song depend on; the part of a file only where it is not all of it."""
    songs: list[dict[str, Any]] = [
        {"song_id": song_id, "path": path} for song_id, path in zip(table["song_id"].tolist(), table["path"])
    ]
    for song, start, duration in zip(songs, table["start_seconds"], table["duration_seconds"]):
        if start > 0 or not np.isnan(duration):
            song |= {"start_seconds": start, "duration_seconds": None if np.isnan(duration) else duration}
    return songs
