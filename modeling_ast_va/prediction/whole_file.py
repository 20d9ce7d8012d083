# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Files that are whole or do not exist."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Write a file under another name, and rename it once its content is on the disk."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with naming_failures(path):
            yield unfinished
            with unfinished.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(unfinished, path)
    finally:
        if unfinished.exists():
            unfinished.unlink()


@contextmanager
def naming_failures(path: Path) -> Iterator[None]:
    """Name the file in the error of a system call, such as that of a full disk."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(f"Expected {str(path)!r}, but it or its folder has been removed.") from error
    except OSError as error:
        reason = error.strerror or str(error)
        kept = "What is written so far is kept: the same command continues."
        raise OSError(f"Expected to write {str(path)!r}, but the system reports: {reason}. {kept}") from error
