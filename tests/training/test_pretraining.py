# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Pre-training of an encoder on music without labels, and training that starts from it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict
from deam_folder import write_song
from onnx_files import NUM_VALUES, write_onnx
from safetensors.torch import load_file
from tiny_training import TINY, train_tiny, write_songs

from modeling_ast_va import ASTVAModel
from modeling_ast_va.checkpoints.audioset import load_initial_model
from modeling_ast_va.evaluation import model as evaluation
from modeling_ast_va.hub.folder import load_model, save_encoder
from modeling_ast_va.settings import build_new
from modeling_ast_va.training import pretraining
from modeling_ast_va.training import run as training
from modeling_ast_va.training.arguments import check_pretraining, parse_arguments
from modeling_ast_va.training.distillation import songs_of
from modeling_ast_va.training.release import refresh_release, release_model
from modeling_ast_va.training.unlabeled import describe_unlabeled, load_unlabeled

NUM_SONGS, NUM_WINDOWS = 8, 64
CHANGED = [
    *("--validation_ratio", "0.25", "--num_augmented_windows", str(NUM_WINDOWS), "--teacher_weight", "2"),
    *("--learning_rate", "0.003", "--hidden_dropout_prob", "0", "--attention_probs_dropout_prob", "0"),
    *(
        "--frequency_mask_bins",
        "0",
        "--time_mask_frames",
        "0",
        "--num_train_epochs",
        "8",
        "--logging_strategy",
        "epoch",
    ),
]
SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
SMALL |= {"num_mel_bins": 32, "segment_seconds": 1}


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """Songs without labels, and two teachers: of a whole segment, and of half of it."""
    root = tmp_path_factory.mktemp("music")
    (root / "unlabelled").mkdir()
    for index in range(NUM_SONGS):
        write_song(root / "unlabelled" / f"{index}.mp3", 3.0 + 0.2 * index, frequency=300 + 50 * index)
    write_onnx(root / "first.onnx")
    write_onnx(root / "second.onnx")
    return root


def flags_of(music, output, *flags):
    teachers = ["--teachers", str(music / "first.onnx"), str(music / "second.onnx")]
    data = [*teachers, "--teacher_sampling_rates", "2000", "4000", "--unlabeled_dir", str(music / "unlabelled")]
    folders = ["--cache_dir", str(music / "cache"), "--output_dir", str(output)]
    return [*TINY, *data, *folders, *CHANGED, *flags]


@pytest.fixture(scope="module")
def pretrained(music):
    with pytest.MonkeyPatch.context() as context:
        context.setattr("sys.argv", ["scripts/pretrain.py", "--output_dir", "mine", "--cache_dir", "c", "--seed", "42"])
        arguments = parse_arguments(flags_of(music, music / "encoder", "--license", "cc-by-4.0"))
        check_pretraining(arguments)
        results = pretraining.pretrain(arguments)
    return music / "encoder", results


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    monkeypatch.setattr(training, "plot_loss_curves", lambda *args: None)
    monkeypatch.setattr(evaluation, "save_evaluation_plots", lambda *args: None)


def test_an_encoder_is_written_that_learned_something(pretrained):
    folder, results = pretrained
    history = json.loads((folder / "trainer_state.json").read_text())["log_history"]
    losses = [entry["loss"] for entry in history if "loss" in entry]
    assert losses[-1] < 0.8 * losses[0]
    for entry in filter(lambda entry: "loss" in entry, history):
        assert "loss_mse" not in entry  # there are no labels
        terms = [value for name, value in entry.items() if name.startswith("loss_")]
        assert len(terms) == 2
        assert sum(terms) == pytest.approx(entry["loss"], rel=1e-5)
    assert {"eval_first_embeddings_r2", "eval_second_embeddings_r2"} <= results.keys()
    assert (folder / "loss_curves.png").stat().st_size > 5000
    weights = load_file(folder / "model.safetensors")
    assert not [name for name in weights if "head" in name]
    model = ASTVAModel.from_pretrained(folder)
    assert model.config.num_auxiliary_targets == 0
    with pytest.raises(ValueError, match=r"model.safetensors, but got none of head\."):
        load_model(folder)


