# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""What the page shows of two songs together: both on the plane, and how they differ."""

from __future__ import annotations

from html import escape

from ..metrics import DIMENSIONS
from .card import ENDS, STYLES, show_name
from .plane import Marked, draw_plane
from .ratings import Rating


def show_comparison(first: Rating | None, second: Rating | None) -> str:
    """Both songs together; nothing while one of them is missing or not rated."""
    if not first or not second or first.error or second.error:
        return ""
    songs = dict(zip(STYLES, (first, second)))
    marked = [Marked(rating, letter, STYLES[letter]) for letter, rating in songs.items()]
    rows = "".join(_row(dimension, first.result[dimension], second.result[dimension]) for dimension in DIMENSIONS)
    quadrants = "".join(f"<td>{escape(rating.result['quadrant'])}</td>" for rating in songs.values())
    names = "".join(f"<p>{show_name(rating, letter)}</p>" for letter, rating in songs.items())
    head = "".join(f'<th scope="col">{name}</th>' for name in (*songs, "B − A"))
    plane = draw_plane(marked, "Both songs in the plane", with_intervals=True)
    return (
        f'<article class="va-card va-comparison"><h3>{_summary(first, second)}</h3>'
        f'<div class="va-columns"><div class="va-left">{plane}</div>'
        f'<div class="va-right">{names}<table><thead><tr><td></td>{head}</tr></thead><tbody>{rows}'
        f'<tr><th scope="row">quadrant</th>{quadrants}<td></td></tr></tbody></table></div></div></article>'
    )


def _row(dimension: str, first: float, second: float) -> str:
    difference = f"{_difference(first, second):+.1f}".replace("-", "−").replace("+0.0", "0.0")
    return (
        f'<tr><th scope="row">{dimension}</th><td>{first:.1f}</td><td>{second:.1f}</td>'
        f"<td><strong>{difference}</strong></td></tr>"
    )


def _difference(first: float, second: float) -> float:
    """Of the ratings as they are shown, so that the reader gets the same; no minus zero."""
    return round(round(second, 1) - round(first, 1), 1) + 0.0


def _summary(first: Rating, second: Rating) -> str:
    """The difference in words."""
    parts = []
    for dimension, (_, high) in ENDS.items():
        difference = _difference(first.result[dimension], second.result[dimension])
        more = "more" if difference > 0 else "less"
        parts.append(f"{abs(difference):.1f} {more} {high}" if difference else f"equally {high}")
    return f"Compared with A, B is {' and '.join(parts)}"
