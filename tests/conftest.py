# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""What every test shares: no network, no traces in the user's caches, a small model and feature extractor."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Read when the libraries are imported, so before them.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="modeling_ast_va_tests_")
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the tolerances are those of one processor
# librosa's loops take half a minute to compile, once for each worker: workers that compile at the same time would read
# each other's unfinished files.
COMPILED = Path(__file__).parents[1] / ".pytest_cache" / "numba"
os.environ["NUMBA_CACHE_DIR"] = str(COMPILED / os.environ.get("PYTEST_XDIST_WORKER", "main"))
os.environ.setdefault("MPLBACKEND", "agg")
atexit.register(shutil.rmtree, os.environ["HF_HOME"], ignore_errors=True)

import pytest  # noqa: E402
import torch  # noqa: E402
from onnx_models import patch_descriptors, save_small_model  # noqa: E402

from modeling_ast_va import ASTVAConfig, ASTVAFeatureExtractor, ASTVAForRegression  # noqa: E402
from modeling_ast_va.cli import main  # noqa: E402
from modeling_ast_va.hub.files import ONNX_FILE  # noqa: E402

torch.set_num_threads(1)  # the models are tiny, and the tests run beside each other


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-slow", action="store_true", help="also run the tests that take long")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes long; runs with --run-slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--run-slow"):
        skip = pytest.mark.skip(reason="takes long: --run-slow runs it")
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(skip)


@pytest.fixture
def config() -> ASTVAConfig:
    """A small network for 48 frames of 32 mel bins; its weights are large, so that its answers differ."""
    return ASTVAConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        sampling_rate=8000,
        hop_length=256,
        segment_seconds=1.5,
        num_mel_bins=32,
        max_length=48,
        head_hidden_size=16,
        initializer_range=0.2,
    )


@pytest.fixture
def model(config) -> ASTVAForRegression:
    torch.manual_seed(0)
    return ASTVAForRegression(config).eval()


@pytest.fixture
def feature_extractor() -> ASTVAFeatureExtractor:
    """For the small network: segments of 1.5 s at 8 kHz."""
    return ASTVAFeatureExtractor(
        sampling_rate=8000, n_fft=512, hop_length=256, num_mel_bins=32, max_length=48, segment_seconds=1.5
    )


@pytest.fixture
def input_values(config) -> torch.Tensor:
    return torch.randn(3, config.max_length, config.num_mel_bins, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def few_descriptors() -> Iterator[None]:
    """As the models of `folder` and `exported` have."""
    with pytest.MonkeyPatch.context() as patch:
        patch_descriptors(patch)
        yield


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small model, and with the model for onnxruntime."""
    pytest.importorskip("onnxscript")
    folder = tmp_path_factory.mktemp("model")
    with pytest.MonkeyPatch.context() as patch:
        patch_descriptors(patch)
        save_small_model(folder)
        assert main(["export", "--model", str(folder), "--output", str(folder / ONNX_FILE)]) == 0
    assert list((folder / ONNX_FILE).parent.iterdir()) == [folder / ONNX_FILE]
    return folder


@pytest.fixture(scope="session")
def exported(folder: Path) -> Path:
    """The file for onnxruntime in `folder`."""
    return folder / ONNX_FILE
