# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from datasets import Dataset, DatasetDict
from deam_folder import true_ratings, write_deam
from safetensors.torch import load_file
from tiny_training import SEGMENTS_PER_SONG, SONGS, tiny_flags, train_tiny, write_songs
from transformers import AutoModel, TrainerCallback

import modeling_ast_va
from modeling_ast_va import ASTVAFeatureExtractor
from modeling_ast_va.data.dataset import load_deam
from modeling_ast_va.evaluation import model as evaluation
from modeling_ast_va.hub.folder import CODE_FILES, check_hub_folder
from modeling_ast_va.hub.protocol import fingerprint, load_protocol
from modeling_ast_va.metrics import METRICS
from modeling_ast_va.training import run as training
from modeling_ast_va.training import songs as training_songs
from modeling_ast_va.training.arguments import DataArguments
from modeling_ast_va.training.trainer import build_trainer
from modeling_ast_va.training.training_arguments import ASTVATrainingArguments

ROOT = Path(__file__).parents[2]
NOT_SAVED = ["--eval_strategy", "no", "--save_strategy", "no", "--load_best_model_at_end", "false"]
# Four steps in an epoch, checkpoints in the middle of one; dropout and masks at their defaults.
RUN = [
    *("--num_train_epochs", "3", "--per_device_train_batch_size", "8", "--learning_rate", "1e-3"),
    *("--eval_strategy", "steps", "--eval_steps", "3", "--save_strategy", "steps", "--save_steps", "3"),
]
NUM_STEPS = 12
DURING = ("runtime", "per_second", "train_loss", "total_flos")  # these depend on time or on an interruption
PLOTS = ["loss_curves.png", "predictions.png", "residuals.png", "valence_arousal_plane.png"]
RESULTS = ["all_results.json", "train_results.json", "eval_results.json", "test_results.json"]


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return write_songs(tmp_path_factory.mktemp("songs") / "deam")


@pytest.fixture(scope="module")
def splits(songs):
    """As training loads them; without log-mels."""
    return load_deam(songs, segment_seconds=2.0, cache_dir=songs.with_name("segments_cache"))


@pytest.fixture(scope="module")
def run(songs, tmp_path_factory):
    """A whole run: its folder, what it returned, and what it printed."""
    folder = tmp_path_factory.mktemp("run") / "ast-va"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        metrics = train_tiny(songs, folder, *RUN)
    return folder, metrics, printed.getvalue()


@pytest.fixture
def no_plots(monkeypatch):
    """Plots take most of the time of a tiny run."""
    monkeypatch.setattr(training, "plot_loss_curves", lambda *args: None)
    monkeypatch.setattr(evaluation, "save_evaluation_plots", lambda *args: None)


@pytest.fixture
def no_songs_loaded(monkeypatch):
    def load_rows(*args):
        pytest.fail("Songs are loaded.")

    monkeypatch.setattr(training, "load_rows", load_rows)


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def weights(folder):
    return load_file(folder / "model.safetensors")


def assert_same_weights(folder, other, **tolerances):
    ours, theirs = weights(folder), weights(other)
    assert ours.keys() == theirs.keys()
    for name in ours:
        torch.testing.assert_close(
            ours[name], theirs[name], msg=lambda text, name=name: f"{name}: {text}", **tolerances
        )


def lasting(metrics):
    """Metrics of evaluations, without those that depend on time or on an interruption."""
    return {name: value for name, value in metrics.items() if not name.endswith(DURING)}


def training_losses(folder):
    return [entry["loss"] for entry in read_json(folder / "trainer_state.json")["log_history"] if "loss" in entry]


# Output of a run


