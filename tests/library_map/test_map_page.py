# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The command `map`: the page that it writes, what it prints, and what it refuses."""

import re

import pytest
from map_pages import data_of, decoded, failed_song, frames_of, rated_song, write_rows
from song_tables import song, unrated, write_songs

from modeling_ast_va.cli import main
from modeling_ast_va.library_map import make_map, map_page
from modeling_ast_va.library_map.map_page import PAGE, SCRIPTS, STYLES

needs_plotly = pytest.mark.skipif(not map_page.find_spec("plotly"), reason="plotly is in the extra map")


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@needs_plotly
@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_page_from_the_command_line(places, capsys, ending):
    (places / "a.mp3").touch()
    songs = [song("a.mp3", 6.5, 3.25, title="007", artist="NA"), unrated("<b>.mp3", "no <audio>"), song("b.mp3", 7, 2)]
    table = write_songs(places / f"t.{ending}", *songs)
    course = write_rows(places / "frames.csv", [*frames_of("a.mp3", [(6, 3)] * 4), *frames_of("other.mp3", [(6, 3)])])
    assert main(["map", str(table), "--course", str(course), "--output", "new/map.html"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"2 of 3 songs are on the map new/map.html \(\d\.\d MB\)\.", lines[0])
    assert lines[1:] == [
        "Not rated, and listed on the page: 1.",
        "With a course over time: 1 of 2. Songs in its table that are not on the map: 1.",
        "Files that do not exist and cannot be played: 1. "
        "Paths in a table are relative to the folder in which predict ran.",
    ]
    data = data_of(places / "new" / "map.html")
    assert data["scale"] == [1, 9]
    assert data["unrated"] == {"count": 1, "path": ["<b>.mp3"], "error": ["no <audio>"]}
    assert data["songs"]["title"] == ["007", ""]
    assert data["songs"]["artist"]["values"] == ["NA", ""]
    assert data["songs"]["folder"]["values"] == ["../"]
    assert decoded(data["songs"]["numbers"]["valence"], "f4").tolist() == [6.5, 7]
    assert decoded(data["courses"]["count"], "u1").tolist() == [4, 0]


@needs_plotly
def test_the_page_is_whole_and_keeps_the_licence_of_plotly(places, capsys):
    write_songs(places / "t.csv", song("https://a.org/a.mp3", title="{{ script }} {{ data }}"))
    make_map("t.csv", "map.HTML")
    assert len(capsys.readouterr().out.splitlines()) == 1
    page = (places / "map.HTML").read_text("utf-8")
    assert "Licensed under the MIT license" in page
    without_title = page.replace("{{ script }} {{ data }}", "", 1)
    assert not re.search(r"\{\{ \w+ \}\}", without_title)
    assert data_of(places / "map.HTML")["songs"]["title"] == ["{{ script }} {{ data }}"]
    assert data_of(places / "map.HTML")["courses"] is None
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=\"(?!data:)", page.split("<script")[0])


def test_every_file_of_the_page_is_in_it():
    names = {"page.html", *(f"{name}.js" for name in SCRIPTS), *(f"{name}.css" for name in STYLES)}
    assert {file.name for file in PAGE.iterdir()} == names


@needs_plotly
def test_an_index_of_another_table_changes_nothing(places):
    import pandas as pd

    songs = pd.DataFrame([rated_song("a.mp3", 6, 6), failed_song("b.mp3")], index=[3, 3])
    songs.to_parquet(places / "t.parquet")
    make_map("t.parquet", "map.html")
    assert data_of(places / "map.html")["unrated"]["path"] == ["b.mp3"]


def test_without_plotly_one_line_names_the_command(places, capsys, monkeypatch):
    monkeypatch.setattr(map_page, "find_spec", lambda name: None)
    write_songs(places / "t.csv", song("a.mp3"))
    assert main(["map", "t.csv", "--output", "map.html"]) == 2
    expected = 'ast-va map: error: Expected the package plotly: pip install "modeling-ast-va[map]"\n'
    assert capsys.readouterr().err == expected
    assert not (places / "map.html").exists()


@needs_plotly
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("t.csv --output map.htm", "Expected a page ending in .html, but got 'map.htm'."),
        ("t.csv --output map", "Expected a page ending in .html, but got 'map'."),
        ("t.csv --output folder.html", "Expected a file to write, but got 'folder.html', which is a folder."),
        ("t.csv --output t.csv/map.html", "t.csv' is no folder."),
        ("missing.csv --output map.html", "a table that predict writes, but got 'missing.csv', which is no file."),
        ("frames.csv --output map.html", "has no column quadrant, error. It is a table of frames."),
        ("columns.csv --output map.html", "has no column valence, arousal, quadrant, error."),
        ("empty.csv --output map.html", "Expected rated songs in 'empty.csv', but got none out of 0."),
        ("errors.csv --output map.html", "Expected rated songs in 'errors.csv', but got none out of 2."),
        ("t.csv --course t.csv --output map.html", "has no column start, end. It is a table of songs."),
        ("t.csv --course missing.csv --output map.html", "but got 'missing.csv', which is no file."),
        ("t.csv", "the following arguments are required: --output"),
    ],
)
def test_what_cannot_be_a_map_is_refused_in_one_line(places, capsys, flags, message):
    write_songs(places / "t.csv", song("a.mp3"))
    write_songs(places / "empty.csv")
    write_songs(places / "errors.csv", unrated("a.mp3"), unrated("b.mp3"))
    write_rows(places / "frames.csv", frames_of("a.mp3", [(5, 5)]))
    (places / "columns.csv").write_text("path,title\na.mp3,A\n")
    (places / "folder.html").mkdir()
    try:
        code = main(["map", *flags.split()])
    except SystemExit as stopped:
        code = stopped.code
    printed = capsys.readouterr()
    assert (code, printed.out, printed.err.count("\n")) == (2, "", 1)
    assert message in printed.err
    assert not (places / "map.html").exists()
