# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Configuration of the Audio Spectrogram Transformer for valence and arousal."""

import math
from typing import Any, TypeVar

from huggingface_hub.dataclasses import strict
from huggingface_hub.errors import StrictDataclassFieldValidationError
from transformers import PreTrainedConfig
from transformers.activations import ACT2FN

from .audio_ast_va import RATING_SCALE

ConfigT = TypeVar("ConfigT")
MIN_DESCRIBED_BINS = 24  # three mel bins for each of the descriptors' eight groups of bands
POOLING_MODES = ("cls", "mean", "cls+distillation")
# Settings of the feature extractor that a model depends on.
SPECTROGRAM_SETTINGS = ("max_length", "num_mel_bins", "sampling_rate", "hop_length", "f_min", "f_max")
QUANTILES = {"conformal_quantiles": 99, "label_quantiles": 101}  # settings that are lists of so many for each label
POSITIVE_SETTINGS = (
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
)


class CustomPipelines(dict):
    """Pipelines whose code is saved with a model, by task; without the tasks that this process has registered."""

    def __contains__(self, task):
        # The library requires `trust_remote_code` for a task in this dictionary; a registered task does not need it.
        from transformers.pipelines import PIPELINE_REGISTRY

        return super().__contains__(task) and task not in PIPELINE_REGISTRY.get_supported_tasks()


def raise_value_errors(config_class: type[ConfigT]) -> type[ConfigT]:
    """Class decorator: a setting of a wrong type raises a plain `ValueError` in place of the error of `strict`."""
    set_checked: Any = config_class.__setattr__
    fields: dict[str, Any] = config_class.__dataclass_fields__  # type: ignore[attr-defined]

    def __setattr__(self, name, value):
        try:
            set_checked(self, name, value)
        except StrictDataclassFieldValidationError as error:
            expected = fields[name].type
            expected = expected.__name__ if isinstance(expected, type) else expected
            raise ValueError(f"Expected {name} of type {expected}, but got {value!r}.") from error

    config_class.__setattr__ = __setattr__  # type: ignore[method-assign, assignment]
    return config_class


