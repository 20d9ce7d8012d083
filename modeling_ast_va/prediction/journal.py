# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The journal of a table: an append-only file of the songs predicted so far, from which an interrupted run resumes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout


class Journal:
    """
    A JSON-lines file with the settings of the run on its first line and one song on each further line.

    A line counts once it ends. What follows the last whole line, after a kill, is cut off. As a context manager the
    journal is locked: only one run at a time can write it.

    Args:
        path: of the file, which is created by [`Journal.start`].

    Raises:
        ValueError: on entering, when another run has locked the journal.
    """

    def __init__(self, path: Path):
        self.path = path
        self.lock = FileLock(f"{path}.lock")
        self.file: IO[bytes] | None = None
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
        if self.file is not None:
            self.file.close()
        with suppress(OSError):  # Windows does not remove an open file
            Path(self.lock.lock_file).unlink()
        self.lock.release()

    def start(self, settings: Mapping[str, Any], is_current: Callable[[dict[str, Any]], bool]) -> None:
        """
        Open the file, read the songs that an interrupted run has written, and cut off an unfinished line.

        Args:
            settings: everything that the predictions depend on, as JSON.
            is_current: whether a song that was written still counts. The last line of a song replaces earlier ones.

        Raises:
            ValueError: when the journal has other settings.
        """
        self.file = self.path.open("a+b")
        self.file.seek(0)
        lines = _whole_lines(self.file)
        end, theirs = next(lines, (0, None))
        if theirs is not None and theirs != settings:
            raise ValueError(
                f"Expected a journal with the settings of this run, but {str(self.path)!r} has "
                f"{_differences(theirs, settings)}. Finish that run with its own command, delete the file to start "
                "over, or choose another output."
            )
        for line_end, song in lines:
            self.positions.pop(song["path"], None)
            if is_current(song):
                self.positions[song["path"]] = end
            end = line_end
        self.file.truncate(end)
        if theirs is None:
            self._write(settings)

    def append(self, song: Mapping[str, Any]) -> None:
        """
        Write a song with its `path`.

        Raises:
            FileNotFoundError: when the file or its folder has been removed.
        """
        self.positions[song["path"]] = self._write(song)

    def __getitem__(self, path: str) -> dict[str, Any]:
        """The song with this path."""
        assert self.file is not None
        self.file.seek(self.positions[path])
        return json.loads(self.file.readline())

    def remove(self) -> None:
        """Delete the file, once its table is complete."""
        assert self.file is not None
        self.file.close()
        self.path.unlink()

    def _write(self, content: Mapping[str, Any]) -> int:
        """Append a line and return its position."""
        assert self.file is not None
        if not self.path.exists():
            raise FileNotFoundError(f"Expected the journal {str(self.path)!r}, but it or its folder has been removed.")
        position = self.file.seek(0, 2)
        self.file.write(json.dumps(content).encode("ascii") + b"\n")
        self.file.flush()
        return position


def _whole_lines(file: IO[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    """End position and content of each line, up to the first one that is no whole JSON object."""
    end = 0
    for line in file:
        try:
            content = json.loads(line) if line.endswith(b"\n") else None
        except ValueError:
            return
        if not isinstance(content, dict):
            return
        end += len(line)
        yield end, content


def _differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    names = sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))
    return " and ".join(f"{name} {theirs.get(name)} instead of {ours.get(name)}" for name in names)
