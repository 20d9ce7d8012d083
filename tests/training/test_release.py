# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Releases: half the size, the same predictions to 0.01, and a card with the cross-validation of the recipe."""

from __future__ import annotations

import re
import shutil

import pandas as pd
import pytest
import torch
from deam_folder import write_deam
from hub_folder import PROTOCOL, tiny_model, write_hub_folder
from safetensors.torch import load_file
from transformers import AutoModel

from modeling_ast_va.data.dataset import load_segments
from modeling_ast_va.data.deam import read_deam
from modeling_ast_va.data.sources import DataSource
from modeling_ast_va.evaluation.report import evaluate_system
from modeling_ast_va.hub.files import CODE_FILES, EVALUATION_PLOT_FILES, read_json, write_json
from modeling_ast_va.hub.folder import check_hub_folder
from modeling_ast_va.hub.protocol import unsplit_fingerprint
from modeling_ast_va.metrics import DIMENSIONS, METRICS
from modeling_ast_va.prediction import load_pipeline
from modeling_ast_va.training.release import halve_weights, refresh_release, release_model

ALL_SONGS = {**PROTOCOL, "split_by": "none", "num_songs": {"train": 9}}


def card_of(folder) -> str:
    """The card, with the padding of its tables removed."""
    return re.sub(r"(?<=\|) +| +(?=\|)", " ", (folder / "README.md").read_text())


@pytest.fixture
def trained(tmp_path):
    return write_hub_folder(tmp_path / "trained", ALL_SONGS, {})


