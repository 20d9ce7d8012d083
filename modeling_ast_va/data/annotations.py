# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
The folder and CSV files of DEAM as distributed: ratings per song, dynamic (per second) annotations and metadata.

The files differ in details: blanks inside header names (` valence_ max_mean`) and around values, LF and CRLF, other
columns in each file, trailing unnamed columns, tabs inside quotes. Columns are therefore found by name, after all
blanks are removed from it, and values are stripped. A ValueError with file, line and value refuses what is damaged: an
unreadable file, NUL bytes, a missing or repeated column, a row longer than the header or with a line break, a bad or
repeated song id, and a rating or sample that is not a number or not on its scale.

Source: A. Aljanaki, Y.-H. Yang, M. Soleymani, "Developing a benchmark for emotional analysis of music", PLoS ONE 12(3),
2017.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..audio_ast_va import RATING_SCALE
from .csv_files import read_csv, shorten

STD_LIMITS = (0, RATING_SCALE[1] - RATING_SCALE[0])
RATING_COLUMNS = {
    "valence_mean": RATING_SCALE,
    "valence_std": STD_LIMITS,
    "arousal_mean": RATING_SCALE,
    "arousal_std": STD_LIMITS,
}
DYNAMIC_LIMITS = (-1, 1)

MAX_ID_DIGITS = 18  # as 64 bits hold

# The archives of DEAM unpack to the second path of each pair; the widespread single archive wraps them as in the first.
ANNOTATION_FOLDERS = (
    "DEAM_Annotations/annotations/annotations averaged per song",
    "annotations/annotations averaged per song",
)
AUDIO_FOLDERS = ("DEAM_audio/MEMD_audio", "MEMD_audio")
METADATA_FOLDER = "metadata"
SONG_LEVEL_FILES = tuple(f"song_level/static_annotations_averaged_songs_{ids}.csv" for ids in ("1_2000", "2000_2058"))
DYNAMIC_FILES = {name: f"dynamic (per second annotations)/{name}.csv" for name in ("valence", "arousal")}


@dataclass(frozen=True)
class DeamFolder:
    """The files of one copy of DEAM; `dynamic` and `metadata` are empty where the copy has none."""

    audio: Path
    song_level: tuple[Path, ...]
    dynamic: dict[str, Path]
    metadata: tuple[Path, ...]

    def song_path(self, song_id: int) -> Path:
        return self.audio / f"{song_id}.mp3"


def find_deam(data_dir: str | Path) -> DeamFolder:
    """
    Find the audio and annotation files of DEAM.

    Args:
        data_dir: the folder that contains `DEAM_Annotations`, `DEAM_audio` and `metadata`, or the folders inside them;
            a ValueError for any other.
    """
    root = Path(data_dir)
    if not root.is_dir():
        raise ValueError(f"Expected data_dir to be the folder of DEAM, but {str(root)!r} is not a folder.")
    if re.search("[\ud800-\udfff]", str(root)):
        raise ValueError(f"Expected data_dir to have a name in UTF-8, as the rows need it, but got {str(root)!r}.")
    annotations = _first_folder(root, ANNOTATION_FOLDERS)
    song_level = tuple(annotations / name for name in SONG_LEVEL_FILES)
    for path in song_level:
        if not path.is_file():
            raise ValueError(f"Expected {str(path.relative_to(root))!r} in {str(root)!r}, but there is no such file.")
    dynamic = {name: annotations / file for name, file in DYNAMIC_FILES.items()}
    existing = [path.name for path in dynamic.values() if path.is_file()]
    if len(existing) == 1:
        names = " and ".join(repr(path.name) for path in dynamic.values())
        raise ValueError(f"Expected {names} in {str(dynamic['valence'].parent)!r}, but got {existing[0]!r} only.")
    return DeamFolder(
        audio=_first_folder(root, AUDIO_FOLDERS),
        song_level=song_level,
        dynamic=dynamic if existing else {},
        metadata=tuple(sorted((root / METADATA_FOLDER).glob("[!.]*.csv"))),
    )


def read_ratings(files: Iterable[str | Path]) -> pd.DataFrame:
    """Read the ratings as published, sorted by `song_id` (int); `RATING_COLUMNS` are float, and NaN for a blank."""
    rows = [
        (song_id, *(_number(place, name, cells[name], *limits) for name, limits in RATING_COLUMNS.items()))
        for place, song_id, cells in _read_rows(files, RATING_COLUMNS)
    ]
    return _table(rows, RATING_COLUMNS)


