# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The journal of a table: a file of the songs predicted so far, from which the next run continues."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .run_lock import RunLock
from .whole_file import naming_failures, whole_file

logger = logging.getLogger(__name__)

FINISHED = {"finished": True}


class Journal:
    """
    A JSON-lines file: the settings of the run, then one song on each line, and a last line when the table is written.

    Lines are only appended. One counts once it ends: what follows the last whole line, after a kill, is cut off. As a
    context manager the journal is locked by the system: only one run at a time can write it, and the lock of a killed
    run does not remain.

    Raises:
        ValueError: on entering, when another run has locked the journal, or when it cannot be written.
    """

    def __init__(self, path: Path):
        self.path = path
        self.lock = RunLock(path, path.with_name(f"{path.name}.lock"))
        self.positions: dict[str, int] = {}  # of the lines of the songs, in bytes, by path
        self._num_lines, self._is_finished = 0, False

    def __enter__(self) -> Journal:
        self.lock.__enter__()
        if self.path.exists() and not os.access(self.path, os.R_OK | os.W_OK):
            self.__exit__()
            raise ValueError(f"Expected a journal that can be written, but got {str(self.path)!r}: Permission denied.")
        return self

    def __exit__(self, *exception: object) -> None:
        self.lock.__exit__(*exception)

    def start(self, settings: Mapping[str, Any]) -> None:
        """
        Find the songs of earlier runs, and cut off an unfinished line.

        Args:
            settings: everything that the predictions depend on, as JSON. A finished journal with other settings is
                started over.

        Raises:
            ValueError: when an unfinished journal has other settings.
        """
        end, theirs = self._read()
        difference = settings_difference(theirs, settings)
        if end and difference:
            if not self._is_finished:
                raise ValueError(
                    f"Expected a journal with the settings of this run, but {str(self.path)!r} has {difference}. "
                    "Finish that run with its own command, delete the file to start over, or choose another output."
                )
            logger.warning("All songs are predicted again: the finished table has %s.", difference)
            end, self.positions, self._num_lines, self._is_finished = 0, {}, 0, False
        with naming_failures(self.path), self.path.open("ab") as file:
            file.truncate(end)
        if end == 0:
            self._write(settings)

    def append(self, song: Mapping[str, Any]) -> None:
        """Write a song with its `path`; an `OSError` names the journal, if it is removed or the disk is full."""
        self.positions[song["path"]] = self._write(song)
        self._num_lines, self._is_finished = self._num_lines + 1, False

    def finish(self, paths: Sequence[str]) -> None:
        """Mark the journal as that of a written table, and drop the lines of all other songs than `paths`."""
        if self._num_lines > len(paths):
            with whole_file(self.path) as unfinished, self.path.open("rb") as old, unfinished.open("wb") as new:
                new.write(old.readline())
                for path in paths:
                    old.seek(self.positions[path])
                    new.write(old.readline())
                new.write(_as_line(FINISHED))
        elif not self._is_finished:
            self._write(FINISHED)

    def renew(self, versions: Mapping[str, tuple[Sequence[int], Sequence[int]]]) -> None:
        """
        Keep the predictions of files that have changed, but not in their audio. An unfinished journal stays as it is.

        Args:
            versions: the old and the new version of each file, by path.
        """
        self._read()
        if self._is_finished:
            for path, (old, new) in versions.items():
                if path in self.positions and (song := self[path])["version"] == list(old):
                    self.append({**song, "version": list(new)})
            self.finish(list(self.positions))

    def __getitem__(self, path: str) -> dict[str, Any]:
        """The song with this path."""
        with self.path.open("rb") as file:
            file.seek(self.positions[path])
            return json.loads(file.readline())

    def _read(self) -> tuple[int, dict[str, Any]]:
        """Find the songs; returns the end of the last whole line, in bytes, and the settings."""
        end, settings = 0, {}
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            for line in file:
                content = _parse(line)
                if content is None or (end and content != FINISHED and "path" not in content):
                    break
                self._is_finished = content == FINISHED
                if end == 0:
                    settings = content
                elif not self._is_finished:
                    self.positions[content["path"]] = end  # the last line of a song replaces earlier ones
                    self._num_lines += 1
                end += len(line)
        return end, settings

    def _write(self, content: Mapping[str, Any]) -> int:
        """Append a line and return its position."""
        with naming_failures(self.path), self.path.open("r+b") as file:  # a file that was removed is not made again
            position = file.seek(0, os.SEEK_END)
            file.write(_as_line(content))
        return position


def settings_difference(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    """What two runs have different, for a message; empty if nothing."""
    names = sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))
    return " and ".join(f"{name} {theirs.get(name)} instead of {ours.get(name)}" for name in names)


def _as_line(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, allow_nan=False).encode("ascii") + b"\n"


def _parse(line: bytes) -> dict[str, Any] | None:
    """The content of a line, or None if it is no whole JSON object."""
    with suppress(ValueError):
        if line.endswith(b"\n") and isinstance(content := json.loads(line), dict):
            return content
    return None
