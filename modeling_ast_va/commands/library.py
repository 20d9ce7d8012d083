# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Commands that use a table of predictions: playlists, tags in files, and a map."""

from __future__ import annotations

from collections.abc import Sequence

from .. import collection, library_map
from ..argument_parser import ArgumentParser, number

TABLE = "what `predict` has written: .csv, .jsonl or .parquet, with one row per song"


def playlist(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Write a playlist of the songs of a table that match an expression.

    playlist emotions.csv --where "valence > 6 and arousal < 4" --sort -valence --output calm.m3u8
    """
    parser.add_argument("table", help=TABLE)
    parser.add_argument("--where", metavar="EXPRESSION", help="in pandas' query language (default: all rated songs)")
    parser.add_argument(
        "--sort", dest="sort_by", metavar="COLUMNS", help="such as -valence or artist,title; - is for the largest first"
    )
    parser.add_argument("--limit", type=number(int, 1), help="largest number of songs")
    parser.add_argument("--output", required=True, help="playlist to write: .m3u8 or .m3u")
    collection.make_playlist(**vars(parser.parse_args(_with_sort(argv))))


def map(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Make a page of a table of songs on the valence-arousal plane: search, filter, play.

    map emotions.csv --output map.html
    """
    parser.add_argument("table", help=TABLE)
    parser.add_argument("--output", required=True, help="page to write: .html")
    parser.add_argument(
        "--course",
        metavar="TABLE",
        help="what `predict --frames` or `predict --segments` has written for these songs: adds their course over time",
    )
    library_map.make_map(**vars(parser.parse_args(argv)))


def tag(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Write the predictions of a table as tags into its files.

    Without --write, nothing is changed, and what would be is printed.
    """
    parser.add_argument("table", help=TABLE)
    parser.add_argument("--write", action="store_true", help="change the files")
    parser.add_argument("--remove", action="store_true", help="remove these tags instead")
    collection.tag_files(**vars(parser.parse_args(argv)))


def _with_sort(argv: Sequence[str]) -> list[str]:
    """`--sort -valence` as `--sort=-valence`: argparse takes a value that begins with a minus for a flag."""
    joined: list[str] = []
    for argument in argv:
        if joined[-1:] == ["--sort"] and not argument.startswith("--"):
            joined[-1] = f"--sort={argument}"
        else:
            joined.append(argument)
    return joined
