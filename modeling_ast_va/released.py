# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Where the released model is."""

from pathlib import Path

RELEASED_MODEL = Path(__file__).parents[1] / "hub" / "ast-va-deam"  # in a clone of the repository
