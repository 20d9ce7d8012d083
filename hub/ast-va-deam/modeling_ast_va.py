# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Audio Spectrogram Transformer with a valence-arousal head.

Gong, Chung and Glass (2021), "AST: Audio Spectrogram Transformer", Interspeech. Shapes: `batch`, `num_frames` (T),
`num_mel_bins` (F), `num_patches` (N, frequency-major), `num_tokens` = prefix tokens + N.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.activations import ACT2FN
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.processing_utils import Unpack
from transformers.utils import ModelOutput, TransformersKwargs
from transformers.utils.generic import can_return_tuple, merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

from .configuration_ast_va import ASTVAConfig
from .descriptors_ast_va import ASTVADescriptors

DESCRIPTOR_INPUT_DROPOUT = 0.2
MAX_DESCRIPTOR = 1.5  # deviations from the mean: what lies further out counts no more


@dataclass
class ASTVAOutput(ModelOutput):
    """
    Output of [`ASTVAForRegression`].

    Args:
        loss: mean squared error, a scalar, when `labels` were given.
        logits (`(batch, num_labels)`): ratings on the scale of the labels, 1-9; columns valence and arousal.
        pooler_output (`(batch, pooler_size)`): what the head heard, an embedding of the segment.
        auxiliary_logits (`(batch, num_auxiliary_targets)`): predictions of further targets, of a model that has them.
        hidden_states: on request, the embeddings and each layer's output, `(batch, num_tokens, hidden_size)`.
        attentions: on request, and with `attn_implementation="eager"` only, which keeps them, each layer's weights,
            `(batch, num_attention_heads, num_tokens, num_tokens)`.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor = None  # type: ignore[assignment]  # always there, but behind a field with a default
    pooler_output: torch.Tensor | None = None
    auxiliary_logits: torch.Tensor | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None

    @property
    def valence(self) -> torch.Tensor:
        """Pleasantness, from negative (1) to positive (9), `(batch,)`."""
        return self.logits[:, 0]

    @property
    def arousal(self) -> torch.Tensor:
        """Energy, from calm (1) to excited (9), `(batch,)`."""
        return self.logits[:, 1]


class ASTVAPatchEmbeddings(nn.Module):
    """Cuts a spectrogram into overlapping or touching square patches and projects each to a token."""

    def __init__(self, config: ASTVAConfig):
        super().__init__()
        self.patch_size = config.patch_size
        self.strides = (config.frequency_stride, config.time_stride)
        self.projection = nn.Linear(config.patch_size**2, config.hidden_size)

    def forward(self, input_values: torch.Tensor) -> torch.Tensor:
        """`(batch, num_frames, num_mel_bins)` -> `(batch, num_patches, hidden_size)`, frequency-major."""
        frequency_stride, time_stride = self.strides
        patches = input_values.transpose(1, 2)  # (B, F, T)
        patches = patches.unfold(1, self.patch_size, frequency_stride)  # (B, F', T, p)
        patches = patches.unfold(2, self.patch_size, time_stride)  # (B, F', T', p, p)
        # One matrix product: the convolution of ViT and AST with its kernel flattened, and faster on every device.
        return self.projection(patches.flatten(3).flatten(1, 2))


class ASTVAConvolutionalStem(nn.Module):
    """
    Halves a spectrogram by convolutions, then projects all frequencies of a moment to a token.

    Early convolutions: Xiao et al. (2021), "Early Convolutions Help Transformers See Better", NeurIPS; one token for a
    moment of music: Won, Choi and Serra (2021), "Semi-Supervised Music Tagging Transformer", ISMIR.
    """

    def __init__(self, config: ASTVAConfig):
        super().__init__()
        self.stages = nn.ModuleList()
        for in_channels, out_channels in zip((1, *config.stem_channels), config.stem_channels):
            self.stages.append(ASTVAConvolutionalStage(in_channels, out_channels, config.hidden_act))
        num_rows = config.stem_length(config.num_mel_bins)
        self.projection = nn.Linear(config.stem_channels[-1] * num_rows, config.hidden_size)

    def forward(self, input_values: torch.Tensor) -> torch.Tensor:
        """`(batch, num_frames, num_mel_bins)` -> `(batch, num_patches, hidden_size)`."""
        maps = input_values.unsqueeze(1).contiguous(memory_format=torch.channels_last)  # (B, 1, T, F)
        for stage in self.stages:
            maps = stage(maps)
        return self.projection(maps.permute(0, 2, 1, 3).flatten(2))  # (B, T', C * F')


class ASTVAConvolutionalStage(nn.Module):
    """3x3 convolution of stride 2, batch normalisation and activation."""

    def __init__(self, in_channels: int, out_channels: int, hidden_act: str):
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        self.activation_fn = ACT2FN[hidden_act]

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """`(batch, in_channels, T, F)` -> `(batch, out_channels, ceil(T / 2), ceil(F / 2))`."""
        return self.activation_fn(self.norm(self.convolution(maps)))


class ASTVAEmbeddings(nn.Module):
    """Patch tokens behind the prefix tokens, with learned absolute positions added."""

    def __init__(self, config: ASTVAConfig):
        super().__init__()
        self.config = config
        frequency_patches, time_patches = config.patch_grid
        num_tokens = config.num_prefix_tokens + frequency_patches * time_patches
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.hidden_size))
        if config.use_distillation_token:
            self.distillation_token = nn.Parameter(torch.zeros(1, 1, config.hidden_size))
        self.position_embeddings = nn.Parameter(torch.zeros(1, num_tokens, config.hidden_size))
        self.patch_embeddings = ASTVAConvolutionalStem(config) if config.stem_channels else ASTVAPatchEmbeddings(config)

    def forward(self, input_values: torch.Tensor, interpolate_pos_encoding: bool = False) -> torch.Tensor:
        """`(batch, num_frames, num_mel_bins)` -> `(batch, num_tokens, hidden_size)`."""
        self._check_input(input_values, interpolate_pos_encoding)
        prefix = [self.cls_token]
        if self.config.use_distillation_token:
            prefix.append(self.distillation_token)
        positions: torch.Tensor = self.position_embeddings
        if input_values.shape[1] != self.config.max_length:
            positions = self.interpolate_pos_encoding(input_values.shape[1])

        patches = self.patch_embeddings(input_values.to(self.patch_embeddings.projection.weight.dtype))
        tokens = [token.expand(input_values.shape[0], -1, -1) for token in prefix]
        return torch.cat([*tokens, patches], dim=1) + positions

    def interpolate_pos_encoding(self, num_frames: int) -> torch.Tensor:
        """Positions for a spectrogram of `num_frames` frames, `(1, num_tokens, hidden_size)`."""
        grid = self.config.patch_grid_of(num_frames)
        return resample_position_embeddings(
            self.position_embeddings, self.config.patch_grid, grid, self.config.num_prefix_tokens
        )

    def _check_input(self, input_values: torch.Tensor, interpolate_pos_encoding: bool) -> None:
        config = self.config
        if input_values.ndim != 3 or input_values.shape[2] != config.num_mel_bins:
            raise ValueError(
                f"Expected input_values of shape (batch, num_frames, num_mel_bins={config.num_mel_bins}), "
                f"but got {tuple(input_values.shape)}."
            )
        num_frames = input_values.shape[1]
        if num_frames != config.max_length and not interpolate_pos_encoding:
            raise ValueError(
                f"Expected max_length={config.max_length} frames, but got {num_frames}. Pad or cut the spectrogram, or "
                "pass interpolate_pos_encoding=True."
            )
        if num_frames < config.min_num_frames:
            raise ValueError(f"Expected at least one patch of {config.min_num_frames} frames, but got {num_frames}.")


def resample_position_embeddings(
    position_embeddings: torch.Tensor, old_grid: tuple[int, int], new_grid: tuple[int, int], num_prefix_tokens: int
) -> torch.Tensor:
    """
    Resample learned absolute positions bicubically to another patch grid; prefix tokens keep theirs.

    Args:
        position_embeddings (`(1, num_prefix_tokens + F * T, hidden_size)`): frequency-major grid of positions.
        old_grid: patches along frequency and time, (F, T).
        new_grid: the grid that is wanted, (F', T').
        num_prefix_tokens: tokens before the grid.

    Returns:
        `(1, num_prefix_tokens + F' * T', hidden_size)`.
    """
    if tuple(old_grid) == tuple(new_grid):
        return position_embeddings
    prefix, grid = position_embeddings.split([num_prefix_tokens, old_grid[0] * old_grid[1]], dim=1)
    grid = grid.unflatten(1, tuple(old_grid)).permute(0, 3, 1, 2)  # (1, hidden, F, T)
    # Half precision has no bicubic kernel on every device.
    grid = nn.functional.interpolate(grid.float(), size=tuple(new_grid), mode="bicubic", align_corners=False)
    grid = grid.to(position_embeddings.dtype).flatten(2).transpose(1, 2)  # (1, F' * T', hidden)
    return torch.cat([prefix, grid], dim=1)


class ASTVADescriptorEmbedding(nn.Module):
    """Hand-made descriptors of the spectrogram, standardised by those of the training set, as one embedding."""

    def __init__(self, config: ASTVAConfig):
        super().__init__()
        frame_rate = config.sampling_rate / config.hop_length
        self.descriptors = ASTVADescriptors(config.num_mel_bins, frame_rate, config.f_min, config.highest_frequency)
        self.norm = nn.BatchNorm1d(self.descriptors.num_descriptors, momentum=0.02, affine=False)
        self.input_dropout = ASTVADropout(DESCRIPTOR_INPUT_DROPOUT)
        self.projection = nn.Linear(self.descriptors.num_descriptors, config.descriptor_hidden_size)
        self.activation_fn = ACT2FN[config.hidden_act]
        self.dropout = ASTVADropout(config.descriptor_dropout_prob)

    def forward(self, input_values: torch.Tensor) -> torch.Tensor:
        """`(batch, num_frames, num_mel_bins)` -> `(batch, descriptor_hidden_size)`."""
        descriptors = self.descriptors(input_values).to(self.projection.weight.dtype)
        standardised = self.norm(descriptors).clamp(-MAX_DESCRIPTOR, MAX_DESCRIPTOR)
        return self.dropout(self.activation_fn(self.projection(self.input_dropout(standardised))))


def drop_out(values: torch.Tensor, p: float, training: bool) -> torch.Tensor:
    """
    `torch.nn.functional.dropout`, but for its speed on CPU, where torch draws masks one by one: a third of a step.

    There, each value takes 16 random bits of the same generator, a tenth of the time; `p` is exact to within 1e-5.
    """
    if not training or not p or values.device.type != "cpu" or torch.compiler.is_compiling():
        return nn.functional.dropout(values, p, training)
    num_kept = min(max(1, round((1 - p) * 2**16)), 2**16 - 1)  # of the 2^16 values of 16 bits
    words = torch.empty((values.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    bits = words.view(torch.int16)[: values.numel()].view(values.shape)
    # By way of uint8: straight from bool it would take thrice as long.
    mask = (bits < num_kept - 2**15).view(torch.uint8).to(values.dtype)
    return values * mask.mul_(2**16 / num_kept)


class ASTVADropout(nn.Dropout):
    """`torch.nn.Dropout` by way of [`drop_out`]."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return drop_out(input, self.p, self.training)