def test_the_folder_is_a_complete_hub_repository(run, songs):
    folder, _, _ = run
    written = {path.name for path in folder.iterdir() if not path.name.startswith("checkpoint-")}
    settings = ["config.json", "preprocessor_config.json", "protocol.json", "trainer_state.json"]
    tables = ["predictions.csv", "segment_predictions.csv"]
    assert written == {"model.safetensors", "README.md", *tables, *settings, *CODE_FILES, *PLOTS, *RESULTS}
    assert set(check_hub_folder(folder)) == written
    assert not list(folder.rglob("training_args*"))
    for name in CODE_FILES:
        assert (folder / name).read_text() == (Path(modeling_ast_va.__file__).parent / name).read_text()
    for name in PLOTS:
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    assert "CCC" in (folder / "README.md").read_text()
    model = AutoModel.from_pretrained(folder)
    assert (model.config.hidden_size, model.config.max_length) == (32, 112)


def test_results_hold_the_metrics_of_all_splits(run):
    folder, metrics, _ = run
    assert read_json(folder / "all_results.json") == metrics
    names = [f"{unit}{of}{name}" for unit in ("", "song_") for of in ("valence_", "arousal_", "") for name in METRICS]
    for split in ("eval", "test"):
        assert {f"{split}_{name}" for name in names} <= set(metrics)
        assert read_json(folder / f"{split}_results.json").items() <= metrics.items()
    assert "test_song_valence_ccc" in metrics
    assert {"train_loss", "train_runtime", "eval_loss", "test_loss"} <= set(metrics)
    assert np.isfinite(list(metrics.values())).all()


def test_predictions_are_those_of_the_test_songs_with_their_ratings(run, splits):
    table = pd.read_csv(run[0] / "predictions.csv")
    assert table["song_id"].tolist() == sorted(set(splits["test"]["song_id"]))
    assert set(table["split"]) == {"test"}
    assert set(table["num_segments"]) == {SEGMENTS_PER_SONG}
    for row in table.to_dict("records"):
        rated = true_ratings(row["song_id"])
        assert (row["valence"], row["arousal"]) == (rated["valence_mean"], rated["arousal_mean"])
    errors = table[["predicted_valence", "predicted_arousal"]].to_numpy() - table[["valence", "arousal"]].to_numpy()
    assert np.mean(errors**2) == pytest.approx(run[1]["test_song_mse"], rel=1e-3)  # the table has four decimals
    assert (table[["predicted_valence_std", "predicted_arousal_std"]] > 0).all(axis=None)


def test_the_protocol_describes_the_run(run, splits):
    protocol = load_protocol(run[0])
    assert (protocol["dataset"], protocol["license"], protocol["base_model"]) == ("DEAM", "cc-by-nc-4.0", None)
    assert (protocol["labels"], protocol["split_by"], protocol["segment_seconds"]) == ("corrected", "artist", 2.0)
    assert (protocol["seed"], protocol["split_seed"]) == (42, 42)
    assert protocol["num_songs"] == {"train": 16, "validation": 2, "test": 2}
    assert protocol["num_segments"] == {"train": 32, "validation": 4, "test": 4}
    assert protocol["dataset_fingerprint"] == fingerprint(splits)
    assert [row["verdict"] for row in protocol["label_audit"]] == ["exchanged", "as named"]
    assert protocol["command"]
    assert protocol["versions"]["torch"] == torch.__version__


def test_the_label_audit_and_the_test_metrics_are_printed(run):
    _, metrics, printed = run
    assert "Song-level ratings as published against mean dynamic annotations" in printed
    assert "  exchanged\n" in printed
    assert "Test split: 2 songs, 4 segments" in printed
    assert f"{metrics['test_song_valence_ccc']:.4f}" in printed


def test_normalisation_is_that_of_the_training_split_alone(run, songs):
    feature_extractor = ASTVAFeatureExtractor.from_pretrained(run[0])
    splits = load_deam(songs, segment_seconds=2.0, feature_extractor=feature_extractor, cache_dir=songs / "cache")
    values = {name: np.stack(split["input_values"][:]).astype(np.float64) for name, split in splits.items()}
    assert values["train"].shape == (32, 112, 32)
    assert feature_extractor.mean == pytest.approx(values["train"].mean(), rel=1e-9)
    assert feature_extractor.std == pytest.approx(values["train"].std(), rel=1e-9)
    assert feature_extractor.mean != pytest.approx(np.concatenate(list(values.values())).mean(), rel=1e-5)
    normalized = feature_extractor.normalize(values["train"])
    assert (normalized.mean(), normalized.std()) == pytest.approx((0, 1), abs=1e-9)