def test_a_run_is_reproducible_and_resumable(music, pretrained):
    flags = ["--save_strategy", "epoch", "--max_steps", "3"]
    pretraining.pretrain(parse_arguments(flags_of(music, music / "short", *flags)))
    again = flags_of(music, music / "short", "--save_strategy", "epoch", "--resume_from_checkpoint", "true")
    pretraining.pretrain(parse_arguments(again))
    whole = flags_of(music, music / "whole", "--save_strategy", "epoch")
    pretraining.pretrain(parse_arguments(whole))
    first, second = (load_file(music / name / "model.safetensors") for name in ("whole", "encoder"))
    assert all(first[name].equal(value) for name, value in second.items())


def test_the_songs_kept_aside_are_in_no_window_of_training(music, pretrained):
    record = json.loads((pretrained[0] / "protocol.json").read_text())["pretraining"]
    assert record["unlabeled"]["num_songs"] == NUM_SONGS
    counts = record["num_windows"]
    # 40 % of the windows have one piece, of a song that trains with a probability of 3/4; others need two such songs.
    expected = NUM_WINDOWS * (0.4 * 0.75 + 0.6 * 0.75**2)
    assert counts["train"] == pytest.approx(expected, abs=12)
    assert 0 < counts["validation"] < counts["train"]
    assert sum(counts.values()) < NUM_WINDOWS  # those with songs of both kinds are not used
    assert record["command"] == "accelerate launch scripts/pretrain.py --seed 42"


