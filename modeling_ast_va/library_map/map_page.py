# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
A map of a music library: one HTML page with the songs of a table on the valence-arousal plane, which needs no network.

The folder `page` has its HTML, CSS and JavaScript. They and plotly.js, which the package plotly has, are put into the
page together with the songs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..argument_parser import check_output
from ..audio_ast_va import RATING_SCALE
from ..collection.table import rated, read_songs
from ..prediction.summary import QUADRANTS, printable
from ..prediction.whole_file import whole_file
from .addresses import address_columns
from .arrays import script_json
from .courses import Courses, read_courses
from .songs import song_columns, unrated_columns

if TYPE_CHECKING:
    import pandas as pd

ENDING = ".html"
PAGE = Path(__file__).parent / "page"
# In this order: a constant is there once its file has been read.
SCRIPTS = (
    *("songs", "theme", "filters", "density", "hover", "list", "player", "playlist", "plane", "view", "controls"),
    "start",
)
STYLES = ("theme", "layout", "map", "player", "filters", "list", "phone")
PLACE = re.compile(r"\{\{ (\w+) \}\}")


def make_map(table: str | Path, output: str | Path, *, course: str | Path | None = None) -> None:
    """
    Write a page on which each song of a table is a point on the valence-arousal plane, to search, filter and play.

    Songs that could not be rated are counted and named on the page. Files are found by paths relative to the page.

    Args:
        table: what `predict` has written, with one row per song.
        output: page to write, ending in `.html`.
        course: what `predict` has written with `--frames` or `--segments`; adds the course over time of each song.

    Raises:
        ValueError: for another table or ending, and if no song has been rated.
        ImportError: without the package plotly.
    """
    output = Path(output)
    if output.suffix.lower() != ENDING:
        raise ValueError(f"Expected a page ending in {ENDING}, but got {str(output)!r}.")
    check_output(output, is_folder=False)
    if find_spec("plotly") is None:
        raise ImportError('Expected the package plotly: pip install "modeling-ast-va[map]"')
    songs = read_songs(table).reset_index(drop=True)
    on_map = rated(songs)
    if on_map.empty:
        raise ValueError(f"Expected rated songs in {str(table)!r}, but got none out of {len(songs):,}.")
    expected = f"Expected a table of songs that predict writes, but {str(table)!r}"
    addresses, num_missing = address_columns(on_map["path"], str(output.absolute().parent))
    courses = None if course is None else read_courses(course, on_map["path"])
    data = {
        "scale": RATING_SCALE,
        "quadrants": QUADRANTS,
        "songs": {**song_columns(on_map, expected), **addresses},
        "unrated": unrated_columns(songs.drop(on_map.index)),
        "courses": courses and courses.columns,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(output) as unfinished:
        unfinished.write_text(page_text(data), "utf-8", newline="\n")
    print(_summary(output, songs, on_map, num_missing, courses))


def page_text(data: dict[str, Any]) -> str:
    """The whole page with its songs."""
    from plotly.offline import get_plotlyjs  # slow to import

    parts = {
        "style": _joined(STYLES, "css"),
        "data": script_json(data),
        "plotly": get_plotlyjs(),
        "script": _joined(SCRIPTS, "js"),
    }
    return PLACE.sub(lambda place: parts[place[1]], (PAGE / "page.html").read_text("utf-8"))


def _joined(names: Sequence[str], ending: str) -> str:
    return "\n".join((PAGE / f"{name}.{ending}").read_text("utf-8") for name in names)


def _summary(output: Path, songs: pd.DataFrame, on_map: pd.DataFrame, num_missing: int, courses: Courses | None) -> str:
    """What is on the map and what is not."""
    size = f"{os.path.getsize(output) / 1e6:.1f} MB"
    lines = [f"{len(on_map):,} of {len(songs):,} songs are on the map {printable(str(output))} ({size})."]
    if num_unrated := len(songs) - len(on_map):
        lines.append(f"Not rated, and listed on the page: {num_unrated:,}.")
    if courses is not None:
        others = f" Songs in its table that are not on the map: {courses.num_others:,}." if courses.num_others else ""
        lines.append(f"With a course over time: {courses.num_songs:,} of {len(on_map):,}.{others}")
    if num_missing:
        lines.append(
            f"Files that do not exist and cannot be played: {num_missing:,}. "
            "Paths in a table are relative to the folder in which predict ran."
        )
    return "\n".join(lines)
