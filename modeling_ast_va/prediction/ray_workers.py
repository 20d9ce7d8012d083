# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""What runs in the processes of a Ray cluster: the pipeline, and a count of the songs that ended a process."""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import __version__
from ..ffmpeg_ast_va import find_ffmpeg
from .audio_files import file_version
from .loading import fingerprints, load_rater
from .rated_parts import KEY, song_key, version_text
from .songs import predict_song
from .tables import Columns, arrow_schema, table_rows

if TYPE_CHECKING:
    import pyarrow

    from .loading import Rater

OPTIONS = ("coverage", "segment_hop_seconds")  # of `predict_song`, in the settings
MAX_ATTEMPTS = 3  # a machine that fails, or is taken away, may end the first ones


def run_settings(rater: Rater, **options: Any) -> dict[str, Any]:
    """Everything that the predictions depend on, as JSON, with the options of [`predict_song`]."""
    return {"models": fingerprints(rater), **options, "version": __version__}


class Attempts:
    """Counts how often each song was started without an end, in a process that crashes do not touch."""

    def __init__(self) -> None:
        self.started: Counter[int] = Counter()

    def start(self, song: int) -> int:
        """Count a start of the song at this position among the inputs; returns which one it is."""
        self.started[song] += 1
        return self.started[song]

    def finish(self, song: int) -> None:
        """Forget a song that has ended no process."""
        self.started.pop(song, None)


class SongRater:
    """
    Rates songs on one core, one after the other.

    Ray runs a task again when its process has ended. Which of its songs ended it is known from `attempts`: that song
    gets an error after `MAX_ATTEMPTS`, and the others are rated.

    Args:
        options: arguments of [`load_rater`]; without a device, the GPU that Ray assigns, or the CPU.
        settings: those of the run, which must be the same on every machine.
        columns: of the table.
        finished: reference to the keys of [`RatedParts.finished`].
        attempts: the actor [`Attempts`].
        folder: where relative paths start.

    Raises:
        ValueError: if this machine has another model or version of this package.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        settings: Mapping[str, Any],
        columns: Columns,
        finished: Any,
        attempts: Any,
        folder: str,
    ):
        import ray
        import torch

        torch.set_num_threads(1)
        device = options["device"] or ("cuda" if ray.get_gpu_ids() else "cpu")
        self.rater = load_rater(**{**options, "device": device})
        self.options = {name: settings[name] for name in OPTIONS}
        if (own := run_settings(self.rater, **self.options)) != settings:
            raise ValueError(f"Expected {settings} on every machine, but {platform.node()} has {own}.")
        self.columns, self.schema = columns, arrow_schema(columns)
        self.finished, self.attempts = ray.get(finished), attempts
        if os.path.isdir(folder):
            os.chdir(folder)

    def __call__(self, songs: pyarrow.Table) -> pyarrow.Table:
        """Rate the songs of a table with `path` and `position`; a song that is already rated gives an empty row."""
        import pyarrow

        names = map(os.fsdecode, songs["path"].to_pylist())
        rows = [self._row(name, position) for name, position in zip(names, songs["position"].to_pylist())]
        return pyarrow.Table.from_pylist(rows, schema=self.schema)

    def rate(self, path: str) -> dict[str, Any]:
        """Rate a song."""
        return predict_song(self.rater, path, **self.options)

    def _row(self, path: str, position: int) -> dict[str, Any]:
        import ray

        if self._is_finished(path):
            return dict.fromkeys(self.columns)
        attempt = ray.get(self.attempts.start.remote(position))
        if attempt <= MAX_ATTEMPTS:
            song = self.rate(path)
        else:
            expected = f"expected a rating, but the process ended {MAX_ATTEMPTS} times while it rated this song"
            error = f"{path}: {expected}: its decoder crashed, or memory ran out."
            song = {"path": path, "version": None, "num_segments": 0, "error": error}
        self.attempts.finish.remote(position)
        [row] = table_rows({**song, "version": version_text(song)}, self.columns)
        return row

    def _is_finished(self, path: str) -> bool:
        version = file_version(path)
        texts = (json.dumps([version]), json.dumps([version, find_ffmpeg()]))
        keys = np.array([song_key(path, text) for text in texts], KEY)
        places = np.searchsorted(self.finished, keys)
        return any(place < len(self.finished) and self.finished[place] == key for place, key in zip(places, keys))