def test_targets_are_the_embeddings_standardised_over_training():
    class Encoder:
        window_seconds, num_values = 2.0, NUM_VALUES

        def __init__(self, name):
            self.record = {"model": name}

    rng = np.random.default_rng(0)
    splits, values = DatasetDict(), {}
    for name, size in (("train", 6), ("validation", 3)):
        values[name] = rng.normal(3, 2, (size, 2 * NUM_VALUES)).astype(np.float16)
        columns = {"song_id": [f"{name} {row}" for row in range(size)], "duration_seconds": [2.0] * size}
        splits[name] = Dataset.from_dict(columns | {"embedding": values[name].tolist()}).with_format("numpy")
    targets = pretraining.embedding_targets(splits, [Encoder("a/net-0.4.onnx"), Encoder("b/net-0.4")], 2.0)
    assert [(kind.name, kind.weight) for kind in targets] == [("net-0.4_embeddings", 1), ("net-0.4_2_embeddings", 1)]
    of_training = values["train"].astype(np.float64)
    expected = (values["validation"] - of_training.mean(axis=0)) / of_training.std(axis=0)
    found = [np.concatenate([kind(f"validation {row}", 0.0, 2.0) for kind in targets]) for row in range(3)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_music_is_cut_into_the_same_windows_without_its_log_mels(music, tmp_path):
    data, settings, _ = parse_arguments(flags_of(music, tmp_path / "run"))
    feature_extractor = build_new(settings)[1]
    options = {"num_proc": 1, "cache_dir": tmp_path / "cache"}
    one, other = (
        load_unlabeled(data.unlabeled_dir, feature_extractor, [], log_mels=log_mels, **options)
        for log_mels in ("cached", "on_the_fly")
    )
    assert songs_of([one], {}) == songs_of([other], {})
    assert describe_unlabeled(one) == describe_unlabeled(other)


def test_training_starts_from_the_encoder_with_a_new_head(music, pretrained, tmp_path):
    write_songs(tmp_path / "deam")
    flags = ["--init_from", str(pretrained[0]), "--learning_rate", "0", "--weight_decay", "0"]
    train_tiny(tmp_path / "deam", tmp_path / "run", *flags, "--num_train_epochs", "1")
    before, after = ASTVAModel.from_pretrained(pretrained[0]), load_file(tmp_path / "run" / "model.safetensors")
    for name, value in before.named_parameters():
        assert torch.equal(after[f"ast_va.{name}"], value), name
    assert [name for name in after if name.startswith("head.")]
    protocol = json.loads((tmp_path / "run" / "protocol.json").read_text())
    assert protocol["pretraining"] == json.loads((pretrained[0] / "protocol.json").read_text())["pretraining"]
    assert protocol["license"] == "cc-by-4.0"
    card = " ".join((tmp_path / "run" / "README.md").read_text().split())
    count = protocol["pretraining"]["num_windows"]["train"]
    assert f"its teachers (`first.onnx`, `second.onnx`), compute of {count} augmented windows out of 8 files" in card
    assert protocol["pretraining"]["teachers"][1]["model_fingerprint"] in card


def test_an_encoder_is_released_and_refreshed(pretrained, tmp_path):
    output = tmp_path / "my_encoder"
    release_model(pretrained[0], output)
    weights, halved = (load_file(folder / "model.safetensors") for folder in (pretrained[0], output))
    assert all(halved[name].equal(value.half()) for name, value in weights.items() if value.is_floating_point())
    config = json.loads((output / "config.json").read_text())
    assert config["auto_map"]["AutoModel"] == "modeling_ast_va.ASTVAModel"
    assert "custom_pipelines" not in config
    card = (output / "README.md").read_text()
    assert "ast-va train deam_pretrained.json --init_from my_encoder" in card
    assert f"| `first` | {pretrained[1]['eval_first_embeddings_r2']:.3f} |" in card
    assert "license: cc-by-4.0" in card
    assert "```bash\naccelerate launch scripts/pretrain.py --seed 42\n```" in card
    assert card.startswith("---\nlibrary_name: transformers\n")
    renamed = card.replace("# my\\_encoder", "# encoder").replace("my_encoder", "encoder")
    assert (pretrained[0] / "README.md").read_text() == renamed
    (output / "modeling_ast_va.py").unlink()
    (output / "README.md").unlink()
    refresh_release(output)
    assert (output / "README.md").read_text() == card
    assert (output / "modeling_ast_va.py").is_file()
    with pytest.raises(ValueError, match="neither data nor a cross-validation for the encoder"):
        release_model(pretrained[0], tmp_path / "other", cross_validation=tmp_path)


def test_an_encoder_can_be_used_without_its_descriptors(tmp_path):
    config, feature_extractor = build_new({**SMALL, "descriptor_hidden_size": 8})
    with_descriptors = ASTVAModel(config)
    save_encoder(with_descriptors, feature_extractor, tmp_path)
    model, _ = load_initial_model(tmp_path, {"descriptor_hidden_size": 0, "head_hidden_size": 6})
    assert model.config.pooler_size == 16
    assert model.head.dense.weight.shape == (6, 16)
    expected = with_descriptors.state_dict()
    for name, value in model.ast_va.state_dict().items():
        assert torch.equal(value, expected[name]), name
    with pytest.raises(ValueError, match="descriptor_hidden_size=8 for these weights, but got 4"):
        load_initial_model(tmp_path, {"descriptor_hidden_size": 4})


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--validation_ratio", "1"], "validation_ratio"),
        (["--unlabeled_dir", "nowhere"], "folder of music without labels, but got 'nowhere'"),
        (["--teacher_weight", "0"], "teacher_weight together with"),
        (["--init_from", "missing-folder"], "missing-folder"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(music, tmp_path, flags, message):
    with pytest.raises(ValueError, match=message):
        check_pretraining(parse_arguments(flags_of(music, tmp_path / "run", *flags)))


def test_music_and_teachers_are_needed(tmp_path):
    with pytest.raises(ValueError, match="Expected a folder of music and one or more teachers, but got unlabeled_dir"):
        check_pretraining(parse_arguments([*TINY, "--output_dir", str(tmp_path / "run")]))
