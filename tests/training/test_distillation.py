# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Learning from teachers, whole: encoders, music without labels, augmented windows, and what a fold may know."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from deam_folder import write_song
from onnx_files import NUM_VALUES, write_onnx
from safetensors.torch import load_file
from tiny_training import tiny_flags, train_tiny, write_songs

from modeling_ast_va.evaluation import model as evaluation
from modeling_ast_va.training import distillation as distilling
from modeling_ast_va.training import run as training
from modeling_ast_va.training.arguments import parse_arguments
from modeling_ast_va.training.audio_augmentation import Source
from modeling_ast_va.training.distillation import only_of, prepare_distillation
from modeling_ast_va.training.fused_ratings import ALL_SONGS, FusedRatings
from modeling_ast_va.training.segment_descriptors import describe_segments
from modeling_ast_va.training.trainer import build_trainer
from modeling_ast_va.training.training_arguments import ASTVATrainingArguments

BATCH = (4, 3, 5)  # with labels, without, augmented
RUN = [
    *(
        "--num_train_epochs",
        "2",
        "--per_device_train_batch_size",
        str(BATCH[0]),
        "--unlabeled_batch_size",
        str(BATCH[1]),
    ),
    *("--augmented_batch_size", str(BATCH[2]), "--num_augmented_windows", "40", "--concordance_weight", "1"),
    *("--teacher_weight", "2", "--logging_strategy", "steps", "--logging_steps", "4"),
]


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """Songs with labels, songs without, and two teachers: of a whole segment, and of half of it."""
    root = tmp_path_factory.mktemp("music")
    write_songs(root / "deam")
    (root / "unlabelled").mkdir()
    for index in range(3):
        write_song(root / "unlabelled" / f"{index}.mp3", 4.0 + index, frequency=300 + 50 * index)
    write_onnx(root / "first.onnx")
    write_onnx(root / "second.onnx", outputs=("embedding", "tags"))
    return root


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    monkeypatch.setattr(training, "plot_loss_curves", lambda *args: None)
    monkeypatch.setattr(evaluation, "save_evaluation_plots", lambda *args: None)


def flags_of(music, *flags):
    teachers = [str(music / "first.onnx"), str(music / "second.onnx")]
    rates = ["--teacher_sampling_rates", "2000", "4000"]
    return [*RUN, "--teachers", *teachers, *rates, "--unlabeled_dir", str(music / "unlabelled"), *flags]


def without_unlabeled(music, *flags):
    """The flags of a run on songs with labels alone."""
    flags = flags_of(music, *flags)
    position = flags.index("--unlabeled_dir")
    return [*flags[:position], *flags[position + 2 :]]


def prepare(music, *flags, data_dir=None, flags_of=flags_of):
    """The distillation of a run without training, its split, and what else its trainer needs."""
    arguments = tiny_flags(data_dir or music / "deam", music / "unused", *flags_of(music, *flags))
    data, settings, of_training = parse_arguments(arguments)
    args = ASTVATrainingArguments(**of_training)
    model, feature_extractor = training.build_model(None, settings, args.device)
    rows = training.load_rows(data, training.read_songs(data), feature_extractor)
    splits = training.split_dataset(rows, data.split_settings)
    descriptors = describe_segments(data, model, feature_extractor, splits["train"], args.device)
    distillation = prepare_distillation(data, args, rows, splits["train"], feature_extractor, descriptors)
    return distillation, splits, (model, feature_extractor, args, descriptors)


