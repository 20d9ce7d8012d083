# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Expressions that select songs, and their order."""

import pandas as pd
import pytest

from modeling_ast_va.collection.selection import select, sort

SONGS = pd.DataFrame(
    {
        "path": ["a", "b", "c"],
        "artist": ["Bach", "", "Ada"],
        "valence": [3.0, 7.0, 7.0],
        "num_segments": [1, 2, 3],
    }
).astype({"artist": "object"})


@pytest.mark.parametrize(
    ("where", "paths"),
    [
        ("valence > 6", "bc"),
        ("valence > 6 and num_segments < 3", "b"),
        ("not (valence > 6) or artist == 'Ada'", "ac"),
        ("(valence > 6) & ~(num_segments == 2)", "c"),
        ("2 <= valence / 2 + 1 < 4", "a"),
        ("artist in ['Ada', 'Bach']", "ac"),
        ("artist not in ('Ada', 'Bach')", "b"),
        ("artist.str.contains('BA', case=False)", "a"),
        ("artist.str.startswith('A') or artist.str.endswith('h')", "ac"),
        (" valence > 9 ", ""),
    ],
)
def test_expressions(where, paths):
    assert "".join(select(SONGS, where)["path"]) == paths


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("valnce > 6", r"but got 'valnce'. \(did you mean valence\?\)"),
        ("index > 1", "a column out of path, artist, valence, num_segments, but got 'index'"),
        ("valence >", "such as \"valence > 6 and arousal < 4\" .* but got 'valence >': invalid syntax"),
        ("", "but got ''"),
        ("valence = 6", "invalid syntax"),
        ("artist > 3", "not supported between"),
        ("artist.str.contains('(')", "unterminated subpattern"),
        ("valence", "true or false for each song, but got 'valence'"),
        ("1 < 2", "true or false for each song"),
        ("[valence]", "true or false for each song"),
        ("artist.str.match('B')", "match.* is not among what it may contain"),
        ("valence > 9 ** 9", "'Pow' is not among what it may contain"),
    ],
)
def test_bad_expressions_are_refused(where, message):
    with pytest.raises(ValueError, match=message):
        select(SONGS, where)


@pytest.mark.parametrize(
    "where",
    [
        "@pd.read_csv('x')",
        "@open('x')",
        "path.to_csv('{file}') is None",
        "valence.to_csv('{file}')",
        "valence.__class__",
        "artist.str.__init__.__globals__['os']",
        "artist.str.contains.__self__",
        "artist.str.cat(path.to_csv('{file}'))",
        "artist.str.contains(path.to_csv('{file}'))",
        "artist.str.contains('x', na=path.to_csv('{file}'))",
        "__import__('os').system('x')",
        "[one for one in path]",
        "valence > (x := 1)",
        "artist.str.contains(*['x'])",
        "`valence`.to_csv('{file}')",
        "f'{{path}}' == 'x'",
    ],
)
def test_no_expression_runs_code(tmp_path, where):
    file = tmp_path / "written"
    with pytest.raises(ValueError, match="Expected"):
        select(SONGS, where.format(file=file))
    assert not file.exists()


def test_order():
    assert "".join(sort(SONGS, "artist")["path"]) == "bca"
    assert "".join(sort(SONGS, "-valence")["path"]) == "bca"
    assert list(sort(pd.DataFrame({"valence": [1.0, 2.0] * 100}), "valence").index[:100]) == list(range(0, 200, 2))
    assert "".join(sort(SONGS, "-valence, -num_segments")["path"]) == "cba"
    with pytest.raises(ValueError, match=r"but got 'valnce'. \(did you mean valence\?\)"):
        sort(SONGS, "-valnce")
    with pytest.raises(ValueError, match="but got ''"):
        sort(SONGS, "valence,")
