# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tags of audio files: title, artist and album."""

from __future__ import annotations

import struct
from typing import Any

# Keys in the comments of Vorbis and FLAC, of easy ID3 and MP4, and in APE; then of plain ID3, of ASF, and of plain MP4.
TAGS = {
    "title": ("title", "tit2"),
    "artist": ("artist", "tpe1", "author"),
    "album": ("album", "talb", "wm/albumtitle"),
}
# What a parser of binary content raises for content that it does not expect.
DAMAGED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError, struct.error)


def read_tags(path: str) -> dict[str, str | None]:
    """Read `title`, `artist` and `album` of a file; None for a tag that it does not have, or that cannot be read."""
    import mutagen  # on use: it is not needed to parse arguments

    try:
        file = mutagen.File(path, easy=True)
        found = {} if file is None else {str(key).lower(): value for key, value in (file.tags or {}).items()}
        return {name: next(filter(None, (_text(found.get(key)) for key in keys)), None) for name, keys in TAGS.items()}
    except (mutagen.MutagenError, OSError, EOFError, MemoryError, RecursionError, *DAMAGED):
        return dict.fromkeys(TAGS)


def _text(value: Any) -> str:
    """The text of a tag; several values, such as artists, are joined, each once."""
    values = getattr(value, "text", value)  # of an ID3 frame
    if values is None or isinstance(values, (str, bytes)):
        values = [values or ""]
    parts = dict.fromkeys(str(value).replace("\0", " ").strip() for value in values)
    return "; ".join(part for part in parts if part)
