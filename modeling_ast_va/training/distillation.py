# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Learning from teachers: what a model learns from them, and the music without labels on which it does."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import Dataset

from ..data.rated_songs import SongId
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..training.arguments import DataArguments
from ..training.audio_augmentation import Source, draw_windows, louder_source
from ..training.augmented_windows import load_augmented
from ..training.auxiliary import AuxiliaryTargets
from ..training.fused_ratings import Fit, FusedRatings
from ..training.regressions import fit_linear_regression
from ..training.segment_descriptors import SegmentDescriptors, fit_descriptor_regression
from ..training.teacher_encoders import TeacherSource, embed_songs_of
from ..training.teacher_tracks import TeacherTracks
from ..training.teachers import Teacher, read_teachers
from ..training.unlabeled import describe_unlabeled, load_unlabeled

if TYPE_CHECKING:
    from ..training.training_arguments import ASTVATrainingArguments

WINDOWS_SEED = 0  # of augmented windows, which all runs on the same data share, whatever their seeds and folds


@dataclass
class Distillation:
    """
    What a model learns from teachers.

    Args:
        targets: embeddings of every teacher, and their fused ratings.
        parts: rows without labels, and how many of them are in a batch.
        record: for the protocol; empty without teachers.
    """

    targets: list[AuxiliaryTargets] = field(default_factory=list)
    parts: list[tuple[Dataset, int]] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)


def prepare_distillation(
    data: DataArguments,
    args: ASTVATrainingArguments,
    rows: Dataset,
    training_set: Dataset,
    feature_extractor: ASTVAFeatureExtractor,
    descriptors: SegmentDescriptors | None = None,
) -> Distillation:
    """
    Prepare what the arguments ask for.

    Args:
        rows: segments of all rated songs. Of songs that do not train, only embeddings are used, to measure at the end
            how well the model predicts them.
        training_set: those of the training songs, the only ones whose labels are used.
        descriptors: of the segments of the training set, which rate beside the teachers. Those of the music without
            labels are added. None for a network without.

    Raises:
        ValueError: for training songs or music without labels of which a teacher has no embeddings.
    """
    if not data.has_teachers:
        return Distillation()
    paths, training_paths = by_song(rows, "path"), by_song(training_set, "path")
    unlabeled = _load_unlabeled(data, args, feature_extractor, paths)
    files = {} if unlabeled is None else by_song(unlabeled, "song_id")
    # Without segments of this music in the batches, only augmented windows are of it, which have own embeddings.
    segments = unlabeled if args.unlabeled_batch_size else None
    rated_paths = training_paths | (files if segments is not None else {})
    rate, seconds = feature_extractor.sampling_rate, feature_extractor.segment_seconds
    sources = [TeacherSource(model, of_file, rate, seconds) for model, of_file in data.encoders]
    teachers = _read_teachers(data, sources, list((paths | rated_paths).values()))
    labels = {song: np.asarray(pair) for song, pair in by_song(training_set, "labels").items()}
    tracks = [{**teacher.find(paths), **teacher.of_songs(rated_paths)} for teacher in teachers]
    if descriptors is not None and segments is not None:
        descriptors.add(segments)
    described = [] if descriptors is None else [descriptors.tracks]
    fits: list[Fit] = [fit_linear_regression for _ in tracks]
    fits += [fit_descriptor_regression for _ in described]
    fused = FusedRatings([*tracks, *described], labels, by_song(training_set, "group"), fits)
    teacher_tracks = TeacherTracks(teachers, tracks, described, fused)
    teacher_tracks.rate(rated_paths)

    distillation = Distillation(record=teacher_tracks.describe())
    if unlabeled is not None:
        distillation.record["unlabeled"] = describe_unlabeled(unlabeled)
    if segments is not None:
        distillation.parts.append((segments, args.unlabeled_batch_size))
    if sources and data.num_augmented_windows and args.augmented_batch_size:
        pool = songs_of([rows if unlabeled is None else unlabeled], paths)
        augmented, loudest = _load_windows(data, pool, sources, feature_extractor, training_paths | files)
        if descriptors is not None:
            descriptors.add(augmented)
        teacher_tracks.add_windows(augmented, loudest)
        distillation.record["augmented_windows"] = {"num_drawn": data.num_augmented_windows, "num_used": len(augmented)}
        if len(augmented):
            distillation.parts.append((augmented, args.augmented_batch_size))
    distillation.targets += teacher_tracks.targets(args.teacher_weight, labels)
    return distillation


