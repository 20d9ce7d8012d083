# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Registration with the Auto classes and `pipeline` of transformers, once transformers is imported.

Importing transformers and torch takes seconds, so `import modeling_ast_va` does not import them. Instead an import hook
registers each class as soon as the module of transformers in which it is registered has been imported.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

TASK = "music-emotion"
CONFIGURATION = f"{__package__}.configuration_ast_va"  # every registration needs it
# For each module of transformers the module of this package with the class to register.
COUNTERPARTS = {
    f"transformers.{registry}": f"{__package__}.{module}"
    for registry, module in {
        "models.auto.configuration_auto": "configuration_ast_va",
        "models.auto.feature_extraction_auto": "feature_extraction_ast_va",
        "models.auto.modeling_auto": "modeling_ast_va",
        "pipelines": "pipeline_ast_va",
    }.items()
}


def register_when_imported() -> None:
    """Register the classes with modules of transformers that are imported, now or later."""
    if not any(isinstance(finder, _RegisteringFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _RegisteringFinder())
    _register_imported(loading=set())


def _register_imported(loading: set[str]) -> None:
    """Register with the imported modules of transformers, except where a module is still loading."""
    for registry, module in COUNTERPARTS.items():
        if registry in sys.modules and not {registry, module, CONFIGURATION} & loading:
            _register(sys.modules[registry], import_module(module))


def _register(registry: ModuleType, module: ModuleType) -> None:
    from .configuration_ast_va import ASTVAConfig

    if hasattr(module, "ASTVAForRegression"):
        for auto_class in (registry.AutoModel, registry.AutoModelForAudioClassification):
            auto_class.register(ASTVAConfig, module.ASTVAForRegression, exist_ok=True)
    elif hasattr(module, "ASTVAFeatureExtractor"):
        registry.AutoFeatureExtractor.register(ASTVAConfig, module.ASTVAFeatureExtractor, exist_ok=True)
    elif hasattr(module, "ASTVAConfig"):
        registry.AutoConfig.register(ASTVAConfig.model_type, ASTVAConfig, exist_ok=True)
    elif TASK not in registry.PIPELINE_REGISTRY.get_supported_tasks():
        from transformers import AutoModelForAudioClassification

        registry.PIPELINE_REGISTRY.register_pipeline(
            TASK, pipeline_class=module.MusicEmotionPipeline, pt_model=AutoModelForAudioClassification, type="audio"
        )


class _RegisteringFinder(MetaPathFinder):
    """Finder of the modules in `COUNTERPARTS` whose loader registers the classes after loading."""

    def __init__(self) -> None:
        self.loading: set[str] = set()
        self.searched = ""

    def find_spec(self, fullname: str, path=None, target=None) -> ModuleSpec | None:
        if fullname not in {*COUNTERPARTS, *COUNTERPARTS.values()} or fullname == self.searched:
            return None
        self.searched = fullname  # `importlib` asks all finders, including this one
        spec = find_spec(fullname)
        self.searched = ""
        if spec is not None and spec.loader is not None:
            spec.loader = _RegisteringLoader(spec.loader, self.loading)
        return spec


class _RegisteringLoader(Loader):
    """Loader that registers the classes after another loader has loaded a module."""

    def __init__(self, loader: Loader, loading: set[str]):
        self.loader, self.loading = loader, loading

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        assert spec is not None
        spec.loader = module.__loader__ = self.loader  # `inspect` asks the loader for the source
        self.loading.add(spec.name)
        try:
            self.loader.exec_module(module)
        finally:
            self.loading.discard(spec.name)
        _register_imported(self.loading)