def test_checkpoints_are_the_best_and_the_last(run):
    folder, _, _ = run
    state = read_json(folder / "trainer_state.json")
    steps = {int(path.name.split("-")[1]) for path in folder.glob("checkpoint-*")}
    assert steps == {state["best_global_step"], NUM_STEPS} | ({9} if state["best_global_step"] == NUM_STEPS else set())


# Determinism


def test_the_same_seed_gives_the_same_model_and_metrics(run, songs, tmp_path, no_plots):
    metrics = train_tiny(songs, tmp_path / "again", *RUN)
    assert_same_weights(run[0], tmp_path / "again", rtol=0, atol=0)
    assert lasting(metrics) == lasting(run[1])
    assert metrics["train_loss"] == run[1]["train_loss"]


def test_a_resumed_run_ends_as_an_uninterrupted_one(run, songs, tmp_path, monkeypatch, no_plots):
    class Interrupted(Exception):
        pass

    class PowerCut(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == 8:
                raise Interrupted

    def build(*args, **kwargs):
        trainer = build_trainer(*args, **kwargs)
        trainer.add_callback(PowerCut)
        return trainer

    with monkeypatch.context() as context:
        context.setattr(training, "build_trainer", build)
        with pytest.raises(Interrupted):
            train_tiny(songs, tmp_path / "run", *RUN)
    assert {path.name for path in (tmp_path / "run").glob("checkpoint-*")} == {"checkpoint-3", "checkpoint-6"}

    metrics = train_tiny(songs, tmp_path / "run", *RUN, "--resume_from_checkpoint", "true")
    # Bit for bit: the checkpoint in the middle of an epoch restores the order of the data, dropout and masks.
    last = f"checkpoint-{NUM_STEPS}"
    assert_same_weights(run[0] / last, tmp_path / "run" / last, rtol=0, atol=0)
    assert_same_weights(run[0], tmp_path / "run", rtol=0, atol=0)
    assert lasting(metrics) == lasting(run[1])


def test_early_stopping_stops_and_the_best_checkpoint_is_restored(songs, tmp_path, no_plots):
    flags = (  # the first step has a learning rate of 0, the next destroy the model
        "--per_device_train_batch_size 32 --num_train_epochs 9 --early_stopping_patience 2 "
        "--learning_rate 1 --lr_scheduler_type constant_with_warmup --warmup_steps 5 --seed 7"
    )
    metrics = train_tiny(songs, tmp_path, *flags.split())
    state = read_json(tmp_path / "trainer_state.json")
    assert (state["best_global_step"], state["global_step"]) == (1, 3)
    assert_same_weights(tmp_path, tmp_path / "checkpoint-1", rtol=0, atol=0)
    assert not torch.equal(
        weights(tmp_path)["head.out_proj.weight"], weights(tmp_path / "checkpoint-3")["head.out_proj.weight"]
    )
    assert metrics["eval_mse"] == pytest.approx(state["best_metric"], rel=1e-6)


def test_a_run_may_start_from_a_saved_model(run, songs, tmp_path, no_plots):
    flags = ["--init_from", str(run[0]), "--max_steps", "1", "--learning_rate", "0", "--hidden_dropout_prob", "0.5"]
    metrics = train_tiny(songs, tmp_path, *flags, *NOT_SAVED)
    assert_same_weights(run[0], tmp_path, rtol=0, atol=0)
    assert lasting(metrics).items() >= {k: v for k, v in lasting(run[1]).items() if k.startswith("test_")}.items()
    assert read_json(tmp_path / "preprocessor_config.json") == read_json(run[0] / "preprocessor_config.json")
    assert AutoModel.from_pretrained(tmp_path).config.hidden_dropout_prob == 0.5
    assert load_protocol(tmp_path)["base_model"] == str(run[0])


# Errors before any song is decoded


def test_a_new_run_is_not_mixed_with_an_earlier_one(run, songs, no_songs_loaded):
    with pytest.raises(ValueError, match="Expected an output_dir without checkpoints"):
        train_tiny(songs, run[0], *RUN)
    with pytest.raises(ValueError, match="Expected an output_dir without checkpoints"):
        train_tiny(songs, run[0], *RUN, "--resume_from_checkpoint", "false")


def test_nothing_to_resume_from_is_refused(songs, tmp_path, no_songs_loaded):
    for output_dir in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ValueError, match=r"Expected a checkpoint to resume from in .*, but got none"):
            train_tiny(songs, output_dir, "--resume_from_checkpoint", "true")
    with pytest.raises(ValueError, match="but got no folder 'checkpoint-7'"):
        train_tiny(songs, tmp_path, "--resume_from_checkpoint", "checkpoint-7")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--time_mask_frames 113", "Expected time_mask_frames of 0 to 112"),
        ("--frequency_mask_bins 33", "Expected frequency_mask_bins of 0 to 32"),
        ("--num_attention_heads 5", "num_attention_heads"),
        ("--f_max 5000", "f_max"),
    ],
)
def test_settings_that_do_not_work_are_refused(songs, tmp_path, no_songs_loaded, flags, message):
    with pytest.raises(ValueError, match=message):
        train_tiny(songs, tmp_path, *flags.split())


