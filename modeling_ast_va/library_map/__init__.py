# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""A map of a music library: its songs on the valence-arousal plane, as a page for the browser."""

from ..lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, {"map_page": ["make_map"]})
