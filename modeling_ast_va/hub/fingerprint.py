# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The fingerprint of a model: a hash of everything that its outputs depend on."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def fingerprint(network: Any, feature_extractor: Any) -> str:
    """Hash the weights and settings of a network and the settings of its feature extractor: 16 hexadecimal digits."""
    import torch  # on use: to import it takes seconds

    settings = {**network.config.to_diff_dict(), **feature_extractor.to_dict()}
    for name in ("_name_or_path", "auto_map", "custom_pipelines", "transformers_version"):
        settings.pop(name, None)
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:16]
