# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import json
import pickle
import shutil
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
from hub_folder import tiny_model, write_hub_folder
from loopback_hub import LoopbackHub
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForAudioClassification, pipeline

from modeling_ast_va import ASTVAConfig, ASTVAFeatureExtractor, ASTVAForRegression, ASTVAModel
from modeling_ast_va.hub import folder as hub_module
from modeling_ast_va.hub.files import CODE_FILES, REQUIRED_FILES, write_json
from modeling_ast_va.hub.folder import check_hub_folder, push_folder, save_hub_folder

REPO_ID = "me/tiny-mood"
PICKLE = pickle.dumps({"step": 20})


@pytest.fixture(scope="module")
def complete(tmp_path_factory) -> Path:
    return write_hub_folder(tmp_path_factory.mktemp("complete") / "model")


@pytest.fixture
def folder(complete, tmp_path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(complete, tmp_path / "model"))


@pytest.fixture
def hub(monkeypatch):
    with LoopbackHub() as hub:
        for name, value in (("ENDPOINT", hub.address), ("HF_HUB_OFFLINE", False), ("HF_HUB_DISABLE_XET", True)):
            monkeypatch.setattr(huggingface_hub.constants, name, value)
        yield hub


def edit_json(path: Path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def edit_weights(folder: Path, remove: str = "", add: str = ""):
    weights = load_file(folder / "model.safetensors")
    weights = {name: tensor for name, tensor in weights.items() if not (remove and name.startswith(remove))}
    if add:
        weights[add] = torch.zeros(1)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def remove_key(folder: Path):
    edit_weights(folder, remove="ast_va.layers.1.mlp.fc2.bias")


def add_key(folder: Path):
    edit_weights(folder, add="ast_va.layers.2.mlp.fc2.bias")


def remove_head(folder: Path):
    edit_weights(folder, remove="head.")


def truncate_weights(folder: Path):
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])


def garble_weights(folder: Path):
    (folder / "model.safetensors").write_bytes(b"<!DOCTYPE html>" * 100)


def shrink_model(folder: Path):
    edit_json(folder / "config.json", hidden_size=16)


def change_model_type(folder: Path):
    edit_json(folder / "config.json", model_type="audio-spectrogram-transformer", auto_map={})


# Damage to a folder, the exception when it is loaded, and a part of its message.
BROKEN_WEIGHTS = [
    (remove_key, RuntimeError, r"missing \['ast_va.layers.1.mlp.fc2.bias'\]"),
    (add_key, RuntimeError, r"unexpected \['ast_va.layers.2.mlp.fc2.bias'\]"),
    (truncate_weights, SafetensorError, "header"),
    (garble_weights, SafetensorError, "header"),
    (shrink_model, RuntimeError, "mismatch"),
]


def test_saves_all_parts_and_nothing_else(tmp_path):
    save_hub_folder(*tiny_model(), tmp_path / "new" / "model")
    names = {path.name for path in (tmp_path / "new" / "model").iterdir()}
    assert names == {"config.json", "model.safetensors", "preprocessor_config.json", *CODE_FILES}


def test_code_equals_that_of_the_package(complete):
    package = Path(hub_module.__file__).parents[1]
    assert set(CODE_FILES) == {path.name for path in package.glob("*_ast_va.py")}
    for name in CODE_FILES:
        assert (complete / name).read_bytes() == (package / name).read_bytes()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_saving_leaves_the_model_as_it_is(training, dtype, tmp_path):
    model, feature_extractor = tiny_model()
    model.train(training).to(dtype)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    save_hub_folder(model, feature_extractor, tmp_path)
    assert model.training == training
    saved = ASTVAForRegression.from_pretrained(tmp_path, dtype="auto").state_dict()
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == saved[name].dtype == dtype
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)
        torch.testing.assert_close(tensor, saved[name], rtol=0, atol=0)


def test_saves_settings_of_both(complete):
    model, feature_extractor = tiny_model()
    saved = ASTVAFeatureExtractor.from_pretrained(complete).to_dict()
    assert {key: saved[key] for key in feature_extractor.to_dict()} == feature_extractor.to_dict()
    config, original = ASTVAConfig.from_pretrained(complete).to_dict(), model.config.to_dict()
    assert {key for key in original if config[key] != original[key]} <= {
        "auto_map", "custom_pipelines", "dtype", "architectures", "transformers_version"
    }  # fmt: skip


