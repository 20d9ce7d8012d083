# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Speed of every stage, side by side with other ways to do the same; `scripts/benchmark.py` runs them."""
