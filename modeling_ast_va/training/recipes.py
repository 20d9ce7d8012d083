# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Recipes of training: JSON files of flags, two of which are the defaults of `train`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..argument_parser import suggestion
from ..released import RECIPES
from ..training.flags import Flag

DEFAULTS, DEFAULTS_OF_CHECKPOINT = "deam_fast.json", "finetune.json"


def default_recipe(init_from: str | None) -> Path:
    """
    The recipe whose values apply where neither a flag nor the named recipe gives one.

    Args:
        init_from: checkpoint to start from, which brings its own network and features; None is a new network.
    """
    return RECIPES / (DEFAULTS_OF_CHECKPOINT if init_from else DEFAULTS)


def read_recipe(file: Path, flags: Mapping[str, Flag]) -> dict[str, Any]:
    """
    Read the arguments in a JSON file, whose values are those that the flags accept; null is None.

    Raises:
        ValueError: for a file that is no JSON object, has an unknown name, or a value that its flag does not accept.
    """
    path = str(file)
    try:
        recipe = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"Expected a JSON file of arguments, but got {path!r}: {error}.") from error
    if not isinstance(recipe, dict):
        raise ValueError(f"Expected a JSON object of arguments in {path!r}, but got a {type(recipe).__name__}.")
    if unknown := sorted(set(recipe) - set(flags)):
        names = ", ".join(map(repr, unknown)) + suggestion(unknown[0], flags)
        raise ValueError(f"Expected arguments of training in {path!r}, but got {names}.")
    for name, value in recipe.items():
        if problem := _problem(value, flags[name]):
            raise ValueError(f"Expected a value of {name} in {path!r} that fits, but got {value!r}{problem}.")
    return recipe


def _problem(value: Any, flag: Flag) -> str:
    """What is wrong with a value of a recipe, as the end of a message; empty if it is one of its flag."""
    kind, choices, nargs = (flag.options.get(name) for name in ("type", "choices", "nargs"))
    if value is None:
        return "" if flag.may_be_none else ": expected a value"
    if kind is str and not choices:  # such as a list, or an object of keyword arguments
        return ""
    values = value if isinstance(value, list) and nargs in ("*", "+", 2) else [value]
    if nargs == 2 and len(values) != 2:
        return ": expected two numbers"
    for one in values:
        try:
            kind(str(one))  # type: ignore[misc]
        except (argparse.ArgumentTypeError, ValueError) as error:
            return f": {str(error).rstrip('.')}"
        if choices and one not in choices:
            return f": expected one of {', '.join(map(str, choices))}"
    return ""
