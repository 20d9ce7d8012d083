# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Songs as lines of the journal: predicting one, and when it need not be predicted again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..audio_ast_va import DIMENSIONS
from ..ffmpeg_ast_va import find_ffmpeg
from .audio_files import file_version
from .tags import read_tags

if TYPE_CHECKING:
    from .loading import Rater

DECIMALS = 6  # beyond the precision of float32


def predict_song(rater: Rater, path: str, *, course: str | None = None, **options: Any) -> dict[str, Any]:
    """
    Predict a song, as a line of the journal.

    Args:
        course: `"segments"` or `"frames"`, which the line has too; None for neither.
        options: as for [`rate`].
    """
    version = file_version(path)  # before decoding: a file that changes meanwhile is predicted again
    result, is_of_song = rate(rater, path, path, frames=course == "frames", **options)
    if not is_of_song:
        version = None  # the next run tries again
    courses = {name: [rounded(row) for row in result.pop(name, [])] for name in ("segments", "frames")}
    tags = read_tags(path) if version else {}
    num_segments = len(courses["segments"])
    song: dict[str, Any] = {"path": path, "version": version, **tags, "error": None, "num_segments": num_segments}
    song |= rounded(result)
    if song["error"] or song.get("warning"):
        song["ffmpeg"] = find_ffmpeg()
    return {**song, course: courses[course]} if course else song


def rate(rater: Rater, song: Any, name: str, **options: Any) -> tuple[dict[str, Any], bool]:
    """
    Predict a song in any form that the pipeline takes.

    Args:
        name: of the song, for messages.
        options: of the pipeline: `segment_hop_seconds`, `coverage` and `frames`.

    Returns:
        Its ratings, with the ends of intervals as `valence_low`, `valence_high` and so on, or its `error`, and whether
        they are those of the song: a disk or memory that failed says nothing about it.
    """
    rater.call_count = 0  # otherwise transformers advises batches of several songs
    try:
        result = rater(song, on_error="return", **options)
    except (OSError, EOFError, MemoryError, ArithmeticError) as error:  # other songs can be rated
        return {"error": f"{name}: expected an audio file, but got {type(error).__name__}: {error}."}, False
    return with_interval_ends(result), True


def with_interval_ends(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result of the pipeline with the ends of its intervals in fields such as `valence_low`, as tables have them."""
    ends = dict(result)
    for dimension in DIMENSIONS:
        if interval := ends.pop(f"{dimension}_interval", None):
            ends[f"{dimension}_low"], ends[f"{dimension}_high"] = interval
    return ends


def is_current(song: Mapping[str, Any], version: list[int | str] | None, ffmpeg: str | None) -> bool:
    """
    Whether a song need not be predicted again: its file has not changed, and an error would come again.

    An error is tried again where FFmpeg was not installed, or where there is no version: that is a download, or a file
    that is missing or could not be read. The warning of a file that ends early, where FFmpeg was not installed.
    """
    return song["version"] == version and song.get("ffmpeg", ffmpeg) == ffmpeg and not is_mendable(song)


def is_mendable(song: Mapping[str, Any]) -> bool:
    """Whether a song has an error that says nothing about its file."""
    return bool(song["error"]) and song["version"] is None


def rounded(numbers: dict[str, Any]) -> dict[str, Any]:
    """Numbers with the decimals of a table."""
    return {name: round(value, DECIMALS) if isinstance(value, float) else value for name, value in numbers.items()}