def _load_unlabeled(
    data: DataArguments,
    args: ASTVATrainingArguments,
    feature_extractor: ASTVAFeatureExtractor,
    rated_paths: Mapping[SongId, str],
) -> Dataset | None:
    """The segments of the music without labels, with log-mels if batches have them; nothing without a folder."""
    if not data.unlabeled_dir:
        return None
    log_mels = data.log_mels if args.unlabeled_batch_size else "on_the_fly"
    options: dict[str, Any] = {"num_proc": data.num_proc, "cache_dir": data.cache_dir, "log_mels": log_mels}
    return load_unlabeled(data.unlabeled_dir, feature_extractor, rated_paths.values(), **options)


def _read_teachers(data: DataArguments, sources: Sequence[TeacherSource], paths: Sequence[str]) -> list[Teacher]:
    """The teachers of files of embeddings, which encoders write first."""
    files = [embed_songs_of(source, paths, data.cache_dir) for source in sources]
    return read_teachers(files or data.teacher_embeddings or [])


def _load_windows(
    data: DataArguments,
    pool: Sequence[Source],
    teachers: Sequence[TeacherSource],
    feature_extractor: ASTVAFeatureExtractor,
    training_songs: Container[SongId],
) -> tuple[Dataset, list[SongId]]:
    """The augmented windows that have only training songs in them, and the song of the louder piece of each."""
    windows = draw_windows(pool, data.num_augmented_windows, feature_extractor.segment_seconds, WINDOWS_SEED)
    options: dict[str, Any] = {"num_proc": data.num_proc, "cache_dir": data.cache_dir}
    augmented = load_augmented(windows, pool, teachers, feature_extractor, **options)
    used = only_of(training_songs, windows, pool)
    return augmented.select(used), [pool[louder_source(windows[index])].song_id for index in used]


def songs_of(parts: Iterable[Dataset | None], paths: Mapping[SongId, str]) -> list[Source]:
    """The songs of segments, of which windows are drawn; the path of one without labels is its id."""
    sources = []
    for part in filter(None, parts):
        columns = part.select_columns(["song_id", "start_seconds", "duration_seconds"]).with_format(None).to_pandas()
        columns["stop_seconds"] = columns["start_seconds"] + columns["duration_seconds"]
        songs = columns.groupby("song_id", sort=False).agg({"start_seconds": "min", "stop_seconds": "max"})
        for song, start, stop in zip(songs.index.tolist(), songs["start_seconds"], songs["stop_seconds"]):
            sources.append(Source(song, paths.get(song, str(song)), float(start), float(stop)))
    return sources


def only_of(songs: Container[SongId], windows: Sequence[Mapping[str, Any]], pool: Sequence[Source]) -> list[int]:
    """The positions of windows all of whose pieces are of some songs."""
    is_used = [source.song_id in songs for source in pool]
    pieces = [[is_used[piece["source"]] for piece in window["pieces"]] for window in windows]
    return [index for index, of_window in enumerate(pieces) if all(of_window)]


def by_song(rows: Dataset, column: str) -> dict[Any, Any]:
    """The value of a column that all segments of a song share."""
    songs = rows.select_columns(sorted({"song_id", column})).with_format(None).to_pandas().drop_duplicates("song_id")
    return dict(zip(songs["song_id"].tolist(), songs[column].tolist()))
