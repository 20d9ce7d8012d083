# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The journal of a table: an append-only file of the songs predicted so far, from which an interrupted run resumes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout


class Journal:
    """
    A JSON-lines file with the settings of the run on its first line and one song on each further line.

    A line counts once it ends. What follows the last whole line, after a kill, is cut off. As a context manager the
    journal is locked: only one run at a time can write it.

    Raises:
        ValueError: on entering, when another run has locked the journal.
    """

    def __init__(self, path: Path):
        self.path = path
        self.lock = FileLock(f"{path}.lock")
        self.positions: dict[str, int] = {}  # of the lines of the songs, in bytes, by path

    def __enter__(self) -> Journal:
        try:
            self.lock.acquire(timeout=0)
        except Timeout:
            raise ValueError(
                f"Expected one run for each output, but another run is writing {str(self.path)!r}. "
                "Wait until it ends, or choose another output."
            ) from None
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):  # Windows does not remove an open file
            Path(self.lock.lock_file).unlink()
        self.lock.release()

    def start(self, settings: Mapping[str, Any]) -> None:
        """
        Find the songs that an interrupted run has written, and cut off an unfinished line.

        Args:
            settings: everything that the predictions depend on, as JSON.

        Raises:
            ValueError: when the journal has other settings.
        """
        end = 0
        with self.path.open("a+b") as file:
            file.seek(0)
            for line in file:
                if (content := _parse(line)) is None:
                    break
                if end == 0:
                    self._require_same(settings, content)
                else:
                    self.positions[content["path"]] = end  # the last line of a song replaces earlier ones
                end += len(line)
            file.truncate(end)
        if end == 0:
            self._write(settings)

    def append(self, song: Mapping[str, Any]) -> None:
        """Write a song with its `path`. A file that has been removed is an error (`FileNotFoundError`)."""
        self.positions[song["path"]] = self._write(song)

    def __getitem__(self, path: str) -> dict[str, Any]:
        """The song with this path."""
        with self.path.open("rb") as file:
            file.seek(self.positions[path])
            return json.loads(file.readline())

    def _write(self, content: Mapping[str, Any]) -> int:
        """Append a line and return its position."""
        if not self.path.exists():
            raise FileNotFoundError(f"Expected the journal {str(self.path)!r}, but it or its folder has been removed.")
        with self.path.open("ab") as file:
            position = file.tell()
            file.write(json.dumps(content).encode("ascii") + b"\n")
        return position

    def _require_same(self, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
        names = sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))
        if names:
            differences = " and ".join(f"{name} {theirs.get(name)} instead of {ours.get(name)}" for name in names)
            raise ValueError(
                f"Expected a journal with the settings of this run, but {str(self.path)!r} has {differences}. "
                "Finish that run with its own command, delete the file to start over, or choose another output."
            )


def _parse(line: bytes) -> dict[str, Any] | None:
    """The content of a line, or None if it is no whole JSON object."""
    with suppress(ValueError):
        if line.endswith(b"\n") and isinstance(content := json.loads(line), dict):
            return content
    return None
