# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Registration with the Auto classes of transformers, in whatever order the packages are imported."""

import subprocess
import sys

import pytest

from modeling_ast_va.hub.folder import save_hub_folder

LIGHT = """
import sys
import modeling_ast_va
heavy = [name for name in ("torch", "transformers", "numpy", "datasets", "librosa", "pandas") if name in sys.modules]
assert not heavy, heavy
assert {"ASTVAForRegression", "load_deam", "load_pipeline"} <= set(dir(modeling_ast_va))
"""
# Each runs in a process of its own, since a registration cannot be undone.
ORDERS = {
    "package_first": LIGHT + "import transformers",
    "transformers_first": "from transformers import AutoModel, pipeline; import modeling_ast_va",
}
SINGLE_MODULES = {
    "model_only": "from modeling_ast_va import ASTVAForRegression",
    "pipeline_module_only": "from modeling_ast_va.pipeline_ast_va import MusicEmotionPipeline",
    "feature_extraction_module_only": "from modeling_ast_va.feature_extraction_ast_va import ASTVAFeatureExtractor",
}
LOAD = """
import inspect, sys
from transformers import AutoConfig, AutoFeatureExtractor, AutoModel, AutoModelForAudioClassification, pipeline

for auto_class in (AutoConfig, AutoModel, AutoModelForAudioClassification, AutoFeatureExtractor):
    loaded = auto_class.from_pretrained(sys.argv[1])
    assert type(loaded).__module__.startswith("modeling_ast_va."), type(loaded)
    inspect.getsource(type(loaded))
assert type(pipeline("music-emotion", model=sys.argv[1])).__module__ == "modeling_ast_va.pipeline_ast_va"
"""


@pytest.mark.parametrize(
    "imports",
    [
        *(pytest.param(imports, id=name) for name, imports in ORDERS.items()),
        *(pytest.param(imports, id=name, marks=pytest.mark.slow) for name, imports in SINGLE_MODULES.items()),
    ],
)
def test_classes_are_registered_in_every_import_order(model, feature_extractor, tmp_path, imports):
    save_hub_folder(model, feature_extractor, tmp_path)
    run = subprocess.run(
        [sys.executable, "-c", imports + LOAD, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