def test_a_folder_that_is_not_deam_is_refused(tmp_path):
    with pytest.raises(ValueError, match="deam"):
        train_tiny(tmp_path / "deam", tmp_path / "run")


# Model, data, batches, loss


@pytest.mark.parametrize(("dropout", "implementation"), [(0.1, "eager"), (0.0, "sdpa")])
def test_training_with_attention_dropout_on_cpu_uses_eager_attention(dropout, implementation):
    model, _ = training.build_model(None, {"attention_probs_dropout_prob": dropout}, torch.device("cpu"))
    assert model.config._attn_implementation == implementation


def test_the_terms_of_the_loss_are_logged_as_means_that_sum_to_it(songs, tmp_path, no_plots):
    flags = ["--concordance_weight", "2", "--dynamic_weight", "0.5", "--audio_offset_seconds", "15"]
    flags += ["--use_frame_head", "true", "--use_spread_head", "true"]
    flags += ["--per_device_train_batch_size", "4", "--gradient_accumulation_steps", "3", "--logging_steps", "2"]
    metrics = train_tiny(songs, tmp_path, *flags, "--logging_strategy", "steps", "--num_train_epochs", "2")
    history = [entry for entry in read_json(tmp_path / "trainer_state.json")["log_history"] if "loss" in entry]
    assert len(history) == 3
    for entry in history:
        terms = {name: value for name, value in entry.items() if name.startswith("loss_")}
        assert terms.keys() == {"loss_mse", "loss_concordance", "loss_spread", "loss_dynamic"}
        assert sum(terms.values()) == pytest.approx(entry["loss"], rel=1e-5)
    expected = metrics["eval_mse"] + 2 * (1 - metrics["eval_ccc"])
    assert metrics["eval_loss"] == pytest.approx(expected, rel=1e-9)


def test_without_a_folder_demo_songs_are_made_once(tmp_path, monkeypatch, caplog):
    def make_demo_deam(folder):
        write_deam(folder, dict.fromkeys(SONGS, 2.0))
        made.append(folder)

    made = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training_songs, "make_demo_deam", make_demo_deam)
    for _ in range(2):
        caplog.clear()
        caplog.set_level("INFO")
        songs = training.read_songs(DataArguments())
        assert "The demo songs are in " in caplog.text
    assert made == [training_songs.DEMO_DIR]
    assert songs.dataset == "demo songs"
    assert [row["verdict"] for row in songs.audit] == ["exchanged", "as named"]
    assert len(songs.table) == len(SONGS)


