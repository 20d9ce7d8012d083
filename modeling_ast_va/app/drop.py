# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The place where people drop, choose or record songs."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from ..prediction.audio_files import AUDIO_ENDINGS
from .uploads import MAX_BYTES, MAX_SECONDS, MAX_SONGS

PAGE = Path(__file__).with_name("page")


def drop_template(title: str, sampling_rate: int, *, is_batch: bool = False) -> str:
    """
    The HTML of a place for one song, or for several.

    Args:
        title: what to drop here.
        sampling_rate: of recordings, in Hz: that of the model.
    """
    num_songs = MAX_SONGS if is_batch else 1
    limits = {"bytes": MAX_BYTES, "seconds": MAX_SECONDS, "songs": num_songs, "rate": sampling_rate}
    hint = f"up to {MAX_BYTES // 10**6} MB and {MAX_SECONDS // 60} minutes"
    template = (PAGE / "drop.html").read_text(encoding="utf-8")
    for name, value in {
        "LIMITS": escape(json.dumps(limits)),
        "ACCEPT": ",".join(["audio/*", "video/*", *sorted(AUDIO_ENDINGS)]),
        "MULTIPLE": "multiple" if is_batch else "",
        "TITLE": escape(title),
        "HINT": f"{hint} each, {MAX_SONGS} songs at a time" if is_batch else hint,
    }.items():
        template = template.replace(name, value)
    return template
