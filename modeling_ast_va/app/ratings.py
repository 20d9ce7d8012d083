# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Ratings of uploaded songs, from models with and without intervals, percentiles and a course in frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..audio_ast_va import RATING_SCALE
from ..prediction.songs import rounded, with_interval_ends
from ..prediction.tags import read_tags
from .uploads import Upload, delete

if TYPE_CHECKING:
    from ..pipeline_ast_va import MusicEmotionPipeline


@dataclass(frozen=True)
class Rating:
    """
    The rating of a song, or why there is none.

    Args:
        name, key: those of the upload.
        result: of the pipeline; what a model does not predict is missing.
        tags: title, artist and album.
        scale: lowest and highest rating.
        midpoint: of the scale, where the quadrants meet.
        error: why the song cannot be rated.
    """

    name: str
    key: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str | None] = field(default_factory=dict)
    scale: tuple[float, float] = RATING_SCALE
    midpoint: float = sum(RATING_SCALE) / 2
    error: str = ""

    @property
    def point(self) -> tuple[float, float]:
        """Valence and arousal of the song."""
        return self.result["valence"], self.result["arousal"]

    def interval(self, dimension: str) -> tuple[float, float] | None:
        """The interval of valence or arousal; None where the model has none."""
        interval = self.result.get(f"{dimension}_interval")
        return interval and (interval[0], interval[1])

    @property
    def course(self) -> list[tuple[float, float, float]]:
        """Time in seconds, valence and arousal over the song: of frames, else of the middles of segments."""
        if frames := self.result.get("frames"):
            return [(frame["time"], frame["valence"], frame["arousal"]) for frame in frames]
        return [
            ((segment["start"] + segment["end"]) / 2, segment["valence"], segment["arousal"])
            for segment in self.result.get("segments", [])
        ]

    @property
    def seconds(self) -> float:
        """The length of the song that is rated."""
        return max((segment["end"] for segment in self.result.get("segments", [])), default=0.0)

    @property
    def row(self) -> dict[str, Any]:
        """The song as [`table_rows`] takes it, with the columns of tables that `ast-va predict` writes."""
        result = with_interval_ends(self.result)
        row: dict[str, Any] = {"path": self.name, **self.tags, **result, "error": self.error or None}
        segments = row.pop("segments", [])
        return {**rounded(row), "num_segments": len(segments) or None, "segments": []}


class Rater:
    """
    Rates uploads with one pipeline, and deletes them.

    Args:
        music_emotion: the pipeline.
    """

    def __init__(self, music_emotion: MusicEmotionPipeline):
        self.music_emotion = music_emotion
        config = music_emotion.model.config
        self.of_model = {"scale": tuple(config.label_range), "midpoint": config.label_midpoint}
        self.options = {"frames": all(member.model.config.use_frame_head for member in music_emotion.members)}

    def rate(self, upload: Upload) -> Rating:
        """Rate a song; whatever is wrong with it is the `error` of the rating."""
        try:
            upload.check()
            self.music_emotion.call_count = 0  # otherwise transformers advises batches of several songs
            result = self.music_emotion(str(upload.path), **self.options)
            return Rating(upload.name, upload.key, result, read_tags(str(upload.path)), **self.of_model)
        except (ValueError, OSError, EOFError, MemoryError, ArithmeticError) as error:
            # Messages begin with the path on the server.
            reason = str(error).replace(f"{upload.path}: ", "").replace(str(upload.path), upload.name)
            return Rating(upload.name, upload.key, error=reason or type(error).__name__)

    def rate_all(self, uploads: Sequence[Upload]) -> Iterator[Rating]:
        """Rate songs one by one; each is deleted once it is rated, and all when the app stops waiting for them."""
        try:
            for upload in uploads:
                rating = self.rate(upload)
                delete([upload])
                yield rating
        finally:
            delete(uploads)
