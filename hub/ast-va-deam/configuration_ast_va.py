# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Configuration of the Audio Spectrogram Transformer for valence and arousal."""

import math

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig
from transformers.activations import ACT2FN

MIN_DESCRIBED_BINS = 24  # three for each group of bands that the descriptors tell apart
POOLING_MODES = ("cls", "mean", "cls+distillation")


class CustomPipelines(dict):
    """
    The pipelines whose code lies beside a model, by their tasks.

    The library infers a model's task from here, and demands `trust_remote_code` for a task that it finds in here. A
    task that is registered, as where this package is imported, needs no such code, so it is not found.
    """

    def __contains__(self, task):
        from transformers.pipelines import PIPELINE_REGISTRY

        return super().__contains__(task) and task not in PIPELINE_REGISTRY.get_supported_tasks()


@strict
class ASTVAConfig(PreTrainedConfig):
    r"""
    Geometry and regularisation of an [`ASTVAModel`] or [`ASTVAForRegression`].

    The defaults describe a small transformer for five seconds of music: 3,314,306 parameters with its head.

    Args:
        hidden_size: width of a token.
        num_hidden_layers: transformer layers.
        num_attention_heads: heads a layer; must divide `hidden_size`.
        intermediate_size: width of the feed-forward network.
        hidden_act: activation of the feed-forward network, a name of `transformers.activations.ACT2FN`.
        hidden_dropout_prob: dropout after attention, inside and after the feed-forward network, and in the head.
        attention_probs_dropout_prob: dropout of the attention weights.
        initializer_range: standard deviation of the normal distribution that weights and tokens start from.
        layer_norm_eps: epsilon of the layer normalisations.
        qkv_bias: whether the query, key and value projections have a bias.
        patch_size: side of the square patches, in mel bins and in frames.
        frequency_stride: step between patches, in mel bins; at most `patch_size`.
        time_stride: step between patches, in frames; at most `patch_size`.
        stem_channels: channels of a convolutional stem that takes the place of the patches: one 3x3 convolution of
            stride 2 for each, then one token for each step of time that is left, of all frequencies. None by default.
        descriptor_hidden_size: width of an embedding of hand-made descriptors of the spectrogram, of timbre, loudness,
            rhythm and harmony, that the head hears beside the pooled tokens. 0, the default, leaves them out.
        descriptor_dropout_prob: dropout of that embedding.
        pooler_dropout_prob: probability that, in training, the head does not hear a segment's pooled tokens at all, so
            that it learns to do with its descriptors (ModDrop: Neverova et al., 2016, IEEE TPAMI 38(8)).
        sampling_rate, hop_length, f_min, f_max: of the feature extractor, with `frontend="librosa"`: the descriptors
            are told by them what a second and what a pitch is. Nothing else depends on them.
        num_mel_bins: height of the spectrogram.
        max_length: length of the spectrogram, in frames.
        norm_first: pre-norm layers with a final layer normalisation, as AST and ViT have it; `False` is post-norm.
        use_distillation_token: a second prefix token, as DeiT and AST have it.
        pooling: what the head hears: the `"cls"` token, the `"mean"` of the patch tokens, or the mean of both prefix
            tokens, `"cls+distillation"`.
        head_hidden_size: width of the hidden layer of the valence-arousal head.
        num_auxiliary_targets: further targets that the embedding predicts, linearly, while it is trained.
        id2label: names of the outputs. The default is valence and arousal, in this order.
        label_range: lowest and highest rating. Its middle is where an untrained head starts, and where the four
            quadrants of the valence-arousal plane meet.

    Raises:
        ValueError: for settings that cannot work together; the message names the numbers.

    Example:

    ```python
    >>> from modeling_ast_va import ASTVAConfig, ASTVAForRegression

    >>> model = ASTVAForRegression(ASTVAConfig())
    >>> model.num_parameters()
    3314306

    ```"""

    model_type = "ast_va"
    # What `Trainer` need not gather.
    keys_to_ignore_at_inference = ["pooler_output", "auxiliary_logits", "hidden_states", "attentions"]

    hidden_size: int = 256
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    intermediate_size: int = 1024
    hidden_act: str = "gelu"
    hidden_dropout_prob: float | int = 0.1
    attention_probs_dropout_prob: float | int = 0.1
    initializer_range: float | int = 0.02
    layer_norm_eps: float = 1e-5
    qkv_bias: bool = True
    patch_size: int = 16
    frequency_stride: int = 16
    time_stride: int = 16
    stem_channels: tuple[int, ...] | list[int] = ()
    descriptor_hidden_size: int = 0
    descriptor_dropout_prob: float | int = 0.5
    pooler_dropout_prob: float | int = 0.0
    sampling_rate: int = 44100
    hop_length: int = 512
    f_min: float | int = 0.0
    f_max: float | int | None = None
    num_mel_bins: int = 128
    max_length: int = 432
    norm_first: bool = False
    use_distillation_token: bool = False
    pooling: str = "cls"
    head_hidden_size: int = 128
    num_auxiliary_targets: int = 0
    label_range: tuple[float | int, float | int] | list[float | int] = (1, 9)

    def __post_init__(self, **kwargs):
        if self.id2label is None and kwargs.get("num_labels") in (None, 2):  # type: ignore[has-type]
            self.id2label = {0: "valence", 1: "arousal"}
            self.label2id = {"valence": 0, "arousal": 1}
        if self.problem_type is None:  # type: ignore[has-type]
            self.problem_type = "regression"
        super().__post_init__(**kwargs)
        self._check_settings()

    @property
    def patch_grid(self) -> tuple[int, int]:
        """Number of patches along frequency and along time, of a spectrogram of `max_length` frames."""
        return self.patch_grid_of(self.max_length)

    def patch_grid_of(self, num_frames: int) -> tuple[int, int]:
        """Number of patches along frequency and along time, of a spectrogram of `num_frames` frames."""
        if self.stem_channels:
            return 1, self.stem_length(num_frames)
        return (
            (self.num_mel_bins - self.patch_size) // self.frequency_stride + 1,
            (num_frames - self.patch_size) // self.time_stride + 1,
        )

    def stem_length(self, size: int) -> int:
        """What the halvings of the convolutional stem leave of `size` frames or mel bins, rounded up."""
        return math.ceil(size / 2 ** len(self.stem_channels))

    @property
    def min_num_frames(self) -> int:
        """The fewest frames of a spectrogram that the network can hear."""
        return 2 ** len(self.stem_channels) if self.stem_channels else self.patch_size

    @property
    def num_prefix_tokens(self) -> int:
        """Tokens before the patches: CLS and, if used, distillation."""
        return 2 if self.use_distillation_token else 1

    @property
    def highest_frequency(self) -> float:
        """Upper edge of the highest mel band, in Hz: `f_max`, or half the sampling rate."""
        return self.sampling_rate / 2 if self.f_max is None else self.f_max

    @property
    def pooler_size(self) -> int:
        """Width of what the head hears: the pooled tokens and, if used, the embedding of the descriptors."""
        return self.hidden_size + self.descriptor_hidden_size

    @property
    def label_midpoint(self) -> float:
        """Middle of the rating scale: 5 on 1-9."""
        low, high = self.label_range
        return (low + high) / 2

    @classmethod
    def from_dict(cls, config_dict, **kwargs):
        # The library only warns here, and would then build this network from the settings of another one.
        model_type = config_dict.get("model_type", cls.model_type)
        if model_type != cls.model_type:
            raise ValueError(f"This is the configuration of a {model_type!r} model; expected {cls.model_type!r}.")
        if "custom_pipelines" in config_dict:
            config_dict = {**config_dict, "custom_pipelines": CustomPipelines(config_dict["custom_pipelines"])}
        loaded = super().from_dict(config_dict, **kwargs)
        # Settings that override the saved ones come after construction.
        (loaded[0] if isinstance(loaded, tuple) else loaded)._check_settings()
        return loaded

    def _check_settings(self) -> None:
        # Not as `validate_...` methods: `strict` wraps their errors, and a bad setting is a plain ValueError here.
        self._check_sizes()
        self._check_activation()
        self._check_probabilities()
        self._check_patches()
        self._check_descriptors()
        self._check_pooling()
        self._check_labels()

    def _check_sizes(self) -> None:
        for name in (
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "patch_size",
            "frequency_stride",
            "time_stride",
            "sampling_rate",
            "hop_length",
            "num_mel_bins",
            "max_length",
            "head_hidden_size",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, but is {getattr(self, name)}.")
        if any(channels < 1 for channels in self.stem_channels):
            raise ValueError(f"stem_channels must be at least 1 each, but are {list(self.stem_channels)}.")
        if self.num_auxiliary_targets < 0:
            raise ValueError(f"num_auxiliary_targets must not be negative, but is {self.num_auxiliary_targets}.")
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"num_attention_heads ({self.num_attention_heads}) must divide hidden_size ({self.hidden_size})."
            )

    def _check_activation(self) -> None:
        if self.hidden_act not in ACT2FN:
            raise ValueError(f"hidden_act must be a name in ACT2FN of transformers, but is {self.hidden_act!r}.")

    def _check_probabilities(self) -> None:
        for name in (
            "hidden_dropout_prob",
            "attention_probs_dropout_prob",
            "descriptor_dropout_prob",
            "pooler_dropout_prob",
        ):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in [0, 1), but is {getattr(self, name)}.")

    def _check_patches(self) -> None:
        if self.stem_channels:
            for name in ("num_mel_bins", "max_length"):
                if getattr(self, name) < self.min_num_frames:
                    raise ValueError(
                        f"{name} ({getattr(self, name)}) is smaller than {self.min_num_frames}: "
                        f"{len(self.stem_channels)} stem_channels halve it to less than one."
                    )
            return
        for name in ("frequency_stride", "time_stride"):
            if getattr(self, name) > self.patch_size:
                raise ValueError(
                    f"{name} ({getattr(self, name)}) exceeds patch_size ({self.patch_size}): "
                    "parts of the spectrogram would never be heard."
                )
        for name in ("num_mel_bins", "max_length"):
            if getattr(self, name) < self.patch_size:
                raise ValueError(
                    f"{name} ({getattr(self, name)}) is smaller than patch_size ({self.patch_size}): "
                    "the spectrogram does not hold a single patch."
                )

    def _check_descriptors(self) -> None:
        if self.descriptor_hidden_size < 0:
            raise ValueError(f"descriptor_hidden_size must not be negative, but is {self.descriptor_hidden_size}.")
        if not self.descriptor_hidden_size:
            if self.pooler_dropout_prob:
                raise ValueError(
                    f"pooler_dropout_prob is {self.pooler_dropout_prob}, but without descriptor_hidden_size the head "
                    "hears nothing but the pooled tokens."
                )
            return
        if not 0 <= self.f_min < self.highest_frequency:
            raise ValueError(f"f_min ({self.f_min}) must be at least 0 and lie below f_max ({self.highest_frequency}).")
        if self.num_mel_bins < MIN_DESCRIBED_BINS:
            raise ValueError(
                f"descriptor_hidden_size needs num_mel_bins of at least {MIN_DESCRIBED_BINS}, but it is "
                f"{self.num_mel_bins}."
            )

    def _check_pooling(self) -> None:
        if self.pooling not in POOLING_MODES:
            raise ValueError(f"pooling must be one of {POOLING_MODES}, but is {self.pooling!r}.")
        if self.pooling == "cls+distillation" and not self.use_distillation_token:
            raise ValueError('pooling="cls+distillation" needs use_distillation_token=True, but it is False.')

    def _check_labels(self) -> None:
        low, high = self.label_range
        if not low < high:
            raise ValueError(f"label_range must be (lowest, highest), but is {tuple(self.label_range)}.")
        if self.problem_type != "regression":
            raise ValueError(f'problem_type must be "regression", but is {self.problem_type!r}.')


__all__ = ["ASTVAConfig"]

# The code travels with every saved configuration, so that it loads where this package is not installed.
ASTVAConfig.register_for_auto_class()
