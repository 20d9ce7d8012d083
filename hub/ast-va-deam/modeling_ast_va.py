# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Audio Spectrogram Transformer (Gong, Chung and Glass, 2021, Interspeech) with a valence-arousal head.

Shapes: `batch` (B), `num_frames` (T), `num_mel_bins` (F), `num_patches` (frequency-major), `num_tokens`, which is the
number of prefix tokens + `num_patches`.
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
MAX_DESCRIPTOR = 1.5  # standardised descriptors are clipped to this absolute value
RECORDED_OUTPUTS = ("output_hidden_states", "output_attentions")
HEADS = ("head.", "frame_head.", "spread_head.", "auxiliary_head.")  # prefixes of weights outside the encoder
LOG_STD_RANGE = (-3.0, 2.0)  # of the logarithm of a predicted standard deviation, in points of the 1-9 scale


@dataclass
class ASTVAOutput(ModelOutput):
    """
    Output of [`ASTVAForRegression`].

    Args:
        loss: mean squared error, a scalar, if `labels` are given.
        logits (`(batch, num_labels)`): ratings on `config.label_range`, 1-9; columns valence and arousal.
        pooler_output (`(batch, pooler_size)`): embedding of the segment, the input of the head.
        frame_logits (`(batch, num_steps, num_labels)`): with `config.use_frame_head`, the course: ratings of the time
            steps at `config.step_seconds(num_frames)`.
        error_std (`(batch, num_labels)`): with `config.use_spread_head`, standard deviation of the error of the rating.
        rater_std (`(batch, num_labels)`): with it, standard deviation of the ratings of different people.
        auxiliary_logits (`(batch, num_auxiliary_targets)`): predictions of the auxiliary targets, if there are any.
        hidden_states: with `output_hidden_states=True`, the embeddings and the output of each layer,
            `(batch, num_tokens, hidden_size)`.
        attentions: with `output_attentions=True` and `attn_implementation="eager"`, the weights of each layer,
            `(batch, num_attention_heads, num_tokens, num_tokens)`.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor = None  # type: ignore[assignment]  # always set; a field after one with a default
    pooler_output: torch.Tensor | None = None
    frame_logits: torch.Tensor | None = None
    error_std: torch.Tensor | None = None
    rater_std: torch.Tensor | None = None
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
    """Cuts a spectrogram into square patches, with or without overlap, and projects each to a token."""

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
        # One matrix product: the convolution of ViT and AST with a flattened kernel, and faster on every device.
        return self.projection(patches.flatten(3).flatten(1, 2))


class ASTVAConvolutionalStem(nn.Module):
    """
    Shrinks a spectrogram by convolutions, then projects all frequencies of a time step to a token.

    Source:
        Early convolutions: Xiao et al. (2021), "Early Convolutions Help Transformers See Better", NeurIPS. One token
        for each time step: Won, Choi and Serra (2021), "Semi-Supervised Music Tagging Transformer", ISMIR.
    """

    def __init__(self, config: ASTVAConfig):
        super().__init__()
        self.stages = nn.ModuleList()
        strides, activation = (
            config.stem_strides or [2] * len(config.stem_channels),
            config.stem_act or config.hidden_act,
        )
        for in_channels, out_channels, stride in zip((1, *config.stem_channels), config.stem_channels, strides):
            self.stages.append(ASTVAConvolutionalStage(in_channels, out_channels, stride, activation))
        num_rows = config.stem_length(config.num_mel_bins)
        self.projection = nn.Linear(config.stem_channels[-1] * num_rows, config.hidden_size)

    def forward(self, input_values: torch.Tensor) -> torch.Tensor:
        """`(batch, num_frames, num_mel_bins)` -> `(batch, num_patches, hidden_size)`."""
        maps = input_values.unsqueeze(1).contiguous(memory_format=torch.channels_last)  # (B, 1, T, F)
        for stage in self.stages:
            maps = stage(maps)
        return self.projection(maps.permute(0, 2, 1, 3).flatten(2))  # (B, T', C * F')


class ASTVAConvolutionalStage(nn.Module):
    """Convolution, batch normalisation and activation."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, activation: str):
        super().__init__()
        self.convolution = nn.Conv2d(
            in_channels, out_channels, kernel_size=2 * stride - 1, stride=stride, padding=stride - 1, bias=False
        )
        self.norm = nn.BatchNorm2d(out_channels)
        self.activation_fn = ACT2FN[activation]

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """`(batch, in_channels, T, F)` -> `(batch, out_channels, ceil(T / stride), ceil(F / stride))`."""
        # With weights in another layout, the first convolution, of one channel, is several times slower on a CPU.
        weight = self.convolution.weight.to(memory_format=torch.channels_last)
        stride, padding = self.convolution.stride, self.convolution.padding
        maps = nn.functional.conv2d(maps, weight, stride=stride, padding=padding)
        return self.activation_fn(self.norm(maps))