def test_saving_refuses_a_feature_extractor_of_another_shape(tmp_path):
    model, _ = tiny_model()
    with pytest.raises(ValueError, match="max_length=64 for the model, but got 432"):
        save_hub_folder(model, ASTVAFeatureExtractor(), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("breaks", "error", "message"), BROKEN_WEIGHTS)
@pytest.mark.parametrize("auto_class", [AutoModel, AutoModelForAudioClassification])
def test_broken_weights_do_not_load(breaks, error, message, auto_class, folder):
    breaks(folder)
    with pytest.raises(error, match=message):
        auto_class.from_pretrained(folder)


@pytest.mark.parametrize("model_class", [ASTVAForRegression, ASTVAModel])
def test_config_of_another_model_does_not_load(model_class, folder):
    change_model_type(folder)
    with pytest.raises(ValueError, match="'ast_va' model, but got 'audio-spectrogram-transformer'"):
        model_class.from_pretrained(folder)


@pytest.mark.parametrize(
    ("breaks", "message"),
    [
        *((breaks, f"all weights .* but got .*{message}") for breaks, _, message in BROKEN_WEIGHTS[:4]),
        (remove_head, "model.safetensors, but got none of head.dense.bias, "),
        (shrink_model, "model.safetensors, but got "),
        (change_model_type, "Expected the code of AutoConfig, AutoModel, .* in .*config.json"),
        (lambda folder: edit_json(folder / "config.json", model_type="vit"), "'ast_va' model, but got 'vit'"),
        (lambda folder: edit_json(folder / "config.json", custom_pipelines={}), "the code of music-emotion in "),
        (
            lambda folder: edit_json(folder / "preprocessor_config.json", auto_map={}),
            "the code of AutoFeatureExtractor",
        ),
        (
            lambda folder: edit_json(folder / "preprocessor_config.json", max_length=80),
            "max_length=64 for the model, but got 80",
        ),
        (lambda folder: (folder / "README.md").write_text("# No metadata"), "but got no license, library_name, pip"),
        (lambda folder: (folder / "README.md").write_text("---\nlicense: [\n---\n"), "valid metadata in .*README.md"),
        (
            lambda folder: (folder / "README.md").write_text("---\nmodel-index: 3\n---\n"),
            "valid metadata in .*README.md",
        ),
        (shutil.rmtree, "Expected a complete Hub folder, but .* has no README.md, config.json, "),
    ],
)
def test_check_names_what_is_wrong(breaks, message, folder):
    breaks(folder)
    with pytest.raises(ValueError, match=message):
        check_hub_folder(folder)


@pytest.mark.parametrize("name", REQUIRED_FILES)
def test_check_names_a_missing_file(name, folder):
    (folder / name).unlink()
    with pytest.raises(ValueError, match=f"Expected a complete Hub folder, but .* has no {name}"):
        check_hub_folder(folder)


def test_files_of_training_are_published_without_pickles(folder, hub, capsys):
    for name in ("predictions.csv", "loss_curves.png", "test_results.json", "trainer_state.json"):
        (folder / name).write_text("{}", encoding="utf-8")
    going = {path.name for path in folder.iterdir()}
    (folder / "checkpoint-20").mkdir()
    pickles = ("training_args.bin", "optimizer.pt", "rng_state.pth", "scaler.pkl", "last.ckpt")
    for name in (*pickles, "checkpoint-20/config.json"):
        (folder / name).write_bytes(PICKLE)

    assert push_folder(folder, REPO_ID, token="hf_test").oid == hub.repositories[REPO_ID].branches["main"]
    _, files = hub.repositories[REPO_ID].files("main")
    assert files == {name: (folder / name).read_bytes() for name in going}
    assert not any(PICKLE in content for content in files.values())
    output = capsys.readouterr().out
    assert f"{len(files['model.safetensors']):,} bytes  model.safetensors" in output
    assert "Left out: checkpoint-20, last.ckpt, optimizer.pt, rng_state.pth, scaler.pkl, training_args.bin" in output
    assert f"Published: {hub.address}/{REPO_ID}/commit/" in output


def test_push_writes_the_address_into_the_card(folder, hub):
    assert hub_module.PLACEHOLDER_REPO_ID in (folder / "README.md").read_text(encoding="utf-8")
    push_folder(folder, "tiny-mood", token="hf_test")
    _, files = hub.repositories[REPO_ID].files("main")
    assert hub_module.PLACEHOLDER_REPO_ID not in files["README.md"].decode()
    assert f'model="{REPO_ID}"' in files["README.md"].decode()


