# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The `evaluate` metric in `modeling_ast_va/ccc`: offline, batch by batch, combined, and outside this package."""

import json
import os
import shutil
import subprocess
import sys

import evaluate
import numpy as np
import pytest

from modeling_ast_va import ccc_path, concordance_correlation_coefficient

# Each process adds its part; process 0 gathers. It runs without this package, and any use of the network fails.
STANDALONE = """
import json, socket, sys

def refuse(*args, **kwargs):
    raise AssertionError("the network was used")

socket.socket.connect = socket.getaddrinfo = refuse
import evaluate

process_id, folder, cache_dir = int(sys.argv[1]), sys.argv[2], sys.argv[3]
ccc = evaluate.load(folder, num_process=2, process_id=process_id, experiment_id="gather", cache_dir=cache_dir)
part = json.load(open("parts.json"))[process_id]
results = ccc.compute(references=part["references"], predictions=part["predictions"])
assert "modeling_ast_va" not in sys.modules
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def modules_cache(tmp_path_factory):
    """Where `evaluate` copies the metric's code; one per process, since Python imports it once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate.config, "HF_MODULES_CACHE", str(tmp_path_factory.mktemp("modules")))
        patch.setattr(evaluate.config, "HF_EVALUATE_OFFLINE", True)
        patch.setattr(sys, "path", sys.path.copy())
        yield


@pytest.fixture
def ccc(modules_cache, tmp_path):
    return evaluate.load(ccc_path(), cache_dir=str(tmp_path))


@pytest.fixture
def values():
    references = np.random.default_rng(0).uniform(1, 9, 100)
    return references, 0.5 * references + np.random.default_rng(1).normal(3, 0.7, 100)


def test_equals_the_function_of_the_package_from_any_folder(modules_cache, values, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ccc = evaluate.load(ccc_path(), cache_dir=str(tmp_path))
    results = ccc.compute(references=values[0], predictions=values[1])
    assert results["ccc"] == pytest.approx(concordance_correlation_coefficient(*values), abs=1e-12)


def test_batches_give_the_same_result_as_one_call(ccc, values):
    for rows in np.split(np.arange(100), [16, 32, 99]):
        ccc.add_batch(references=values[0][rows], predictions=values[1][rows])
    assert ccc.compute() == ccc.compute(references=values[0], predictions=values[1])


def test_single_values_can_be_added(ccc):
    for reference in range(1, 6):
        ccc.add(reference=reference, prediction=reference + 1)
    assert ccc.compute()["ccc"] == pytest.approx(0.8, abs=1e-12)


def test_combines_with_itself_for_two_dimensions(ccc, values, modules_cache, tmp_path):
    other = evaluate.load(ccc_path(), cache_dir=str(tmp_path))
    combined = evaluate.combine({"first": ccc, "second": other}, force_prefix=True)
    results = combined.compute(references=values[0], predictions=values[1])
    expected = pytest.approx(concordance_correlation_coefficient(*values), abs=1e-12)
    assert results == {"first_ccc": expected, "second_ccc": expected}


def test_constants_are_defined(ccc):
    assert ccc.compute(references=[1, 2, 3], predictions=[2, 2, 2]) == {"ccc": 0.0}
    assert ccc.compute(references=[5.1, 5.1], predictions=[5.1, 5.1]) == {"ccc": 1.0}


@pytest.mark.parametrize(
    ("references", "predictions", "message"),
    [([1, 2], [1], "Mismatch"), ([], [], "at least one"), ([1.0, 2.0], [1.0, float("nan")], "1 of 2 values")],
)
def test_bad_input_is_refused(ccc, references, predictions, message):
    with pytest.raises(ValueError, match=message):
        ccc.compute(references=references, predictions=predictions)


def test_has_name_citation_and_description(ccc):
    assert ccc.name == "ccc"
    assert "Lin" in ccc.citation
    assert "predictions (list of float)" in ccc.inputs_description


@pytest.mark.slow
def test_two_processes_gather_without_this_package_and_without_a_network(values, tmp_path):
    shutil.copytree(ccc_path(), tmp_path / "ccc", ignore=shutil.ignore_patterns("__pycache__"))
    halves = [
        {"references": values[0][half].tolist(), "predictions": values[1][half].tolist()}
        for half in (slice(0, 30), slice(30, 100))
    ]
    (tmp_path / "parts.json").write_text(json.dumps(halves))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"HF_HOME": str(tmp_path / "home"), "HF_EVALUATE_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", STANDALONE, str(process_id), str(tmp_path / "ccc"), str(tmp_path / "cache")],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for process_id in range(2)
    ]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    results = [json.loads(stdout.splitlines()[-1]) for stdout, _ in outputs]
    assert results[0]["ccc"] == pytest.approx(concordance_correlation_coefficient(*values), abs=1e-12)
    assert results[1] is None
