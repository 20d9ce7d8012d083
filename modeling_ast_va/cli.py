# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The console command `ast-va COMMAND [FLAGS]`; each script is one of its commands."""

from __future__ import annotations

import inspect
import logging
import os
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence

from . import __version__
from .argument_parser import ArgumentParser, suggestion
from .commands import COMMANDS

logger = logging.getLogger(__name__)

LOG_LEVEL_VARIABLE = "AST_VA_LOG_LEVEL"
USER_ERROR, INTERRUPTED = 2, 130  # exit codes of argparse, and of shells for Ctrl-C


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """
    Run a command. Errors of the user end as one line; their traceback is logged with `AST_VA_LOG_LEVEL=DEBUG`.

    Args:
        argv: name of the command and its arguments; None is the command line.
        prog: name of the program in messages; None is `ast-va COMMAND`.

    Returns:
        The exit code.
    """
    logging.basicConfig(format="%(levelname)s: %(message)s")
    logging.getLogger(__package__).setLevel(os.environ.get(LOG_LEVEL_VARIABLE, "INFO").upper())
    name, *arguments = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in COMMANDS:
        return _run(COMMANDS[name], arguments, prog or f"ast-va {name}")
    if name == "--version":
        print(f"ast-va {__version__}")
    elif name in ("-h", "--help"):
        print("usage: ast-va COMMAND [FLAGS]    (the flags: ast-va COMMAND --help)")
        for command, function in COMMANDS.items():
            print(f"  {command:<10} {(function.__doc__ or '').splitlines()[0]}")
    else:
        known = ", ".join(COMMANDS)
        print(f"ast-va: error: Expected {known}, but got {name}.{suggestion(name, COMMANDS)}", file=sys.stderr)
        return USER_ERROR
    return 0


def _run(command: Callable[..., None], arguments: Sequence[str], prog: str) -> int:
    """Run a command and turn errors of the user into a message and an exit code."""
    parser = ArgumentParser(prog=prog, description=inspect.getdoc(command), formatter_class=RawDescriptionHelpFormatter)
    try:
        command(parser, arguments)
    except (ValueError, ImportError, OSError) as error:
        logger.debug("%s failed.", prog, exc_info=True)
        print(f"{prog}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt as interrupt:
        print(str(interrupt) or f"{prog}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0
