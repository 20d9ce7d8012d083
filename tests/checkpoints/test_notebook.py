# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from music import chords
from notebook_model import SAMPLING_RATE, NotebookTransformer, notebook_log_mel, save_notebook_checkpoint

from modeling_ast_va import ASTVAFeatureExtractor, ASTVAForRegression, convert_notebook_checkpoint

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    torch.manual_seed(0)
    network = NotebookTransformer()
    path = tmp_path_factory.mktemp("notebook") / "best_ast_model.pth"
    checkpoint = save_notebook_checkpoint(network, path)
    return network, path, checkpoint


@pytest.fixture
def resaved(notebook, tmp_path):
    """Save the notebook's checkpoint with changes."""

    def save(weights=None, **entries):
        checkpoint = {**notebook[2], **entries}
        checkpoint["model_state_dict"] = {**checkpoint["model_state_dict"], **(weights or {})}
        for part in (checkpoint, checkpoint["model_state_dict"]):
            for name in [name for name, value in part.items() if value is None]:
                del part[name]
        torch.save(checkpoint, tmp_path / "changed.pth")
        return tmp_path / "changed.pth"

    return save


def test_converted_model_equals_that_of_the_notebook(notebook):
    network, path, _ = notebook
    model, _ = convert_notebook_checkpoint(path)
    assert model.num_parameters() == 3_314_306
    assert not model.training
    log_mels = torch.randn(3, 432, 128)
    with torch.no_grad():
        expected = network(log_mels.transpose(1, 2)[:, None])
        for implementation in ("eager", "sdpa"):
            model.set_attn_implementation(implementation)
            torch.testing.assert_close(model(log_mels).logits, expected, atol=1e-5, rtol=0)


def test_weights_that_are_not_finite_are_refused(resaved, notebook, tmp_path):
    weight = notebook[2]["model_state_dict"]["head.1.weight"].clone()
    weight[0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"Expected finite weights, but got 1 of \d+ in head\.dense\.weight"):
        convert_notebook_checkpoint(resaved({"head.1.weight": weight}), tmp_path / "converted")
    assert not (tmp_path / "converted").exists()


@pytest.mark.parametrize("seconds", [5, 3.3])
def test_converted_features_and_predictions_equal_those_of_the_notebook(notebook, seconds):
    network, path, checkpoint = notebook
    model, feature_extractor = convert_notebook_checkpoint(path)
    waveform = chords(seconds, SAMPLING_RATE)
    log_mel = torch.from_numpy(notebook_log_mel(waveform))
    expected = (log_mel - checkpoint["global_mean"]) / checkpoint["global_std"]
    input_values = feature_extractor(waveform, sampling_rate=SAMPLING_RATE, return_tensors="pt")["input_values"]
    torch.testing.assert_close(input_values[0].T, expected, atol=1e-4, rtol=0)
    with torch.no_grad():
        torch.testing.assert_close(model(input_values).logits, network(expected[None, None]), atol=1e-4, rtol=0)


def test_geometry_follows_from_the_weights(tmp_path):
    network = NotebookTransformer(num_frames=864, hidden_size=24, num_layers=2, num_heads=2)
    save_notebook_checkpoint(network, tmp_path / "best.pth")
    model, feature_extractor = convert_notebook_checkpoint(tmp_path / "best.pth", num_attention_heads=2)
    config = model.config
    assert (config.hidden_size, config.num_hidden_layers, config.intermediate_size) == (24, 2, 96)
    assert (config.patch_grid, config.max_length, config.num_attention_heads) == ((8, 54), 864, 2)
    assert (feature_extractor.max_length, feature_extractor.segment_seconds) == (864, 10)
    log_mels = torch.randn(2, 864, 128)
    with torch.no_grad():
        expected = network(log_mels.transpose(1, 2)[:, None])
        torch.testing.assert_close(model(log_mels).logits, expected, atol=1e-5, rtol=0)
    assert convert_notebook_checkpoint(
        tmp_path / "best.pth", num_attention_heads=2, num_mel_bins=64, segment_seconds=18
    )[0].config.patch_grid == (4, 108)