@pytest.fixture(scope="module")
def trained(music, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    with pytest.MonkeyPatch.context() as context:
        context.setattr(training, "plot_loss_curves", lambda *args: None)
        context.setattr(evaluation, "save_evaluation_plots", lambda *args: None)
        return folder, train_tiny(music / "deam", folder, *flags_of(music))


def test_the_terms_are_logged_and_add_up(trained):
    history = json.loads((trained[0] / "trainer_state.json").read_text())["log_history"]
    logged = [entry for entry in history if "loss" in entry]
    assert [entry["step"] for entry in logged] == [4, 8, 12, 16]  # 32 segments with labels, 4 in a batch
    names = {"mse", "concordance", "first_embeddings", "second_embeddings", "teacher_ratings"}
    for entry in logged:
        terms = {name.removeprefix("loss_"): value for name, value in entry.items() if name.startswith("loss_")}
        assert set(terms) == names
        assert sum(terms.values()) == pytest.approx(entry["loss"], rel=1e-5)


def test_the_fit_to_each_teacher_is_among_the_results(trained):
    for prefix in ("eval", "test"):
        results = json.loads((trained[0] / f"{prefix}_results.json").read_text())
        assert {f"{prefix}_{name}_embeddings_r2" for name in ("first", "second")} <= results.keys()
    assert trained[1]["test_first_embeddings_r2"] < 1


def test_protocol_and_card_state_teachers_and_music(trained):
    record = json.loads((trained[0] / "protocol.json").read_text())["distillation"]
    assert [teacher["name"] for teacher in record["teachers"]] == ["first", "second"]
    assert all(len(digest) == 64 for teacher in record["teachers"] for digest in teacher["sha256"])
    assert record["unlabeled"]["num_songs"] == 3
    windows = record["augmented_windows"]
    assert windows["num_used"] == windows["num_drawn"] == 40
    assert np.shape(record["ratings_weights"]) == (2, 2)
    card = " ".join((trained[0] / "README.md").read_text().split())
    assert (
        "the embeddings of other networks, its teachers, and the ratings predicted from them (`first`, `second`)"
        in card
    )
    assert "music without ratings, too: 3 files." in card
    assert f"{windows['num_used']} segments were augmented" in card
    assert record["teachers"][1]["sha256"][0] in card
    assert record["unlabeled"]["fingerprint"] in card


def test_a_resumed_run_equals_an_uninterrupted_one(music, tmp_path):
    flags = flags_of(music, "--save_strategy", "steps", "--save_steps", "3", "--eval_strategy", "no")
    flags += ["--load_best_model_at_end", "false", "--save_total_limit", "9"]
    train_tiny(music / "deam", tmp_path / "whole", *flags)
    shutil.copytree(tmp_path / "whole", tmp_path / "resumed")
    for path in (tmp_path / "resumed").iterdir():
        if path.name not in ("checkpoint-3", "checkpoint-6"):  # in the first of two epochs of 8 steps
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    train_tiny(music / "deam", tmp_path / "resumed", *flags, "--resume_from_checkpoint", "true")
    expected = load_file(tmp_path / "whole" / "model.safetensors")
    weights = load_file(tmp_path / "resumed" / "model.safetensors")
    assert all(weights[name].equal(value) for name, value in expected.items())


def test_batches_have_the_stated_numbers_and_every_target(music):
    distillation, splits, (model, feature_extractor, args, _) = prepare(music)
    weights = {kind.name: kind.weight for kind in distillation.targets}
    assert weights == {"first_embeddings": 1, "second_embeddings": 1, "teacher_ratings": 2}
    model.set_num_auxiliary_targets(2 * NUM_VALUES)
    trainer = build_trainer(model, feature_extractor, args, splits, distillation.targets, distillation.parts)
    batches = list(trainer.get_train_dataloader())
    assert len(batches) == 8
    for batch in batches:
        assert batch["input_values"].shape[0] == sum(BATCH)
        assert batch["labels"][: BATCH[0]].isfinite().all()
        assert batch["labels"][BATCH[0] :].isnan().all()
        assert batch["targets"].shape == (sum(BATCH), 2 * NUM_VALUES + 2)
        assert batch["targets"].isfinite().all()


def test_augmented_windows_have_their_own_targets(music):
    distillation, _, _ = prepare(music)
    augmented = distillation.parts[1][0]
    first, second, ratings = distillation.targets
    for row in augmented.select(range(4)):
        segment = (row["song_id"], row["start_seconds"], row["duration_seconds"])
        stored = row["embedding"].astype(np.float32)
        np.testing.assert_allclose(
            first(*segment) * first._std + first._mean, stored[:NUM_VALUES], rtol=1e-4, atol=1e-4
        )
        np.testing.assert_allclose(
            second(*segment) * second._std + second._mean, stored[NUM_VALUES:], rtol=1e-4, atol=1e-4
        )
        assert ratings(*segment).shape == (2,)


FOLDS = ("--num_folds", "5", "--fold", "0", "--validation_ratio", "0")


def test_only_windows_of_training_songs_are_used():
    pool = [Source(song, "", 0.0, 9.0) for song in ("train", "test", "unlabelled")]
    windows = [{"pieces": [{"source": one} for one in pieces]} for pieces in ((0,), (1,), (0, 2), (0, 1), (1, 2), (2,))]
    assert only_of({"train", "unlabelled"}, windows, pool) == [0, 2, 5]


def test_no_song_of_the_test_is_in_an_augmented_window(music, monkeypatch):
    """Without music without labels, windows are cut out of the songs with labels: each fold has its own."""
    made = []
    monkeypatch.setattr(distilling, "only_of", lambda *given: made.append((given, only_of(*given))) or made[-1][1])
    first, splits, _ = prepare(music, *FOLDS, flags_of=without_unlabeled)
    caches = sorted((music / "deam_cache" / "modeling_ast_va").glob("augmented-*"))
    other, *_ = prepare(music, "--num_folds", "5", "--fold", "1", "--validation_ratio", "0", flags_of=without_unlabeled)
    assert "validation" not in splits
    assert len(first.parts) == len(other.parts) == 1
    used = [set(one.parts[0][0]["song_id"][:]) for one in (first, other)]
    assert used[0] != used[1]
    assert len(used[0]) == first.record["augmented_windows"]["num_used"] < 40
    (_, windows, pool), positions = made[0]
    pieces = {pool[piece["source"]].song_id for index in positions for piece in windows[index]["pieces"]}
    assert pieces <= set(splits["train"]["song_id"][:].tolist())
    assert {source.song_id for source in pool} > pieces  # songs of the test are in the pool of all folds
    # Windows of two folds are of one cache.
    assert windows == made[1][0][1]
    assert sorted((music / "deam_cache" / "modeling_ast_va").glob("augmented-*")) == caches != []


def test_windows_are_of_the_music_without_labels_if_there_is_any(music):
    first, *_ = prepare(music, *FOLDS)
    other, *_ = prepare(music, "--num_folds", "5", "--fold", "1", "--validation_ratio", "0")
    used = [one.parts[1][0]["song_id"][:].tolist() for one in (first, other)]
    assert used[0] == used[1]  # no fold knows any of it
    assert len(used[0]) == first.record["augmented_windows"]["num_used"] == 40


def test_without_its_segments_teachers_do_not_embed_the_music_without_labels(music, monkeypatch):
    embedded = []
    embed = distilling.embed_songs_of
    monkeypatch.setattr(
        distilling, "embed_songs_of", lambda source, paths, cache: embedded.append(paths) or embed(source, paths, cache)
    )
    prepare(music)
    assert any("unlabelled" in path for path in embedded[0])
    embedded.clear()
    distillation, splits, _ = prepare(music, "--unlabeled_batch_size", "0")
    assert not any("unlabelled" in path for path in embedded[0])
    ((augmented, batch_size),) = distillation.parts
    assert (len(augmented), batch_size) == (40, BATCH[2])
    assert distillation.record["unlabeled"]["num_songs"] == 3
    for row in (*augmented.select(range(4)), *splits["train"].select(range(4))):
        for kind in distillation.targets:
            assert np.isfinite(kind(row["song_id"], row["start_seconds"], row["duration_seconds"])).all()


def test_descriptors_of_the_network_rate_beside_the_teachers(music):
    distillation, splits, for_trainer = prepare(music, "--descriptor_hidden_size", "8")
    model, feature_extractor, args, descriptors = for_trainer
    assert model.ast_va.descriptor_embedding is not None
    assert np.shape(distillation.record["ratings_weights"]) == (3, 2)
    assert [kind.name for kind in distillation.targets] == ["first_embeddings", "second_embeddings", "teacher_ratings"]
    assert {kind.weight for kind in distillation.targets} == {1, 2}
    for row in (*splits["train"].select(range(4)), *distillation.parts[0][0].select(range(2))):
        segment = (row["song_id"], row["start_seconds"], row["duration_seconds"])
        assert np.isfinite(distillation.targets[-1](*segment)).all()
    parts = (distillation.targets, distillation.parts)
    trainer = build_trainer(model, feature_extractor, args, splits, *parts, descriptors=descriptors)
    batch = next(iter(trainer.get_train_dataloader()))  # of rows with labels, without, and of augmented windows
    computed = model.ast_va.descriptor_embedding.descriptors(batch["input_values"])
    torch.testing.assert_close(batch["descriptors"], computed, rtol=1e-4, atol=1e-4)


def test_no_label_of_a_test_song_reaches_the_ratings_of_the_teachers(music, tmp_path):
    before, splits, _ = prepare(music, *FOLDS)
    shutil.copytree(music / "deam", tmp_path / "deam")
    exchanged = [
        tmp_path / "deam" / path.relative_to(music / "deam") for path in (music / "deam").rglob("static*2000.csv")
    ]
    test_songs = set(splits["test"]["song_id"][:].tolist())
    for path in exchanged:
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines[1:], start=1):
            song, *ratings = line.split(",")
            if int(song) in test_songs:
                lines[number] = ",".join([song, *(f" {float(rating) / 2 + 1:.3f} " for rating in ratings)])
        path.write_text("\n".join([*lines, ""]))
    shutil.copytree(music / "deam_cache", tmp_path / "deam_cache")
    after, splits_after, _ = prepare(music, *FOLDS, data_dir=tmp_path / "deam")
    assert test_songs == set(splits_after["test"]["song_id"][:].tolist())
    labels = [np.stack(one["test"]["labels"][:]) for one in (splits, splits_after)]
    assert not np.allclose(*labels)
    assert before.record["ratings_pearson_r"] == after.record["ratings_pearson_r"]
    compared = 0
    for row in (*splits["train"], *before.parts[0][0], *before.parts[1][0]):
        segment = (row["song_id"], row["start_seconds"], row["duration_seconds"])
        for own, other in zip(before.targets, after.targets):
            np.testing.assert_array_equal(own(*segment), other(*segment))
            compared += own.output == "logits"
    assert compared > 60
    song = next(iter(test_songs))
    assert np.isnan(before.targets[-1](song, 0.0, 2.0)).all()  # the ratings of a test song are not needed
    assert np.isfinite(before.targets[0](song, 0.0, 2.0)).all()  # its embeddings show how well the model fits