@pytest.fixture
def trainer(model, feature_extractor, tmp_path):
    args = ASTVATrainingArguments(output_dir=tmp_path, use_cpu=True, eval_strategy="no", load_best_model_at_end=False)
    return build_trainer(model, feature_extractor, args, DatasetDict(train=Dataset.from_dict({"song_id": [1]})))


def test_training_batches_are_augmented(trainer, model, input_values):
    embedded = []
    model.ast_va.embeddings.register_forward_pre_hook(lambda module, args: embedded.append(args[0]))
    inputs = {"input_values": input_values, "labels": torch.full((3, 2), 5.0)}
    trainer.current_gradient_accumulation_steps = 1  # set when training starts
    torch.manual_seed(0)
    trainer.compute_loss(model.train(), inputs)
    changed = embedded[0] != input_values
    assert changed.any()
    assert (embedded[0][changed] == 0).all()
    assert inputs["input_values"] is input_values


def test_batches_are_normalised(trainer, feature_extractor):
    feature_extractor.mean, feature_extractor.std = -30.0, 20.0
    log_mels = np.random.default_rng(0).uniform(-80, 0, (2, 48, 32)).astype(np.float32)
    of_song = {"labels": np.array([1.5, 8.25]), "label_stds": np.array([0.5, 2.0]), "path": "song.mp3"}
    rows = [{"input_values": log_mel, **of_song} for log_mel in log_mels]
    batch = trainer.data_collator(rows)
    assert set(batch) == {"input_values", "labels", "label_stds"}
    assert batch["label_stds"].tolist() == [[0.5, 2.0]] * 2
    np.testing.assert_allclose(batch["input_values"], (log_mels + 30) / 20, rtol=1e-6)
    assert batch["labels"].dtype == torch.float32
    assert batch["labels"].tolist() == [[1.5, 8.25]] * 2
    feature_extractor.do_normalize = False
    np.testing.assert_array_equal(trainer.data_collator(rows)["input_values"], log_mels)


def test_early_stopping_needs_evaluations(model, feature_extractor, tmp_path):
    rows = Dataset.from_dict({"song_id": [1]})
    splits = DatasetDict(train=rows, validation=rows)

    def stops_early(**options):
        args = ASTVATrainingArguments(output_dir=tmp_path, use_cpu=True, **options)
        callbacks = build_trainer(model, feature_extractor, args, splits).callback_handler.callbacks
        return "EarlyStoppingCallback" in [type(callback).__name__ for callback in callbacks]

    assert stops_early()
    assert not stops_early(early_stopping_patience=0)
    assert not stops_early(eval_strategy="no", load_best_model_at_end=False)


WORKER = """
import runpy
import sys

from accelerate import PartialState

runpy.run_path({script!r}, run_name="__main__")
if PartialState().num_processes != 2:
    sys.exit(f"Trained in {{PartialState().num_processes}} process.")
"""


