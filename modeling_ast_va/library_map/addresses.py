# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Where a page finds the file of a song."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..collection.table import as_path
from ..download_ast_va import is_address
from .arrays import distinct


def address(path: str, folder: str) -> str:
    """
    The address of a song for a page in a folder: a path relative to the folder, with slashes.

    An address of a server stays as it is. A file on another drive, to which no relative path leads, has a `file:` URL.

    Args:
        path: as in a table, relative to the current folder.
        folder: absolute path of the folder of the page.
    """
    if is_address(path):
        return path
    try:
        return os.path.relpath(path, folder).replace(os.sep, "/")
    except ValueError:  # of Windows
        return Path(path).absolute().as_uri()


def address_columns(paths: Iterable[str], folder: str) -> tuple[dict[str, Any], int]:
    """
    The addresses of songs, with each folder once, and the number of files that do not exist.

    Args:
        paths: those of a table.
        folder: absolute path of the folder of the page.
    """
    found = [as_path(path) for path in paths]
    addresses = [address(path, folder) for path in found]
    missing = sum(not is_address(path) and not os.path.exists(path) for path in found)
    return _split(addresses), missing


def _split(addresses: Sequence[str]) -> dict[str, Any]:
    """Folders, which end in a slash or are empty, and names of files."""
    ends = [one.rfind("/") + 1 for one in addresses]
    folders = distinct([one[:end] for one, end in zip(addresses, ends)])
    return {"folder": folders, "file": [one[end:] for one, end in zip(addresses, ends)]}
