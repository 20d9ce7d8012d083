# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Numbers, intervals and tables as text: the one place that formats what is printed or written to a card."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_SHOWN = 300  # characters of a text from a file in a card


def format_number(value: float | None, decimals: int = 3) -> str:
    """A number with fixed decimals; "-" for one that is missing or undefined (None, NaN)."""
    return "-" if value is None or value != value else f"{value:.{decimals}f}"


def format_interval(value: float | None, low: float | None, high: float | None) -> str:
    """A value with the bounds of its interval, `0.687 [0.654, 0.718]`; the value alone where there are no bounds."""
    if low is None or high is None:
        return format_number(value)
    return f"{format_number(value)} [{format_number(low)}, {format_number(high)}]"


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, markdown: bool = False) -> str:
    """A table of text cells, plain or in Markdown: the first column is left-aligned, the others are right-aligned."""
    widths = [max(map(len, column)) for column in zip(header, *rows)]

    def line(cells: Sequence[str], separator: str) -> str:
        aligned = [cells[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:]))]
        return separator.join(aligned).rstrip()

    if not markdown:
        return "\n".join(line(cells, "  ") for cells in (header, *rows))
    rule = ["-" * max(3, widths[0]), *("-" * max(2, width - 1) + ":" for width in widths[1:])]
    return "\n".join(f"| {line(cells, ' | ')} |" for cells in (header, rule, *rows))


def single_line(text: object, length: int = MAX_SHOWN) -> str:
    """A text from a file as one line of limited length, without characters that are not printed."""
    line = " ".join("".join(one if one.isprintable() else " " for one in str(text)).split())
    return line if len(line) <= length else f"{line[:length]}..."


def markdown_text(text: object) -> str:
    """A text from a file as Markdown that shows it: without markup, HTML, or cells of a table."""
    escaped = re.sub(r"[\\`*_{}\[\]#!|~]", r"\\\g<0>", single_line(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown_code(text: object) -> str:
    """A text from a file as a code span of Markdown, also in the cell of a table."""
    line = single_line(text).replace("|", "\\|")
    fence = fence_of(line, 1)
    pad = " " if len(fence) > 1 or not line else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def fence_of(text: str, length: int = 3) -> str:
    """Backticks that enclose a text in Markdown: at least `length`, and more than it contains in a row."""
    return "`" * max(length, 1 + max(map(len, re.findall("`+", text)), default=0))
