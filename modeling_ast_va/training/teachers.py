# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Teachers: larger networks, whose embeddings of songs are in one or more files each.

Knowledge distillation: Hinton et al. (2015), arXiv:1503.02531; of embeddings: Romero et al. (2015), "FitNets", ICLR.
"""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data.rated_songs import SongId
from ..data.tracks import Track, cut_tracks
from ..download_ast_va import is_address
from ..embedding.embedding_file import Embeddings, read_embeddings
from ..hub.files import file_sha256

# Of a record: what makes a teacher.
MODEL_FIELDS = ("model_fingerprint", "layer", "pooling", "sampling_rate", "audio_sampling_rate")


@dataclass(frozen=True)
class TeacherFile:
    """
    Embeddings of one file, as a track for each song.

    Args:
        path: of the file.
        tracks: by id or path of a song.
        are_paths: whether the tracks are those of paths.
    """

    path: str
    tracks: dict[SongId, Track]
    are_paths: bool

    def keys_by_identity(self, songs: Mapping[SongId, str]) -> dict[SongId, SongId]:
        """The track of each song that the file has by its id, or by the path of the same file."""
        if self.are_paths:
            known = {_same_file(str(key)): key for key in self.tracks}
            return {song: known[file] for song, file in zip(songs, map(_same_file, songs.values())) if file in known}
        known = {str(key): key for key in self.tracks}  # an id is a number in one file, and its digits in another
        return {song: known[str(song)] for song in songs if str(song) in known}

    def keys_by_name(self, songs: Mapping[SongId, str]) -> dict[SongId, SongId]:
        """The track of each song by a file name that only one of the songs and one of the tracks have."""
        names = _unique({key: os.path.basename(str(key)) for key in self.tracks}) if self.are_paths else {}
        by_name = _unique({song: os.path.basename(path) for song, path in songs.items()})
        return {song: names[name] for name, song in by_name.items() if name in names}


@dataclass(frozen=True)
class Teacher:
    """
    A teacher, by its files.

    Args:
        name: of its model, or else of its first file, without the ending; a second one of the same name has a number.
        files: which hold embeddings of different songs.
        window_seconds: length of the window that an embedding describes, in seconds.
        fingerprint: of its model, as the record of a file has it; None without a record.
    """

    name: str
    files: tuple[TeacherFile, ...]
    window_seconds: float
    fingerprint: str | None

    def find(self, songs: Mapping[SongId, str]) -> dict[SongId, Track]:
        """
        Find the tracks of songs: by id where a file has ids, and else by path.

        Paths are those of the same file, or have the same file name where that is the name of one song and of one
        track. This finds songs that were moved since, or whose file of embeddings has names only.

        Args:
            songs: path of each song, by id.
        """
        tracks: dict[SongId, Track] = {}
        for find_keys in (TeacherFile.keys_by_identity, TeacherFile.keys_by_name):
            for file in self.files:
                keys = find_keys(file, {song: path for song, path in songs.items() if song not in tracks})
                tracks |= {song: file.tracks[key] for song, key in keys.items()}
        return tracks

    def of_songs(self, songs: Mapping[SongId, str]) -> dict[SongId, Track]:
        """The tracks of songs, as [`Teacher.find`] finds them; a ValueError names the first song without one."""
        tracks = self.find(songs)
        if missing := [song for song in songs if song not in tracks]:
            files = ", ".join(repr(file.path) for file in self.files)
            found = f"none for {len(missing)} of them, the first is {songs[missing[0]] or missing[0]}"
            raise ValueError(f"Expected embeddings of {len(songs)} songs in {files}, but got {found}.")
        return tracks

    def describe(self) -> dict[str, object]:
        """The record of the teacher: its name, the fingerprint of its model, and names and SHA-256 of its files."""
        paths = [Path(file.path) for file in self.files]
        digests = [file_sha256(path) for path in paths]
        files = {"files": [path.name for path in paths], "sha256": digests}
        return {"name": self.name, "model_fingerprint": self.fingerprint, **files}


def read_teachers(paths: Sequence[str | Path]) -> list[Teacher]:
    """
    Read files of embeddings, and join those of one teacher.

    Files are of one teacher if their records name the same model, layer and pooling. A file without a record belongs
    to the first teacher whose embeddings have as many values.

    Raises:
        ValueError: as for [`read_embeddings`], and for files of one teacher with different windows.
    """
    groups: list[list[tuple[str, Embeddings]]] = []
    for path in paths:
        embeddings = read_embeddings(path)
        group = next((group for group in groups if _is_same_teacher(group[0][1], embeddings)), None)
        if group is None:
            groups.append(group := [])
        group.append((str(path), embeddings))
    teachers: list[Teacher] = []
    for group in groups:
        teachers.append(_join(group, {teacher.name for teacher in teachers}))
    return teachers


def _is_same_teacher(first: Embeddings, second: Embeddings) -> bool:
    if first.values.shape[1] != second.values.shape[1]:
        return False
    records = [[record.get(name) for name in MODEL_FIELDS] for record in (first.record, second.record) if record]
    return len(records) < 2 or records[0] == records[1]


def _join(group: Sequence[tuple[str, Embeddings]], taken: Container[str]) -> Teacher:
    """The teacher of some files, with a name that is not taken."""
    path, first = group[0]
    if len(lengths := {round(embeddings.window_seconds, 3) for _, embeddings in group}) > 1:
        paths = ", ".join(repr(path) for path, _ in group)
        raise ValueError(f"Expected windows of one length in {paths}, of one teacher, but got {sorted(lengths)} s.")
    files = tuple(TeacherFile(path, _tracks_of(embeddings), embeddings.are_paths) for path, embeddings in group)
    name = teacher_name(str(first.record.get("model", path)), taken)
    fingerprints = [embeddings.record.get("model_fingerprint") for _, embeddings in group]
    fingerprint = next(filter(None, fingerprints), None)
    return Teacher(name, files, first.window_seconds, fingerprint)


def teacher_name(model: str, taken: Container[str]) -> str:
    """The name of a teacher by its model or file, without the ending, and with a number if that name is taken."""
    name = re.sub(r"\.(onnx|npz)$", "", Path(model).name)
    names = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(2)))
    return next(one for one in names if one not in taken)


def _tracks_of(embeddings: Embeddings) -> dict[SongId, Track]:
    order = np.lexsort((embeddings.start_seconds, embeddings.song_index))
    centres = embeddings.start_seconds[order] + embeddings.window_seconds / 2
    tracks = cut_tracks(embeddings.song_index[order], centres, embeddings.values[order].astype(np.float32))
    return {embeddings.songs[int(index)]: track for index, track in tracks.items()}


def _same_file(path: str) -> str:
    """A text that is equal for paths of the same file."""
    return path if is_address(path) else os.path.realpath(path)


def _unique(names: Mapping[SongId, str]) -> dict[str, SongId]:
    """The key of each name that only one key has."""
    counts = Counter(names.values())
    return {name: key for key, name in names.items() if counts[name] == 1}
