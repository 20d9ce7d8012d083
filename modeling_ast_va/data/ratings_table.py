# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Any table of ratings as rated songs: CSV, TSV, JSON Lines, Parquet, or a table in memory."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..argument_parser import suggestion
from ..audio_ast_va import RATING_SCALE
from .csv_files import read_csv, shorten
from .groups import name_key
from .rated_songs import RatedSongs, SongId, song_table, typed_song_ids, unreadable

if TYPE_CHECKING:
    import pandas as pd
    from datasets import Dataset, DatasetDict

REQUIRED = ("path", "valence", "arousal")
TEXTS = ("song_id", "artist", "title", "subset", "split")
STDS = ("valence_std", "arousal_std")
TIMES = ("start_seconds", "duration_seconds")
COLUMNS = (*REQUIRED, *TEXTS, *STDS, *TIMES)
SPLIT_NAMES = {"train": "train", "training": "train", "validation": "validation", "valid": "validation"} | {
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
READERS = (".csv", ".tsv", ".jsonl", ".parquet")

Row = tuple[str, dict[str, Any]]  # the place of a row, for errors, and its values


def read_ratings_table(
    table: str | Path | pd.DataFrame | Dataset | DatasetDict,
    audio_dir: str | Path | None = None,
    label_range: tuple[float, float] = RATING_SCALE,
) -> RatedSongs:
    """
    Read a table with a row for each rated song, or for each rated part of an audio file.

    Args:
        table: a file that ends with one of `READERS`, or a table in memory; a `DatasetDict` gives the splits. Its
            columns are `path`, `valence`, `arousal` and, where there, `artist`, `title`, `song_id` (else the path),
            `split` (train, validation or test), `subset`, `valence_std`, `arousal_std`, and `start_seconds` and
            `duration_seconds` of the part of the file that was rated. Other columns are not read.
        audio_dir: to which relative paths refer; `None` is the folder of the table's file, or the current one.
        label_range: lowest and highest rating of the table's scale, which is mapped linearly to 1-9.

    Raises:
        ValueError: with the place of the row, for a missing column, a blank or text in place of a rating, a rating off
            the scale, a repeated song, and an audio file that is missing.
    """
    name, rows = _read_rows(table)
    folder = Path(audio_dir or (Path(table).parent if isinstance(table, (str, Path)) else ""))
    if not folder.is_dir():
        raise ValueError(f"Expected audio_dir to be a folder, but got {str(folder)!r}.")
    songs = [(place, _read_song(place, row, folder, label_range)) for place, row in rows]
    if not songs:
        raise ValueError(f"Expected rated songs in {name}, but got a table without rows.")
    _check_files(songs)
    for column in ("song_id", "split"):
        _check_filled(songs, column)
    _identify(songs)
    rated = [song for _, song in songs]
    return RatedSongs(name, song_table(rated), duplicates=_parts_of_one_file(rated), label_range=label_range)


def _read_rows(table: Any) -> tuple[str, Iterable[Row]]:
    """The name of a table, and its rows."""
    if not isinstance(table, (str, Path)):
        return "the table", _rows_in_memory(table)
    path = Path(table)
    if path.suffix.lower() not in READERS:
        raise ValueError(f"Expected a table that ends with {', '.join(READERS)}, but got {str(table)!r}.")
    if not path.is_file():
        raise ValueError(f"Expected a table of ratings, but got {str(table)!r}, which is no file.")
    read = {".jsonl": _read_json_lines, ".parquet": _read_parquet}.get(path.suffix.lower(), _read_text_table)
    return path.name, read(path)


def _read_text_table(path: Path) -> Iterator[Row]:
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    for line, cells in read_csv(path, REQUIRED, separator=separator):
        yield f"{path.name} line {line}", cells


def _read_json_lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as file:
        try:
            for line, text in enumerate(file, start=1):
                place = f"{path.name} line {line}"
                if text.strip():
                    row = json.loads(text)
                    if not isinstance(row, dict):
                        raise ValueError(f"{place}: expected a JSON object, but got {shorten(text.strip())}.")
                    _check_columns(place, row)
                    yield place, row
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"{path.name}: expected a JSON object in each line, but got {error}.") from error


def _read_parquet(path: Path) -> Iterator[Row]:
    from pyarrow import ArrowInvalid, parquet

    try:
        names = parquet.read_schema(path).names
        _check_columns(path.name, names)
        rows = parquet.read_table(path, columns=[name for name in COLUMNS if name in names]).to_pylist()
    except (ArrowInvalid, OSError) as error:
        got = " ".join(str(error).split()).rstrip(".")
        raise ValueError(f"Expected a Parquet file in {str(path)!r}, but got {got}.") from error
    yield from ((f"{path.name} row {number}", row) for number, row in enumerate(rows, start=1))


def _rows_in_memory(table: Any) -> Iterator[Row]:
    import pandas as pd
    from datasets import Dataset, DatasetDict

    if not isinstance(table, (pd.DataFrame, Dataset, DatasetDict)):
        raise ValueError(f"Expected a path, a DataFrame, a Dataset or a DatasetDict, but got {type(table).__name__}.")
    for split, part in table.items() if isinstance(table, DatasetDict) else [("", table)]:
        names = list(part.columns) if isinstance(part, pd.DataFrame) else part.column_names
        _check_columns("the table", names)
        kept = [name for name in COLUMNS if name in names]
        rows = part[kept].to_dict("records") if isinstance(part, pd.DataFrame) else part.select_columns(kept).to_list()
        of_split = f"{split} " if split else ""
        for number, row in enumerate(rows, start=1):
            yield f"{of_split}row {number} of the table", {**row, "split": split} if split else row


