# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
from modeling_ast_va.data.left_out import format_left_out


def test_the_report_abbreviates_many_songs_but_its_data_does_not():
    left_out = [{"song_id": song, "reason": "missing", "detail": "no file"} for song in [2, 3, 4, *range(10, 410, 2)]]
    report = format_left_out(left_out)
    assert report.splitlines()[0] == "203 songs are left out:"
    assert report.splitlines()[1].startswith("  203 missing: 2-4, 10, 12, ")
    assert report.endswith(", ... (no file)")
    assert len(report) < 150


def test_names_follow_ids():
    left_out = [{"song_id": song, "reason": "unrated", "detail": "no row."} for song in ("b\n.mp3", 3, 2, "a.mp3")]
    assert format_left_out(left_out) == "4 songs are left out:\n  4 unrated: 2-3, 'a.mp3', 'b\\n.mp3' (no row)"
    assert format_left_out(left_out[:1]).startswith("1 song is left out:")
