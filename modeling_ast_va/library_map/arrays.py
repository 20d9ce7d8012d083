# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Arrays and texts in the form in which a page holds them: compact, and safe inside an element `<script>`."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def encode(values: ArrayLike, dtype: str) -> str:
    """The little-endian bytes of an array in base64, which a page reads as a typed array."""
    return base64.b64encode(np.asarray(values).astype(np.dtype(dtype).newbyteorder("<")).tobytes()).decode("ascii")


def distinct(texts: Sequence[str]) -> dict[str, Any]:
    """Texts of which many are the same: each one once, in the order in which they come, and an index for each place."""
    numbers: dict[str, int] = {}
    index = [numbers.setdefault(text, len(numbers)) for text in texts]
    return {"values": list(numbers), "index": encode(index, "u4")}


def script_json(data: Mapping[str, Any]) -> str:
    """
    JSON for an element `<script>`: no text can end the element, as `</script>` would, or open a comment in it.

    Bytes of a file name that are not text, which UTF-8 cannot hold, become escapes.
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return re.sub("[<\u2028\u2029\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", text)