def test_conversion_script_writes_a_hub_folder_of_the_same_model(notebook, tmp_path):
    _, path, _ = notebook
    output = tmp_path / "converted"
    script = ROOT / "scripts" / "convert_checkpoint.py"
    command = [sys.executable, str(script), str(path), "--output", str(output)]
    subprocess.run(command, check=True, env={"PYTHONPATH": str(ROOT), "PATH": ""}, cwd=tmp_path)
    assert (output / "pipeline_ast_va.py").exists()
    assert not [file for file in output.rglob("*") if file.suffix in (".pth", ".pt", ".bin", ".pkl")]
    expected, _ = convert_notebook_checkpoint(path)
    model, info = ASTVAForRegression.from_pretrained(output, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, expected.state_dict()[name]), name
    feature_extractor = ASTVAFeatureExtractor.from_pretrained(output)
    settings = (feature_extractor.padding_value, feature_extractor.mean, feature_extractor.std)
    assert settings == (0.0, -41.5, 21.25)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"norm.weight": torch.zeros(256)}, "missing none and unexpected 'norm.weight'"),
        ({"head.1.bias": None}, "missing 'head.1.bias' and unexpected none"),
        ({"head.1.bias": torch.zeros(127)}, r"head.1.bias of shape \(128\), but got \(127,\)"),
        ({"head.4.weight": torch.zeros(3, 128)}, r"head.4.weight of shape \(2, 128\), but got \(3, 128\)"),
        ({"patch_embed.weight": torch.zeros(256, 3, 16, 16)}, r"\(any, 1, any, any\), but got \(256, 3, 16, 16\)"),
        ({"patch_embed.weight": torch.zeros(256, 1, 16, 8)}, r"\(any, 1, 16, 16\), but got \(256, 1, 16, 8\)"),
        ({"pos_embed": torch.zeros(1, 216, 256)}, "Expected pos_embed of columns of 8 patches .* but got 215"),
        ({"pos_embed": torch.zeros(217, 256)}, r"pos_embed of shape \(1, any, any\), but got \(217, 256\)"),
        ({"transformer_encoder.layers.4.norm1.bias": torch.zeros(256)}, "missing 'transformer_encoder.layers.4.*more"),
        ({"cls_token": 0.0}, "Expected tensors by their names"),
    ],
)
def test_weights_that_do_not_fit_are_named(resaved, weights, message):
    with pytest.raises(ValueError, match=message):
        convert_notebook_checkpoint(resaved(weights))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"global_std": None}, "missing 'global_std'"),
        ({"scheduler": 1}, "unexpected 'scheduler'"),
        ({"global_mean": torch.zeros(128)}, "global_mean to be one finite number"),
        ({"global_mean": float("nan")}, "global_mean to be one finite number"),
        ({"global_mean": "-41.5"}, "global_mean to be one finite number"),
        ({"global_std": 0.0}, "std"),
    ],
)
def test_entries_that_do_not_fit_are_named(resaved, entries, message):
    with pytest.raises(ValueError, match=message):
        convert_notebook_checkpoint(resaved(**entries))


def test_optional_entries_and_plain_numbers_are_accepted(resaved):
    path = resaved(optimizer_state_dict=None, epoch=None, global_mean=-40.0)
    assert convert_notebook_checkpoint(path)[1].mean == -40.0


def test_pickled_objects_are_refused_and_their_code_does_not_run(notebook, tmp_path):
    network, _, checkpoint = notebook
    torch.save(network, tmp_path / "network.pth")
    with pytest.raises(ValueError, match=r"got Python objects.*NotebookTransformer.*could run any code"):
        convert_notebook_checkpoint(tmp_path / "network.pth")

    class Intruder:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    torch.save({**checkpoint, "epoch": Intruder()}, tmp_path / "intruder.pth")
    with pytest.raises(ValueError, match="got Python objects"):
        convert_notebook_checkpoint(tmp_path / "intruder.pth")
    assert not (tmp_path / "ran").exists()


def test_other_and_damaged_files_are_refused(notebook, tmp_path):
    whole = notebook[1].read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1  # one bit of one weight
    for content in (b"", b"RIFF of a song", whole[: len(whole) // 2], bytes(flipped)):
        (tmp_path / "file.pth").write_bytes(content)
        with pytest.raises(ValueError, match=r"Expected a checkpoint of torch\.save in .*file.pth"):
            convert_notebook_checkpoint(tmp_path / "file.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ValueError, match=r"Expected a dictionary.*got a list"):
        convert_notebook_checkpoint(tmp_path / "list.pth")
