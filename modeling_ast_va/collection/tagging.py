# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Valence, arousal and quadrant as tags in the files of a table."""

from __future__ import annotations

import logging
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from ..download_ast_va import is_address
from ..prediction.audio_files import SPECIAL, file_version
from ..prediction.journal import Journal
from ..prediction.summary import printable
from ..prediction.whole_file import whole_file
from .table import as_path, rated, read_songs

logger = logging.getLogger(__name__)

MAX_NAMED = 10  # changes that are listed
TAGGED, UNTAGGED, UNCHANGED, ERROR = "tagged", "untagged", "unchanged", "error"


def tag_files(table: str | Path, *, write: bool = False, remove: bool = False) -> None:
    """
    Write valence, arousal and quadrant of a table into its files, or take these tags out again.

    Only the three tags change: the audio and other tags stay as they are. A file is replaced by a tagged copy, once
    that is on the disk, so that it is whole at any moment. A file that cannot be tagged is logged and left as it is.

    Args:
        table: what `predict` has written, with one row per song.
        write: whether to change files; otherwise what would change is printed.
        remove: whether to remove the tags.

    Raises:
        ValueError: for another table, if none of its files exists, and if no file can be tagged.
    """
    songs = read_songs(table)
    songs = songs if remove else rated(songs)
    wanted = {
        as_path(song["path"]): {} if remove else tags_of(song["valence"], song["arousal"], song["quadrant"])
        for song in songs.to_dict("records")
    }
    if not any(map(os.path.exists, wanted)):
        raise ValueError(
            f"Expected the files of {str(table)!r}, but none of {len(wanted):,} exists. "
            "Paths in a table are relative to the folder in which predict ran."
        )
    counts, changes, errors = Counter[str](), list[str](), list[str]()
    with _kept_ratings(Path(f"{table}.journal")) as versions:
        for path, values in tqdm(wanted.items(), unit="file"):
            old = file_version(path)
            try:
                outcome = tag_file(path, values, write=write)
            except (ValueError, OSError) as error:
                errors.append(printable(f"{path}: {error}"))
                outcome = ERROR
            counts[outcome] += 1
            if outcome in (TAGGED, UNTAGGED) and write:
                versions[path] = old, file_version(path)
            elif outcome in (TAGGED, UNTAGGED):
                changes += [_described(path, values)][: MAX_NAMED - len(changes)]
    for line in errors:
        logger.warning("Not %s: %s", UNTAGGED if remove else TAGGED, line)
    print(_summary(counts, changes, write=write, remove=remove))
    if counts[ERROR] == len(wanted):
        raise ValueError(f"Expected files that can be tagged, but got none out of {len(wanted):,}.")


def tags_of(valence: float, arousal: float, quadrant: str) -> dict[str, str]:
    """The tags of a song by name; two decimals are finer than any model rates."""
    return {"VALENCE": f"{valence:.2f}", "AROUSAL": f"{arousal:.2f}", "MOOD_QUADRANT": quadrant}


def tag_file(path: str, values: Mapping[str, str], *, write: bool = True) -> str:
    """
    Change our tags in a file.

    Args:
        values: the tags of [`tags_of`]; an empty dict removes them.
        write: whether to change the file, or only to find out whether that is possible.

    Returns:
        `TAGGED`, `UNTAGGED` or `UNCHANGED`.

    Raises:
        ValueError: if the file cannot be tagged; the message does not name it.
        OSError: if the system refuses to write, such as on a full disk.
    """
    from .file_tags import NAMES, FileTags, TagError  # mutagen is not needed to parse arguments

    file = _existing(path)
    status = file.stat()
    tags = FileTags(file)
    found = tags.read()
    if found == values:
        return UNCHANGED
    if 0 < len(found) < len(NAMES):  # ours are always together
        raise TagError(f"another program has written {', '.join(f'{name}={text}' for name, text in found.items())}")
    _check_replaceable(file)
    if write:
        with whole_file(file) as unfinished:
            tags.save_as(unfinished, values)
            if hasattr(os, "chown"):
                os.chown(unfinished, status.st_uid, status.st_gid)
            shutil.copystat(file, unfinished)
            os.utime(unfinished)  # the time is new: otherwise players and backups take the file for unchanged
            if _version(file.stat()) != _version(status):
                raise TagError("another program is changing it")
    return TAGGED if values else UNTAGGED


def _existing(path: str) -> Path:
    """The file that a path leads to, through links."""
    file = Path(os.path.realpath(path))
    if is_address(path):
        raise ValueError("it is an address, not a file")
    if not file.is_file():
        raise ValueError(SPECIAL if file.exists() else "it does not exist")
    return file


def _check_replaceable(file: Path) -> None:
    if file.stat().st_nlink > 1:
        raise ValueError("it has several names (hard links), which a tagged copy would separate")
    if not os.access(file, os.W_OK):
        raise ValueError("it is read-only")


def _version(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


@contextmanager
def _kept_ratings(journal: Path) -> Iterator[dict[str, Any]]:
    """Collect the versions of files before and after, so that `predict` does not rate them again."""
    versions: dict[str, Any] = {}
    try:
        yield versions
    finally:
        if versions and journal.exists():
            try:
                with Journal(journal) as opened:
                    opened.renew(versions)
            except (ValueError, OSError) as error:
                logger.warning("The next run of predict rates the tagged files again: %s", error)


def _described(path: str, values: Mapping[str, str]) -> str:
    tags = ", ".join(f"{name}={value}" for name, value in values.items())
    return f"  {printable(path)}: {tags or 'tags removed'}"


def _summary(counts: Mapping[str, int], changes: list[str], *, write: bool, remove: bool) -> str:
    """What was changed, or would be, and what not."""
    changed, unchanged = (UNTAGGED, "Without these tags") if remove else (TAGGED, "Already tagged")
    num_changed = counts[changed]
    first = changed.capitalize() if write else f"To be {changed}"
    lines = [f"{first}: {num_changed:,}. {unchanged}: {counts[UNCHANGED]:,}. Errors: {counts[ERROR]:,}."]
    if num_changed and not write:
        more = [f"  ... and {num_changed - len(changes):,} more"] if num_changed > len(changes) else []
        lines = [*changes, *more, *lines, "No file is changed without --write."]
    return "\n".join(lines)
