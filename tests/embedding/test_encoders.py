# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Arguments of encoders that are refused before anything is loaded."""

from __future__ import annotations

import pytest

from modeling_ast_va.embedding.encoders import check_encoder


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.onnx").touch()
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")


@pytest.mark.parametrize(
    ("model", "arguments", "said"),
    [
        ("missing.onnx", {}, "Expected an ONNX file, but got 'missing.onnx', which is no file"),
        ("a.onnx", {"layer": 0}, "Expected no layer, pooling or trust_remote_code for an ONNX file, but got a.onnx"),
        ("a.onnx", {"pooling": "mean"}, "Expected no layer, pooling or trust_remote_code"),
        ("a.onnx", {"trust_remote_code": True}, "Expected no layer, pooling or trust_remote_code"),
        ("me/model", {"sampling_rate": 16000}, "Expected no sampling_rate for me/model, whose feature extractor"),
        ("me/model", {"layer": 1, "pooling": "pooler"}, "Expected pooling mean or first for layer 1, but got pooler"),
        ("./missing", {}, r"audio encoder, or an ONNX file, but got \./missing, which is no folder"),
        ("file", {}, "but got file, which is no folder"),
        ("empty", {}, r"but got empty, which has no config\.json"),
        ("broken", {}, r"Expected a JSON file in 'broken/config\.json'"),
    ],
)
def test_what_cannot_work_is_refused(places, model, arguments, said):
    with pytest.raises(ValueError, match=said):
        check_encoder(model, **arguments)


def test_hub_ids_and_onnx_files_are_accepted(places):
    check_encoder("MIT/ast-finetuned-audioset-10-10-0.4593", layer=-1, pooling="first", trust_remote_code=True)
    check_encoder("a.onnx", sampling_rate=16000)
