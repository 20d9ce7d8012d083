# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""What the page shows of one song: its rating, a player, and its course on the plane and over time."""

from __future__ import annotations

import json
from html import escape

from ..metrics import DIMENSIONS
from ..uncertainty_ast_va import COVERAGE
from .course import draw_course
from .plane import Marked, draw_plane
from .ratings import Rating

ENDS = {"valence": ("unpleasant", "pleasant"), "arousal": ("calm", "excited")}
STYLES = {"A": "first", "B": "second"}  # of songs that are compared


def show_song(rating: Rating, letter: str = "") -> str:
    """
    The card of a song, or the message of one that cannot be rated.

    Args:
        letter: of a song that is compared, a key of `STYLES`.
    """
    if rating.error:
        return (
            f'<article class="va-card va-error" role="alert"><h3>Not rated: {show_name(rating)}</h3>'
            f"<p>{escape(as_sentence(rating.error))}</p></article>"
        )
    course = json.dumps([[round(value, 3) for value in moment] for moment in rating.course])
    low, high = rating.scale
    valence, arousal = rating.point
    spoken = f"Valence {valence:.1f} and arousal {arousal:.1f} in the plane"
    warning = rating.result.get("warning")
    return "".join(
        [
            f'<article class="va-card" data-song="{escape(rating.key)}" data-scale="{low:g} {high:g}" '
            f'data-course="{escape(course)}">',
            f"<header><h3>{show_name(rating, letter)}</h3>{_quadrant(rating)}</header>",
            f'<p class="va-note">The file {escape(warning)}: the rating is of this part.</p>' if warning else "",
            '<div class="va-columns"><div class="va-left">',
            draw_plane(
                [Marked(rating, style=STYLES.get(letter, "song"))], spoken, with_course=True, with_intervals=True
            ),
            '</div><div class="va-right">',
            *(_meter(rating, dimension) for dimension in DIMENSIONS),
            '<div class="va-player"><audio controls preload="metadata"></audio>',
            '<p class="va-note va-unplayable" hidden>Your browser cannot play this format.</p>',
            '<p class="va-moment">Play the song, or click in its course.</p></div>',
            draw_course(rating),
            "</div></div></article>",
        ]
    )


def show_name(rating: Rating, letter: str = "") -> str:
    """The name of a song as text in a direction of its own, after its letter."""
    chip = f'<span class="va-letter va-{STYLES[letter]}">{letter}</span> ' if letter else ""
    return f'{chip}<bdi dir="auto">{escape(rating.name)}</bdi>'


def show_message(text: str) -> str:
    """A message in place of songs."""
    return f'<article class="va-card va-error" role="alert"><p>{escape(as_sentence(text))}</p></article>'


def as_sentence(text: str) -> str:
    """The end of an error message, after the name of the file, as a sentence."""
    return text[:1].upper() + text[1:]


def _quadrant(rating: Rating) -> str:
    probability = rating.result.get("quadrant_probability")
    share = "" if probability is None else f" <span>{100 * probability:.0f} % likely</span>"
    return f'<p class="va-chip">{escape(rating.result["quadrant"])}{share}</p>'


def _meter(rating: Rating, dimension: str) -> str:
    """A rating on its scale, with its interval, and its percentile in words."""
    low, high = rating.scale
    value, interval = rating.result[dimension], rating.interval(dimension)

    def share(one: float) -> float:
        return round(100 * (min(max(one, low), high) - low) / (high - low), 2)

    facts, band = [], ""
    if interval:
        first, last = interval
        band = f'<span class="va-band" style="left:{share(first)}%;width:{share(last) - share(first):.2f}%"></span>'
        facts.append(f"{100 * COVERAGE:.0f} % interval {first:.1f}–{last:.1f}.")
    percentile = rating.result.get(f"{dimension}_percentile")
    if percentile is not None:
        facts.append(f"More {ENDS[dimension][1]} than {percentile:.0f} % of the songs of the data set.")
    worst, best = ENDS[dimension]
    return (
        f'<section class="va-meter va-{dimension}"><h4>{dimension.capitalize()} <strong>{value:.1f}</strong> '
        f"<small>on a scale from {low:g} to {high:g}</small></h4>"
        f'<div class="va-scale"><span>{worst}</span><div class="va-track">{band}'
        f'<span class="va-dot" style="left:{share(value)}%"></span></div><span>{best}</span></div>'
        + (f"<p>{' '.join(facts)}</p>" if facts else "")
        + "</section>"
    )
