# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Which songs of a table are wanted, and in which order."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..argument_parser import suggestion

if TYPE_CHECKING:
    import pandas as pd

# What an expression consists of. pandas would also call any method, such as `to_pickle`, and read variables (`@name`).
_ALLOWED = (
    *(ast.Expression, ast.Name, ast.Load, ast.Constant, ast.List, ast.Tuple, ast.keyword),
    *(ast.BoolOp, ast.boolop, ast.Compare, ast.cmpop, ast.UnaryOp, ast.unaryop),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.BitAnd, ast.BitOr),
)
TEXT_METHODS = ("contains", "startswith", "endswith")
EXAMPLES = '"valence > 6 and arousal < 4" or "artist.str.contains(\'Bach\')"'


def select(songs: pd.DataFrame, where: str) -> pd.DataFrame:
    """
    Select songs by an expression in pandas' query language.

    Args:
        where: comparisons of columns with numbers and texts, joined by `and`, `or` and `not`; texts are searched by
            `column.str.contains(...)`, `.str.startswith(...)` and `.str.endswith(...)`. Nothing else is called.

    Raises:
        ValueError: for another expression, an unknown column, and an expression that is not true or false.
    """
    _check_expression(where, list(map(str, songs)))
    try:
        matches: Any = songs.eval(where.strip(), engine="python")
    except (ValueError, TypeError, LookupError, ArithmeticError, NotImplementedError, re.error) as error:
        raise ValueError(f"Expected an expression such as {EXAMPLES}, but got {where!r}: {error}") from error
    if getattr(matches, "shape", None) != (len(songs),) or matches.dtype.kind != "b":
        raise ValueError(f"Expected an expression that is true or false for each song, but got {where!r}.")
    return songs.loc[matches]


def _check_expression(where: str, columns: Sequence[str]) -> None:
    """Check that an expression only compares `columns`, without evaluating it (ValueError)."""
    expected = f"Expected an expression such as {EXAMPLES}, but got {where!r}"
    try:
        tree = ast.parse(where.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{expected}: {getattr(error, 'msg', error)}.") from error
    searches = {id(part) for node in ast.walk(tree) for part in _parts_of_search(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            _check_column(node.id, columns)
        elif not isinstance(node, _ALLOWED) and id(node) not in searches:
            raise ValueError(
                f"{expected}: {ast.unparse(node) or type(node).__name__!r} is not among what it may contain."
            )


def sort(songs: pd.DataFrame, columns: str) -> pd.DataFrame:
    """
    Sort songs by one or several columns; equal ones stay in the order of the table.

    Args:
        columns: such as `-valence` or `artist,-valence`; a minus is for the largest first.
    """
    names = [name.strip() for name in columns.split(",")]
    for name in names:
        _check_column(name.removeprefix("-"), list(map(str, songs)))
    ascending = [not name.startswith("-") for name in names]
    return songs.sort_values([name.removeprefix("-") for name in names], ascending=ascending, kind="stable")


def _check_column(name: str, columns: Sequence[str]) -> None:
    if name not in columns:
        raise ValueError(f"Expected a column out of {', '.join(columns)}, but got {name!r}.{suggestion(name, columns)}")


def _parts_of_search(node: ast.AST) -> list[ast.AST]:
    """The call and the attributes of `column.str.contains(...)` or the like; nothing for another part."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Attribute(value=ast.Name(), attr="str") as text) as method, args=[_]
        ):
            return [node, method, text] if method.attr in TEXT_METHODS else []
    return []
