# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""DEAM's folder and its CSV files: ratings per song, dynamic (per second) annotations and metadata, as distributed.

The files differ in ways that no reader should have to know: blanks inside header names (` valence_ max_mean`) and
around values, LF and CRLF, other columns in each file, trailing unnamed columns, tabs inside quotes. So columns are
found by name, after every blank has been taken out of it, and values are stripped.

Source: A. Aljanaki, Y.-H. Yang, M. Soleymani, "Developing a benchmark for emotional analysis of music", PLoS ONE 12(3),
2017.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

RATING_SCALE = (1.0, 9.0)
RATING_COLUMNS = ("valence_mean", "valence_std", "arousal_mean", "arousal_std")

# DEAM's own archives unpack to the second path of each pair; the widespread single archive wraps them as in the first.
ANNOTATION_FOLDERS = (
    "DEAM_Annotations/annotations/annotations averaged per song",
    "annotations/annotations averaged per song",
)
AUDIO_FOLDERS = ("DEAM_audio/MEMD_audio", "MEMD_audio")
METADATA_FOLDER = "metadata"
SONG_LEVEL_FILES = (
    "song_level/static_annotations_averaged_songs_1_2000.csv",
    "song_level/static_annotations_averaged_songs_2000_2058.csv",
)
DYNAMIC_FILES = {
    "valence": "dynamic (per second annotations)/valence.csv",
    "arousal": "dynamic (per second annotations)/arousal.csv",
}


@dataclass(frozen=True)
class DeamFolder:
    """Where the parts of one copy of DEAM lie; `dynamic` and `metadata` are empty where the copy has none."""

    root: Path
    audio: Path
    song_level: tuple[Path, ...]
    dynamic: dict[str, Path]
    metadata: tuple[Path, ...]


def find_deam(data_dir: str | Path) -> DeamFolder:
    """Finds DEAM's audio and annotation files below a folder, so that a wrong folder is refused before any work.

    Args:
        data_dir: the folder that holds `DEAM_Annotations`, `DEAM_audio` and `metadata`, or the folders inside them.

    Raises:
        ValueError: the folder does not exist, or is not DEAM: names what was looked for and what lies there.
    """
    root = Path(data_dir)
    if not root.is_dir():
        raise ValueError(f"data_dir must be the folder of the DEAM data set, but {str(root)!r} is not a folder.")
    annotations = _first_folder(root, ANNOTATION_FOLDERS)
    song_level = tuple(annotations / name for name in SONG_LEVEL_FILES)
    for path in song_level:
        if not path.is_file():
            raise ValueError(f"{str(root)!r} is not a whole DEAM folder: {str(path.relative_to(root))!r} is missing.")
    dynamic = {name: annotations / file for name, file in DYNAMIC_FILES.items()}
    return DeamFolder(
        root=root,
        audio=_first_folder(root, AUDIO_FOLDERS),
        song_level=song_level,
        dynamic=dynamic if all(path.is_file() for path in dynamic.values()) else {},
        metadata=tuple(sorted((root / METADATA_FOLDER).glob("*.csv"))),
    )


def read_ratings(files: Iterable[str | Path]) -> pd.DataFrame:
    """Reads the song-level ratings as published, one row a song, sorted by `song_id`.

    A blank rating becomes NaN, for the caller to count and leave out.

    Returns:
        Columns `song_id` (int), `valence_mean`, `valence_std`, `arousal_mean`, `arousal_std` (float, on 1-9).

    Raises:
        ValueError: a missing column, a song id that is not a number or comes twice, a rating that is not a number or
            lies outside the scale; names file, line and value.
    """
    rows = []
    for path, line, cells in _read_all(files, ("song_id", *RATING_COLUMNS)):
        row: dict[str, float] = {"song_id": _song_id(path, line, cells["song_id"])}
        row |= {name: _rating(path, line, name, cells[name]) for name in RATING_COLUMNS}
        rows.append(row)
    return _table(rows, ["song_id", *RATING_COLUMNS])


def read_dynamic(files: dict[str, Path]) -> pd.DataFrame:
    """Reads the dynamic annotations, two samples a second.

    Args:
        files: the CSV file of `valence` and that of `arousal`; a row a song, columns `sample_15000ms`, ... in [-1, 1].

    Returns:
        Columns `song_id` (int), `seconds` into the clip as distributed, `valence`, `arousal` (float; NaN where only the
        other one was sampled), sorted by song and time.

    Raises:
        ValueError: a missing column, a repeated song id, or a sample that is not a number; names file and line.
    """
    tables = []
    for name, file in files.items():
        rows: list[tuple[int, float, float]] = []
        seen: set[int] = set()
        for path, line, cells in _read_all([file], ("song_id",)):
            song_id = _song_id(path, line, cells.pop("song_id"))
            if song_id in seen:
                raise ValueError(f"{path}, line {line}: song {song_id} comes twice.")
            seen.add(song_id)
            rows += [
                (song_id, _sample_seconds(path, column), _number(path, line, column, text))
                for column, text in cells.items()
                if text
            ]
        tables.append(pd.DataFrame(rows, columns=["song_id", "seconds", name]))
    return tables[0].merge(tables[1], on=["song_id", "seconds"], how="outer").sort_values(["song_id", "seconds"])


