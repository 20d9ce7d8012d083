# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Numbers of flags within bounds."""

from __future__ import annotations

import argparse
import math

import pytest

from modeling_ast_va.argument_parser import number


@pytest.mark.parametrize(
    ("kind", "bounds", "options", "good", "bad", "expected"),
    [
        (
            float,
            (0.01, 0.99),
            {},
            ["0.01", "0.5", "0.99"],
            ["0", "0.991", "90", "nan", "much"],
            "a number from 0.01 to 0.99",
        ),
        (float, (0,), {}, ["0", "1e9"], ["-1", "inf"], "a number of at least 0"),
        (float, (0,), {"above": True}, ["1e-9"], ["0"], "a number above 0"),
        (float, (), {}, ["-5.5"], ["inf", "x"], "a number"),
        (int, (1,), {}, ["1"], ["0", "1.5"], "a whole number of at least 1"),
        (int, (-math.inf, 3), {}, ["-7", "3"], ["4"], "a whole number from -inf to 3"),
    ],
)
def test_numbers_within_bounds(kind, bounds, options, good, bad, expected):
    parse = number(kind, *bounds, **options)
    for text in good:
        assert parse(text) == kind(text)
        assert type(parse(text)) is kind
    for text in bad:
        with pytest.raises(argparse.ArgumentTypeError) as raised:
            parse(text)
        assert str(raised.value) == f"expected {expected}, but got {text!r}"