def launch_two_processes(folder, arguments):
    """Runs `scripts/train.py` in two processes on the CPU, each of which checks that there are two."""
    worker = folder / "worker.py"
    worker.write_text(WORKER.format(script=str(ROOT / "scripts" / "train.py")))
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    python_path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "PYTHONPATH": python_path}
    done = subprocess.run(
        [*launch, str(worker), *arguments], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.mark.slow
def test_accumulation_and_two_processes_give_the_loss_of_one_step(songs, tmp_path, no_plots):
    # Each step uses the whole training split, 32 segments, so their order has no effect. Plain gradient descent
    # without clipping, since Adam and clipping hide a loss of another scale.
    flags = (
        "--max_steps 3 --optim sgd --learning_rate 1e-3 --lr_scheduler_type constant --max_grad_norm 0 "
        "--hidden_dropout_prob 0 --attention_probs_dropout_prob 0 --frequency_mask_bins 0 --time_mask_frames 0 "
        "--logging_strategy steps --logging_steps 1 --per_device_eval_batch_size 3"
    )
    flags = [*flags.split(), *NOT_SAVED, "--per_device_train_batch_size"]
    metrics = {
        "one": train_tiny(songs, tmp_path / "one", *flags, "32"),
        "four": train_tiny(songs, tmp_path / "four", *flags, "8", "--gradient_accumulation_steps", "4"),
    }
    printed = launch_two_processes(tmp_path, tiny_flags(songs, tmp_path / "two", *flags, "16"))
    metrics["two"] = read_json(tmp_path / "two" / "all_results.json")
    assert printed.count("Song-level ratings as published") == 1

    losses = training_losses(tmp_path / "one")
    assert len(losses) == 3
    assert losses[0] > 1.01 * losses[-1]
    for other in ("four", "two"):
        # Sums of the same numbers in another order, in single precision.
        assert training_losses(tmp_path / other) == pytest.approx(losses, rel=1e-5)
        assert_same_weights(tmp_path / "one", tmp_path / other, rtol=1e-4, atol=1e-6)
        # Four segments in a split, in batches of three.
        assert lasting(metrics[other]) == pytest.approx(lasting(metrics["one"]), rel=1e-3, abs=1e-4)
    tables = [pd.read_csv(tmp_path / name / "predictions.csv") for name in ("one", "two")]
    pd.testing.assert_frame_equal(*tables, atol=2e-4)


# Protocol and publishing


def rows(song_ids, labels, path="song.mp3"):
    starts = [0.0] * len(song_ids)
    return Dataset.from_dict(
        {"song_id": song_ids, "start_seconds": starts, "labels": labels, "path": [path] * len(starts)}
    )


def test_the_fingerprint_depends_on_labels_and_splits_only():
    labels = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]

    def of(names=("train", "test"), num_first=2, labels=labels, song_ids=(2, 3, 4), **options):
        parts = dict(zip(names, (slice(0, num_first), slice(num_first, None))))
        return fingerprint(
            DatasetDict({name: rows(list(song_ids[part]), labels[part], **options) for name, part in parts.items()})
        )

    assert len(of()) == 64
    assert of() == of(path="elsewhere/song.mp3")
    changed = [
        of(names=("test", "train")),
        of(num_first=1),
        of(labels=[[2.0, 1.0], *labels[1:]]),
        of(song_ids=(2, 3, 5)),
    ]
    assert len({of(), *changed}) == 5


def test_a_folder_without_protocol_has_an_empty_one(tmp_path):
    assert load_protocol(tmp_path) == {}


@pytest.mark.parametrize(
    ("flags", "repo_id", "private"),
    [("--hub_model_id me/ast-va --hub_private_repo true", "me/ast-va", True), ("", "run", None)],
)
def test_publishing_comes_once_and_last(songs, tmp_path, monkeypatch, no_plots, flags, repo_id, private):
    def push_folder(folder, repo_id, *, private, token, **options):
        pushed.append((repo_id, private, token))
        assert {"README.md", "all_results.json", "protocol.json"} <= set(check_hub_folder(folder))

    pushed = []
    monkeypatch.setattr(training, "push_folder", push_folder)
    arguments = ["--push_to_hub", "true", "--hub_token", "secret", "--max_steps", "1", *flags.split()]
    train_tiny(songs, tmp_path / "run", *arguments)
    assert pushed == [(repo_id, private, "secret")]
    assert not list((tmp_path / "run").rglob("training_args*"))


def test_publishing_without_a_token_is_refused(songs, tmp_path, monkeypatch, no_songs_loaded):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(ValueError, match="Expected a token"):
        train_tiny(songs, tmp_path, "--push_to_hub", "true")
