# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Audio files of a music library: finding them, counting what is skipped, and noticing that one has changed."""

from __future__ import annotations

import os
import stat
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..download_ast_va import FSSPEC_ERRORS, is_address, is_web_address
from .playlists import PLAYLIST_ENDINGS, read_playlist

# What libsndfile, PyAV or ffmpeg read. `.raw` has no header: it gets a row with that error instead of being skipped.
_ENDINGS = """
    wav wave bwf rf64 w64 flac mp3 mp2 mp1 mpga ogg oga ogx opus spx aif aiff aifc afc au snd caf
    m4a m4b m4p m4r mp4 m4v f4a f4v mov qt 3gp 3g2 3ga aac adts latm alac wma wmv asf xwma ape mac wv tta tak shn
    mpc mp+ mpp mka mkv webm weba ac3 ec3 eac3 dts dtshd mlp thd amr awb gsm ra rm rmvb dsf dff aa aax aa3 oma adx
    avi ogv divx flv ts mts m2ts mpg mpeg vob mxf voc sf ircam iff svx 8svx nist sph paf pvf avr sd2 sds htk wve xi
    raw
"""
AUDIO_ENDINGS = frozenset(f".{ending}" for ending in _ENDINGS.split())
SPECIAL = "it is a pipe, socket or device"
# What the backends of fsspec say of a file that changes with its content.
CHANGES = ("ETag", "etag", "CRC", "blob_id", "mtime", "LastModified", "last_modified", "updated", "created")


@dataclass
class Library:
    """
    Audio files, and what else was found.

    Args:
        files: paths and addresses, each once and in a stable order.
        other_endings: how many files of each ending are not audio.
        num_hidden, num_playlists: hidden files and folders, and playlists in folders, which are skipped.
        unusable: paths in folders that are neither audio nor certainly something else, with the reason.
    """

    files: list[str] = field(default_factory=list)
    other_endings: Counter[str] = field(default_factory=Counter)
    num_hidden: int = 0
    num_playlists: int = 0
    unusable: list[tuple[str, str]] = field(default_factory=list)


def find_audio(paths: Iterable[str | Path]) -> Library:
    """
    Find audio files, each once, although folders overlap or links lead to them.

    Args:
        paths: audio files, URLs and addresses of fsspec, which are taken as they are; playlists, whose entries are; and
            folders, which are searched at any depth for `AUDIO_ENDINGS`. Linked folders and files in them are included.

    Raises:
        ValueError: for a path that does not exist, a pipe, socket or device, or a playlist that is not text.
    """
    library, seen = Library(), set[str]()
    for path in map(str, paths):
        if is_address(path):
            _add_files([path], library, seen)
        elif os.path.isdir(path):
            _search(path, library, seen)
        elif not os.path.exists(path):
            raise ValueError(f"Expected audio files, folders, playlists or URLs, but {path!r} does not exist.")
        elif not os.path.isfile(path):
            raise ValueError(f"Expected audio files, folders, playlists or URLs, but got {path!r}: {SPECIAL}.")
        elif _ending(path) in PLAYLIST_ENDINGS:
            _add_files(read_playlist(path), library, seen)
        else:
            _add_files([path], library, seen)
    return library


def _add_files(paths: Iterable[str], library: Library, seen: set[str]) -> None:
    for path in paths:
        real = path if is_address(path) else os.path.realpath(path)
        if real not in seen:
            seen.add(real)
            library.files.append(path)


def _search(root: str, library: Library, seen: set[str]) -> None:
    """Search a folder. Links are followed last, so that a file in two places is found where it is."""
    audio: dict[str, str] = {}  # by real path
    folders, links = [root], deque[str]()
    while folders or links:
        path = folders.pop() if folders else links.popleft()
        try:
            mode = os.stat(path).st_mode
        except OSError as error:
            library.unusable.append((path, f"it is a link that cannot be followed ({error.strerror})"))
            continue
        real = os.path.realpath(path)
        if not stat.S_ISDIR(mode):
            if _is_audio(path, mode, library):
                audio.setdefault(real, path)
        elif real not in seen:
            seen.add(real)
            try:
                with os.scandir(path) as scanned:
                    entries = sorted(scanned, key=lambda entry: entry.name)
            except OSError as error:
                library.unusable.append((path, f"it is a folder that cannot be read ({error.strerror})"))
                continue
            for entry in entries:
                if entry.name.startswith("."):  # such as `._song.mp3`, what macOS writes beside a song
                    library.num_hidden += 1
                elif entry.is_symlink():
                    links.append(entry.path)
                elif entry.is_dir():
                    folders.append(entry.path)
                elif _is_audio(entry.path, stat.S_IFREG if entry.is_file() else 0, library):
                    # The same text as the path, where there is no link in it, takes no memory.
                    audio[entry.path if real == path else os.path.join(real, entry.name)] = entry.path
    found = sorted((path, real) for real, path in audio.items() if real not in seen)
    seen.update(real for _, real in found)
    library.files += [path for path, _ in found]


def _is_audio(path: str, mode: int, library: Library) -> bool:
    """Whether a path in a folder is an audio file. All others are counted."""
    ending = _ending(path)
    if not stat.S_ISREG(mode):
        library.unusable.append((path, SPECIAL))
    elif ending in PLAYLIST_ENDINGS:
        library.num_playlists += 1
    elif ending not in AUDIO_ENDINGS:
        library.other_endings[ending] += 1
    else:
        return True
    return False


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def file_version(path: str) -> list[int | str] | None:
    """Size and time of the last change of a file; None for a URL, and where there is no file that can be read."""
    if is_address(path):
        return None if is_web_address(path) else _address_version(path)
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # a ValueError for a name that no system allows
        return None
    is_readable = stat.S_ISREG(status.st_mode) and os.access(path, os.R_OK)
    return [status.st_size, status.st_mtime_ns] if is_readable else None


def _address_version(address: str) -> list[int | str] | None:
    """Size of a file that fsspec reads, and what changes with its content; None where the backend does not say that."""
    try:
        import fsspec

        system, path = fsspec.core.url_to_fs(address)
        info = system.info(path)
    except FSSPEC_ERRORS:
        return None
    change = next((str(info[name]) for name in CHANGES if info.get(name) is not None), None)
    return None if change is None else [str(info.get("size")), change]
