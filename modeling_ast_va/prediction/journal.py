# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Append-only parts of a table that several processes write: what was written whole outlives every kill.

A folder holds one file a process. Its first line says of which settings it is, and each further line is a song. A line
counts once it ends; half a line, the last act of a process that was killed, does not.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple


class Place(NamedTuple):
    """Where the line of a song stands."""

    part: Path
    offset: int


@dataclass
class Parts:
    """
    The parts of one table.

    Args:
        folder: made with the first line.
        settings: what the songs depend on, as JSON has it; parts of other settings are refused.
    """

    folder: Path
    settings: dict[str, Any]

    def songs(self) -> Iterator[tuple[Place, dict[str, Any]]]:
        """
        Every song that stands in a part, with its place; one that was heard again stands there twice.

        Raises:
            ValueError: when a part is of other settings.
        """
        for part in sorted(self.folder.glob("part-*.jsonl")):
            with part.open("rb") as file:
                if not self._is_ours(part, file):
                    continue
                offset = file.tell()
                for line in file:
                    song = _whole(line)
                    if song is not None:
                        yield Place(part, offset), song
                    offset += len(line)

    def append(self, process: int, songs: Iterator[dict[str, Any]]) -> None:
        """Write songs as they come, each at once, behind what a process of this number wrote in an earlier run."""
        part = self.folder / f"part-{process:05d}.jsonl"
        file: IO[bytes] | None = None
        try:
            for song in songs:
                if file is None:
                    file = self._open(part)
                file.write(_line(song))
                file.flush()
        finally:
            if file is not None:
                file.close()

    def read(self, places: Iterator[Place]) -> Iterator[dict[str, Any]]:
        """The songs at these places."""
        files: dict[Path, IO[bytes]] = {}
        try:
            for part, offset in places:
                if part not in files:
                    files[part] = part.open("rb")
                files[part].seek(offset)
                yield json.loads(files[part].readline())
        finally:
            for file in files.values():
                file.close()

    def forget_finishers(self) -> None:
        """Of an earlier run, which was killed; before any process of this one may finish."""
        for token in self.folder.glob("finished-*"):
            token.unlink()

    def is_last_to_finish(self, num_processes: int) -> bool:
        """
        Whether all other processes have finished before this one; says so to exactly one of them.

        Each takes the first free place of as many as there are processes. Creating a file exclusively is atomic, on
        shared file systems too, where a listing may be old.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for place in range(num_processes - 1):
            try:
                (self.folder / f"finished-{place:05d}").touch(exist_ok=False)
            except FileExistsError:
                continue
            return False
        return True

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_ours(self, part: Path, file: IO[bytes]) -> bool:
        """Reads the first line: whether it was written whole. ValueError where it is of other settings."""
        settings = _whole(file.readline())
        if settings is None:
            return False
        if settings != self.settings:
            raise ValueError(
                f"{part.parent} holds an unfinished run with {_differences(settings, self.settings)}. "
                "Finish it by its own command, delete the folder to start over, or choose another output."
            )
        return True

    def _open(self, part: Path) -> IO[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True)
        if part.exists():
            with part.open("rb") as file:
                begun = self._is_ours(part, file)
            if begun:
                appended = part.open("ab")
                if not _ends_whole(part):
                    appended.write(b"\n")  # closes half a line, which then is none
                return appended
        created = part.open("wb")
        created.write(_line(self.settings))
        return created


def _line(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content).encode("ascii") + b"\n"


def _whole(line: bytes) -> dict[str, Any] | None:
    """Content of a line that was written whole."""
    if not line.endswith(b"\n"):
        return None
    try:
        content = json.loads(line)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _ends_whole(part: Path) -> bool:
    with part.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"


def _differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    names = sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))
    return " and ".join(f"{name} {theirs.get(name)} in place of {ours.get(name)}" for name in names)
