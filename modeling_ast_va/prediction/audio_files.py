# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Audio files of a music library: finding them, and noticing that one has changed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import soundfile


def find_audio(paths: Iterable[str | Path]) -> list[str]:
    """
    Find audio files, each once and in a stable order.

    Args:
        paths: files and URLs, which are taken as they are, and folders, which are searched at any depth for the file
            endings that libsndfile reads.

    Raises:
        ValueError: for a path that does not exist, or when there is no audio file.
    """
    endings = {f".{name.lower()}" for name in soundfile.available_formats()} | {".oga", ".opus", ".aif"}
    found: dict[str, None] = {}
    for path in map(str, paths):
        if path.startswith(("http://", "https://")) or os.path.isfile(path):
            found[path] = None
        elif os.path.isdir(path):
            files = (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
            audio = (file for file in files if os.path.splitext(file)[1].lower() in endings and os.path.isfile(file))
            found.update(dict.fromkeys(sorted(audio)))
        else:
            raise ValueError(f"Expected audio files, folders or URLs, but got {path!r}, which does not exist.")
    if not found:
        raise ValueError(f"Expected audio files, but got none in {[str(path) for path in paths]}.")
    return list(found)


def file_version(path: str) -> list[int] | None:
    """Size and time of the last change of a file, or None where there is no file, as for a URL."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]