class ASTVAEmbeddings(nn.Module):
    """Prefix tokens and patch tokens, with learned absolute positions added."""

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
        positions = resample_position_embeddings(
            self.position_embeddings,
            self.config.patch_grid,
            self.config.patch_grid_of(input_values.shape[1]),
            self.config.num_prefix_tokens,
        )
        patches = self.patch_embeddings(input_values.to(self.patch_embeddings.projection.weight.dtype))
        tokens = [token.expand(input_values.shape[0], -1, -1) for token in prefix]
        return torch.cat([*tokens, patches], dim=1) + positions

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
            raise ValueError(f"Expected at least {config.min_num_frames} frames, but got {num_frames}.")


def resample_position_embeddings(
    position_embeddings: torch.Tensor, old_grid: tuple[int, int], new_grid: tuple[int, int], num_prefix_tokens: int
) -> torch.Tensor:
    """
    Resample learned absolute positions bicubically to another patch grid; those of prefix tokens stay.

    Args:
        position_embeddings: positions of the prefix tokens, then of the patches, frequency-major.
        old_grid: number of patches along frequency and time, (F, T).
        new_grid: number of patches after resampling, (F', T').
        num_prefix_tokens: number of tokens before the grid.

    Shape:
        `(1, num_prefix_tokens + F * T, hidden_size)` -> `(1, num_prefix_tokens + F' * T', hidden_size)`
    """
    if tuple(old_grid) == tuple(new_grid):
        return position_embeddings
    prefix, grid = position_embeddings.split([num_prefix_tokens, old_grid[0] * old_grid[1]], dim=1)
    grid = grid.unflatten(1, tuple(old_grid)).permute(0, 3, 1, 2)  # (1, hidden, F, T)
    # Not every device has a bicubic kernel in half precision.
    grid = nn.functional.interpolate(grid.float(), size=tuple(new_grid), mode="bicubic", align_corners=False)
    grid = grid.to(position_embeddings.dtype).flatten(2).transpose(1, 2)  # (1, F' * T', hidden)
    return torch.cat([prefix, grid], dim=1)


class ASTVADescriptorEmbedding(nn.Module):
    """Embedding of hand-made descriptors, which are standardised with the statistics of the training set."""

    def __init__(self, config: ASTVAConfig):
        super().__init__()
        frame_rate = config.sampling_rate / config.hop_length
        self.descriptors = ASTVADescriptors(config.num_mel_bins, frame_rate, config.f_min, config.highest_frequency)
        self.norm = nn.BatchNorm1d(self.descriptors.num_descriptors, momentum=0.02, affine=False)
        self.input_dropout = ASTVADropout(DESCRIPTOR_INPUT_DROPOUT)
        self.projection = nn.Linear(self.descriptors.num_descriptors, config.descriptor_hidden_size)
        self.activation_fn = ACT2FN[config.hidden_act]
        self.dropout = ASTVADropout(config.descriptor_dropout_prob)

    def forward(self, input_values: torch.Tensor, descriptors: torch.Tensor | None = None) -> torch.Tensor:
        """
        `(batch, num_frames, num_mel_bins)`, and descriptors where they are known, `(batch, num_descriptors)` ->
        `(batch, descriptor_hidden_size)`.
        """
        if descriptors is None:
            descriptors = self.descriptors(input_values)
        elif descriptors.shape != (len(input_values), self.descriptors.num_descriptors):
            expected = (len(input_values), self.descriptors.num_descriptors)
            raise ValueError(f"Expected descriptors of shape {expected}, but got {tuple(descriptors.shape)}.")
        descriptors = descriptors.to(self.projection.weight.dtype)
        standardised = self.norm(descriptors).clamp(-MAX_DESCRIPTOR, MAX_DESCRIPTOR)
        return self.dropout(self.activation_fn(self.projection(self.input_dropout(standardised))))