def eager_attention_forward(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **kwargs,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scaled dot-product attention that keeps its weights; all of `(batch, heads, num_tokens, head_dim)`."""
    weights = torch.matmul(query, key.transpose(2, 3)) * scaling
    if attention_mask is not None:
        weights = weights + attention_mask
    weights = nn.functional.softmax(weights, dim=-1, dtype=torch.float32).to(query.dtype)
    weights = drop_out(weights, dropout, module.training)
    output = torch.matmul(weights, value).transpose(1, 2).contiguous()
    return output, weights


class ASTVAAttention(nn.Module):
    """Multi-head self-attention of every token to every token."""

    def __init__(self, config: ASTVAConfig):
        super().__init__()
        self.config = config
        self.head_dim = config.hidden_size // config.num_attention_heads
        self.scaling = self.head_dim**-0.5
        self.attention_dropout = config.attention_probs_dropout_prob
        self.is_causal = False
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=config.qkv_bias)
        self.k_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=config.qkv_bias)
        self.v_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=config.qkv_bias)
        self.o_proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(
        self, hidden_states: torch.Tensor, num_queries: int | None = None, **kwargs
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """
        `(batch, num_tokens, hidden_size)` -> `(batch, num_queries, hidden_size)`, what the first `num_queries` tokens
        hear of all (None: every token), and the weights where the implementation keeps them.
        """
        queries = hidden_states[:, :num_queries]
        input_shape = queries.shape[:-1]
        head_shape = (*hidden_states.shape[:-1], -1, self.head_dim)
        query = self.q_proj(queries).view(*input_shape, -1, self.head_dim).transpose(1, 2)  # (B, heads, N, head_dim)
        key = self.k_proj(hidden_states).view(head_shape).transpose(1, 2)
        value = self.v_proj(hidden_states).view(head_shape).transpose(1, 2)
        attention_interface: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        if self.training and self.attention_dropout and query.device.type == "cpu":
            # torch's own computes no less where it drops weights on CPU, and draws its masks more slowly.
            attention_interface = eager_attention_forward
        output, weights = attention_interface(
            self,
            query,
            key,
            value,
            None,
            dropout=self.attention_dropout if self.training else 0.0,
            scaling=self.scaling,
            **kwargs,
        )
        return self.o_proj(output.reshape(*input_shape, -1).contiguous()), weights


class ASTVAMLP(nn.Module):
    """Position-wise feed-forward network."""

    def __init__(self, config: ASTVAConfig):
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.activation_fn = ACT2FN[config.hidden_act]
        self.dropout = ASTVADropout(config.hidden_dropout_prob)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.fc2(self.dropout(self.activation_fn(self.fc1(hidden_states))))


class ASTVALayer(GradientCheckpointingLayer):
    """Transformer layer: layer normalisation before (`norm_first`) or after each residual sum."""

    def __init__(self, config: ASTVAConfig):
        super().__init__()
        self.norm_first = config.norm_first
        self.attention = ASTVAAttention(config)
        self.attention_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = ASTVAMLP(config)
        self.mlp_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = ASTVADropout(config.hidden_dropout_prob)

    def forward(self, hidden_states: torch.Tensor, num_queries: int | None = None, **kwargs) -> torch.Tensor:
        """
        `(batch, num_tokens, hidden_size)` -> the same, or `(batch, num_queries, hidden_size)` where no more than the
        first `num_queries` tokens are wanted.
        """
        residual = hidden_states[:, :num_queries]
        if self.norm_first:
            attended, _ = self.attention(self.attention_layernorm(hidden_states), num_queries, **kwargs)
            hidden_states = residual + self.dropout(attended)
            return hidden_states + self.dropout(self.mlp(self.mlp_layernorm(hidden_states)))
        attended, _ = self.attention(hidden_states, num_queries, **kwargs)
        hidden_states = self.attention_layernorm(residual + self.dropout(attended))
        return self.mlp_layernorm(hidden_states + self.dropout(self.mlp(hidden_states)))


class ASTVAPreTrainedModel(PreTrainedModel):
    """What both models share: how weights start and are loaded, and what the library may do with them."""

    config: ASTVAConfig
    config_class = ASTVAConfig
    base_model_prefix = "ast_va"
    main_input_name = "input_values"
    input_modalities = ("audio",)
    supports_gradient_checkpointing = True
    # The mean squared error ignores `num_items_in_batch`: `Trainer` must scale the loss under accumulation itself.
    accepts_loss_kwargs = False
    _no_split_modules = ["ASTVAEmbeddings", "ASTVALayer"]
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _can_compile_fullgraph = True
    _can_record_outputs = {"hidden_states": ASTVALayer, "attentions": ASTVAAttention}
    _input_embed_layer = "patch_embeddings"

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, ASTVAEmbeddings):
            # Not zero, as in the library's AST: layer normalisation would blow up the gradient of a zero token.
            tokens = [module.cls_token, module.position_embeddings]
            if self.config.use_distillation_token:
                tokens.append(module.distillation_token)
            for token in tokens:
                init.normal_(token, mean=0.0, std=self.config.initializer_range)
        elif isinstance(module, nn.Conv2d):
            # What follows is normalised anyway; smaller weights would only make the first steps wild.
            init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, *model_args, output_loading_info=False, **kwargs):
        """
        Load weights as [`~transformers.PreTrainedModel.from_pretrained`] does, but strictly.

        A whole head may be missing (it is then new, as when an encoder is fine-tuned), and an encoder leaves the head
        of a checkpoint aside; any other missing or unexpected weight is an error where the library only warns.

        Raises:
            RuntimeError: for missing or unexpected weights, which are named.
        """
        model, info = super().from_pretrained(
            pretrained_model_name_or_path, *model_args, output_loading_info=True, **kwargs
        )
        heads = ("head.", "auxiliary_head.")
        head = {name for name in model.state_dict() if name.startswith(heads)}
        missing, unexpected = set(info["missing_keys"]), set(info["unexpected_keys"])
        if head and head <= missing:
            missing -= head
        if not head:
            unexpected = {name for name in unexpected if not name.startswith(heads)}
        if missing or unexpected:
            raise RuntimeError(
                f"The weights in {str(pretrained_model_name_or_path)!r} do not fit {cls.__name__}: "
                f"missing {sorted(missing) or 'none'}, unexpected {sorted(unexpected) or 'none'}."
            )
        return (model, info) if output_loading_info else model


class ASTVAModel(ASTVAPreTrainedModel):
    """The encoder: log-mel spectrogram to hidden states and a pooled embedding, without a head."""

    def __init__(self, config: ASTVAConfig):
        super().__init__(config)
        self.embeddings = ASTVAEmbeddings(config)
        self.layers = nn.ModuleList([ASTVALayer(config) for _ in range(config.num_hidden_layers)])
        # Post-norm layers end normalised; pre-norm ones do not.
        self.layernorm = (
            nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps) if config.norm_first else nn.Identity()
        )
        self.descriptor_embedding = ASTVADescriptorEmbedding(config) if config.descriptor_hidden_size else None
        self.post_init()

    @merge_with_config_defaults
    @capture_outputs(tie_last_hidden_states=False)
    def forward(
        self,
        input_values: torch.Tensor,
        bool_masked_values: torch.Tensor | None = None,
        interpolate_pos_encoding: bool = False,
        pooled_tokens_only: bool = False,
        **kwargs: Unpack[TransformersKwargs],
    ) -> BaseModelOutputWithPooling:
        """
        Args:
            input_values (`(batch, num_frames, num_mel_bins)`): normalised log-mel, from [`ASTVAFeatureExtractor`].
            bool_masked_values (`(batch, num_frames, num_mel_bins)`): True where the tokens hear 0, the training mean,
                in place of the value, as SpecAugment has it. Descriptors hear all: they would only be falsified.
            interpolate_pos_encoding: whether a number of frames other than `max_length` is accepted, by resampling
                the positions along time.
            pooled_tokens_only: whether the last layer computes no more than the tokens that are pooled, which saves
                most of its work where these are the prefix tokens.

        Returns:
            `last_hidden_state` `(batch, num_tokens, hidden_size)`, or its pooled tokens only, and `pooler_output`
            `(batch, pooler_size)`; with `output_hidden_states` and `output_attentions` also those of every layer.

        Raises:
            ValueError: for another shape; the message names what came and what was expected.
        """
        heard = input_values if bool_masked_values is None else input_values.masked_fill(bool_masked_values, 0.0)
        hidden_states = self.embeddings(heard, interpolate_pos_encoding)
        only_prefix = pooled_tokens_only and self.config.pooling != "mean"
        for layer in self.layers[:-1]:
            hidden_states = layer(hidden_states, **kwargs)
        num_queries = self.config.num_prefix_tokens if only_prefix else None
        hidden_states = self.layers[-1](hidden_states, num_queries, **kwargs)
        hidden_states = self.layernorm(hidden_states)
        pooler_output = self._pool(hidden_states)
        if self.descriptor_embedding is not None:
            pooler_output = torch.cat([pooler_output, self.descriptor_embedding(input_values)], dim=1)
        return BaseModelOutputWithPooling(last_hidden_state=hidden_states, pooler_output=pooler_output)

    def _pool(self, hidden_states: torch.Tensor) -> torch.Tensor:
        if self.config.pooling == "cls":
            return hidden_states[:, 0]
        if self.config.pooling == "cls+distillation":
            return (hidden_states[:, 0] + hidden_states[:, 1]) / 2
        return hidden_states[:, self.config.num_prefix_tokens :].mean(dim=1)


class ASTVAHead(nn.Module):
    """Perceptron with one hidden layer, from the embedding of a segment to its ratings."""

    def __init__(self, config: ASTVAConfig):
        super().__init__()
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.pooler_dropout_prob = config.pooler_dropout_prob
        self.dense = nn.Linear(config.pooler_size, config.head_hidden_size)
        self.activation_fn = ACT2FN[config.hidden_act]
        self.dropout = ASTVADropout(config.hidden_dropout_prob)
        self.out_proj = nn.Linear(config.head_hidden_size, config.num_labels)

    def forward(self, pooler_output: torch.Tensor) -> torch.Tensor:
        """`(batch, pooler_size)` -> `(batch, num_labels)`."""
        num_pooled = self.layernorm.normalized_shape[0]
        tokens, descriptors = self.layernorm(pooler_output[:, :num_pooled]), pooler_output[:, num_pooled:]
        if self.training and self.pooler_dropout_prob:  # all or none of a segment's: ModDrop
            tokens = tokens * drop_out(tokens.new_ones(len(tokens), 1), self.pooler_dropout_prob, True)
        hidden_states = self.activation_fn(self.dense(torch.cat([tokens, descriptors], dim=1)))
        return self.out_proj(self.dropout(hidden_states))


class ASTVAForRegression(ASTVAPreTrainedModel):
    """The encoder with the valence-arousal head: the model that `AutoModel` gives."""

    def __init__(self, config: ASTVAConfig):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.ast_va = ASTVAModel(config)
        self.head = ASTVAHead(config)
        self.auxiliary_head: nn.Linear | None = None
        self.set_num_auxiliary_targets(config.num_auxiliary_targets)
        self.post_init()

    def set_num_auxiliary_targets(self, num_targets: int) -> None:
        """Give the model a new linear head for so many auxiliary targets, or none."""
        self.config.num_auxiliary_targets = num_targets
        self.auxiliary_head = nn.Linear(self.config.pooler_size, num_targets) if num_targets else None

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if module is self.head.out_proj:
            # Else the first epochs go into climbing from 0 to 5.
            init.constant_(module.bias, self.config.label_midpoint)

    def save_pretrained(self, save_directory, **kwargs):
        # The library remembers one Auto class for a model; this one is found through two.
        name = f"{__name__.split('.')[-1]}.{type(self).__name__}"
        auto_map = {"AutoModel": name, "AutoModelForAudioClassification": name}
        self.config.auto_map = {**(getattr(self.config, "auto_map", None) or {}), **auto_map}
        super().save_pretrained(save_directory, **kwargs)

    @can_return_tuple
    def forward(
        self,
        input_values: torch.Tensor,
        labels: torch.Tensor | None = None,
        bool_masked_values: torch.Tensor | None = None,
        interpolate_pos_encoding: bool = False,
        **kwargs: Unpack[TransformersKwargs],
    ) -> ASTVAOutput:
        """
        Args:
            input_values (`(batch, num_frames, num_mel_bins)`): normalised log-mel, from [`ASTVAFeatureExtractor`].
            labels (`(batch, num_labels)`): ratings, columns valence and arousal, on `config.label_range`.
            bool_masked_values (`(batch, num_frames, num_mel_bins)`): True where the tokens hear 0 in place of the
                value, as SpecAugment has it.
            interpolate_pos_encoding: whether a number of frames other than `max_length` is accepted, by resampling
                the positions along time.

        Returns:
            [`ASTVAOutput`].

        Raises:
            ValueError: for inputs or labels of another shape; the message names what came and what was expected.
        """
        outputs = self.ast_va(
            input_values,
            bool_masked_values=bool_masked_values,
            interpolate_pos_encoding=interpolate_pos_encoding,
            pooled_tokens_only=not self._records(kwargs),
            **kwargs,
        )
        logits = self.head(outputs.pooler_output)
        loss = None
        if labels is not None:
            if labels.shape != logits.shape:
                raise ValueError(f"Expected labels of shape {tuple(logits.shape)}, but got {tuple(labels.shape)}.")
            loss = nn.functional.mse_loss(logits.float(), labels.float())
        return ASTVAOutput(
            loss=loss,
            logits=logits,
            pooler_output=outputs.pooler_output,
            auxiliary_logits=self.auxiliary_head(outputs.pooler_output) if self.auxiliary_head is not None else None,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )

    def _records(self, kwargs: TransformersKwargs) -> bool:
        """Whether hidden states or attentions of all tokens are wanted."""
        return any(
            getattr(self.config, name) if kwargs.get(name) is None else kwargs[name]
            for name in ("output_hidden_states", "output_attentions")
        )


__all__ = ["ASTVAForRegression", "ASTVAModel", "ASTVAOutput", "ASTVAPreTrainedModel"]

# The code travels with every saved model, so that it loads where this package is not installed.
ASTVAModel.register_for_auto_class("AutoModel")
ASTVAForRegression.register_for_auto_class("AutoModel")
