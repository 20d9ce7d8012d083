# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Songs that a browser has uploaded: what it says of them is checked, and they are deleted once they are rated."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..decoding_ast_va import open_audio
from ..prediction.tables import as_text

logger = logging.getLogger(__name__)

MAX_SECONDS = 15 * 60
MAX_BYTES = 100 * 10**6
MAX_SONGS = 20  # of one upload: other people wait meanwhile
# Songs of people who leave before they are rated: looked for each minute, and deleted at this age.
SWEEP_SECONDS, KEPT_SECONDS = 60, 1800
MAX_NAME = 255  # characters, as in a file system


@dataclass(frozen=True)
class Upload:
    """
    A song on the disk of the server.

    Args:
        path: in the folder of uploads.
        name: of the file on the computer of the user; any text.
        key: by which the page finds its copy of the song, to play it.
    """

    path: Path
    name: str
    key: str

    def check(self) -> None:
        """Refuse a file that is too large, or longer than the limit (ValueError); at most the limit is decoded."""
        if (num_bytes := self.path.stat().st_size) > MAX_BYTES:
            limit, given = MAX_BYTES / 10**6, num_bytes / 10**6
            raise ValueError(f"{self.path}: expected a file of at most {limit:.0f} MB, but got {given:.1f} MB.")
        with open_audio(str(self.path), duration_seconds=MAX_SECONDS + 1) as audio:
            num_samples = sum(len(block) for block in audio)
            if num_samples > MAX_SECONDS * audio.sampling_rate:
                raise audio.error(f"expected a song of at most {MAX_SECONDS // 60} minutes, but got a longer one.")


def read_uploads(songs: Any, folder: Path, max_songs: int = MAX_SONGS) -> list[Upload]:
    """
    Read what a page says of the songs that it has uploaded.

    Args:
        songs: a list of dicts with `path`, `name` and `key`.
        folder: of uploads, where each file is in a folder of its own.

    Raises:
        ValueError: for another form, for files elsewhere, and for too many songs, which are deleted.
    """
    if not isinstance(songs, list) or not songs or not all(isinstance(song, Mapping) for song in songs):
        raise ValueError(f"Expected a list of songs, but got {type(songs).__name__}.")
    uploads = [_read_upload(song, folder) for song in songs]
    if len(uploads) > max_songs:
        delete(uploads)
        raise ValueError(f"Expected at most {max_songs} songs at a time, but got {len(uploads)}.")
    return uploads


def _read_upload(song: Mapping[str, Any], folder: Path) -> Upload:
    path, name, key = (song.get(field) for field in ("path", "name", "key"))
    if not (isinstance(path, str) and isinstance(name, str) and isinstance(key, str)):
        raise ValueError(f"Expected texts path, name and key of a song, but got {sorted(map(str, song))}.")
    file = Path(path).resolve()
    # The page could name any file of this machine.
    if file.parent.parent != folder.resolve() or not file.is_file():
        raise ValueError("Expected an uploaded song, but got another file: upload it again.")
    return Upload(file, as_text(name[:MAX_NAME]) or "Song", key[:MAX_NAME])


def delete(uploads: Iterable[Upload]) -> None:
    """Delete uploaded files with their folders, whose names are hashes of their content."""
    for upload in uploads:
        _remove(upload.path)
        with suppress(OSError):  # it is not empty: another upload has the same content
            upload.path.parent.rmdir()


def delete_old(folder: Path, seconds: float = KEPT_SECONDS) -> None:
    """Delete files in the folder of uploads that have not changed for so long: also parts of interrupted uploads."""
    for parent, _, names in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            with suppress(FileNotFoundError):  # rated meanwhile
                if time.time() - path.stat().st_mtime > seconds:
                    _remove(path)
        if Path(parent) != folder:
            with suppress(OSError):  # it is not empty
                Path(parent).rmdir()


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:  # it is removed with the folder of uploads when the app ends
        logger.warning("Cannot delete an upload: %s.", error.strerror)
