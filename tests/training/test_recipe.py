# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Auxiliary targets, folds, and training on all songs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file
from tiny_training import SONGS, tiny_flags, train_tiny, write_songs

from modeling_ast_va.evaluation import model as evaluation
from modeling_ast_va.hub.folder import check_hub_folder
from modeling_ast_va.training import run as training
from modeling_ast_va.training.arguments import parse_arguments
from modeling_ast_va.training.trainer import collate
from modeling_ast_va.training.training_arguments import ASTVATrainingArguments

ONE_EPOCH = ["--num_train_epochs", "1", "--per_device_train_batch_size", "8"]


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return write_songs(tmp_path_factory.mktemp("songs") / "deam")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    path = tmp_path_factory.mktemp("teacher") / "teacher.npz"
    song_ids = np.repeat(np.array(SONGS), 2)
    embedding = np.random.default_rng(0).normal(size=(len(song_ids), 5)).astype(np.float16)
    starts = np.tile([0.0, 1.0], len(SONGS))
    np.savez(path, song_id=song_ids, start_seconds=starts, window_seconds=2.0, embedding=embedding)
    return path


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    monkeypatch.setattr(training, "plot_loss_curves", lambda *args: None)
    monkeypatch.setattr(evaluation, "save_evaluation_plots", lambda *args: None)


def read_json(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_all_songs_train_with_auxiliary_targets(songs, teacher, tmp_path):
    flags = ["--split_by", "none", "--teacher_embeddings", str(teacher), "--teacher_weight", "1"]
    flags += ["--dynamic_weight", "0.5", "--audio_offset_seconds", "15", "--concordance_weight", "1"]
    flags += ["--use_frame_head", "true", "--use_spread_head", "true"]
    metrics = train_tiny(songs, tmp_path / "model", *ONE_EPOCH, *flags, "--license", "cc-by-nc-sa-4.0")
    assert metrics["train_loss"] > 0
    assert not [name for name in metrics if name.startswith(("eval_", "test_"))]
    protocol = read_json(tmp_path / "model" / "protocol.json")
    assert protocol["num_songs"] == {"train": len(SONGS)}
    assert protocol["license"] == "cc-by-nc-sa-4.0"
    (described,) = protocol["distillation"]["teachers"]
    assert (described["name"], len(described["sha256"][0])) == ("teacher", 64)
    assert read_json(tmp_path / "model" / "config.json")["num_auxiliary_targets"] == 0
    assert not [name for name in load_file(tmp_path / "model" / "model.safetensors") if "auxiliary" in name]
    check_hub_folder(tmp_path / "model")


def test_a_model_is_fine_tuned_with_its_own_network_and_features(songs, tmp_path):
    train_tiny(songs, tmp_path / "first", "--max_steps", "1", "--save_strategy", "no", "--load_best_model_at_end", "no")
    flags = tiny_flags(songs, tmp_path / "second", *ONE_EPOCH, "--init_from", str(tmp_path / "first"))
    of_network = flags.index("--num_proc")  # the recipe and the settings of network and features come before it
    arguments = parse_arguments(flags[of_network:])
    assert arguments.settings == {}
    assert np.isfinite(training.train(arguments)["test_mse"])
    for name in ("config.json", "preprocessor_config.json"):
        assert read_json(tmp_path / "second" / name) == read_json(tmp_path / "first" / name)
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in ("first", "second"))
    assert any(not np.array_equal(first[name], second[name]) for name in first)
    assert read_json(tmp_path / "second" / "protocol.json")["segment_hop_seconds"] is None


def test_a_fine_tuned_model_has_the_ratings_of_its_data_and_no_errors_of_another(songs, tmp_path):
    flags = ["--max_steps", "1", "--save_strategy", "no", "--load_best_model_at_end", "no"]
    heads = ["--use_spread_head", "true"]
    train_tiny(songs, tmp_path / "first", *flags, *heads)
    config = read_json(tmp_path / "first" / "config.json")
    quantiles = [[i / 33 for i in range(99)]] * 2
    changed = {"conformal_quantiles": quantiles, "error_correlation": 0.5, "label_quantiles": [[5.0] * 101] * 2}
    (tmp_path / "first" / "config.json").write_text(json.dumps(config | changed))
    arguments = tiny_flags(songs, tmp_path / "second", *flags, "--init_from", str(tmp_path / "first"))
    training.train(parse_arguments(arguments[arguments.index("--num_proc") :]))
    assert read_json(tmp_path / "second" / "config.json") == config
    assert config["label_quantiles"][0][0] < config["label_quantiles"][0][-1]