@pytest.fixture
def cross_validation(tmp_path):
    """A report of two systems, as evaluation over folds writes it."""
    songs = pd.DataFrame(
        {
            "song_id": range(990, 1030),
            "subset": ["2-1000"] * 11 + ["1001-2000"] * 29,
            "artist": [f"Band {i // 2}" for i in range(40)],
            "group": [990 + i // 2 * 2 for i in range(40)],
            "valence": [3 + i % 5 for i in range(40)],
            "arousal": [2 + i % 6 for i in range(40)],
            "predicted_valence": [3.5 + i % 5 for i in range(40)],
            "predicted_arousal": [2 + (i + 1) % 6 for i in range(40)],
            "fold": [i // 2 % 2 for i in range(40)],
        }
    )
    constant = songs.assign(predicted_valence=5.0, predicted_arousal=5.0)
    folder = tmp_path / "cross_validation"
    folder.mkdir()
    systems = {"model": evaluate_system(constant, constant), "constant mean": evaluate_system(constant)}
    systems["model, calibrated"] = evaluate_system(songs, songs)
    protocol = {
        "num_folds": 2,
        "split_by": "artist",
        "split_seed": 42,
        "validation_ratio": 0.0,
        "calibration": {"gain": [1.25, 1.125], "offset": [-1.0, -0.5]},
    }
    write_json(folder / "report.json", {"protocol": protocol, "systems": systems})
    for name in EVALUATION_PLOT_FILES:
        (folder / name).write_bytes(b"\x89PNG")
    return folder


def test_a_release_is_half_as_large_and_predicts_the_same(trained, tmp_path):
    release_model(trained, tmp_path / "release")
    assert set(check_hub_folder(tmp_path / "release")) >= {"model.safetensors", "README.md", "protocol.json"}
    weights = load_file(tmp_path / "release" / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}
    ours, released = (AutoModel.from_pretrained(folder) for folder in (trained, tmp_path / "release"))
    assert released.dtype == torch.float32
    input_values = torch.randn(3, ours.config.max_length, ours.config.num_mel_bins)
    with torch.no_grad():
        torch.testing.assert_close(released(input_values).logits, ours(input_values).logits, atol=0.01, rtol=0)


def test_the_card_states_the_cross_validation(trained, cross_validation, tmp_path):
    release_model(trained, tmp_path / "release", cross_validation)
    card = card_of(tmp_path / "release")
    report = read_json(cross_validation / "report.json")["systems"]
    for system in ("model, calibrated", "model", "constant mean"):
        ccc = report[system]["song"]["metrics"]["valence_ccc"]
        assert f"| {system}, valence | {ccc['value']:.3f} [{ccc['low']:.3f}, {ccc['high']:.3f}] |" in card
    assert "spread by a factor of\n1.25 (valence) and 1.125 (arousal)" in card
    assert "2-fold cross-validation over 40 songs" in card
    assert "split: cross-validation" in card
    assert f"value: {report['model, calibrated']['song']['metrics']['arousal_r2']['value']}" in card
    assert "not split: all songs are used for training" in card
    report = (cross_validation / "report.json").read_text()
    assert (tmp_path / "release" / "cross_validation.json").read_text() == report
    for command in (
        "scripts/train.py --data_dir DEAM \\\n    --split_by none --output_dir outputs/ast-va/all\n",
        "python scripts/evaluate.py --folds outputs/ast-va/fold-* --data_dir DEAM --baselines\n",
        "python scripts/release.py --model outputs/ast-va/all --cross_validation outputs/ast-va/cross_validation ",
    ):
        assert command in card


def test_a_release_is_calibrated(trained, cross_validation, tmp_path):
    release_model(trained, tmp_path / "release", cross_validation)
    ours, released = (AutoModel.from_pretrained(folder) for folder in (trained, tmp_path / "release"))
    input_values = torch.randn(3, ours.config.max_length, ours.config.num_mel_bins)
    with torch.no_grad():
        expected = ours(input_values).logits * torch.tensor([1.25, 1.125]) - torch.tensor([1.0, 0.5])
        torch.testing.assert_close(released(input_values).logits, expected, atol=0.01, rtol=0)


def test_a_release_has_the_uncertainty_of_the_cross_validation(cross_validation, tmp_path):
    report = read_json(cross_validation / "report.json")
    quantiles = [[i / 33 for i in range(99)], [i / 25 for i in range(99)]]
    report["protocol"]["uncertainty"] = {
        **{"scale": [0.5, 1.2], "exponent": [0.5, 1.25]},
        **{"conformal_quantiles": quantiles, "error_correlation": 0.25},
    }
    write_json(cross_validation / "report.json", report)
    trained = write_hub_folder(tmp_path / "trained", ALL_SONGS, {})
    model, _ = tiny_model(use_frame_head=True, use_spread_head=True)
    model.save_pretrained(trained)
    release_model(trained, tmp_path / "release", cross_validation)
    ours, released = (AutoModel.from_pretrained(folder) for folder in (trained, tmp_path / "release"))
    assert released.config.error_correlation == 0.25
    assert [[round(one, 4) for one in column] for column in quantiles] == released.config.conformal_quantiles
    input_values = torch.randn(3, ours.config.max_length, ours.config.num_mel_bins)
    with torch.no_grad():
        before, after = ours(input_values), released(input_values)
    scaled = torch.tensor([0.5, 1.2]) * before.error_std ** torch.tensor([0.5, 1.25])
    inside = before.error_std < 7  # of the limits of the predicted logarithm, which the scaled one may be too
    assert inside.any()
    torch.testing.assert_close(after.error_std[inside], scaled[inside], atol=0.01, rtol=0.01)
    torch.testing.assert_close(after.rater_std, before.rater_std, atol=0.01, rtol=0.01)
    expected = before.frame_logits * torch.tensor([1.25, 1.125]) - torch.tensor([1.0, 0.5])
    torch.testing.assert_close(after.frame_logits, expected, atol=0.02, rtol=0)


def test_wrong_folders_are_refused(trained, cross_validation, tmp_path):
    with pytest.raises(ValueError, match="is not empty"):
        release_model(trained, trained)
    with pytest.raises(ValueError, match=r"has no report\.json"):
        release_model(trained, tmp_path / "release", tmp_path)
    with pytest.raises(ValueError, match="split_by='none' beside a cross-validation, but got 'artist'"):
        release_model(write_hub_folder(tmp_path / "split"), tmp_path / "release", cross_validation)
    (trained / "protocol.json").unlink()
    with pytest.raises(ValueError, match=r"has no protocol\.json"):
        release_model(trained, tmp_path / "release")


def test_weights_that_overflow_are_refused(tmp_path):
    model, _ = tiny_model()
    with torch.no_grad():
        model.head.dense.weight[0, 0] = 1e6
    model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"half precision, but got overflows in head\.dense\.weight"):
        halve_weights(tmp_path / "model.safetensors")


@pytest.fixture
def deam(tmp_path):
    return write_deam(tmp_path / "deam", {2: 3.0, 1001: 2.5, 2001: 4.0}, artists={2: "A", 1001: "B", 2001: "C"})


def test_with_the_data_the_card_states_the_results_on_the_training_songs(deam, cross_validation, tmp_path):
    settings = {"feature_extractor": tiny_model()[1], "segment_seconds": 1.0, "num_proc": 1}
    rows = load_segments(read_deam(deam), cache_dir=tmp_path / "cache", **settings).rows
    protocol = {**ALL_SONGS, "data_fingerprint": unsplit_fingerprint({"all": rows})}
    trained = write_hub_folder(tmp_path / "trained", protocol, {})
    options = {"source": DataSource(deam), "num_proc": 1, "cache_dir": tmp_path / "cache"}
    release_model(trained, tmp_path / "release", cross_validation, **options)
    fit = read_json(tmp_path / "release" / "training_fit.json")
    names = [f"{name}_" for name in DIMENSIONS] + [""]
    assert fit.keys() == {f"train_{unit}{of}{metric}" for unit in ("", "song_") for of in names for metric in METRICS}
    row = " | ".join(f"{fit[f'train_song_valence_{metric}']:.3f}" for metric in ("ccc", "r2", "pearson_r", "rmse"))
    assert f"| valence | {row} |" in card_of(tmp_path / "release")

    music_emotion = load_pipeline(str(tmp_path / "release"))
    songs = rows.select_columns(["song_id", "path", "labels"]).to_pandas().drop_duplicates("song_id")
    errors = [music_emotion(path)["arousal"] - labels[1] for path, labels in zip(songs["path"], songs["labels"])]
    assert fit["train_song_arousal_mae"] == pytest.approx(sum(map(abs, errors)) / 3, abs=1e-4)


def test_other_data_than_in_training_are_refused(trained, deam, tmp_path):
    with pytest.raises(ValueError, match=r"Expected the training data \(SHA-256 .*\), but got .* in "):
        release_model(trained, tmp_path / "release", source=DataSource(deam), num_proc=1, cache_dir=tmp_path / "cache")
    assert not (tmp_path / "release").exists()


def test_refreshing_rewrites_code_and_card_and_nothing_else(trained, cross_validation, tmp_path):
    release = tmp_path / "release"
    release_model(trained, release, cross_validation)
    before = shutil.copytree(release, tmp_path / "before")
    for name in ("README.md", *CODE_FILES):
        (release / name).write_text("# of an earlier version\n")
    refresh_release(release)
    for path in before.iterdir():
        assert (release / path.name).read_bytes() == path.read_bytes(), path.name
    assert len(list(release.iterdir())) == len(list(before.iterdir()))
    with pytest.raises(ValueError, match="Expected a complete Hub folder"):
        refresh_release(tmp_path)


def test_without_folds_the_card_keeps_the_results_of_the_test_split(tmp_path):
    trained = write_hub_folder(tmp_path / "trained")
    release_model(trained, tmp_path / "release")
    assert (tmp_path / "release" / "README.md").read_text() == (trained / "README.md").read_text()
    assert "value: " in (trained / "README.md").read_text()
