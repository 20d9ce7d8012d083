# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Resuming after interruptions at any moment, from damaged checkpoints, and of finished runs."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file
from tiny_training import train_tiny, write_songs

from modeling_ast_va.evaluation import model as evaluation
from modeling_ast_va.training import run as training
from modeling_ast_va.training import trainer as trainer_module
from modeling_ast_va.training.resuming import UNFINISHED, checkpoint_to_resume, checkpoints_of, damage_of
from modeling_ast_va.training.training_arguments import ASTVATrainingArguments

# Two steps in an epoch, a checkpoint after each.
RUN = ["--per_device_train_batch_size", "16", "--learning_rate", "1e-3", "--save_total_limit", "4"]
RUN += ["--early_stopping_patience", "0"]
RESUMED = ["--resume_from_checkpoint", "true"]


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    monkeypatch.setattr(training, "plot_loss_curves", lambda *args: None)
    monkeypatch.setattr(evaluation, "save_evaluation_plots", lambda *args: None)


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return write_songs(tmp_path_factory.mktemp("songs") / "deam")


@pytest.fixture(scope="module")
def whole(songs, tmp_path_factory):
    """The folder of a run with checkpoints after 2, 4 and 6 steps."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train_tiny(songs, folder, *RUN, "--num_train_epochs", "3")
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    """A copy of the run, with the paths of its best checkpoint."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


def resume(folder):
    return checkpoint_to_resume(ASTVATrainingArguments(str(folder), resume_from_checkpoint="true", use_cpu=True))


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_the_checkpoint_to_resume_from(folder, tmp_path):
    def chosen(wanted, output_dir=folder):
        return checkpoint_to_resume(
            ASTVATrainingArguments(str(output_dir), resume_from_checkpoint=wanted, use_cpu=True)
        )

    assert chosen(None, tmp_path / "new") is None
    for wanted in (None, "false"):
        with pytest.raises(ValueError, match="Expected an output_dir without checkpoints"):
            chosen(wanted)
    shutil.copytree(folder / "checkpoint-6", folder / "checkpoint-12")
    shutil.copytree(folder / "checkpoint-6", folder / "checkpoint-20-copy")
    assert chosen("true") == folder / "checkpoint-12"
    assert chosen(str(folder / "checkpoint-2")) == folder / "checkpoint-2"
    with pytest.raises(ValueError, match="but got no folder 'checkpoint-7'"):
        chosen("checkpoint-7")
    with pytest.raises(ValueError, match=r"Expected a checkpoint to resume from in .*, but got none"):
        chosen("true", tmp_path / "new")


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth"])
@pytest.mark.parametrize("damage", [Path.unlink, truncate, lambda path: path.write_bytes(b"")])
def test_the_last_whole_checkpoint_is_resumed(folder, name, damage, caplog):
    damage(folder / "checkpoint-6" / name)
    assert resume(folder) == folder / "checkpoint-4"
    assert str(folder / "checkpoint-6" / name) in caplog.text
    assert [path.name for path in checkpoints_of(folder)] == ["checkpoint-2", "checkpoint-4"]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"stateful_callbacks": null, "unknown": 1}'])
def test_a_damaged_state_is_found(folder, content):
    (folder / "checkpoint-6" / "trainer_state.json").write_text(content)
    assert resume(folder) == folder / "checkpoint-4"


def test_a_wrong_checksum_is_found(folder):
    flip_a_bit(folder / "checkpoint-6" / "optimizer.pt")
    assert "a wrong checksum of" in damage_of(folder / "checkpoint-6")


def test_a_checkpoint_without_its_best_one_is_not_resumed(folder):
    for name in ("checkpoint-4", "checkpoint-6"):
        state = json.loads((folder / name / "trainer_state.json").read_text())
        state["best_model_checkpoint"] = "anywhere/checkpoint-4"
        (folder / name / "trainer_state.json").write_text(json.dumps(state))
    truncate(folder / "checkpoint-4" / "model.safetensors")
    assert resume(folder) == folder / "checkpoint-2"


def test_a_checkpoint_that_was_asked_for_is_not_replaced_by_another(folder):
    truncate(folder / "checkpoint-4" / "optimizer.pt")
    args = ASTVATrainingArguments(str(folder), resume_from_checkpoint=str(folder / "checkpoint-4"), use_cpu=True)
    with pytest.raises(ValueError, match=r"Expected a whole checkpoint .*checkpoint-4/optimizer.pt"):
        checkpoint_to_resume(args)


def test_if_all_are_damaged_all_are_named_and_kept(folder):
    for path in checkpoints_of(folder):
        (path / "optimizer.pt").unlink()
    with pytest.raises(ValueError, match=r"only damaged ones: .*checkpoint-6/optimizer.pt.*checkpoint-2/optimizer.pt"):
        resume(folder)
    assert len(checkpoints_of(folder)) == 3


