# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The closing summary of a run: what was predicted, kept, skipped and refused."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unicodedata import category

from .audio_files import Library
from .tables import as_text

logger = logging.getLogger(__name__)

QUADRANTS = ("Excited", "Calm", "Sad", "Distressed")
MAX_NAMED = 20  # songs that are listed
MAX_ENDINGS = 8


@dataclass
class Summary:
    """
    Counts of the songs of a table.

    Args:
        num_new, num_changed, num_retried, num_kept, num_removed: songs by what became of the last table: `num_retried`
            had an error that may have been mended, `num_removed` are not in the table any more.
        quadrants: how many songs are in each.
        errors, warnings: the first ones, as lines; `num_errors` and `num_warnings` count all.
    """

    num_new: int = 0
    num_changed: int = 0
    num_retried: int = 0
    num_kept: int = 0
    num_removed: int = 0
    num_errors: int = 0
    num_warnings: int = 0
    quadrants: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def num_songs(self) -> int:
        return self.num_new + self.num_changed + self.num_retried + self.num_kept

    def add(self, song: Mapping[str, Any]) -> None:
        """Count a song of the table."""
        if song["error"]:
            self.num_errors += 1
            self.errors += [song["error"]][: MAX_NAMED - len(self.errors)]
        else:
            self.quadrants[song["quadrant"]] += 1
        if warning := song.get("warning"):
            self.num_warnings += 1
            self.warnings += [f"{song['path']} {warning}"][: MAX_NAMED - len(self.warnings)]

    def log(self) -> None:
        """Name the songs with errors and warnings."""
        log_named("Cannot be rated: %s", self.errors, self.num_errors, "see the column error")
        log_named(
            "Is rated as far as it can be decoded: %s", self.warnings, self.num_warnings, "see the column warning"
        )

    @property
    def outcome(self) -> list[str]:
        """Lines that count errors, warnings and quadrants."""
        return [
            f"Not rated, with the reason in the column error: {self.num_errors:,}. "
            f"With a warning in the column warning: {self.num_warnings:,}.",
            f"{', '.join(f'{name} {self.quadrants[name]:,}' for name in QUADRANTS)}.",
        ]

    def check(self) -> None:
        """Raise a ValueError if no song could be rated."""
        if self.num_errors == self.num_songs:
            raise ValueError(f"Expected audio that can be rated, but got none in {self.num_songs} files.")

    def text(self, library: Library, output: Path, journal: Path) -> str:
        """The summary, in about five lines."""
        again = f", {self.num_retried:,} tried again" if self.num_retried else ""
        counts = f"{self.num_new:,} new, {self.num_changed:,} changed{again}, {self.num_kept:,} kept"
        errors, quadrants = self.outcome
        lines = [
            f"Songs in {output}: {self.num_songs:,} ({counts}; {self.num_removed:,} removed).",
            errors,
            skipped_text(library),
            quadrants,
            f"The next run rates what is new or changed, and keeps the rest, from {journal}.",
        ]
        return "\n".join(printable(line) for line in lines if line)


def log_unusable(library: Library) -> None:
    """Name what is neither audio nor certainly something else."""
    unusable = [f"{path}: {reason}" for path, reason in library.unusable]
    log_named("Skipped %s", unusable[:MAX_NAMED], len(unusable), "the summary counts them")


def skipped_text(library: Library) -> str:
    """How many files were skipped, of which kind; empty if none."""
    endings = [f"{count:,} {ending or 'without ending'}" for ending, count in library.other_endings.most_common()]
    if len(endings) > MAX_ENDINGS:
        endings[MAX_ENDINGS - 1 :] = [f"{len(endings) - MAX_ENDINGS + 1} other endings"]
    parts = []
    for count, one, several in (
        (library.other_endings.total(), "file that is not audio", "files that are not audio"),
        (library.num_hidden, "hidden", "hidden"),
        (library.num_playlists, "playlist", "playlists"),
        (len(library.unusable), "path that cannot be opened", "paths that cannot be opened"),
    ):
        parts += [f"{count:,} {one if count == 1 else several}"] if count else []
    if endings:
        parts[0] += f": {', '.join(endings)}"
    return f"Skipped {'; '.join(parts)}." if parts else ""


def printable(text: str) -> str:
    """Escape what would forge lines or control a terminal: names may contain line breaks and escape codes."""
    chars = as_text(text) or ""
    return "".join(char if char.isprintable() or category(char) == "Zs" else repr(char)[1:-1] for char in chars)


def log_named(message: str, named: Sequence[str], count: int, where: str) -> None:
    """Log a message with each of the first names out of `count`, and where to find the others."""
    for line in named:
        logger.warning(message, printable(line))
    if count > len(named):
        logger.warning("... and %d more: %s.", count - len(named), where)
