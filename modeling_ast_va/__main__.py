# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""`python -m modeling_ast_va` is the same as the console command `ast-va`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