def _check_columns(place: str, names: Iterable[str]) -> None:
    names = list(names)
    if missing := [name for name in REQUIRED if name not in names]:
        got = shorten(", ".join(map(str, names)))
        raise ValueError(
            f"{place}: expected the columns {', '.join(REQUIRED)}, but got {got} without {', '.join(missing)}."
            f"{suggestion(missing[0], map(str, names))}"
        )


def _read_song(place: str, row: Mapping[str, Any], folder: Path, label_range: tuple[float, float]) -> dict[str, Any]:
    """A row with its ratings on the 1-9 scale, and its absolute path."""
    path = _text(place, row, "path")
    if not path:
        raise ValueError(f"{place}: expected the path of an audio file, but got a blank.")
    song: dict[str, Any] = {"name": path, "path": os.path.abspath(folder / path)}
    song |= {name: _text(place, row, name) for name in TEXTS}
    if song["split"]:
        if song["split"].lower() not in SPLIT_NAMES:
            raise ValueError(f"{place}: expected a split out of train, validation, test, but got {song['split']!r}.")
        song["split"] = SPLIT_NAMES[song["split"].lower()]
    low, high = label_range
    scale = (RATING_SCALE[1] - RATING_SCALE[0]) / (high - low)
    for name in ("valence", "arousal"):
        rating = _number(place, row, name, low, high)
        if math.isnan(rating):
            raise ValueError(f"{place}: expected {name} to be a number from {low:g} to {high:g}, but got a blank.")
        song[name] = round(RATING_SCALE[0] + scale * (rating - low), 10)  # as written on another scale
    song |= {name: scale * _number(place, row, name, 0, high - low) for name in STDS}
    start, duration = (_number(place, row, name, 0, math.inf) for name in TIMES)
    if duration == 0:
        raise ValueError(f"{place}: expected duration_seconds above 0, but got 0.")
    song["artist_key"] = name_key(song["artist"])
    return song | {"start_seconds": 0.0 if math.isnan(start) else start, "duration_seconds": duration}


def _text(place: str, row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():  # a column of whole numbers with blanks, as pandas reads it
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(f"{place}: expected {name} to be text, but got {shorten(repr(value))}.")
    return str(value).strip()


def _number(place: str, row: Mapping[str, Any], name: str, low: float, high: float) -> float:
    """The number that a cell holds, within limits; NaN for a blank."""
    value = row.get(name)
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return math.nan
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{place}: expected {name} to be a number, but got {shorten(str(value))}.")
    if not low <= number <= high:
        limits = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of at least {low:g}"
        hint = ": label_range gives the scale" if name in REQUIRED else ""
        raise ValueError(f"{place}: expected {name} {limits}, but got {value}{hint}.")
    return number


def _check_files(songs: list[tuple[str, dict[str, Any]]]) -> None:
    """Check that every audio file exists, and that none has two ratings for the same part (ValueError)."""
    missing, problem = [], ""
    seen: dict[tuple[str, float], str] = {}
    for place, song in songs:
        part = (song["path"], song["start_seconds"])
        if (first := seen.setdefault(part, place)) != place:
            got = f"{song['name']!r} in {first} too"
            raise ValueError(f"{place}: expected each path once, or with other start_seconds, but got {got}.")
        path = Path(song["path"])
        if not path.exists() or unreadable(path):
            missing.append(f"{place}: expected an audio file, but got {song['path']!r}, ")
            problem = problem or (unreadable(path).rstrip(".") if path.exists() else "which does not exist")
    if missing:
        raise ValueError(f"{missing[0]}{problem} ({len(missing)} of {len(songs)} rows have no readable file).")


def _check_filled(songs: list[tuple[str, dict[str, Any]]], column: str) -> None:
    """Check that all songs or none have a value (ValueError)."""
    blank = [place for place, song in songs if not song[column]]
    if blank and len(blank) < len(songs):
        raise ValueError(f"{blank[0]}: expected a {column} in each row or in none, but got a blank.")


def _identify(songs: list[tuple[str, dict[str, Any]]]) -> None:
    """Give each song its id: the one of the table, or else its path, with the start where a path has several songs."""
    repeated = {name for name, count in Counter(song["name"] for _, song in songs).items() if count > 1}
    first_of: dict[str, str] = {}
    for place, song in songs:
        start = f"#{song['start_seconds']:g}" if song["name"] in repeated else ""
        song["song_id"] = song["song_id"] or song["name"] + start
        if (first := first_of.setdefault(song["song_id"], place)) != place:
            raise ValueError(f"{place}: expected each song_id once, but got {song['song_id']!r} in {first} too.")
    for (_, song), song_id in zip(songs, typed_song_ids(song["song_id"] for _, song in songs)):
        song["song_id"] = song_id


def _parts_of_one_file(songs: list[dict[str, Any]]) -> list[list[SongId]]:
    """The songs that are parts of one file."""
    songs_of: dict[str, list[SongId]] = {}
    for song in songs:
        songs_of.setdefault(song["path"], []).append(song["song_id"])
    return [ids for ids in songs_of.values() if len(ids) > 1]