def test_a_run_that_ends_while_it_saves_is_resumed(whole, songs, tmp_path, monkeypatch):
    class Killed(Exception):
        pass

    def save(trainer, folder):
        if Path(folder).name == "checkpoint-4":
            raise Killed
        original(trainer, folder)

    original = trainer_module.ASTVATrainer._save_optimizer_and_scheduler
    run = tmp_path / "run"
    with monkeypatch.context() as context:
        context.setattr(trainer_module.ASTVATrainer, "_save_optimizer_and_scheduler", save)
        with pytest.raises(Killed):
            train_tiny(songs, run, *RUN, "--num_train_epochs", "3")
    assert [path.name for path in checkpoints_of(run)] == ["checkpoint-2"]
    assert (run / UNFINISHED / "checkpoint-4" / "model.safetensors").is_file()

    train_tiny(songs, run, *RUN, "--num_train_epochs", "3", *RESUMED)
    assert not (run / UNFINISHED).exists()
    assert [path.name for path in checkpoints_of(run)] == ["checkpoint-2", "checkpoint-4", "checkpoint-6"]
    for name in ("", "checkpoint-6"):
        weights, expected = (load_file(path / name / "model.safetensors") for path in (run, whole))
        assert all(weights[key].equal(expected[key]) for key in expected)


def test_checkpoints_name_their_best_one_by_its_final_path(whole):
    for path in checkpoints_of(whole):
        best = json.loads((path / "trainer_state.json").read_text())["best_model_checkpoint"]
        assert Path(best).parent == whole
        assert Path(best).is_dir()


def test_checkpoints_are_limited(songs, tmp_path):
    train_tiny(songs, tmp_path, *RUN, "--num_train_epochs", "4", "--save_total_limit", "1", "--learning_rate", "0")
    # The rate of 0 makes the first the best, which is kept with the last until the end.
    assert [path.name for path in checkpoints_of(tmp_path)] == ["checkpoint-2"]


def test_a_finished_run_keeps_its_record(folder, songs, monkeypatch, caplog):
    caplog.set_level("INFO")
    before = contents(folder)
    with monkeypatch.context() as context:
        context.setattr(training, "build_model", lambda *args: pytest.fail("It is trained."))
        for epochs in ("3", "2"):
            metrics = train_tiny(songs, folder, *RUN, "--num_train_epochs", epochs, *RESUMED)
    assert contents(folder) == before
    assert metrics == json.loads((folder / "all_results.json").read_text())
    assert "is finished" in caplog.text


def test_more_epochs_continue_a_finished_run(folder, songs):
    history = json.loads((folder / "trainer_state.json").read_text())["log_history"]
    metrics = train_tiny(songs, folder, *RUN, "--num_train_epochs", "4", *RESUMED)
    state = json.loads((folder / "trainer_state.json").read_text())
    assert (state["global_step"], metrics["epoch"]) == (8, 4.0)
    assert [entry for entry in history if "train_runtime" not in entry][:-1] == state["log_history"][: len(history) - 2]


def test_a_run_without_its_last_results_keeps_the_record_of_training(folder, songs):
    record = (folder / "train_results.json").read_bytes(), (folder / "trainer_state.json").read_bytes()
    results = json.loads((folder / "all_results.json").read_text())
    (folder / "README.md").unlink()
    metrics = train_tiny(songs, folder, *RUN, "--num_train_epochs", "3", *RESUMED)
    assert ((folder / "train_results.json").read_bytes(), (folder / "trainer_state.json").read_bytes()) == record
    assert {name for name in results if metrics[name] != results[name]} <= {
        name for name in results if name.startswith("eval_") and name.endswith(("runtime", "per_second"))
    }
    assert (folder / "README.md").is_file()


HEADS = ["--use_frame_head", "true", "--use_spread_head", "true", "--dynamic_weight", "0.5"]
HEADS += ["--audio_offset_seconds", "15"]


@pytest.mark.parametrize("matrix_learning_rate", ["0", "0.01"], ids=["adamw", "muon"])
def test_a_resumed_run_with_heads_equals_an_uninterrupted_one(songs, tmp_path, matrix_learning_rate):
    flags = [*RUN, *HEADS, "--num_train_epochs", "2", "--matrix_learning_rate", matrix_learning_rate]
    metrics = train_tiny(songs, tmp_path / "whole", *flags)
    shutil.copytree(tmp_path / "whole", tmp_path / "resumed")
    for path in (tmp_path / "resumed").iterdir():
        if path.name != "checkpoint-2":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    resumed = train_tiny(songs, tmp_path / "resumed", *flags, *RESUMED)
    expected, weights = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "resumed"))
    assert {name.split(".")[0] for name in expected} == {"ast_va", "head", "frame_head", "spread_head"}
    assert all(weights[name].equal(value) for name, value in expected.items())
    assert resumed["test_song_ccc"] == metrics["test_song_ccc"]
    frames = [(tmp_path / name / "frame_predictions.csv").read_bytes() for name in ("whole", "resumed")]
    assert frames[0] == frames[1]
    config = json.loads((tmp_path / "resumed" / "config.json").read_text())
    assert [len(column) for column in config["label_quantiles"]] == [101, 101]
