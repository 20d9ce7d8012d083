# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Arguments of training: by flags, by one JSON file, or both, where flags win."""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import HfArgumentParser, TrainingArguments

from ..configuration_ast_va import ASTVAConfig
from ..data.splits import VALIDATION_RATIO
from ..feature_extraction_ast_va import ASTVAFeatureExtractor


@dataclass
class DataArguments:
    """What to train on, and from which weights."""

    data_dir: str | None = field(
        default=None, metadata={"help": "DEAM's folder as distributed. Without it, the synthesised demo songs."}
    )
    labels: str = field(
        default="corrected",
        metadata={"help": "'corrected' exchanges valence and arousal of songs up to 1000 back; or 'published'."},
    )
    split_by: str = field(
        default="artist",
        metadata={"help": "'artist', 'song', 'segment' (leaks songs), 'mediaeval2015', or 'none': all songs train."},
    )
    split_seed: int = field(default=42, metadata={"help": "Seed of the split, apart from that of training."})
    num_folds: int | None = field(
        default=None, metadata={"help": "Cross-validation: so many folds, of which --fold is tested."}
    )
    fold: int | None = field(default=None, metadata={"help": "The fold that is tested, from 0."})
    validation_ratio: float = field(
        default=VALIDATION_RATIO,
        metadata={"help": "Songs to validate on, of all; with 0 they train, and the last weights are kept."},
    )
    segment_hop_seconds: float | None = field(
        default=None, metadata={"help": "Step from segment to segment, in seconds. Without it, a segment's length."}
    )
    init_from: str | None = field(
        default=None,
        metadata={"help": "Hub id or folder of an ASTVA model or of an AudioSet AST of the library to start from."},
    )
    teacher_embeddings: str | None = field(
        default=None, metadata={"help": "NPZ file of another network's embeddings, to learn beside the ratings."}
    )
    audio_offset_seconds: float = field(
        default=0.0, metadata={"help": "Where the audio files begin in the clips that the dynamic annotations time."}
    )
    license: str | None = field(
        default=None, metadata={"help": "Of the trained weights, an identifier of the Hub; without it, DEAM's terms."}
    )
    cache_dir: str | None = field(default=None, metadata={"help": "Where log-mels are kept; else datasets' cache."})
    num_proc: int | None = field(default=None, metadata={"help": "Processes that decode; without it, one a core."})


@dataclass
class ASTVATrainingArguments(TrainingArguments):
    """`TrainingArguments` with the defaults of the notebook's recipe, and what that recipe only described."""

    output_dir: str = field(default="outputs/ast-va", metadata={"help": "Becomes a complete Hub repository."})
    num_train_epochs: float = field(default=15.0, metadata={"help": "Epochs at most; early stopping may end sooner."})
    per_device_train_batch_size: int = field(default=16, metadata={"help": "Segments a step and device."})
    per_device_eval_batch_size: int = field(default=32, metadata={"help": "Segments a step and device."})
    learning_rate: float = field(default=1e-4, metadata={"help": "Peak learning rate of AdamW."})
    weight_decay: float = field(default=0.01, metadata={"help": "Of AdamW."})
    lr_scheduler_type: str = field(default="cosine", metadata={"help": "Schedule of the learning rate."})
    max_grad_norm: float = field(default=1.0, metadata={"help": "Gradients are clipped to this norm."})
    eval_strategy: str = field(default="epoch", metadata={"help": "When to evaluate on the validation split."})
    save_strategy: str = field(default="epoch", metadata={"help": "When to save a checkpoint."})
    logging_strategy: str = field(default="epoch", metadata={"help": "When to log the training loss."})
    save_total_limit: int | None = field(default=2, metadata={"help": "Checkpoints kept: the best and the last."})
    load_best_model_at_end: bool = field(default=True, metadata={"help": "Restore the best checkpoint at the end."})
    metric_for_best_model: str | None = field(default="loss", metadata={"help": "Of the validation split."})
    remove_unused_columns: bool = field(default=False, metadata={"help": "The collator picks what it needs."})
    ddp_find_unused_parameters: bool | None = field(default=False, metadata={"help": "Every weight is used."})
    early_stopping_patience: int = field(
        default=5, metadata={"help": "Evaluations without a better one after which training stops; 0 never stops."}
    )
    frequency_mask_bins: int = field(default=10, metadata={"help": "SpecAugment: widest masked band, in mel bins."})
    time_mask_frames: int = field(default=20, metadata={"help": "SpecAugment: widest masked stretch, in frames."})
    concordance_weight: float = field(
        default=0.0, metadata={"help": "Weight in the loss of one minus the CCC, beside the mean squared error."}
    )
    dynamic_weight: float = field(
        default=0.0, metadata={"help": "Weight in the loss of the dynamic annotations as auxiliary targets."}
    )
    teacher_weight: float = field(
        default=0.0, metadata={"help": "Weight in the loss of --teacher_embeddings, and of ratings found in them."}
    )

    num_threads: int | None = field(
        default=None, metadata={"help": "Threads of torch on CPU; without it, the cores shared among the processes."}
    )

    def __post_init__(self):
        super().__post_init__()
        self.dataloader_pin_memory &= torch.accelerator.is_available()  # else torch warns at every loader
        for name in (
            "early_stopping_patience",
            "frequency_mask_bins",
            "time_mask_frames",
            "concordance_weight",
            "dynamic_weight",
            "teacher_weight",
        ):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, but is {getattr(self, name)}.")


