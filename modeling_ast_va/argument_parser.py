# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
The parser of every command line of this package: no abbreviated flags, one-line errors, suggestions for typos. It also
contains the checks of values that must not wait for torch.
"""

from __future__ import annotations

import argparse
import difflib
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

LARGEST_WHOLE_NUMBER = 2**32 - 1  # of a seed


class ArgumentParser(argparse.ArgumentParser):
    """Parser whose result has only what is given: defaults are those of functions. Positions of arguments are free."""

    def __init__(self, **kwargs: Any):
        self.flags: list[str] = []
        super().__init__(**kwargs, allow_abbrev=False, argument_default=argparse.SUPPRESS)

    def add_argument(self, *names: Any, **kwargs: Any) -> argparse.Action:
        self.flags += [name for name in names if str(name).startswith("--")]
        return super().add_argument(*names, **kwargs)

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        arguments, unknown = self.parse_known_intermixed_args(args, namespace)
        if unknown:
            flag = next((name for name in unknown if name.startswith("--")), unknown[0])
            self.error(f"unrecognized arguments: {' '.join(unknown)}{suggestion(flag.split('=')[0], self.flags)}")
        return arguments

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def suggestion(name: str, known: Iterable[str]) -> str:
    """The end of an error message about an unknown name: the closest known name, or nothing if none is close."""
    closest = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {closest[0]}?)" if closest else ""


def number(
    kind: type[int] | type[float], low: float = -math.inf, high: float = math.inf, *, above: bool = False
) -> Callable[[str], float]:
    """
    The type of a flag whose values are finite numbers from `low` to `high`.

    Args:
        kind: int or float.
        low: lowest value; with `above`, values are larger.
        high: highest value.
    """
    expected = "a whole number" if kind is int else "a number"
    if high < math.inf:
        expected += f" from {low:g} to {high:g}"
    elif low > -math.inf:
        expected += f" {'above' if above else 'of at least'} {low:g}"

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        fits = (low < value if above else low <= value) and value <= high
        if not fits or not abs(value) <= (LARGEST_WHOLE_NUMBER if kind is int else sys.float_info.max):
            raise argparse.ArgumentTypeError(f"expected {expected}, but got {text!r}")
        return value

    return parse


def device_name(text: str) -> str:
    """The type of a flag whose values are devices of torch, such as `cpu` and `cuda:0`."""
    if not re.fullmatch(r"cpu|(cuda|mps|xpu|npu|hpu)(:\d{1,3})?", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"expected a device such as cpu or cuda:0, but got {text!r}")
    return text


def check_output(path: str | os.PathLike[str], *, is_folder: bool) -> None:
    """Check that a file or a folder can be written: its parents are folders, or can be made (ValueError)."""
    place = Path(path).absolute()
    if place.exists() and place.is_dir() != is_folder:
        kinds = ("a folder", "a file") if is_folder else ("a file", "a folder")
        raise ValueError(f"Expected {kinds[0]} to write, but got {str(path)!r}, which is {kinds[1]}.")
    existing = next(parent for parent in (place, *place.parents) if parent.exists())
    if not existing.is_dir() and existing != place:
        raise ValueError(f"Expected a path to write, but got {str(path)!r}: {str(existing)!r} is no folder.")
    if not os.access(existing, os.W_OK):
        raise ValueError(f"Expected a path to write, but got {str(path)!r}: {str(existing)!r} is not writable.")


def check_file(path: str | os.PathLike[str], content: str) -> None:
    """Check that a file exists and is readable (ValueError)."""
    if not Path(path).is_file():
        raise ValueError(f"Expected {content}, but got {str(path)!r}, which is no file.")
    if not os.access(path, os.R_OK):
        raise ValueError(f"Expected {content}, but got {str(path)!r}, which is not readable.")
