# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Playlists (`.m3u`, `.m3u8`, `.pls`): the songs that they list."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

PLAYLIST_ENDINGS = frozenset({".m3u", ".m3u8", ".pls"})
ELSEWHERE = re.compile(rb"[a-z][a-z0-9+.-]*:[\\/]", re.IGNORECASE)  # a scheme such as rtsp:, or a drive of Windows


def read_playlist(path: str) -> list[str]:
    """
    Read the songs of a playlist: paths, relative to its folder, and URLs.

    Names may be UTF-8, Latin-1 or UTF-16, and paths as Windows writes them. Comments, titles and lengths are ignored.

    Raises:
        ValueError: if it is not text.
    """
    content = Path(path).read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        content = content.decode("utf-16", "replace").encode()
    content = content.removeprefix(codecs.BOM_UTF8)
    if b"\0" in content:
        raise ValueError(f"Expected a playlist, but {path!r} is not text.")
    entries = _pls_entries(content) if path.lower().endswith(".pls") else _m3u_entries(content)
    return [_resolve(entry, os.path.dirname(path)) for entry in entries]


def _m3u_entries(content: bytes) -> Iterator[bytes]:
    for line in content.splitlines():
        if (entry := line.strip()) and not entry.startswith(b"#"):
            yield entry


def _pls_entries(content: bytes) -> Iterator[bytes]:
    for line in content.splitlines():
        if (match := re.match(rb"\s*file\d+\s*=\s*(.+?)\s*$", line, re.IGNORECASE)) is not None:
            yield match[1]


def _resolve(entry: bytes, folder: str) -> str:
    """The path or URL of an entry; the first form that exists, else the first of all."""
    lowered = entry.lower()
    if lowered.startswith((b"http://", b"https://")):
        scheme, rest = entry.split(b"://", 1)
        return f"{scheme.decode().lower()}://{_decode(rest)[0]}"
    if lowered.startswith(b"file:"):
        entry = unquote_to_bytes(re.sub(rb"^file:(//[^/]*)?", b"", entry, flags=re.IGNORECASE))
        if re.match(rb"/[a-z]:", entry, re.IGNORECASE):
            entry = entry[1:]  # the drive in file:///C:/song.mp3
    names = [*_decode(entry), *_decode(entry.replace(b"\\", b"/"))]
    paths = [os.path.join(folder, name) for name in names]
    is_elsewhere = ELSEWHERE.match(entry) is not None
    return next(filter(os.path.exists, paths), names[0] if is_elsewhere else paths[0])


def _decode(name: bytes) -> list[str]:
    """A name as the system has it, and as Latin-1 if it is not UTF-8."""
    try:
        return [name.decode("utf-8")]
    except UnicodeDecodeError:
        return [os.fsdecode(name), name.decode("latin-1")]
