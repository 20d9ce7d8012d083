# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Speed of every stage, compared with other implementations; `scripts/benchmark.py` runs the stages."""
