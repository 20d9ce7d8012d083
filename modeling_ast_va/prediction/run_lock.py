# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The lock of an output: one run at a time writes it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout


class RunLock:
    """
    A lock of the system beside the file or folder that a run writes; that of a killed run does not remain.

    Args:
        path: what is written, which the messages name.
        lock_file: the file that is locked.

    Raises:
        ValueError: on entering, when another run has the lock, or when its folder cannot be written.
    """

    def __init__(self, path: Path, lock_file: Path):
        self.path = path
        self.lock = FileLock(str(lock_file))

    def __enter__(self) -> RunLock:
        try:
            self.lock.acquire(timeout=0)
        except Timeout:
            raise ValueError(
                f"Expected one run for each output, but another run is writing {str(self.path)!r}. "
                "Wait until it ends, or choose another output."
            ) from None
        except OSError as error:
            folder = str(Path(self.lock.lock_file).parent)
            expected = f"Expected an output folder that can be written, but got {folder!r}"
            raise ValueError(f"{expected}: {error.strerror}.") from error
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):  # Windows does not remove an open file
            Path(self.lock.lock_file).unlink()
        self.lock.release()