def read_dynamic(files: Mapping[str, Path]) -> pd.DataFrame:
    """
    Read the dynamic annotations, two samples a second.

    Args:
        files: of `valence` and of `arousal`, with a row for each song and columns `sample_15000ms`, ... in [-1, 1].

    Returns:
        Columns `song_id` (int), `seconds` into the clip as distributed, `valence`, `arousal` (float; NaN where only the
        other one was sampled), sorted by song and time.
    """
    tables = []
    for name, file in files.items():
        rows = [
            (song_id, _sample_seconds(place, column), _number(place, column, text, *DYNAMIC_LIMITS))
            for place, song_id, cells in _read_rows([file], [], ragged="shorter")
            for column, text in cells.items()
            if column != "song_id" and text
        ]
        tables.append(pd.DataFrame(rows, columns=["song_id", "seconds", name]))
    return tables[0].merge(tables[1], on=["song_id", "seconds"], how="outer").sort_values(["song_id", "seconds"])


def read_dynamic_means(files: Mapping[str, Path]) -> pd.DataFrame:
    """Average [`read_dynamic`] over time: `song_id` (int), `valence`, `arousal` of the songs with samples of both."""
    if not files:
        return _table([], DYNAMIC_FILES)
    samples = read_dynamic(files).drop(columns="seconds")
    return samples.groupby("song_id", as_index=False).mean().dropna().reset_index(drop=True)


def read_metadata(files: Iterable[str | Path]) -> pd.DataFrame:
    """Read `artist` and `title` (str, empty where unknown) of the songs, sorted by `song_id` (int)."""
    # A song may have more genre tags than the header has columns.
    read = _read_rows(files, ["artist", "title"], ragged="longer")
    return _table([(song_id, cells["artist"], cells["title"]) for _, song_id, cells in read], ["artist", "title"])


def _first_folder(root: Path, candidates: tuple[str, ...]) -> Path:
    for candidate in candidates:
        if (root / candidate).is_dir():
            return root / candidate
    expected = " or ".join(map(repr, candidates))
    found = [repr(path.name) for path in sorted(root.iterdir())] or ["nothing"]
    listing = ", ".join(found[:10] + ["..."] * (len(found) > 10))
    raise ValueError(f"Expected the folder {expected} of DEAM in {str(root)!r}, but got {listing}.")


def _read_rows(
    files: Iterable[str | Path], columns: Iterable[str], *, ragged: str = ""
) -> Iterator[tuple[str, int, dict[str, str]]]:
    """
    Yield the rows of all files as (file and line, song id, {column: value}), each with a song id of its own.

    Rows may be "shorter" or "longer" than the header if `ragged` says so.
    """
    seen: dict[int, str] = {}
    for path in map(Path, files):
        for line, cells in read_csv(path, ("song_id", *columns), ragged=ragged):
            place, text = f"{path.name} line {line}", cells["song_id"]
            if not text.isdecimal() or len(text) > MAX_ID_DIGITS:
                expected = f"a whole number of up to {MAX_ID_DIGITS} digits"
                raise ValueError(f"{place}: expected song_id to be {expected}, but got {shorten(text)}.")
            song_id = int(text)
            if song_id in seen:
                raise ValueError(f"{place}: expected song_id {song_id} once, but got it in {seen[song_id]} too.")
            seen[song_id] = place
            yield place, song_id, cells


def _sample_seconds(place: str, column: str) -> float:
    match = re.fullmatch(r"sample_(\d+)ms", column)
    if match is None:
        raise ValueError(f"{place}: expected columns such as 'sample_15000ms', but got {column!r}.")
    return int(match[1]) / 1000


def _number(place: str, column: str, text: str, low: float, high: float) -> float:
    """The number that a cell holds, within limits; NaN for a blank."""
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{place}: expected {column} to be a number, but got {shorten(text)}.")
    if not low <= value <= high:
        raise ValueError(f"{place}: expected {column} from {low} to {high}, but got {text}.")
    return value


def _table(rows: list[tuple], columns: Iterable[str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["song_id", *columns]).astype({"song_id": int})
    return table.sort_values("song_id", ignore_index=True)