def test_labelled_songs_and_windows_of_them_are_rated_out_of_fold(music, monkeypatch):
    folds = []
    rate = FusedRatings.rate
    monkeypatch.setattr(FusedRatings, "rate", lambda self, tracks, fold: folds.append(fold) or rate(self, tracks, fold))
    distillation, splits, _ = prepare(music)
    windows = distillation.record["augmented_windows"]["num_used"]
    num_songs = len(set(splits["train"]["song_id"][:].tolist()))
    labelled, unlabelled, augmented = folds[:num_songs], folds[num_songs:-windows], folds[-windows:]
    assert (len(labelled), set(labelled)) == (16, set(range(5)))
    assert unlabelled == 3 * [ALL_SONGS]
    assert set(augmented) == {ALL_SONGS}  # of the music without labels
    folds.clear()
    prepare(music, flags_of=without_unlabeled)
    assert len(folds) > num_songs
    assert set(folds) == set(range(5))  # also of windows: of the songs with labels


def test_files_of_embeddings_take_the_place_of_encoders(music, tmp_path):
    prepare(music)
    files = sorted(map(str, (music / "deam_cache" / "modeling_ast_va").glob("*.npz")))
    flags = [*RUN, "--teacher_embeddings", *files, "--unlabeled_dir", str(music / "unlabelled")]
    metrics = train_tiny(music / "deam", tmp_path / "run", *flags)
    assert "test_first_embeddings_r2" in metrics
    record = json.loads((tmp_path / "run" / "protocol.json").read_text())["distillation"]
    assert [teacher["name"] for teacher in record["teachers"]] == ["first", "second"]
    assert "augmented_windows" not in record


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--teachers", "a.onnx", "--teacher_embeddings", "a.npz"], "either teacher_embeddings or teachers"),
        (["--teachers", "a.onnx", "b.onnx", "--teacher_sampling_rates", "8000"], "each of 2 teachers, but got 1"),
        (["--teachers", "a.onnx", "a.onnx"], "different teachers, but got a.onnx, a.onnx"),
        (["--unlabeled_dir", "music"], "teacher_embeddings or teachers with unlabeled_dir, but got neither"),
    ],
)
def test_arguments_that_do_not_go_together(flags, message):
    with pytest.raises(ValueError, match=message):
        parse_arguments(flags)