def drop_out(values: torch.Tensor, p: float, training: bool) -> torch.Tensor:
    """
    Dropout with the distribution of `torch.nn.functional.dropout`, but with a faster random mask on CPU.

    On CPU, torch draws the mask one value at a time, which takes a large part of a training step: see
    docs/performance.md for the ratio. Here, each value uses 16 random bits of the same generator, drawn four at a time;
    the probability is exact to within 1e-5.

    Args:
        values: tensor of any shape.
        p: probability that a value is set to zero; the others are scaled by 1 / (1 - p).
        training: whether to apply dropout.
    """
    if not training or not p or values.device.type != "cpu" or torch.compiler.is_compiling():
        return nn.functional.dropout(values, p, training)
    num_kept = min(max(1, round((1 - p) * 2**16)), 2**16 - 1)  # of the 2^16 values of 16 bits
    words = torch.empty((values.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    bits = words.view(torch.int16)[: values.numel()].view(values.shape)
    # Conversion to uint8 first, because a direct conversion from bool takes three times as long.
    mask = (bits < num_kept - 2**15).view(torch.uint8).to(values.dtype)
    return values * mask.mul_(2**16 / num_kept)


class ASTVADropout(nn.Dropout):
    """`torch.nn.Dropout` with the mask of [`drop_out`]."""

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
    """Scaled dot-product attention of `(batch, num_heads, num_tokens, head_dim)` that also returns its weights."""
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
        `(batch, num_tokens, hidden_size)` -> `(batch, num_queries, hidden_size)`, where only the first `num_queries`
        tokens are queries (None: all), and the attention weights, if the implementation returns them.
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
        """`(batch, num_tokens, hidden_size)` -> `(batch, num_queries, hidden_size)`; as for [`ASTVAAttention`]."""
        residual = hidden_states[:, :num_queries]
        if self.norm_first:
            attended, _ = self.attention(self.attention_layernorm(hidden_states), num_queries, **kwargs)
            hidden_states = residual + self.dropout(attended)
            return hidden_states + self.dropout(self.mlp(self.mlp_layernorm(hidden_states)))
        attended, _ = self.attention(hidden_states, num_queries, **kwargs)
        hidden_states = self.attention_layernorm(residual + self.dropout(attended))
        return self.mlp_layernorm(hidden_states + self.dropout(self.mlp(hidden_states)))


class ASTVAPreTrainedModel(PreTrainedModel):
    """Initialisation, strict loading and the features of the library that both models support."""

    config: ASTVAConfig
    config_class = ASTVAConfig
    base_model_prefix = "ast_va"
    main_input_name = "input_values"
    input_modalities = ("audio",)
    supports_gradient_checkpointing = True
    # The mean squared error ignores `num_items_in_batch`, so `Trainer` must scale the loss in gradient accumulation.
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
            # Not zeros as in the library's AST: the gradient of layer normalisation is very large for a zero token.
            tokens = [module.cls_token, module.position_embeddings]
            if self.config.use_distillation_token:
                tokens.append(module.distillation_token)
            for token in tokens:
                init.normal_(token, mean=0.0, std=self.config.initializer_range)
        elif isinstance(module, nn.Conv2d):
            # Batch normalisation follows; smaller weights would have larger gradients in the first steps.
            init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, *model_args, output_loading_info=False, **kwargs):
        """
        Load a model as [`~transformers.PreTrainedModel.from_pretrained`] does, but with strict weights.

        All weights of the heads may be missing (they are then new, as for fine-tuning an encoder), and an encoder
        ignores the heads of a checkpoint. Any other missing or unexpected weight is an error; the library only warns.

        Raises:
            RuntimeError: for missing or unexpected weights; the message names them.
        """
        model, info = super().from_pretrained(
            pretrained_model_name_or_path, *model_args, output_loading_info=True, **kwargs
        )
        head = {name for name in model.state_dict() if name.startswith(HEADS)}
        missing, unexpected = set(info["missing_keys"]), set(info["unexpected_keys"])
        if head and head <= missing:
            missing -= head
        if not head:
            unexpected = {name for name in unexpected if not name.startswith(HEADS)}
        if missing or unexpected:
            raise RuntimeError(
                f"Expected the weights of {cls.__name__} in {str(pretrained_model_name_or_path)!r}, but got "
                f"missing {sorted(missing) or 'none'}, unexpected {sorted(unexpected) or 'none'}."
            )
        return (model, info) if output_loading_info else model


class ASTVAModel(ASTVAPreTrainedModel):
    """The encoder without a head: log-mel spectrogram to hidden states and a pooled embedding."""

    def __init__(self, config: ASTVAConfig):
        super().__init__(config)
        self.embeddings = ASTVAEmbeddings(config)
        self.layers = nn.ModuleList([ASTVALayer(config) for _ in range(config.num_hidden_layers)])
        # The output of pre-norm layers is not normalised; that of post-norm layers is.
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
        descriptors: torch.Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> BaseModelOutputWithPooling:
        """
        Args:
            input_values (`(batch, num_frames, num_mel_bins)`): normalised log-mel, from [`ASTVAFeatureExtractor`].
            bool_masked_values (`(batch, num_frames, num_mel_bins)`): True where the tokens are computed from 0, the
                mean of the training set, in place of the value, as in SpecAugment. Descriptors ignore the mask.
            interpolate_pos_encoding: whether to resample the positions along time for a number of frames other than
                `max_length`, which is an error otherwise.
            pooled_tokens_only: whether the last layer computes only the prefix tokens where these are pooled
                (`pooling` other than `"mean"`). `pooler_output` is the same, and the last layer is nearly free: see
                docs/performance.md for the ratio.
            descriptors (`(batch, num_descriptors)`): those of `input_values`, where they are known, as in training,
                which computes them once. A network without descriptors ignores them.

        Returns:
            `last_hidden_state` `(batch, num_tokens, hidden_size)`, or its prefix tokens, and `pooler_output`
            `(batch, pooler_size)`; with `output_hidden_states` and `output_attentions` also those of every layer.

        Raises:
            ValueError: for inputs or descriptors of another shape; the message names both shapes.
        """
        visible = input_values if bool_masked_values is None else input_values.masked_fill(bool_masked_values, 0.0)
        hidden_states = self.embeddings(visible, interpolate_pos_encoding)
        for layer in self.layers[:-1]:
            hidden_states = layer(hidden_states, **kwargs)
        prefix_only = pooled_tokens_only and self.config.pooling != "mean"
        num_queries = self.config.num_prefix_tokens if prefix_only else None
        hidden_states = self.layers[-1](hidden_states, num_queries, **kwargs)
        hidden_states = self.layernorm(hidden_states)
        pooler_output = self._pool(hidden_states)
        if self.descriptor_embedding is not None:
            pooler_output = torch.cat([pooler_output, self.descriptor_embedding(input_values, descriptors)], dim=1)
        return BaseModelOutputWithPooling(last_hidden_state=hidden_states, pooler_output=pooler_output)

    def _pool(self, hidden_states: torch.Tensor) -> torch.Tensor:
        if self.config.pooling == "cls":
            return hidden_states[:, 0]
        if self.config.pooling == "cls+distillation":
            return (hidden_states[:, 0] + hidden_states[:, 1]) / 2
        return hidden_states[:, self.config.num_prefix_tokens :].mean(dim=1)


class ASTVAHead(nn.Module):
    """Perceptron with one hidden layer: embedding of a segment to its ratings."""

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
        if self.training and self.pooler_dropout_prob:  # ModDrop: all pooled tokens of a segment or none
            tokens = tokens * drop_out(tokens.new_ones(len(tokens), 1), self.pooler_dropout_prob, True)
        hidden_states = self.activation_fn(self.dense(torch.cat([tokens, descriptors], dim=1)))
        return self.out_proj(self.dropout(hidden_states))


class ASTVAFrameHead(nn.Module):
    """Linear layer from the tokens of each time step to its difference from the ratings of the segment."""

    def __init__(self, config: ASTVAConfig):
        super().__init__()
        self.config = config
        self.out_proj = nn.Linear(config.hidden_size, config.num_labels)

    def forward(self, last_hidden_state: torch.Tensor) -> torch.Tensor:
        """`(batch, num_tokens, hidden_size)` -> `(batch, num_steps, num_labels)`; of patches, all frequencies count."""
        patches = last_hidden_state[:, self.config.num_prefix_tokens :]
        num_rows, _ = self.config.patch_grid  # the number of patches along frequency does not depend on the length
        return self.out_proj(patches.unflatten(1, (num_rows, -1)).mean(dim=1))


class ASTVASpreadHead(nn.Module):
    """
    Perceptron from the embedding of a segment and its ratings to two standard deviations of each rating.

    It does not change the ratings: no gradient goes through its inputs.
    """

    def __init__(self, config: ASTVAConfig):
        super().__init__()
        self.config = config
        self.dense = nn.Linear(config.pooler_size + config.num_labels, config.head_hidden_size)
        self.activation_fn = ACT2FN[config.hidden_act]
        self.dropout = ASTVADropout(config.hidden_dropout_prob)
        self.out_proj = nn.Linear(config.head_hidden_size, 2 * config.num_labels)

    def forward(self, pooler_output: torch.Tensor, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`(batch, pooler_size)` and `(batch, num_labels)` -> `(batch, num_labels)` each: of errors, and of raters."""
        low, high = self.config.label_range
        point = (high - low) / 8  # of the 1-9 scale
        ratings = (logits - self.config.label_midpoint) / (4 * point)
        inputs = torch.cat([pooler_output, ratings.to(pooler_output.dtype)], dim=1).detach()
        log_stds = self.out_proj(self.dropout(self.activation_fn(self.dense(inputs))))
        error_std, rater_std = (point * log_stds.clamp(*LOG_STD_RANGE).exp()).chunk(2, dim=1)
        return error_std, rater_std


class ASTVAForRegression(ASTVAPreTrainedModel):
    """The encoder with the valence-arousal head, which `AutoModel` loads."""

    def __init__(self, config: ASTVAConfig):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.ast_va = ASTVAModel(config)
        self.head = ASTVAHead(config)
        self.frame_head = ASTVAFrameHead(config) if config.use_frame_head else None
        self.spread_head = ASTVASpreadHead(config) if config.use_spread_head else None
        self.auxiliary_head: nn.Linear | None = None
        self.set_num_auxiliary_targets(config.num_auxiliary_targets)
        self.post_init()

    def set_num_auxiliary_targets(self, num_targets: int) -> None:
        """Replace the auxiliary head by a new linear layer with `num_targets` outputs; 0 removes it."""
        self.config.num_auxiliary_targets = num_targets
        self.auxiliary_head = nn.Linear(self.config.pooler_size, num_targets) if num_targets else None

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if module is self.head.out_proj:
            # From 0, the first epochs would only move the predictions to the middle of the scale.
            init.constant_(module.bias, self.config.label_midpoint)

    def save_pretrained(self, save_directory, **kwargs):
        # The library saves the code of a model with all that it imports: with this import, that of the pipeline too.
        from .pipeline_ast_va import CUSTOM_PIPELINES

        self.config.custom_pipelines = CUSTOM_PIPELINES
        # The library saves one Auto class of a model; this model belongs to two.
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
        descriptors: torch.Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> ASTVAOutput:
        """
        Args:
            input_values (`(batch, num_frames, num_mel_bins)`): normalised log-mel, from [`ASTVAFeatureExtractor`].
            labels (`(batch, num_labels)`): ratings, columns valence and arousal, on `config.label_range`.
            bool_masked_values, interpolate_pos_encoding, descriptors: as for [`ASTVAModel`].

        Returns:
            [`ASTVAOutput`]. The last layer computes only the pooled tokens, unless there is a head of the course, or
            `output_hidden_states` or `output_attentions` is set.

        Raises:
            ValueError: for inputs, labels or descriptors of another shape; the message names both shapes.
        """
        recorded = [kwargs.get(name, getattr(self.config, name)) for name in RECORDED_OUTPUTS]
        outputs = self.ast_va(
            input_values,
            bool_masked_values=bool_masked_values,
            interpolate_pos_encoding=interpolate_pos_encoding,
            descriptors=descriptors,
            pooled_tokens_only=self.frame_head is None and not any(recorded),
            **kwargs,
        )
        logits = self.head(outputs.pooler_output)
        loss = None
        if labels is not None:
            if labels.shape != logits.shape:
                raise ValueError(f"Expected labels of shape {tuple(logits.shape)}, but got {tuple(labels.shape)}.")
            loss = nn.functional.mse_loss(logits.float(), labels.float())
        frame_logits, error_std, rater_std = None, None, None
        if self.frame_head is not None:
            frame_logits = logits[:, None] + self.frame_head(outputs.last_hidden_state)
        if self.spread_head is not None:
            error_std, rater_std = self.spread_head(outputs.pooler_output, logits)
        return ASTVAOutput(
            loss=loss,
            logits=logits,
            pooler_output=outputs.pooler_output,
            frame_logits=frame_logits,
            error_std=error_std,
            rater_std=rater_std,
            auxiliary_logits=self.auxiliary_head(outputs.pooler_output) if self.auxiliary_head is not None else None,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


__all__ = ["ASTVAForRegression", "ASTVAModel", "ASTVAOutput", "ASTVAPreTrainedModel"]

# The code is saved with every model, so that it loads without this package.
ASTVAModel.register_for_auto_class("AutoModel")
ASTVAForRegression.register_for_auto_class("AutoModel")
