# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The model against the encoder and convolution of torch, to 1e-5; outputs, initialisation, saving, strict loading."""

from __future__ import annotations

import json

import pytest
import torch
from notebook_model import NotebookTransformer
from safetensors.torch import load_file, save_file
from torch import nn

from modeling_ast_va import ASTVAConfig, ASTVAForRegression, ASTVAModel
from modeling_ast_va.modeling_ast_va import ASTVAPatchEmbeddings, drop_out, resample_position_embeddings

TOLERANCE = 1e-5


def assert_close(ours: torch.Tensor, reference: torch.Tensor, tolerance: float = TOLERANCE) -> None:
    torch.testing.assert_close(ours, reference, rtol=0, atol=tolerance)


def random_weights(model: nn.Module) -> nn.Module:
    """Give every weight a random value, so that no two are interchangeable."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            scale = 0.5 if parameter.ndim == 1 else 2 * parameter.shape[-1] ** -0.5
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def torch_layers(model: ASTVAModel, prefix: str) -> dict[str, torch.Tensor]:
    """Weights of our layers with the names of `nn.TransformerEncoder`."""
    weights = {}
    for i, layer in enumerate(model.layers):
        attention, names = layer.attention, f"{prefix}layers.{i}."
        stacked = (attention.q_proj, attention.k_proj, attention.v_proj)
        modules = {
            "self_attn.out_proj": attention.o_proj,
            "linear1": layer.mlp.fc1,
            "linear2": layer.mlp.fc2,
            "norm1": layer.attention_layernorm,
            "norm2": layer.mlp_layernorm,
        }
        for kind in ("weight", "bias"):
            weights[f"{names}self_attn.in_proj_{kind}"] = torch.cat([getattr(module, kind) for module in stacked])
            weights |= {f"{names}{name}.{kind}": getattr(module, kind) for name, module in modules.items()}
    return weights


def notebook_weights(model: ASTVAForRegression) -> dict[str, torch.Tensor]:
    embeddings, head = model.ast_va.embeddings, model.head
    projection = embeddings.patch_embeddings.projection
    weights = torch_layers(model.ast_va, "transformer_encoder.") | {
        "cls_token": embeddings.cls_token,
        "pos_embed": embeddings.position_embeddings,
        "patch_embed.weight": projection.weight.view(-1, 1, 16, 16),
        "patch_embed.bias": projection.bias,
    }
    for name, module in {"0": head.layernorm, "1": head.dense, "4": head.out_proj}.items():
        weights |= {f"head.{name}.weight": module.weight, f"head.{name}.bias": module.bias}
    return weights


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_default_model_equals_the_notebook(implementation):
    model = random_weights(ASTVAForRegression(ASTVAConfig(attn_implementation=implementation)))
    network = NotebookTransformer().eval()
    network.load_state_dict(notebook_weights(model))
    generator = torch.Generator().manual_seed(1)
    log_mels = torch.randn(2, 432, 1, generator=generator) + torch.randn(2, 1, 128, generator=generator)
    with torch.no_grad():
        expected = network(log_mels.transpose(1, 2)[:, None])
        assert_close(model(log_mels).logits, expected)
    assert (expected[0] - expected[1]).abs().min() > 0.01  # the inputs are distinguished


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("hidden_act", ["gelu", "relu"])
def test_layers_equal_those_of_torch(config, input_values, norm_first, hidden_act):
    config.norm_first, config.hidden_act = norm_first, hidden_act
    model = random_weights(ASTVAModel(config))
    layer = nn.TransformerEncoderLayer(
        32, 4, dim_feedforward=64, activation=hidden_act, batch_first=True, norm_first=norm_first
    )
    final = nn.LayerNorm(32) if norm_first else None
    encoder = nn.TransformerEncoder(layer, num_layers=2, norm=final, enable_nested_tensor=False).eval()
    weights = torch_layers(model, "")
    if norm_first:
        weights |= {"norm.weight": model.layernorm.weight, "norm.bias": model.layernorm.bias}
    encoder.load_state_dict(weights)
    with torch.no_grad():
        assert_close(model(input_values).last_hidden_state, encoder(model.embeddings(input_values)))


@pytest.mark.parametrize(("frequency_stride", "time_stride"), [(16, 16), (10, 10), (16, 7)])
def test_patch_embedding_equals_a_convolution(frequency_stride, time_stride):
    config = ASTVAConfig(hidden_size=12, frequency_stride=frequency_stride, time_stride=time_stride, max_length=100)
    ours = random_weights(ASTVAPatchEmbeddings(config))
    convolution = nn.Conv2d(1, 12, kernel_size=16, stride=(frequency_stride, time_stride))
    convolution.load_state_dict(
        {"weight": ours.projection.weight.view(12, 1, 16, 16), "bias": ours.projection.bias.detach()}
    )
    input_values = torch.randn(2, 100, 128, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        grid = convolution(input_values.transpose(1, 2)[:, None])
        assert grid.shape[2:] == config.patch_grid
        assert_close(ours(input_values), grid.flatten(2).transpose(1, 2))


def test_export_with_any_batch_and_any_length(model, input_values):
    sizes = {0: torch.export.Dim("batch"), 1: torch.export.Dim.AUTO}
    settings = {"interpolate_pos_encoding": True}
    shapes = {"input_values": sizes, "interpolate_pos_encoding": None}
    longer = torch.cat([input_values, input_values], dim=1)
    exported = torch.export.export(model, (longer,), settings, dynamic_shapes=shapes).module()
    for inputs in (longer[:2], longer[:1, :70]):
        assert_close(exported(inputs, **settings).logits, model(inputs, **settings).logits)


def test_compile_without_graph_breaks(model, input_values):
    compiled = torch.compile(model, fullgraph=True, dynamic=True, backend="eager")
    for inputs in (input_values, input_values[:2]):
        assert_close(compiled(inputs).logits, model(inputs).logits)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("implementation", ["sdpa", "flex_attention"])
def test_attention_implementations_agree(model, input_values, implementation):
    with torch.no_grad():
        model.set_attn_implementation("eager")
        expected = model(input_values).logits
        model.set_attn_implementation(implementation)
        # Compiling the kernel of flex_attention needs a C++ compiler and half a minute; eager mode computes the same.
        with torch.compiler.set_stance("force_eager"):
            assert_close(model(input_values).logits, expected, 5e-5)  # logits of size 10


@pytest.mark.parametrize(
    ("pooling", "use_distillation_token", "expected"),
    [
        ("cls", False, lambda tokens: tokens[:, 0]),
        ("cls", True, lambda tokens: tokens[:, 0]),
        ("mean", False, lambda tokens: tokens[:, 1:].mean(dim=1)),
        ("mean", True, lambda tokens: tokens[:, 2:].mean(dim=1)),
        ("cls+distillation", True, lambda tokens: tokens[:, :2].mean(dim=1)),
    ],
)
def test_pooling(config, input_values, pooling, use_distillation_token, expected):
    config.pooling, config.use_distillation_token = pooling, use_distillation_token
    model = random_weights(ASTVAForRegression(config))
    with torch.no_grad():
        encoded = model.ast_va(input_values)
        output = model(input_values)
        assert encoded.last_hidden_state.shape == (3, 2 * 3 + 1 + use_distillation_token, 32)
        assert_close(encoded.pooler_output, expected(encoded.last_hidden_state))
        assert_close(output.pooler_output, encoded.pooler_output)
        assert_close(output.logits, model.head(encoded.pooler_output))


def test_order_of_tokens(config, input_values):
    config.use_distillation_token = True
    embeddings = random_weights(ASTVAModel(config)).embeddings
    with torch.no_grad():
        tokens = embeddings(input_values) - embeddings.position_embeddings
        expected = torch.cat([embeddings.cls_token, embeddings.distillation_token], dim=1).expand(3, -1, -1)
        assert_close(tokens[:, :2], expected)
        assert_close(tokens[:, 2:], embeddings.patch_embeddings(input_values))


def test_positions_are_resampled_bicubically():
    positions = torch.randn(1, 2 + 2 * 5, 4, generator=torch.Generator().manual_seed(0))
    assert resample_position_embeddings(positions, (2, 5), (2, 5), 2) is positions
    resampled = resample_position_embeddings(positions, (2, 5), (3, 9), 2)
    grid = positions[:, 2:].reshape(1, 2, 5, 4).permute(0, 3, 1, 2)
    expected = nn.functional.interpolate(grid, size=(3, 9), mode="bicubic", align_corners=False)
    assert_close(resampled[:, :2], positions[:, :2])
    assert_close(resampled[:, 2:], expected.permute(0, 2, 3, 1).reshape(1, 27, 4), 0.0)
    half = resample_position_embeddings(positions.half(), (2, 5), (3, 9), 2)
    assert half.dtype == torch.float16
    assert_close(half.float(), resampled, 2e-3)


@pytest.mark.parametrize("num_frames", [16, 40, 48, 63, 64, 200])
def test_another_number_of_frames(model, num_frames):
    input_values = torch.randn(2, num_frames, 32, generator=torch.Generator().manual_seed(2))
    if num_frames != 48:
        with pytest.raises(ValueError, match=f"max_length=48 frames, but got {num_frames}.*interpolate_pos_encoding"):
            model(input_values)
    with torch.no_grad():
        output = model(input_values, interpolate_pos_encoding=True, output_hidden_states=True)
    assert output.logits.shape == (2, 2)
    assert output.hidden_states[-1].shape == (2, 1 + 2 * (num_frames // 16), 32)
    embeddings = model.ast_va.embeddings
    positions = resample_position_embeddings(embeddings.position_embeddings, (2, 3), (2, num_frames // 16), 1)
    patches = embeddings.patch_embeddings(input_values)
    assert_close(output.hidden_states[0][:, 1:], patches + positions[:, 1:])


def test_interpolation_changes_nothing_at_the_same_length(model, input_values):
    with torch.no_grad():
        expected = model(input_values).logits
        torch.testing.assert_close(model(input_values, interpolate_pos_encoding=True).logits, expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 48, 16), r"num_mel_bins=32\), but got \(3, 48, 16\)"),
        ((3, 1, 48, 32), r"but got \(3, 1, 48, 32\)"),
        ((48, 32), r"but got \(48, 32\)"),
        ((3, 15, 32), "at least 16 frames, but got 15"),
    ],
)
def test_inputs_of_a_wrong_shape_raise_an_error(model, shape, message):
    with pytest.raises(ValueError, match=message):
        model(torch.zeros(shape), interpolate_pos_encoding=True)


def test_output(model, input_values):
    with torch.no_grad():
        output = model(input_values)
        logits, pooler_output = model(input_values, return_dict=False)
    assert list(output) == ["logits", "pooler_output"]
    assert_close(output.valence, output.logits[:, 0], 0.0)
    assert_close(output.arousal, output.logits[:, 1], 0.0)
    assert_close(logits, output.logits, 0.0)
    assert_close(pooler_output, output.pooler_output, 0.0)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_hidden_states_and_attentions(config, input_values, norm_first, implementation):
    config.norm_first = norm_first
    model = random_weights(ASTVAForRegression(config))
    model.set_attn_implementation(implementation)
    with torch.no_grad():
        output = model(input_values, output_hidden_states=True)
        encoded = model.ast_va(input_values, output_hidden_states=True)
        model.set_attn_implementation("eager")  # the only one that returns its weights
        attentions = model(input_values, output_attentions=True).attentions
    assert len(output.hidden_states) == 3  # embeddings and two layers
    assert all(state.shape == (3, 7, 32) for state in output.hidden_states)
    assert_close(output.hidden_states[0], model.ast_va.embeddings(input_values))
    assert_close(model.ast_va.layernorm(output.hidden_states[-1]), encoded.last_hidden_state)
    assert len(attentions) == 2
    assert all(weights.shape == (3, 4, 7, 7) for weights in attentions)
    for weights in attentions:
        assert_close(weights.sum(dim=-1), torch.ones(3, 4, 7))


def test_loss_is_the_mean_squared_error(model, input_values):
    labels = torch.tensor([[2.0, 8.0], [5.0, 5.0], [7.5, 1.0]])
    output = model(input_values, labels=labels)
    assert_close(output.loss, nn.functional.mse_loss(output.logits, labels))
    loss, logits, _ = model(input_values, labels=labels, return_dict=False)
    assert_close(loss, ((logits - labels) ** 2).mean())
    assert_close(model(input_values, labels=labels.double()).loss, loss)
    assert model.accepts_loss_kwargs is False
    # Trainer passes this to models whose loss divides by the number of items; it must be ignored.
    assert_close(model(input_values, labels=labels, num_items_in_batch=12).loss, loss, 0.0)


@pytest.mark.parametrize("shape", [(3,), (3, 1), (2, 2), (2, 3)])
def test_labels_of_a_wrong_shape_raise_an_error(model, input_values, shape):
    with pytest.raises(ValueError, match=r"Expected labels of shape \(3, 2\), but got \(" + str(shape[0])):
        model(input_values, labels=torch.zeros(shape))


@pytest.mark.filterwarnings("ignore:`gradient_checkpointing_enable` is deprecated")
@pytest.mark.parametrize("use_reentrant", [False, True])
def test_gradient_checkpointing_changes_no_gradient(config, input_values, use_reentrant):
    labels = torch.full((3, 2), 5.0)

    def gradients(checkpointing: bool) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        model = ASTVAForRegression(config).train()
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": use_reentrant})
            model.enable_input_require_grads()
        torch.manual_seed(1)  # the same dropout
        model(input_values, labels=labels).loss.backward()
        return {name: parameter.grad for name, parameter in model.named_parameters()}

    expected = gradients(checkpointing=False)
    # The bias of the keys has no effect on attention, so its gradient is zero.
    assert all(gradient.abs().sum() > 0 for name, gradient in expected.items() if "k_proj.bias" not in name)
    torch.testing.assert_close(gradients(checkpointing=True), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("dropped", ["hidden_dropout_prob", "attention_probs_dropout_prob"])
def test_dropout_is_only_used_in_training(config, input_values, dropped, implementation):
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    setattr(config, dropped, 0.5)
    model = random_weights(ASTVAForRegression(config))
    model.set_attn_implementation(implementation)
    with torch.no_grad():
        assert_close(model(input_values).logits, model(input_values).logits, 0.0)
        model.train()
        assert (model(input_values).logits - model(input_values).logits).abs().max() > 1e-3


@pytest.mark.parametrize("norm_first", [False, True])
def test_dropout_is_on_both_branches_of_a_layer(config, norm_first):
    config.norm_first = norm_first
    layer = random_weights(ASTVAModel(config)).layers[0]
    layer.dropout = nn.Threshold(torch.inf, 0.0)  # drops everything
    hidden_states = torch.randn(3, 7, 32, generator=torch.Generator().manual_seed(1))
    expected = hidden_states if norm_first else layer.mlp_layernorm(layer.attention_layernorm(hidden_states))
    assert_close(layer(hidden_states), expected)


def test_untrained_head_predicts_the_middle_of_the_scale(config):
    def bias(**settings):
        return ASTVAForRegression(ASTVAConfig(**config.to_diff_dict() | settings)).head.out_proj.bias.tolist()

    assert bias() == [5.0, 5.0]
    assert bias(label_range=(-1, 1)) == [0.0, 0.0]
    logits = ASTVAForRegression(ASTVAConfig(num_hidden_layers=1)).eval()(torch.randn(4, 432, 128)).logits
    assert_close(logits, torch.full((4, 2), 5.0), 0.5)


def test_tokens_are_not_initialised_with_zeros(config):
    config.initializer_range, config.use_distillation_token = 0.02, True
    embeddings = ASTVAForRegression(config).ast_va.embeddings
    for token in (embeddings.cls_token, embeddings.distillation_token, embeddings.position_embeddings):
        assert 0.01 < token.std() < 0.03


def test_saved_and_loaded_model_has_the_same_logits(model, input_values, tmp_path):
    model.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()
    auto_map = json.loads((tmp_path / "config.json").read_text())["auto_map"]
    assert auto_map["AutoModel"] == auto_map["AutoModelForAudioClassification"]
    loaded = ASTVAForRegression.from_pretrained(tmp_path)
    with torch.no_grad():
        assert_close(loaded(input_values).logits, model(input_values).logits, 0.0)
    assert not loaded.training


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_saved_and_loaded(model, input_values, tmp_path, dtype):
    with torch.no_grad():
        expected = model(input_values).logits
        half = model.to(dtype)
        half.save_pretrained(tmp_path)
        loaded = ASTVAForRegression.from_pretrained(tmp_path)
        assert {parameter.dtype for parameter in loaded.parameters()} == {dtype}
        output = loaded(input_values, labels=expected)  # inputs and labels in single precision
        assert_close(output.logits, half(input_values).logits, 0.0)
        assert_close(output.logits.float(), expected, 0.2)
        assert output.loss.dtype == torch.float32
        single = ASTVAForRegression.from_pretrained(tmp_path, dtype=torch.float32)
        assert_close(single(input_values).logits, expected, 0.2)


def change_weights(folder, change) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.pop("ast_va.layers.1.mlp.fc1.bias"), r"missing \['ast_va.layers.1.mlp.fc1.bias'\]"),
        (lambda weights: weights.pop("head.dense.weight"), r"missing \['head.dense.weight'\]"),
        (lambda weights: weights.update(extra=torch.zeros(1)), r"unexpected \['extra'\]"),
        (lambda weights: weights.update({"head.dense.weight": torch.zeros(3, 3)}), "head.dense.weight|mismatch"),
    ],
)
def test_loading_is_strict(model, tmp_path, change, message):
    model.save_pretrained(tmp_path)
    change_weights(tmp_path, change)
    with pytest.raises(RuntimeError, match=message):
        ASTVAForRegression.from_pretrained(tmp_path)


def test_damaged_weights_raise_an_error(model, tmp_path):
    model.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(Exception, match=r"(?i)incomplete|header|safetensor"):
        ASTVAForRegression.from_pretrained(tmp_path)


def test_new_head_for_the_weights_of_an_encoder(model, tmp_path):
    model.ast_va.save_pretrained(tmp_path)
    loaded, info = ASTVAForRegression.from_pretrained(tmp_path, output_loading_info=True)
    assert info["missing_keys"] == {name for name in model.state_dict() if name.startswith("head.")}
    assert loaded.head.out_proj.bias.tolist() == [5.0, 5.0]
    torch.testing.assert_close(loaded.ast_va.state_dict(), model.ast_va.state_dict(), rtol=0, atol=0)
    change_weights(tmp_path, lambda weights: weights.pop("embeddings.cls_token"))
    with pytest.raises(RuntimeError, match=r"missing \['ast_va.embeddings.cls_token'\]"):
        ASTVAForRegression.from_pretrained(tmp_path)


def test_encoder_ignores_the_head_of_a_checkpoint(model, tmp_path):
    model.save_pretrained(tmp_path)
    encoder = ASTVAModel.from_pretrained(tmp_path)
    torch.testing.assert_close(encoder.state_dict(), model.ast_va.state_dict(), rtol=0, atol=0)
    change_weights(tmp_path, lambda weights: weights.update({"ast_va.extra": torch.zeros(1)}))
    with pytest.raises(RuntimeError, match="unexpected"):
        ASTVAModel.from_pretrained(tmp_path)


STEM = {"stem_channels": (4, 6), "num_mel_bins": 21, "max_length": 50, "hidden_size": 16, "num_hidden_layers": 2}


@pytest.mark.parametrize(
    ("settings", "kernels", "activation", "shape"),
    [
        ({}, ((3, 2), (3, 2)), nn.GELU(), (13, 6)),
        ({"stem_strides": (4, 2), "stem_act": "relu"}, ((7, 4), (3, 2)), nn.ReLU(), (7, 3)),
        ({"stem_strides": (1, 3), "hidden_act": "silu"}, ((1, 1), (5, 3)), nn.SiLU(), (17, 7)),
    ],
)
def test_convolutional_stem_equals_layers_of_torch(settings, kernels, activation, shape):
    config = ASTVAConfig(**STEM, **settings)
    ours = random_weights(ASTVAModel(config).embeddings.patch_embeddings)
    for stage in ours.stages:
        stage.norm.running_mean.normal_()
        stage.norm.running_var.uniform_(0.5, 2)
    layers: list[nn.Module] = []
    for stage, channels, (kernel, stride) in zip(ours.stages, ((1, 4), (4, 6)), kernels):
        convolution = nn.Conv2d(*channels, kernel, stride, padding=kernel // 2, bias=False)
        convolution.weight = stage.convolution.weight
        layers += [convolution, stage.norm, activation]
    reference = nn.Sequential(*layers)
    input_values = torch.randn(2, 50, 21, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        maps = reference(input_values[:, None])  # (2, channels, frames, bins)
        assert maps.shape == (2, 6, *shape)
        expected = torch.stack([ours.projection(maps[:, :, step].flatten(1)) for step in range(shape[0])], dim=1)
        assert_close(ours(input_values), expected)
    assert config.patch_grid == (1, shape[0])


def test_model_with_a_stem_accepts_other_lengths_and_is_saved(tmp_path):
    model = random_weights(ASTVAForRegression(ASTVAConfig(**STEM, pooling="mean", norm_first=True)))
    input_values = torch.randn(2, 50, 21)
    model.save_pretrained(tmp_path)
    with torch.no_grad():
        loaded = ASTVAForRegression.from_pretrained(tmp_path)
        assert_close(loaded(input_values).logits, model(input_values).logits, 0)
        assert model(input_values[:, :4], interpolate_pos_encoding=True).logits.shape == (2, 2)
        with pytest.raises(ValueError, match="at least 4 frames, but got 3"):
            model(input_values[:, :3], interpolate_pos_encoding=True)


DESCRIBED = {
    "descriptor_hidden_size": 12,
    "sampling_rate": 8000,
    "hop_length": 200,
    "num_mel_bins": 32,
    "max_length": 64,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "intermediate_size": 32,
}


@pytest.fixture
def described():
    """A model with descriptors and trained statistics, and other spectrograms `(3, 64, 32)`."""
    generator = torch.Generator().manual_seed(0)
    model = random_weights(ASTVAForRegression(ASTVAConfig(**DESCRIBED, pooler_dropout_prob=0.5)))
    with torch.no_grad():
        for _ in range(50):
            model.train()(torch.randn(8, 64, 32, generator=generator))
    return model.eval(), torch.randn(3, 64, 32, generator=generator)


def test_input_of_the_head_is_tokens_and_standardised_descriptors(described):
    model, input_values = described
    embedding = model.ast_va.descriptor_embedding
    with torch.no_grad():
        outputs = model.ast_va(input_values)
        raw = embedding.descriptors(input_values)
        standardised = (raw - embedding.norm.running_mean) / (embedding.norm.running_var + 1e-5).sqrt()
        expected = nn.functional.gelu(embedding.projection(standardised.clamp(-1.5, 1.5)))
        tokens, descriptors = outputs.pooler_output.split([16, 12], dim=1)
        assert_close(descriptors, expected)
        assert_close(tokens, outputs.last_hidden_state[:, 0], 0)
        head = model.head
        hidden = nn.functional.gelu(head.dense(torch.cat([head.layernorm(tokens), descriptors], dim=1)))
        assert_close(model(input_values).logits, head.out_proj(hidden))
    assert model.config.pooler_size == 28


def test_masks_apply_to_tokens_and_not_to_descriptors(described):
    model, input_values = described
    mask = torch.rand(input_values.shape, generator=torch.Generator().manual_seed(1)) < 0.3
    before = input_values.clone()
    with torch.no_grad():
        whole = model.ast_va(input_values).pooler_output
        masked = model.ast_va(input_values, bool_masked_values=mask).pooler_output
        zeroed = model.ast_va(input_values.masked_fill(mask, 0.0)).pooler_output
    assert torch.equal(input_values, before)
    assert_close(masked[:, :16], zeroed[:, :16], 0)
    assert_close(masked[:, 16:], whole[:, 16:], 0)
    assert not torch.allclose(zeroed[:, 16:], whole[:, 16:])


def test_pooler_dropout_drops_all_pooled_tokens_of_a_segment_or_none(described):
    model, _ = described
    head = model.head
    head_inputs: list[torch.Tensor] = []
    head.dense.register_forward_hook(lambda module, inputs, output: head_inputs.append(inputs[0]))
    pooled = torch.randn(4000, 28, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        head.train()(pooled)
        kept = head.layernorm(pooled[:, :16])
    tokens, descriptors = head_inputs[0].split([16, 12], dim=1)
    assert_close(descriptors, pooled[:, 16:], 0)
    dropped = (tokens == 0).all(dim=1)
    assert abs(dropped.float().mean().item() - 0.5) < 5 * 0.5 / 4000**0.5
    assert_close(tokens[~dropped], 2 * kept[~dropped])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_model_with_descriptors_is_saved_and_predicts_in_any_precision(described, tmp_path, dtype):
    model, input_values = described
    model.to(dtype).save_pretrained(tmp_path)
    loaded = ASTVAForRegression.from_pretrained(tmp_path, dtype=torch.float32)
    with torch.no_grad():
        expected = model.float()(input_values).logits
        assert_close(loaded(input_values).logits, expected, 0)
        # A few roundings of a number near 5.
        tolerance = 40 * torch.finfo(dtype).eps * 5
        assert_close(model.to(dtype)(input_values.to(dtype)).logits.float(), expected, tolerance)
        shorter = model.float()(input_values[:, :16], interpolate_pos_encoding=True).logits
    assert shorter.isfinite().all()


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("pooling", ["cls", "mean", "cls+distillation"])
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_pooled_tokens_only_changes_no_output(config, input_values, norm_first, pooling, implementation):
    config.norm_first, config.pooling, config.use_distillation_token = norm_first, pooling, "dist" in pooling
    config._attn_implementation = implementation
    model = random_weights(ASTVAForRegression(config))
    with torch.no_grad():
        everything = model(input_values, output_hidden_states=True)
        assert_close(model(input_values).logits, everything.logits)
        alone = model.ast_va(input_values, pooled_tokens_only=True)
        whole = model.ast_va(input_values)
    assert_close(alone.pooler_output, whole.pooler_output)
    num_tokens = whole.last_hidden_state.shape[1]
    assert everything.hidden_states[-1].shape[1] == num_tokens
    expected = num_tokens if pooling == "mean" else model.config.num_prefix_tokens
    assert alone.last_hidden_state.shape[1] == expected


def test_auxiliary_targets_are_predicted_from_the_embedding(model, input_values, tmp_path):
    plain = model.eval()(input_values)
    assert plain.auxiliary_logits is None
    model.set_num_auxiliary_targets(5)
    outputs = model(input_values)
    assert_close(outputs.auxiliary_logits, model.auxiliary_head(outputs.pooler_output), 0)
    assert_close(outputs.logits, plain.logits, 0)
    model.save_pretrained(tmp_path)
    assert_close(ASTVAForRegression.from_pretrained(tmp_path)(input_values).auxiliary_logits, outputs.auxiliary_logits)
    ASTVAModel.from_pretrained(tmp_path)  # an encoder ignores both heads
    model.set_num_auxiliary_targets(0)
    assert model.config.num_auxiliary_targets == 0
    assert not [name for name in model.state_dict() if "auxiliary" in name]


@pytest.mark.parametrize("p", [0.1, 0.5, 0.93])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_has_the_distribution_of_torch(p, dtype):
    torch.manual_seed(0)
    values = torch.ones(1001, 999, dtype=dtype, requires_grad=True)
    dropped = drop_out(values, p, training=True)
    kept = dropped != 0
    deviation = (p * (1 - p) / kept.numel()) ** 0.5
    assert abs(kept.float().mean().item() - (1 - p)) < 5 * deviation
    assert abs(kept.float().mean(dim=1).std().item() / (deviation * kept.shape[0] ** 0.5) - 1) < 0.1  # independent
    torch.testing.assert_close(dropped[kept].float(), torch.full((int(kept.sum()),), 1 / (1 - p)), rtol=5e-3, atol=0)
    dropped.sum().backward()
    assert torch.equal(values.grad != 0, kept)
    torch.manual_seed(0)
    assert torch.equal(drop_out(values, p, training=True), dropped)
    assert not torch.equal(drop_out(values, p, training=True), dropped)


def test_dropout_is_the_identity_in_evaluation():
    values = torch.randn(5, 7)
    assert torch.equal(drop_out(values, 0.5, training=False), values)
    assert torch.equal(drop_out(values, 0.0, training=True), values)
