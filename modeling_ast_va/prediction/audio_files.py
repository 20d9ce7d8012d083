# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""A music library: which files it holds, and whether one of them has changed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import soundfile


def find_audio(paths: Iterable[str | Path]) -> list[str]:
    """
    Audio files among files and in folders, and URLs as they are, each once and in a stable order.

    A file is taken as it is given; in a folder, at any depth, by the endings that libsndfile reads.

    Raises:
        ValueError: for a path that does not exist, or when there is not one audio file.
    """
    found: dict[str, None] = {}
    for path in map(str, paths):
        if is_url(path) or os.path.isfile(path):
            found[path] = None
        elif os.path.isdir(path):
            found.update(dict.fromkeys(sorted(_audio_files(path))))
        else:
            raise ValueError(f"Expected audio files, folders or URLs, but there is no {path!r}.")
    if not found:
        raise ValueError(f"Expected audio files, but found none in {[str(path) for path in paths]}.")
    return list(found)


def is_url(path: str) -> bool:
    return path.startswith(("http://", "https://"))


def file_version(path: str) -> list[int] | None:
    """Size and time of the last change of a file, which tell whether it is still the same; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def _audio_files(folder: str) -> Iterator[str]:
    endings = {f".{name.lower()}" for name in soundfile.available_formats()} | {".oga", ".opus", ".aif"}
    for parent, _, names in os.walk(folder):
        for name in names:
            file = os.path.join(parent, name)
            if os.path.splitext(name)[1].lower() in endings and os.path.isfile(file):
                yield file