def read_dynamic_means(files: dict[str, Path]) -> pd.DataFrame:
    """Averages the dynamic annotations over time, for comparison with the song-level ratings.

    Args:
        files: as for [`read_dynamic`], which also says what is refused.

    Returns:
        Columns `song_id` (int), `valence`, `arousal` (float); only songs with a sample in both files.
    """
    samples = read_dynamic(files).drop(columns="seconds")
    return samples.groupby("song_id", as_index=False).mean().dropna().reset_index(drop=True)


def read_metadata(files: Iterable[str | Path]) -> pd.DataFrame:
    """Reads artist and title of the songs; a name that is not given is the empty string.

    Returns:
        Columns `song_id` (int), `artist`, `title` (str), sorted by `song_id`.

    Raises:
        ValueError: a missing column or a song id that is not a number or comes twice; names file and line.
    """
    rows = [
        {"song_id": _song_id(path, line, cells["song_id"]), "artist": cells["artist"], "title": cells["title"]}
        for path, line, cells in _read_all(files, ("song_id", "artist", "title"))
    ]
    return _table(rows, ["song_id", "artist", "title"])


def _first_folder(root: Path, candidates: tuple[str, ...]) -> Path:
    for candidate in candidates:
        if (root / candidate).is_dir():
            return root / candidate
    looked_for = " or ".join(repr(candidate) for candidate in candidates)
    found = sorted(path.name for path in root.iterdir())
    listing = ", ".join(repr(name) for name in found[:10]) + (" ..." if len(found) > 10 else "")
    raise ValueError(f"{str(root)!r} is not a DEAM folder: looked for {looked_for}, found {listing or 'nothing'}.")


def _read_all(files: Iterable[str | Path], columns: tuple[str, ...]) -> Iterator[tuple[Path, int, dict[str, str]]]:
    """Yields the rows of all files as (file, line number, {column: value}); a song id may come once among them."""
    seen: dict[int, str] = {}
    for path in map(Path, files):
        for line, cells in _read_csv(path, columns):
            song_id, place = _song_id(path, line, cells["song_id"]), f"{path.name} line {line}"
            if song_id in seen:
                raise ValueError(f"{place}: song_id {song_id} was already given in {seen[song_id]}; expected once.")
            seen[song_id] = place
            yield path, line, cells


def _read_csv(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields (line number, {column without blanks: stripped value}); a short row has blanks for its missing values."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:  # re-saved by a spreadsheet: only names of artists and titles hold such letters
        text = content.decode("latin-1")
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = ["".join(name.split()) for name in next(reader, [])]
        missing = [name for name in columns if name not in header]
        if missing:
            found = ", ".join([name for name in header if name][:15]) or "none"
            raise ValueError(f"{str(path)!r} has no column {', '.join(map(repr, missing))}; columns found: {found}.")
        for row in reader:
            cells = {name: value.strip() for name, value in zip(header, row) if name}
            if any(cells.values()):
                yield reader.line_num, dict.fromkeys(columns, "") | cells
    except csv.Error as error:
        raise ValueError(f"{str(path)!r} is not a CSV file: {error} in line {reader.line_num}.") from error


def _sample_seconds(path: Path, column: str) -> float:
    match = re.fullmatch(r"sample_(\d+)ms", column)
    if match is None:
        raise ValueError(f"{path}: expected columns such as 'sample_15000ms', but found {column!r}.")
    return int(match[1]) / 1000


def _song_id(path: Path, line: int, text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"{path.name} line {line}: song_id {text!r} is not a whole number.")
    return int(text)


def _number(path: Path, line: int, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{path.name} line {line}: {column} {text!r} is not a number.")
    return value


def _rating(path: Path, line: int, column: str, text: str) -> float:
    """A rating of the song-level files: NaN where it is blank, else a mean on the scale or a std within its width."""
    if not text:
        return math.nan
    value = _number(path, line, column, text)
    low, high = RATING_SCALE if column.endswith("_mean") else (0.0, RATING_SCALE[1] - RATING_SCALE[0])
    if not low <= value <= high:
        raise ValueError(f"{path.name} line {line}: {column} {text} is out of range; expected {low:g} to {high:g}.")
    return value


def _table(rows: list[dict], columns: list[str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=columns).astype({"song_id": int})
    return table.sort_values("song_id", ignore_index=True)