def _settings_fields() -> dict[str, Any]:
    """The settings of configuration and feature extractor that a flag can give, with their defaults."""
    own = [name for name in ASTVAConfig.__annotations__ if name not in ("label_range", "num_auxiliary_targets")]
    defaults = {f.name: f.default for f in dataclasses.fields(ASTVAConfig) if f.name in own}
    parameters = inspect.signature(ASTVAFeatureExtractor.__init__).parameters
    defaults.update({name: p.default for name, p in parameters.items() if p.default is not inspect.Parameter.empty})
    return defaults


def _flag_type(name: str, default: Any) -> Any:
    if default == ():
        return list[int]
    if default is not None:
        return type(default)
    return int if name.endswith("_length") else float


# One flag for each setting, under its own name; None leaves the default.
SettingsArguments = dataclasses.make_dataclass(
    "SettingsArguments",
    [
        (name, _flag_type(name, default) | None, field(default=None, metadata={"help": f"[{default}]"}))
        for name, default in _settings_fields().items()
    ],
)


class Arguments(NamedTuple):
    """What a training run is given."""

    data: DataArguments
    settings: dict[str, Any]  # of configuration and feature extractor, only what was given
    training: ASTVATrainingArguments


def parse_arguments(arguments: Sequence[str] | None = None) -> Arguments:
    """
    Read `[config.json] [--flag value ...]`; a flag wins over the file.

    Args:
        arguments: without it, those of the command line.

    Raises:
        SystemExit: for an unknown flag, as argparse does.
        ValueError: for a file that is not a JSON object, or with a name that is no argument.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = HfArgumentParser(
        (DataArguments, SettingsArguments, ASTVATrainingArguments),
        description="Train an Audio Spectrogram Transformer for valence and arousal.",
        usage="%(prog)s [config.json] [--data_dir DEAM] [--flag value ...]",
    )
    if arguments and not arguments[0].startswith("-"):
        parser.set_defaults(**_read_config(arguments.pop(0), parser))
    data, settings, training, unknown = parser.parse_args_into_dataclasses(
        arguments, look_for_args_file=False, return_remaining_strings=True
    )
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    given = {name: value for name, value in vars(settings).items() if value is not None}
    return Arguments(data, given, training)


def split_settings(settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sort settings into those of the configuration and those of the feature extractor; some belong to both."""
    of_config = {name: value for name, value in settings.items() if name in ASTVAConfig.__annotations__}
    parameters = inspect.signature(ASTVAFeatureExtractor.__init__).parameters
    of_features = {name: value for name, value in settings.items() if name in parameters}
    with suppress(ValueError):  # what is no number stays as it is: the feature extractor knows "max" and refuses others
        of_features["ref"] = float(of_features.get("ref", "max"))
    return of_config, of_features


def build_new(settings: dict[str, Any]) -> tuple[ASTVAConfig, ASTVAFeatureExtractor]:
    """
    Configuration and feature extractor from settings, with a spectrogram that just holds a segment.

    Without `max_length` it is the fewest frames that hold a segment and fill the patch grid: 432 for five seconds.
    """
    of_config, of_features = split_settings(settings)
    if "max_length" not in settings:
        of_config["max_length"] = of_features["max_length"] = fitting_length(ASTVAConfig(**of_config), of_features)
    config, feature_extractor = ASTVAConfig(**of_config), ASTVAFeatureExtractor(**of_features)
    check_descriptors(config, feature_extractor)
    return config, feature_extractor


def check_descriptors(config: ASTVAConfig, feature_extractor: ASTVAFeatureExtractor) -> None:
    """Refuse descriptors of spectrograms whose bands or frames lie elsewhere than they expect (ValueError)."""
    if not config.descriptor_hidden_size:
        return
    if feature_extractor.frontend != "librosa":
        raise ValueError(f'Descriptors need frontend="librosa", but it is {feature_extractor.frontend!r}.')
    for name in ("sampling_rate", "hop_length", "f_min", "f_max"):
        if getattr(config, name) != getattr(feature_extractor, name):
            raise ValueError(
                f"Descriptors need the {name} of the feature extractor, {getattr(feature_extractor, name)}, but the "
                f"configuration has {getattr(config, name)}."
            )


def fitting_length(geometry: ASTVAConfig, feature_settings: dict[str, Any]) -> int:
    """The fewest frames that hold a segment of these feature settings and fill a patch grid of this geometry."""
    endless = ASTVAFeatureExtractor(**{**feature_settings, "max_length": sys.maxsize})
    num_frames = endless.num_frames(round(endless.segment_seconds * endless.sampling_rate))
    if geometry.stem_channels:
        return num_frames
    num_steps = max(0, math.ceil((num_frames - geometry.patch_size) / geometry.time_stride))
    return geometry.patch_size + num_steps * geometry.time_stride


def _read_config(path: str, parser: HfArgumentParser) -> dict[str, Any]:
    try:
        config = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"Expected a JSON file of arguments, but there is no {path!r}.") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path!r} is not JSON: {error}.") from error
    if not isinstance(config, dict):
        raise ValueError(f"Expected a JSON object of arguments in {path!r}, but it holds a {type(config).__name__}.")
    known = {action.dest for action in parser._actions} - {"help"}
    unknown = sorted(set(config) - known)
    if unknown:
        raise ValueError(f"{path!r} gives {unknown}, which are no arguments of training.")
    return config
