# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""What the page shows of several songs: a map, a table, and the table as a file."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from ..metrics import DIMENSIONS
from ..prediction.tables import song_columns, table_rows, write_table
from .card import as_sentence, show_name
from .plane import Marked, draw_plane
from .ratings import Rating

FILE_NAME = "emotions.csv"


def show_batch(ratings: Sequence[Rating], num_songs: int) -> str:
    """
    The songs that are rated so far.

    Args:
        num_songs: how many there will be.
    """
    rated = [Marked(rating, str(i)) for i, rating in enumerate(ratings, start=1) if not rating.error]
    count = f"{len(ratings)} of {num_songs} songs"
    is_done = len(ratings) == num_songs
    if is_done and len(rated) < num_songs:
        count = f"{len(rated)} of {num_songs} songs rated"
    elif is_done:
        count = f"{num_songs} {'song' if num_songs == 1 else 'songs'} rated"
    download = _download(ratings) if is_done and rated else ""
    plane = f'<div class="va-left">{draw_plane(rated, "The songs in the plane")}</div>' if rated else ""
    return (
        f'<article class="va-card va-batch"><header><h3>{count}</h3>{download}</header>'
        f'<div class="va-columns">{plane}<div class="va-right">{_table(ratings)}</div></div></article>'
    )


def _table(ratings: Sequence[Rating]) -> str:
    head = "".join(f'<th scope="col" class="va-number">{dimension}</th>' for dimension in DIMENSIONS)
    rows = "".join(_row(i, rating) for i, rating in enumerate(ratings, start=1))
    return (
        '<table><thead><tr><th scope="col"></th><th scope="col">song</th>'
        f'{head}<th scope="col" class="va-wide">quadrant</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _row(number: int, rating: Rating) -> str:
    index, name = f'<td class="va-index">{number}</td>', show_name(rating)
    if rating.error:
        reason = escape(as_sentence(rating.error))
        return f'<tr class="va-failed">{index}<td colspan="4">{name}<small>{reason}</small></td></tr>'
    cells = f'{index}<td class="va-name">{name}</td>'
    for dimension in DIMENSIONS:
        interval = rating.interval(dimension)
        bounds = "<small>{:.1f}–{:.1f}</small>".format(*interval) if interval else ""
        cells += f'<td class="va-number">{rating.result[dimension]:.1f} {bounds}</td>'
    return f'<tr>{cells}<td class="va-wide">{escape(rating.result["quadrant"])}</td></tr>'


def _download(ratings: Sequence[Rating]) -> str:
    """A link with the table in it: the server keeps no file."""
    content = base64.b64encode(csv_table(ratings)).decode()
    address = f"data:text/csv;charset=utf-8;base64,{content}"
    return f'<a class="va-button" download="{FILE_NAME}" href="{address}">Download the table (CSV)</a>'


def csv_table(ratings: Sequence[Rating]) -> bytes:
    """The songs as the table that `ast-va predict` writes; names that a spreadsheet would compute are texts."""
    columns = song_columns()
    rows = [row for rating in ratings for row in table_rows(rating.row, columns)]
    with TemporaryDirectory() as folder:
        path = Path(folder, FILE_NAME)
        write_table(rows, columns, path, escape_formulas=True)
        return path.read_bytes()
