# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Registration with the Auto classes and `pipeline` of transformers, once transformers is imported.

Importing transformers and torch takes seconds, so `import modeling_ast_va` does not import them. Instead an import hook
registers each class as soon as the module of transformers in which it is registered has been imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# For each module of transformers the module of this package with the class to register.
COUNTERPARTS = {
    "transformers.models.auto.configuration_auto": f"{__package__}.configuration_ast_va",
    "transformers.models.auto.feature_extraction_auto": f"{__package__}.feature_extraction_ast_va",
    "transformers.models.auto.modeling_auto": f"{__package__}.modeling_ast_va",
    "transformers.pipelines": f"{__package__}.pipeline_ast_va",
}


def register_when_imported() -> None:
    """Register the classes with modules of transformers that are imported, now or later."""
    sys.meta_path.insert(0, _ImportHook())
    _register_imported()


class _ImportHook(MetaPathFinder):
    """Leaves the modules in `COUNTERPARTS` to the other finders, and registers once one has been loaded."""

    def __init__(self) -> None:
        self.loading: set[str] = set()

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in {*COUNTERPARTS, *COUNTERPARTS.values()}:
            return None
        others = [one for one in sys.meta_path[sys.meta_path.index(self) + 1 :] if hasattr(one, "find_spec")]
        spec = next(filter(None, (finder.find_spec(fullname, path, target) for finder in others)), None)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = partial(self.load, spec.loader.exec_module)  # type: ignore[method-assign]
        return spec

    def load(self, exec_module: Callable[[ModuleType], None], module: ModuleType) -> None:
        """Execute a module as its loader does, then register."""
        self.loading.add(module.__name__)
        try:
            exec_module(module)
        finally:
            self.loading.discard(module.__name__)
        if not self.loading:  # the modules import each other
            _register_imported()


def _register_imported() -> None:
    for registry, module in COUNTERPARTS.items():
        if registry in sys.modules:
            _register(sys.modules[registry], import_module(module))


def _register(registry: Any, module: Any) -> None:
    from .configuration_ast_va import ASTVAConfig

    if hasattr(module, "ASTVAForRegression"):
        for auto_class in (registry.AutoModel, registry.AutoModelForAudioClassification):
            auto_class.register(ASTVAConfig, module.ASTVAForRegression, exist_ok=True)
    elif hasattr(module, "ASTVAFeatureExtractor"):
        registry.AutoFeatureExtractor.register(ASTVAConfig, module.ASTVAFeatureExtractor, exist_ok=True)
    elif hasattr(module, "ASTVAConfig"):
        registry.AutoConfig.register(ASTVAConfig.model_type, ASTVAConfig, exist_ok=True)
    elif module.TASK not in registry.PIPELINE_REGISTRY.get_supported_tasks():
        from transformers import AutoModelForAudioClassification

        registry.PIPELINE_REGISTRY.register_pipeline(
            module.TASK, module.MusicEmotionPipeline, pt_model=AutoModelForAudioClassification, type="audio"
        )