def test_a_fold_without_validation_is_tested_with_the_last_weights(songs, tmp_path):
    tested = []
    for fold in range(2):
        flags = ["--num_folds", "2", "--fold", str(fold), "--validation_ratio", "0"]
        metrics = train_tiny(songs, tmp_path / str(fold), *ONE_EPOCH, *flags)
        assert "test_song_valence_ccc" in metrics
        assert "eval_mse" not in metrics
        lines = (tmp_path / str(fold) / "predictions.csv").read_text().splitlines()
        tested += [int(line.split(",")[0]) for line in lines[1:]]
    assert sorted(tested) == list(SONGS)


def test_targets_of_a_batch_are_those_of_its_segments(songs, teacher, tmp_path):
    flags = ["--teacher_embeddings", str(teacher), "--teacher_weight", "2", "--dynamic_weight", "1"]
    flags += ["--audio_offset_seconds", "15", "--use_frame_head", "true"]
    data, settings, training_flags = parse_arguments(tiny_flags(songs, tmp_path, *flags))
    args = ASTVATrainingArguments(**training_flags)
    model, feature_extractor = training.build_model(None, settings, args.device)
    rows = training.load_rows(data, training.read_songs(data), feature_extractor)
    distillation = training.prepare_distillation(data, args, rows, rows, feature_extractor)
    assert distillation.parts == []
    course = training.course_targets(args.dynamic_weight, training.read_tracks(data), model.config, rows)
    kinds = [course, *distillation.targets]
    assert [kind.name for kind in kinds] == ["dynamic", "teacher_embeddings", "teacher_ratings"]
    batch = collate(list(rows.select(range(6))), feature_extractor, kinds)
    num_steps = len(model.config.step_seconds(model.config.max_length))
    assert batch["targets"].shape == (6, 2 * num_steps + 5 + 2)
    first, second = batch["targets"][:2]  # segments of one song, other windows
    assert not np.allclose(first[2 * num_steps :], second[2 * num_steps :])
    assert first[:2].isfinite().all()  # the annotations cover the first second
    assert first[2 * num_steps :].isfinite().all()


def test_dynamic_targets_need_the_dynamic_annotations(tmp_path):
    songs = write_songs(tmp_path / "deam")
    for path in songs.glob("DEAM_Annotations/annotations/*/dynamic*/*.csv"):
        path.unlink()
    with pytest.raises(ValueError, match="Expected dynamic annotations"):
        train_tiny(songs, tmp_path / "model", *ONE_EPOCH, "--dynamic_weight", "1", "--use_frame_head", "true")


def test_the_course_needs_a_head_and_annotations(songs, tmp_path):
    with pytest.raises(ValueError, match="Expected use_frame_head with dynamic_weight 1, but got a network without"):
        train_tiny(songs, tmp_path / "model", *ONE_EPOCH, "--dynamic_weight", "1")
    train_tiny(songs, tmp_path / "other", *ONE_EPOCH, "--dynamic_weight", "0", "--use_frame_head", "true")
    assert read_json(tmp_path / "other" / "config.json")["use_frame_head"] is False  # it would not be trained


def test_a_run_that_ends_before_it_logs_a_loss_is_whole(songs, tmp_path, monkeypatch):
    monkeypatch.undo()  # with its plots
    flags = ["--split_by", "none", "--logging_strategy", "steps", "--logging_steps", "100"]
    train_tiny(songs, tmp_path / "model", *ONE_EPOCH, *flags)
    check_hub_folder(tmp_path / "model")
    assert (tmp_path / "model" / "protocol.json").is_file()
