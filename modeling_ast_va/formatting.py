# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Numbers, intervals and tables as text: the one place that formats what is printed or written to a card."""

from __future__ import annotations

from collections.abc import Sequence


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
