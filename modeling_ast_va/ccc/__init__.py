# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The concordance correlation coefficient as an `evaluate` metric: `evaluate.load` on this folder."""

from pathlib import Path


def ccc_path() -> str:
    """The folder of the metric, for `evaluate.load(ccc_path())`. No network is needed."""
    return str(Path(__file__).parent)
