# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Learning from teachers: what a model learns from them, and the music without labels on which it does."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import Dataset

from ..data.rated_songs import SongId
from ..feature_extraction_ast_va import ASTVAFeatureExtractor
from ..training.arguments import DataArguments
from ..training.audio_augmentation import Source, draw_windows, louder_source
from ..training.augmented_windows import EMBEDDING, load_augmented
from ..training.auxiliary import AuxiliaryTargets, Track
from ..training.fused_ratings import ALL_SONGS, FusedRatings
from ..training.teacher_encoders import TeacherSource, embed_songs_of
from ..training.teachers import Teacher, read_teachers
from ..training.unlabeled import describe_unlabeled, load_unlabeled

if TYPE_CHECKING:
    from ..training.training_arguments import ASTVATrainingArguments

logger = logging.getLogger(__name__)

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
) -> Distillation:
    """
    Prepare what the arguments ask for.

    Args:
        rows: segments of all rated songs. Of songs that do not train, only embeddings are used, to measure at the end
            how well the model predicts them.
        training_set: those of the training songs, the only ones whose labels are used.

    Raises:
        ValueError: for training songs or music without labels of which a teacher has no embeddings.
    """
    if not data.has_teachers:
        return Distillation()
    paths = _by_song(rows, "path")
    unlabeled, files_without_labels = _load_unlabeled(data, feature_extractor, paths)
    rate, seconds = feature_extractor.sampling_rate, feature_extractor.segment_seconds
    sources = [TeacherSource(model, of_file, rate, seconds) for model, of_file in data.encoders]
    teachers = _read_teachers(data, sources, [*paths.values(), *files_without_labels.values()])
    labels = {song: np.asarray(pair) for song, pair in _by_song(training_set, "labels").items()}
    training_songs = {song: paths[song] for song in labels} | files_without_labels
    tracks = [{**teacher.find(paths), **teacher.of_songs(training_songs)} for teacher in teachers]
    teacher_tracks = TeacherTracks(teachers, tracks, FusedRatings(tracks, labels, _by_song(training_set, "group")))
    teacher_tracks.rate(training_songs)

    distillation = Distillation(record=teacher_tracks.describe())
    if unlabeled is not None and args.unlabeled_batch_size:
        distillation.parts.append((unlabeled, args.unlabeled_batch_size))
        distillation.record["unlabeled"] = describe_unlabeled(unlabeled)
    if sources and data.num_augmented_windows and args.augmented_batch_size:
        pool = songs_of([rows, unlabeled], paths)
        augmented = _load_windows(data, pool, sources, feature_extractor, training_songs, teacher_tracks)
        distillation.record["augmented_windows"] = {"num_drawn": data.num_augmented_windows, "num_used": len(augmented)}
        if len(augmented):
            distillation.parts.append((augmented, args.augmented_batch_size))
    distillation.targets += teacher_tracks.targets(args.teacher_weight, labels)
    return distillation


class TeacherTracks:
    """
    The embeddings and ratings of teachers, as tracks of songs and of augmented windows.

    Args:
        teachers: whose embeddings they are.
        tracks: of embeddings, one for each teacher, by song.
        fused: the regression that rates.
    """

    def __init__(self, teachers: Sequence[Teacher], tracks: Sequence[dict[SongId, Track]], fused: FusedRatings):
        self.teachers, self.fused = teachers, fused
        self._tracks, self._rated = tracks, dict[SongId, Track]()

    def rate(self, songs: Iterable[SongId]) -> None:
        """Rate songs: those with labels out of fold."""
        for song in songs:
            self._rated[song] = self.fused.rate([of[song] for of in self._tracks], self._fold(song))

    def add_windows(self, augmented: Dataset, loudest: Sequence[SongId]) -> None:
        """
        Add augmented windows, and rate them.

        Args:
            augmented: rows of [`load_augmented`].
            loudest: the song of the only or the louder piece of each window, whose fold rates it.
        """
        columns = augmented.select_columns(["song_id", "duration_seconds", EMBEDDING])[:]
        widths = [next(iter(of.values())).values.shape[1] for of in self._tracks]
        embeddings = np.split(columns[EMBEDDING].astype(np.float32), np.cumsum(widths)[:-1], axis=1)
        centres = columns["duration_seconds"] / 2
        for row, (window, song) in enumerate(zip(columns["song_id"].tolist(), loudest)):
            own = [Track(centres[row : row + 1], values[row : row + 1]) for values in embeddings]
            for of, track in zip(self._tracks, own):
                of[window] = track
            self._rated[window] = self.fused.rate(own, self._fold(song))

    def targets(self, weight: float, labelled_songs: Iterable[SongId]) -> list[AuxiliaryTargets]:
        """The targets of all teachers; the weights of the embeddings add up to that of the ratings."""
        share, songs = weight / len(self.teachers), list(labelled_songs)
        kinds = [
            AuxiliaryTargets(f"{teacher.name}_embeddings", share, tracks, teacher.window_seconds, songs)
            for teacher, tracks in zip(self.teachers, self._tracks)
        ]
        seconds = self.teachers[0].window_seconds
        return [*kinds, AuxiliaryTargets("teacher_ratings", weight, self._rated, seconds, songs, are_ratings=True)]

    def describe(self) -> dict[str, Any]:
        """The record of teachers and of their ratings, which is logged, too."""
        names = [teacher.name for teacher in self.teachers]
        weights = ", ".join(f"{name} {of[0]:.2f} / {of[1]:.2f}" for name, of in zip(names, self.fused.weights))
        message = "Ratings of the teachers out of fold: r %.3f (valence), %.3f (arousal); their weights: %s."
        logger.info(message, *self.fused.correlations, weights)
        return {
            "teachers": [teacher.describe() for teacher in self.teachers],
            "ratings_pearson_r": self.fused.correlations.round(4).tolist(),
            "ratings_weights": self.fused.weights.round(4).tolist(),
        }

    def _fold(self, song: SongId) -> int:
        return self.fused.fold_of.get(song, ALL_SONGS)


def _load_unlabeled(
    data: DataArguments, feature_extractor: ASTVAFeatureExtractor, rated_paths: Mapping[SongId, str]
) -> tuple[Dataset | None, dict[SongId, str]]:
    """The segments of the music without labels, and its files by song; nothing without a folder."""
    if not data.unlabeled_dir:
        return None, {}
    options: dict[str, Any] = {name: getattr(data, name) for name in ("num_proc", "cache_dir", "log_mels")}
    unlabeled = load_unlabeled(data.unlabeled_dir, feature_extractor, rated_paths.values(), **options)
    return unlabeled, _by_song(unlabeled, "song_id")


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
    teacher_tracks: TeacherTracks,
) -> Dataset:
    """Load the augmented windows that have only training songs in them, and add them to the tracks of the teachers."""
    windows = draw_windows(pool, data.num_augmented_windows, feature_extractor.segment_seconds, WINDOWS_SEED)
    options: dict[str, Any] = {"num_proc": data.num_proc, "cache_dir": data.cache_dir}
    augmented = load_augmented(windows, pool, teachers, feature_extractor, **options)
    used = only_of(training_songs, windows, pool)
    augmented = augmented.select(used)
    teacher_tracks.add_windows(augmented, [pool[louder_source(windows[index])].song_id for index in used])
    return augmented


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


def _by_song(rows: Dataset, column: str) -> dict[Any, Any]:
    """The value of a column that all segments of a song share."""
    songs = rows.select_columns(sorted({"song_id", column})).with_format(None).to_pandas().drop_duplicates("song_id")
    return dict(zip(songs["song_id"].tolist(), songs[column].tolist()))
