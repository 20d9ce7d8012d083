# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""An app for browsers: drop or record a song, and see its rating."""

from ..lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, {"server": ["launch"]})
