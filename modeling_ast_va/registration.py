# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Registration with the Auto classes and `pipeline` of transformers, which waits until transformers itself is imported.

Importing transformers and torch takes seconds, and `import modeling_ast_va` does without them: each class of ours is
registered as soon as the module of transformers that it belongs to has been imported, by whomever.
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
# By the module of transformers: the module of ours that holds what is registered there.
COUNTERPARTS = {
    f"transformers.{theirs}": f"{__package__}.{ours}"
    for theirs, ours in {
        "models.auto.configuration_auto": "configuration_ast_va",
        "models.auto.feature_extraction_auto": "feature_extraction_ast_va",
        "models.auto.modeling_auto": "modeling_ast_va",
        "pipelines": "pipeline_ast_va",
    }.items()
}


def register_when_imported() -> None:
    """Register with every module of transformers that is imported already, and with the others once they are."""
    if not any(isinstance(finder, _RegisteringFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _RegisteringFinder())
    _register_imported(loading=set())


def _register_imported(loading: set[str]) -> None:
    """Register with the modules of transformers that are imported, but for modules that are still loading."""
    for theirs, ours in COUNTERPARTS.items():
        if theirs in sys.modules and not {theirs, ours, CONFIGURATION} & loading:
            _register(sys.modules[theirs], import_module(ours))


def _register(theirs: ModuleType, ours: ModuleType) -> None:
    from .configuration_ast_va import ASTVAConfig

    if hasattr(ours, "ASTVAForRegression"):
        for auto_class in (theirs.AutoModel, theirs.AutoModelForAudioClassification):
            auto_class.register(ASTVAConfig, ours.ASTVAForRegression, exist_ok=True)
    elif hasattr(ours, "ASTVAFeatureExtractor"):
        theirs.AutoFeatureExtractor.register(ASTVAConfig, ours.ASTVAFeatureExtractor, exist_ok=True)
    elif hasattr(ours, "ASTVAConfig"):
        theirs.AutoConfig.register(ASTVAConfig.model_type, ASTVAConfig, exist_ok=True)
    elif TASK not in theirs.PIPELINE_REGISTRY.get_supported_tasks():
        from transformers import AutoModelForAudioClassification

        theirs.PIPELINE_REGISTRY.register_pipeline(
            TASK, pipeline_class=ours.MusicEmotionPipeline, pt_model=AutoModelForAudioClassification, type="audio"
        )


class _RegisteringFinder(MetaPathFinder):
    """Finds modules of `COUNTERPARTS`, theirs and ours, as Python does, with a loader that registers afterwards."""

    def __init__(self) -> None:
        self.loading: set[str] = set()
        self.searched = ""

    def find_spec(self, fullname: str, path=None, target=None) -> ModuleSpec | None:
        if fullname not in {*COUNTERPARTS, *COUNTERPARTS.values()} or fullname == self.searched:
            return None
        self.searched = fullname  # by the other finders, which `importlib` asks in turn
        spec = find_spec(fullname)
        self.searched = ""
        if spec is not None and spec.loader is not None:
            spec.loader = _RegisteringLoader(spec.loader, self.loading)
        return spec


class _RegisteringLoader(Loader):
    """The loader of a module, followed by the registration of what is then complete."""

    def __init__(self, loader: Loader, loading: set[str]):
        self.loader, self.loading = loader, loading

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        assert spec is not None
        spec.loader = module.__loader__ = self.loader  # which knows the source, for whoever asks the module for it
        self.loading.add(spec.name)
        try:
            self.loader.exec_module(module)
        finally:
            self.loading.discard(spec.name)
        _register_imported(self.loading)
