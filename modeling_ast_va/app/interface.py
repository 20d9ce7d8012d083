# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The page: its tabs, and what happens after an upload."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio

from .batch import show_batch
from .card import STYLES, show_message, show_song
from .comparison import show_comparison
from .drop import PAGE, drop_template
from .ratings import Rater, Rating
from .uploads import KEPT_SECONDS, MAX_SONGS, SWEEP_SECONDS, read_uploads

TITLE = "Valence and arousal of music"
ABOUT = (
    "How pleasant and how excited is a song? A model rates both. Ratings are those that people would give on average; "
    "they are predictions, and differ from person to person. Songs are deleted as soon as they are rated."
)
FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
MONO_FONTS = ["ui-monospace", "Menlo", "Consolas", "monospace"]
NARROWEST = 320  # pixels of a column


class Interface:
    """
    Builds the page.

    Args:
        rater: rates and deletes uploads.
        folder: of uploads.
        num_workers: songs that are rated at the same time; other people wait.
    """

    def __init__(self, rater: Rater, folder: Path, num_workers: int = 1):
        self.rater, self.folder = rater, folder
        self.options: dict[str, Any] = {
            "concurrency_id": "model",
            "concurrency_limit": num_workers,
            "trigger_mode": "multiple",  # a song that is dropped while another one is rated is rated next
            "api_visibility": "private",
        }

    def build(self) -> gradio.Blocks:
        """The page with its three tabs."""
        with gradio.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(SWEEP_SECONDS, KEPT_SECONDS)) as blocks:
            self._html(f'<header class="va-title"><h1>{TITLE}</h1><p>{ABOUT}</p></header>')
            with gradio.Tab("One song"):
                self._add_song()
            with gradio.Tab("Compare"):
                self._add_comparison()
            with gradio.Tab("Several"):
                self._add_batch()
        return blocks

    def launch_options(self) -> dict[str, Any]:
        """The look of the page, as `Blocks.launch` takes it."""
        theme = gradio.themes.Base(font=FONTS, font_mono=MONO_FONTS)  # the default would load fonts from another host
        # In the head, because gradio rewrites what it gets as `css`, and drops container queries.
        return {"theme": theme, "head": f"<style>{(PAGE / 'style.css').read_text(encoding='utf-8')}</style>"}

    def _add_song(self) -> None:
        drop, shown = self._drop("Drop a song here"), self._shown()
        drop.upload(self.rate_song, outputs=shown, **self.options)

    def _add_comparison(self) -> None:
        states = [gradio.State(None) for _ in STYLES]
        drops, cards = [], []
        with gradio.Row(equal_height=False):
            for letter in STYLES:
                with gradio.Column(min_width=NARROWEST):
                    drops.append(self._drop(f"Drop song {letter} here"))
        comparison = self._html()
        with gradio.Row(equal_height=False):
            for _ in STYLES:
                with gradio.Column(min_width=NARROWEST):
                    cards.append(self._shown())
        for letter, drop, card, state in zip(STYLES, drops, cards, states):
            rated = drop.upload(self._rate_side(letter), outputs=[card, state], **self.options)
            rated.then(show_comparison, states, comparison, queue=False, api_visibility="private")

    def _add_batch(self) -> None:
        drop, shown = self._drop("Drop songs here", is_batch=True), self._shown()
        drop.upload(self.rate_batch, outputs=shown, **self.options)

    def _drop(self, title: str, *, is_batch: bool = False) -> gradio.HTML:
        rate = self.rater.music_emotion.feature_extractor.sampling_rate
        return self._html(html_template=drop_template(title, rate, is_batch=is_batch), script="drop.js")

    def _shown(self) -> gradio.HTML:
        return self._html(script="player.js", elem_classes="va-shown")

    def _html(self, value: str = "", script: str = "", **kwargs: Any) -> gradio.HTML:
        """HTML with the styles of the page alone, and a script of the folder `page`."""
        on_load = (PAGE / script).read_text(encoding="utf-8") if script else None
        return gradio.HTML(value, js_on_load=on_load, apply_default_css=False, **kwargs)

    def rate_song(self, event: gradio.EventData) -> str:
        """The card of an uploaded song."""
        rating = self._rate_one(event)
        return show_message(rating) if isinstance(rating, str) else show_song(rating)

    def _rate_side(self, letter: str) -> Any:
        def rate(event: gradio.EventData) -> tuple[str, Rating | None]:
            rating = self._rate_one(event)
            if isinstance(rating, str):
                return show_message(rating), None
            return show_song(rating, letter), rating

        return rate

    def rate_batch(self, event: gradio.EventData) -> Iterator[str]:
        """The table and map of uploaded songs, again after each song."""
        try:
            uploads = read_uploads(getattr(event, "songs", None), self.folder, MAX_SONGS)
        except ValueError as error:
            yield show_message(str(error))
            return
        ratings: list[Rating] = []
        for rating in self.rater.rate_all(uploads):
            ratings.append(rating)
            yield show_batch(ratings, len(uploads))

    def _rate_one(self, event: gradio.EventData) -> Rating | str:
        """The rating of an uploaded song, or what is wrong with the upload."""
        try:
            uploads = read_uploads(getattr(event, "songs", None), self.folder, max_songs=1)
        except ValueError as error:
            return str(error)
        (rating,) = self.rater.rate_all(uploads)
        return rating
