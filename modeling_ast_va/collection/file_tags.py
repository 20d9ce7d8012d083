# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The tags for valence, arousal and quadrant in an audio file, in the form of each format, by mutagen."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import mutagen
from mutagen.aiff import AIFF
from mutagen.dsdiff import DSDIFF
from mutagen.dsf import DSF
from mutagen.id3 import ID3, TXXX, Encoding, ID3FileType
from mutagen.mp4 import MP4FreeForm, MP4Tags
from mutagen.wave import WAVE

from ..prediction.tags import DAMAGED

NAMES = ("VALENCE", "AROUSAL", "MOOD_QUADRANT")
WITH_ID3 = (ID3FileType, AIFF, DSDIFF, DSF, WAVE)
NOT_TAGGABLE = (mutagen.MutagenError, NotImplementedError, EOFError, *DAMAGED)
BLOCK_BYTES = 1 << 20


class TagError(ValueError):
    """A file that cannot be tagged. The message says why, without its name."""


class FileTags:
    """
    The tags of an audio file, of which only `NAMES` can be changed.

    Args:
        path: audio file.
        kind: mutagen's class of the file; None is to find it out.

    Raises:
        TagError: if mutagen cannot read the file, or cannot write tags into files of this kind.
    """

    def __init__(self, path: Path, kind: type[mutagen.FileType] | None = None):
        self.path = path
        try:
            kind = kind or _kind(path)
            self.file = _load(kind, path)
            if self.file.tags is None:
                self.file.add_tags()
        except NOT_TAGGABLE as error:
            raise _tag_error(error) from error
        self.tags, self.audio = cast(Any, self.file.tags), cast(Any, self.file.info)
        prefix = {ID3: "TXXX:", MP4Tags: "----:com.apple.iTunes:"}
        prefixes = [text for kind_of_tags, text in prefix.items() if isinstance(self.tags, kind_of_tags)]
        self.keys = {name: "".join(prefixes) + name for name in NAMES}

    def read(self) -> dict[str, str]:
        """Our tags, as far as the file has them; several values of one are joined."""
        return {name: _text(self.tags[key]) for name, key in self.keys.items() if key in self.tags}

    def others(self) -> dict[str, Any]:
        """All other tags, and what mutagen says about the audio, to be compared."""
        ours = {key.lower() for key in self.keys.values()}
        others = {key: value for key, value in self.tags.items() if key.lower() not in ours}
        if isinstance(self.tags, ID3):  # mutagen drops empty frames, and writes the encodings of the version
            others = {key: (frame.pprint(), getattr(frame, "data", b"")) for key, frame in others.items() if str(frame)}
        return {**others, "": self.audio.pprint()}

    def save_as(self, path: Path, values: Mapping[str, str]) -> None:
        """
        Write a copy of the file in which our tags are `values`.

        Raises:
            TagError: if the copy would have other audio or other tags than the file.
        """
        others = self.others()
        for name, key in self.keys.items():
            if name in values:
                self.tags[key] = self._value(name, values[name])
            elif key in self.tags:
                del self.tags[key]
        try:
            self._copy(path)
        except NOT_TAGGABLE as error:
            raise _tag_error(error) from error
        copy = FileTags(path, type(self.file))
        if copy.read() != values or copy.others() != others:
            raise TagError("mutagen would change other tags or the audio")

    def _value(self, name: str, value: str) -> Any:
        if isinstance(self.tags, ID3):
            return TXXX(encoding=Encoding.LATIN1, desc=name, text=[value])
        return [MP4FreeForm(value.encode())] if isinstance(self.tags, MP4Tags) else value

    def _copy(self, path: Path) -> None:
        if isinstance(self.file, ID3FileType):
            self._copy_behind_id3(path)
            return
        shutil.copyfile(self.path, path)
        if isinstance(self.tags, ID3) and not self.tags:
            self.tags.delete(path)
        elif isinstance(self.tags, ID3):
            self.tags.save(path, **self._id3_version())
        else:
            self.file.save(path)

    def _copy_behind_id3(self, path: Path) -> None:
        """Exchange ID3 tags at the start of a file; mutagen would also rewrite ID3v1 at its end."""
        start = BytesIO()
        if self.tags:
            self.tags.save(start, v1=0, **self._id3_version())
        with self.path.open("rb") as old, path.open("wb") as new:
            old.seek(self.tags.size)
            new.write(start.getvalue())
            shutil.copyfileobj(old, new, BLOCK_BYTES)

    def _id3_version(self) -> dict[str, Any]:
        """The version that the file has; new tags get 2.3, which all programs read."""
        is_newest = self.tags.size > 0 and self.tags.version >= (2, 4)
        return {"v2_version": 4 if is_newest else 3, "v23_sep": None}


def _tag_error(error: Exception) -> TagError:
    return TagError(f"mutagen cannot tag it ({str(error) or type(error).__name__})")


def _kind(path: Path) -> type[mutagen.FileType]:
    file = mutagen.File(path)
    if file is None:
        raise mutagen.MutagenError("unknown format")
    return type(file)


def _load(kind: type[mutagen.FileType], path: Path) -> mutagen.FileType:
    """Load tags as they are: those of ID3 are not converted to another version, nor joined with ID3v1."""
    if not issubclass(kind, WITH_ID3):
        return kind(path)
    file = kind(path, translate=False, load_v1=False)
    # Players prefer ID3v2: a new one says what ID3v1 says.
    return kind(path, translate=False, v2_version=3) if file.tags is None else file


def _text(value: Any) -> str:
    """The text of a tag in any of mutagen's forms."""
    values = getattr(value, "text", value)
    if isinstance(values, bytes) or not isinstance(values, (list, tuple)):
        values = [values]
    return "; ".join(part.decode("utf-8", "replace") if isinstance(part, bytes) else str(part) for part in values)
