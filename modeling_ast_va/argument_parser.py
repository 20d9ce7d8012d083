# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The parser of every command line of this package: no abbreviated flags, one-line errors, suggestions for typos."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn


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
