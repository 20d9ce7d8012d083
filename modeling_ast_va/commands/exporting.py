# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The command that exports a model."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from ..argument_parser import ArgumentParser, check_output
from ..hub.files import check_model
from ..released import RELEASED_MODEL, find_model

PACKAGES = ("onnx", "onnxscript")  # that torch exports with


def export(parser: ArgumentParser, argv: Sequence[str]) -> None:
    """Export a model to one ONNX file, which runs without torch."""
    parser.add_argument("--model", help="folder or Hub id (default: the released model)")
    parser.add_argument("--output", required=True, help="file to write: .onnx")
    options = {"model": str(RELEASED_MODEL), **vars(parser.parse_args(argv))}
    options["model"] = find_model(options["model"])
    check_model(options["model"])
    check_output(options["output"], is_folder=False)
    if not options["output"].endswith(".onnx"):
        raise ValueError(f"Expected an output file ending in .onnx, but got {options['output']!r}.")
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise ImportError(f'Expected the package {missing[0]}: pip install "modeling-ast-va[onnx]"')
    from ..exported import export_onnx

    export_onnx(**options)
    print(f"Wrote {options['output']}")