@raise_value_errors
@strict
class ASTVAConfig(PreTrainedConfig):
    r"""
    Configuration of an [`ASTVAModel`] or [`ASTVAForRegression`].

    The defaults define a small transformer for five seconds of music: 3,314,306 parameters with its head.

    Args:
        hidden_size: width of a token.
        num_hidden_layers: number of transformer layers.
        num_attention_heads: attention heads of each layer; must divide `hidden_size`.
        intermediate_size: width of the feed-forward network.
        hidden_act: activation of the feed-forward network, a name of `transformers.activations.ACT2FN`.
        hidden_dropout_prob: dropout after attention, inside and after the feed-forward network, and in the head.
        attention_probs_dropout_prob: dropout of the attention weights.
        initializer_range: standard deviation of the normal distribution that weights and tokens are initialised from.
        layer_norm_eps: epsilon of the layer normalisations.
        qkv_bias: whether the query, key and value projections have a bias.
        patch_size: side of the square patches, in mel bins and in frames.
        frequency_stride: step between patches, in mel bins; at most `patch_size`.
        time_stride: step between patches, in frames; at most `patch_size`.
        stem_channels: channels of a convolutional stem that replaces the patches: one convolution for each entry, then
            one token for each remaining time step, over all frequencies.
        stem_strides: stride of each convolution of the stem, along time and frequency; empty is 2 for each. The kernel
            of stride s is 2s - 1 wide.
        stem_act: activation of the stem, a name as for `hidden_act`; `None` is `hidden_act`.
        descriptor_hidden_size: width of an embedding of hand-made descriptors (timbre, loudness, rhythm, harmony) that
            is concatenated to the pooled tokens. 0 leaves the descriptors out.
        descriptor_dropout_prob: dropout of that embedding.
        pooler_dropout_prob: probability that the head receives zeros for the pooled tokens of a segment in training, so
            that it learns to predict from the descriptors (ModDrop: Neverova et al., 2016, IEEE TPAMI 38(8)).
        sampling_rate, hop_length, f_min, f_max: settings of the feature extractor, in Hz and samples. The descriptors
            use them, with `frontend="librosa"`.
        segment_seconds: length of the segments that the model is trained on, in seconds; `None` allows any length.
        num_mel_bins: height of the spectrogram.
        max_length: length of the spectrogram, in frames.
        norm_first: whether layers are pre-norm with a final layer normalisation, as in AST and ViT, or post-norm.
        use_distillation_token: whether there is a second prefix token, as in DeiT and AST.
        pooling: what is pooled: the `"cls"` token, the `"mean"` of the patch tokens, or `"cls+distillation"`, the mean
            of both prefix tokens.
        head_hidden_size: width of the hidden layer of the valence-arousal head.
        use_frame_head: whether there is a head of the course: valence and arousal of every time step.
        use_spread_head: whether there is a head of two standard deviations of each rating: of the model's error, and
            of the ratings that different people give.
        num_auxiliary_targets: number of additional targets that a linear head predicts during training.
        id2label, label2id: names of the outputs, and their inverse, which may be left out. The default is valence and
            arousal, in this order.
        label_range: lowest and highest rating. The predictions of an untrained head start at its middle, and the four
            quadrants of the valence-arousal plane meet there.
        conformal_quantiles: of valence and of arousal: the quantiles 0.01, 0.02, ..., 0.99 of |error| / predicted
            error over songs that models of the same training did not know. With them, intervals have a stated coverage.
        error_correlation: of the errors of valence and arousal of these songs.
        label_quantiles: of valence and of arousal: the quantiles 0, 0.01, ..., 1 of the ratings in the data set, of
            which predictions are percentiles.

    Raises:
        ValueError: for settings of a wrong type or that do not fit each other; the message names the values.

    Example:

    ```python
    >>> from modeling_ast_va import ASTVAConfig, ASTVAForRegression

    >>> model = ASTVAForRegression(ASTVAConfig())
    >>> model.num_parameters()
    3314306

    ```"""

    model_type = "ast_va"
    # Outputs that `Trainer` does not gather in evaluation.
    keys_to_ignore_at_inference = [
        *("pooler_output", "frame_logits", "error_std", "rater_std", "auxiliary_logits"),
        *("hidden_states", "attentions"),
    ]

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
    stem_strides: tuple[int, ...] | list[int] = ()
    stem_act: str | None = None
    descriptor_hidden_size: int = 0
    descriptor_dropout_prob: float | int = 0.5
    pooler_dropout_prob: float | int = 0.0
    sampling_rate: int = 44100
    hop_length: int = 512
    f_min: float | int = 0.0
    f_max: float | int | None = None
    segment_seconds: float | int | None = None
    num_mel_bins: int = 128
    max_length: int = 432
    norm_first: bool = False
    use_distillation_token: bool = False
    pooling: str = "cls"
    head_hidden_size: int = 128
    use_frame_head: bool = False
    use_spread_head: bool = False
    num_auxiliary_targets: int = 0
    label_range: tuple[float | int, float | int] | list[float | int] = RATING_SCALE
    conformal_quantiles: tuple[list[float], ...] | list[list[float]] = ()
    error_correlation: float | int = 0.0
    label_quantiles: tuple[list[float], ...] | list[list[float]] = ()

    def __post_init__(self, **kwargs):
        if self.id2label is None and self.label2id:  # type: ignore[has-type]
            self.id2label = {index: name for name, index in self.label2id.items()}  # type: ignore[has-type]
        if self.id2label is None and kwargs.get("num_labels") in (None, 2):  # type: ignore[has-type]
            self.id2label = {0: "valence", 1: "arousal"}
        if self.id2label and self.label2id is None:  # type: ignore[has-type]
            self.label2id = {name: int(index) for index, name in self.id2label.items() if str(index).isdecimal()}
        if self.problem_type is None:  # type: ignore[has-type]
            self.problem_type = "regression"
        self._check_labels()
        super().__post_init__(**kwargs)
        self._check_settings()

    @property
    def patch_grid(self) -> tuple[int, int]:
        """Number of patches along frequency and along time for `max_length` frames."""
        return self.patch_grid_of(self.max_length)

    def patch_grid_of(self, num_frames: int) -> tuple[int, int]:
        """Number of patches along frequency and along time for `num_frames` frames."""
        if self.stem_channels:
            return 1, self.stem_length(num_frames)
        return (
            (self.num_mel_bins - self.patch_size) // self.frequency_stride + 1,
            (num_frames - self.patch_size) // self.time_stride + 1,
        )

    @property
    def stem_stride(self) -> int:
        """Frames, or mel bins, of a step after the convolutional stem."""
        return math.prod(self.stem_strides) if self.stem_strides else 2 ** len(self.stem_channels)

    def stem_length(self, size: int) -> int:
        """Length of `size` frames or mel bins after the convolutional stem, whose strides divide and round up."""
        return math.ceil(size / self.stem_stride)

    def step_seconds(self, num_frames: int) -> list[float]:
        """The centres of the time steps of `num_frames` frames, in seconds from the centre of the first frame."""
        first, stride = (0.0, self.stem_stride) if self.stem_channels else ((self.patch_size - 1) / 2, self.time_stride)
        num_steps, frame_seconds = self.patch_grid_of(num_frames)[1], self.hop_length / self.sampling_rate
        return [(first + stride * step) * frame_seconds for step in range(num_steps)]

    @property
    def min_num_frames(self) -> int:
        """Smallest number of frames of a spectrogram: one patch, or one time step after the stem."""
        return self.stem_stride if self.stem_channels else self.patch_size

    @property
    def num_prefix_tokens(self) -> int:
        """Number of tokens before the patches: CLS and, if used, distillation."""
        return 2 if self.use_distillation_token else 1

    @property
    def highest_frequency(self) -> float:
        """Upper edge of the highest mel band, in Hz: `f_max`, or half the sampling rate."""
        return self.sampling_rate / 2 if self.f_max is None else self.f_max

    @property
    def pooler_size(self) -> int:
        """Width of the input of the head: pooled tokens and, if used, the embedding of the descriptors."""
        return self.hidden_size + self.descriptor_hidden_size

    @property
    def label_midpoint(self) -> float:
        """Middle of the rating scale: 5 on 1-9."""
        low, high = self.label_range
        return (low + high) / 2

    @classmethod
    def from_dict(cls, config_dict, **kwargs):
        # The library only warns here, and would build this network from the settings of another one.
        model_type = config_dict.get("model_type", cls.model_type)
        if model_type != cls.model_type:
            raise ValueError(f"Expected the configuration of a {cls.model_type!r} model, but got {model_type!r}.")
        if "custom_pipelines" in config_dict:
            config_dict = {**config_dict, "custom_pipelines": CustomPipelines(config_dict["custom_pipelines"])}
        loaded = super().from_dict(config_dict, **kwargs)
        # Keyword arguments that override saved settings are set after construction.
        (loaded[0] if isinstance(loaded, tuple) else loaded)._check_settings()
        return loaded

    def check_fit(self, feature_extractor) -> None:
        """Check that the spectrograms of a feature extractor are those that the model expects (ValueError)."""
        expected = {name: getattr(self, name) for name in SPECTROGRAM_SETTINGS}
        if self.segment_seconds is not None:
            expected["segment_seconds"] = self.segment_seconds
        if self.descriptor_hidden_size:
            expected["frontend"] = "librosa"
        for name, ours in expected.items():
            theirs = getattr(feature_extractor, name, None)
            if ours != theirs:
                raise ValueError(
                    f"Expected {name}={ours!r} for the model, but got {theirs!r} from the feature extractor."
                )

    def _check_settings(self) -> None:
        # Not as `validate_...` methods: `strict` would wrap their errors.
        self._check_labels()
        self._check_numbers()
        self._check_quantiles()
        self._check_choices()
        self._check_patches()
        if self.descriptor_hidden_size:
            self._check_descriptors()
        elif self.pooler_dropout_prob:
            raise ValueError(
                "Expected pooler_dropout_prob of 0 without descriptors (descriptor_hidden_size=0), "
                f"but got {self.pooler_dropout_prob}."
            )

    def _check_labels(self) -> None:
        if self.id2label is None:  # then `num_labels` names them
            return
        names = {str(index): name for index, name in self.id2label.items()}
        if set(names) != set(map(str, range(len(names)))) or len(set(names.values())) != len(names) or not names:
            raise ValueError(f"Expected id2label with a name of its own for 0, 1, ..., but got {self.id2label}.")
        inverse = {str(index): name for name, index in (self.label2id or {}).items()}
        if inverse != names:
            raise ValueError(f"Expected label2id to be the inverse of {self.id2label}, but got {self.label2id}.")

    def _check_numbers(self) -> None:
        for name in ASTVAConfig.__annotations__:
            if name in QUANTILES:
                continue
            numbers = getattr(self, name) if isinstance(getattr(self, name), (list, tuple)) else [getattr(self, name)]
            if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
                raise ValueError(f"Expected {name} to be finite, but got {getattr(self, name)}.")
        for name in POSITIVE_SETTINGS:
            if getattr(self, name) < 1:
                raise ValueError(f"Expected {name} of at least 1, but got {getattr(self, name)}.")
        for name in ("descriptor_hidden_size", "num_auxiliary_targets", "initializer_range", "layer_norm_eps"):
            if getattr(self, name) < 0:
                raise ValueError(f"Expected {name} of at least 0, but got {getattr(self, name)}.")
        for name in ASTVAConfig.__annotations__:
            if name.endswith("dropout_prob") and not 0 <= getattr(self, name) < 1:
                raise ValueError(f"Expected {name} in [0, 1), but got {getattr(self, name)}.")
        if self.segment_seconds is not None and self.segment_seconds <= 0:
            raise ValueError(f"Expected a positive segment_seconds, but got {self.segment_seconds}.")
        for name in ("stem_channels", "stem_strides"):
            if any(number < 1 for number in getattr(self, name)):
                raise ValueError(f"Expected {name} of at least 1 each, but got {list(getattr(self, name))}.")
        if self.stem_strides and len(self.stem_strides) != len(self.stem_channels):
            expected = f"a stride for each of {len(self.stem_channels)} stem_channels"
            raise ValueError(f"Expected {expected}, or none, but got stem_strides {list(self.stem_strides)}.")
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"Expected num_attention_heads that divide hidden_size ({self.hidden_size}), "
                f"but got {self.num_attention_heads}."
            )
        if len(self.label_range) != 2 or not self.label_range[0] < self.label_range[1]:
            raise ValueError(f"Expected label_range of (lowest, highest), but got {tuple(self.label_range)}.")

    def _check_quantiles(self) -> None:
        for name, num_quantiles in QUANTILES.items():
            columns = [list(column) for column in getattr(self, name)]
            is_valid = len(columns) in (0, 2) and all(
                len(column) == num_quantiles and column == sorted(column) and all(map(math.isfinite, column))
                for column in columns
            )
            if not is_valid:
                sizes = [len(column) for column in columns]
                expected = f"{name} of {num_quantiles} ascending numbers for each of valence and arousal, or none"
                raise ValueError(f"Expected {expected}, but got lists of {sizes}.")
        if not -1 < self.error_correlation < 1:
            raise ValueError(f"Expected error_correlation in (-1, 1), but got {self.error_correlation}.")

    def _check_choices(self) -> None:
        for name in ("hidden_act", "stem_act"):
            if (activation := getattr(self, name)) is not None and activation not in ACT2FN:
                raise ValueError(f"Expected {name} of transformers.activations.ACT2FN, but got {activation!r}.")
        if self.pooling not in POOLING_MODES:
            raise ValueError(f"Expected pooling of {POOLING_MODES}, but got {self.pooling!r}.")
        if self.pooling == "cls+distillation" and not self.use_distillation_token:
            raise ValueError('Expected use_distillation_token=True for pooling="cls+distillation", but got False.')
        if self.problem_type != "regression":
            raise ValueError(f'Expected problem_type "regression", but got {self.problem_type!r}.')

    def _check_patches(self) -> None:
        if not self.stem_channels:
            for name in ("frequency_stride", "time_stride"):
                if getattr(self, name) > self.patch_size:
                    raise ValueError(
                        f"Expected {name} of at most patch_size ({self.patch_size}), since gaps between patches skip "
                        f"parts of the spectrogram, but got {getattr(self, name)}."
                    )
        if not 0 <= self.f_min < self.highest_frequency:
            raise ValueError(
                f"Expected f_min of at least 0 and below f_max ({self.highest_frequency}), but got {self.f_min}."
            )
        unit = "the strides of the stem" if self.stem_channels else "patch_size"
        for name in ("num_mel_bins", "max_length"):
            if getattr(self, name) < self.min_num_frames:
                raise ValueError(
                    f"Expected {name} of at least {unit} ({self.min_num_frames}), but got {getattr(self, name)}."
                )

    def _check_descriptors(self) -> None:
        if self.num_mel_bins < MIN_DESCRIBED_BINS:
            raise ValueError(
                f"Expected num_mel_bins of at least {MIN_DESCRIBED_BINS} with descriptors (descriptor_hidden_size="
                f"{self.descriptor_hidden_size}), but got {self.num_mel_bins}."
            )


__all__ = ["ASTVAConfig"]

# The code is saved with every configuration, so that it loads without this package.
ASTVAConfig.register_for_auto_class()
