# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Where rated songs come from: the folder of DEAM, or a table of ratings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .splits import LABELS

if TYPE_CHECKING:
    from .rated_songs import RatedSongs

LOG_MELS = ("cached", "on_the_fly")  # log-mels of segments are kept on disk, or computed when they are used
RATING_SCALE = (1, 9)  # as in audio_ast_va.py, which the command line does not import


@dataclass(frozen=True)
class DataSource:
    """
    A data set, by the flags of the commands.

    Args:
        data_dir: the folder of DEAM, as distributed.
        labels: of DEAM: `"corrected"` or `"published"`, as for [`load_deam`]; `None` is corrected.
        data_csv: a table of ratings, as for [`load_ratings`].
        audio_dir, label_range: of the table, as for [`load_ratings`].

    Raises:
        ValueError: for arguments that do not go together.
    """

    data_dir: str | None = None
    labels: str | None = None
    data_csv: str | None = None
    audio_dir: str | None = None
    label_range: tuple[float, float] = RATING_SCALE

    def __post_init__(self) -> None:
        if self.data_dir and self.data_csv:
            raise ValueError(
                f"Expected either data_dir or data_csv, but got {str(self.data_dir)!r} and {str(self.data_csv)!r}."
            )
        if self.labels not in (None, *LABELS):
            raise ValueError(f"Expected labels to be one of {', '.join(LABELS)}, but got {self.labels!r}.")
        if self.data_csv and self.labels not in (None, LABELS[0]):
            raise ValueError(f"Expected no labels with data_csv, which has its own, but got {self.labels!r}.")
        low, high = self.label_range
        if not low < high:
            raise ValueError(f"Expected label_range from the lowest to the highest rating, but got {low:g} {high:g}.")
        if not self.data_csv and (self.audio_dir or tuple(self.label_range) != RATING_SCALE):
            raise ValueError("Expected audio_dir and label_range with data_csv only, but got them without it.")

    def read(self) -> RatedSongs:
        """Read the rated songs; raises a ValueError for files that are missing or damaged."""
        if self.data_csv:
            low, high = self.label_range
            from .ratings_table import read_ratings_table

            return read_ratings_table(self.data_csv, self.audio_dir, (low, high))
        if not self.data_dir:
            raise ValueError("Expected data_dir or data_csv, but got neither.")
        from .deam import read_deam

        return read_deam(self.data_dir, self.labels or LABELS[0])

    def check(self) -> None:
        """Check the folder of DEAM, or every row of the table, without torch (ValueError)."""
        if self.data_dir:
            from .annotations import find_deam

            find_deam(self.data_dir)
        else:
            self.read()
