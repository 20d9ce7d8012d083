# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The closing summary of a run."""

from collections import Counter
from pathlib import Path

from modeling_ast_va.prediction.audio_files import SPECIAL, Library
from modeling_ast_va.prediction.summary import Summary, log_unusable, printable, skipped_text


def song(name, **values):
    return {"path": name, "error": None, "quadrant": "Calm", **values}


def test_the_summary_counts_everything_in_a_few_lines():
    summary = Summary(num_new=2, num_changed=1, num_kept=1000, num_removed=3)
    for one in (song("a"), song("b"), song("c", quadrant="Sad", warning="ends at 2 s"), song("d", error="d: empty")):
        summary.add(one)
    library = Library(other_endings=Counter({".jpg": 7, ".txt": 5, "": 1}), num_hidden=2, num_playlists=1)
    library.unusable.append(("pipe", SPECIAL))
    assert summary.text(library, Path("out/a\n.csv"), Path("j")).splitlines() == [
        r"Songs in out/a\n.csv: 1,003 (2 new, 1 changed, 1,000 kept; 3 removed).",
        "Not rated, with the reason in the column error: 1. With a warning in the column warning: 1.",
        "Skipped 13 files that are not audio: 7 .jpg, 5 .txt, 1 without ending; 2 hidden; 1 playlist; "
        "1 path that cannot be opened.",
        "Excited 0, Calm 2, Sad 1, Distressed 0.",
        "The next run rates what is new or changed, and keeps the rest, from j.",
    ]


def test_nothing_skipped_has_no_line_and_many_endings_are_cut():
    assert skipped_text(Library()) == ""
    many = Library(other_endings=Counter({f".{i}": 20 - i for i in range(12)}))
    assert skipped_text(many).endswith(": 20 .0, 19 .1, 18 .2, 17 .3, 16 .4, 15 .5, 14 .6, 5 other endings.")


def test_at_most_twenty_errors_and_warnings_are_listed(caplog):
    summary = Summary()
    for i in range(100):
        summary.add(song(f"{i}.mp3", error=f"{i}.mp3: it is empty"))
        summary.add(song(f"{i}.ogg", warning="ends at 1.00 s"))
    summary.log()
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "Cannot be rated: 0.mp3: it is empty"
    assert lines[20] == "... and 80 more: see the column error."
    assert lines[21] == "Is rated as far as it can be decoded: 0.ogg ends at 1.00 s"
    assert lines[41:] == ["... and 80 more: see the column warning."]


def test_names_forge_no_lines(caplog):
    name = "a\r\nERROR: \x1b[31mred\x9b\u202e\u2028\udce9 é\u3000.mp3"
    escaped = r"a\r\nERROR: \x1b[31mred\x9b\u202e\u2028\xe9 é" + "\u3000.mp3"
    assert printable(name) == escaped
    summary = Summary()
    summary.add(song(name, error=f"{name}: it is empty"))
    summary.log()
    log_unusable(Library(unusable=[(name, SPECIAL)]))
    assert [record.getMessage() for record in caplog.records] == [
        f"Cannot be rated: {escaped}: it is empty",
        f"Skipped {escaped}: {SPECIAL}",
    ]
