# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The console command `ast-va COMMAND [FLAGS]`; each script is one of its commands."""

from __future__ import annotations

import inspect
import logging
import os
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence

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
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    if LOG_LEVEL_VARIABLE in os.environ:
        logging.getLogger(__package__).setLevel(os.environ[LOG_LEVEL_VARIABLE].upper())
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] in ("-h", "--help"):
        print(_overview())
        return 0
    name, *arguments = argv
    if name == "--version":
        print(f"ast-va {__version__}")
        return 0
    if name not in COMMANDS:
        known = ", ".join(COMMANDS)
        print(f"ast-va: error: Expected {known}, but got {name}.{suggestion(name, COMMANDS)}", file=sys.stderr)
        return USER_ERROR
    return _run(name, arguments, prog or f"ast-va {name}")


def _run(name: str, arguments: Sequence[str], prog: str) -> int:
    """Run a command and turn errors of the user into a message and an exit code."""
    description = inspect.getdoc(COMMANDS[name])
    parser = ArgumentParser(prog=prog, description=description, formatter_class=RawDescriptionHelpFormatter)
    try:
        COMMANDS[name](parser, arguments)
    except (ValueError, ImportError, OSError) as error:
        logger.debug("%s failed.", prog, exc_info=True)
        print(f"{prog}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print(f"{prog}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def _overview() -> str:
    summaries = {name: (inspect.getdoc(command) or "").splitlines()[0] for name, command in COMMANDS.items()}
    commands = "\n".join(f"  {name:<10} {summary}" for name, summary in summaries.items())
    return f"usage: ast-va COMMAND [FLAGS]\n{commands}\n`ast-va COMMAND --help` lists the flags of a command."