def test_push_again_to_the_same_address_and_to_a_branch(folder, hub):
    push_folder(folder, REPO_ID, private=True, token="hf_test")
    assert hub.repositories[REPO_ID].private
    (folder / "predictions.csv").write_text("song_id\n", encoding="utf-8")
    push_folder(folder, REPO_ID, token="hf_test")
    (folder / "test_results.json").write_text("{}", encoding="utf-8")
    push_folder(folder, REPO_ID, revision="second", token="hf_test")
    files = {branch: set(hub.repositories[REPO_ID].files(branch)[1]) for branch in ("main", "second")}
    assert files["second"] - files["main"] == {"test_results.json"}
    assert "predictions.csv" in files["main"]


def test_dry_run_sends_and_changes_nothing(complete, hub, capsys):
    before = {path.name: path.read_bytes() for path in complete.iterdir()}
    assert push_folder(complete, REPO_ID, token="hf_test", dry_run=True) is None
    assert hub.repositories == {}
    assert {path.name: path.read_bytes() for path in complete.iterdir()} == before
    listed = [line.split()[-1] for line in capsys.readouterr().out.splitlines() if " bytes  " in line]
    assert listed == sorted(before)


def test_error_without_a_token_names_the_command(complete, hub, monkeypatch):
    monkeypatch.setattr(hub_module, "get_token", lambda: None)
    with pytest.raises(ValueError, match="hf auth login"):
        push_folder(complete, REPO_ID)
    assert hub.repositories == {}


@pytest.mark.parametrize("name", ["model.safetensors", "README.md", "notes.json", "plot.png"])
def test_symbolic_links_are_not_followed(name, folder, hub, tmp_path):
    source = folder / name if (folder / name).is_file() else folder / "config.json"
    shutil.copy(source, tmp_path / "secret")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(tmp_path / "secret")
    with pytest.raises(ValueError, match=f"but got symbolic links: {name}"):
        push_folder(folder, REPO_ID, token="hf_test")
    assert hub.repositories == {}


@pytest.mark.parametrize(
    "repo_id",
    ["", "me/", "/me", "a/b/c", "me/a--b", "me/a..b", "me/a.git", "me/.a", "me/a-", "me/a b", "me/é", "me/" + "a" * 97],
)
def test_a_dry_run_refuses_names_that_the_hub_refuses(repo_id, complete):
    with pytest.raises(ValueError, match="Expected repo_id"):
        push_folder(complete, repo_id, dry_run=True)


@pytest.mark.parametrize("revision", ["", "-x", "a..b", "a b", "a~1", "a.lock", "refs\n", "a/", "x" * 300, "../main"])
def test_names_that_are_no_branch_are_refused(revision, complete):
    with pytest.raises(ValueError, match="Expected the name of a branch"):
        push_folder(complete, REPO_ID, revision=revision, dry_run=True)


@pytest.mark.parametrize("content", ['{"a": ', "3", '"text"'])
def test_a_damaged_record_is_not_published(content, folder):
    (folder / "all_results.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"Expected a JSON .* in .*all_results\.json"):
        check_hub_folder(folder)


def test_json_has_no_nan(tmp_path):
    write_json(tmp_path / "a.json", {"b": [float("nan"), (np.float64("inf"), 1.5)], "a": {"c": -float("inf")}})
    assert json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail) == {
        "a": {"c": None},
        "b": [None, [None, 1.5]],
    }
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_hub_that_cannot_be_reached_is_an_error_of_the_user(complete, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(OSError, match=r"Expected to publish .* on the Hub, but got"):
        push_folder(complete, REPO_ID, token="hf_test")


def test_incomplete_folders_are_not_published(folder, hub):
    (folder / "pipeline_ast_va.py").unlink()
    with pytest.raises(ValueError, match=r"has no pipeline_ast_va\.py"):
        push_folder(folder, REPO_ID, token="hf_test")
    assert hub.repositories == {}


def test_stock_pipeline_of_the_library(complete):
    waveform = (0.1 * np.random.default_rng(0).standard_normal(8000)).astype(np.float32)
    stock = pipeline("audio-classification", model=str(complete), feature_extractor=str(complete))
    model, feature_extractor = tiny_model()
    with torch.no_grad():
        outputs = model(**feature_extractor(waveform, sampling_rate=8000, return_tensors="pt"))
    answers = {answer["label"]: answer["score"] for answer in stock(waveform)}
    assert answers == pytest.approx({"valence": outputs.valence.item(), "arousal": outputs.arousal.item()}, abs=1e-6)
