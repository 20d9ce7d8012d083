# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""What a music collection gains from a table of predictions: playlists, and tags in its files."""

from ..lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, {"playlist": ["make_playlist"], "tagging": ["tag_files"]})
