# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The flags of `train`: one for each field of the classes of settings, in groups. Neither torch nor transformers."""

from __future__ import annotations

import argparse
import functools
import math
import re
import shutil
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from ..argument_parser import ArgumentParser, number
from ..data.sources import LOG_MELS
from ..data.splits import LABELS, SPLIT_BY
from ..released import recipe_names
from ..training.source_fields import SourceField, class_fields, documented

PACKAGE = Path(__file__).parents[1]
TRANSFORMERS = Path(find_spec("transformers").origin).parent  # type: ignore[union-attr, arg-type]
# Classes whose fields become flags, by what they are settings of. Of two fields with one name, the first does.
SOURCES = {
    "data": (PACKAGE / "training" / "arguments.py", "DataArguments"),
    "features": (PACKAGE / "feature_extraction_ast_va.py", "ASTVAFeatureExtractor"),
    "network": (PACKAGE / "configuration_ast_va.py", "ASTVAConfig"),
    "trainer": (PACKAGE / "training" / "training_arguments.py", "ASTVATrainingArguments"),
    "library": (TRANSFORMERS / "training_args.py", "TrainingArguments"),
}
# Of the configuration: given by the data.
NOT_FLAGS = ("num_auxiliary_targets", "conformal_quantiles", "error_correlation", "label_quantiles")
LIBRARY_GROUP = "TrainingArguments of transformers"
# Groups of the help, in the order of need. Other settings of features and network stand in the groups of these names,
# other arguments of the trainer in the last.
GROUPS: dict[str, tuple[str, ...]] = {
    "data": (
        *("data_dir", "labels", "data_csv", "audio_dir", "label_range", "segment_seconds", "segment_hop_seconds"),
        *("audio_offset_seconds", "log_mels", "cache_dir"),
    ),
    "split": ("split_by", "split_seed", "num_folds", "fold", "validation_ratio"),
    "start and output": (
        *("init_from", "output_dir", "resume_from_checkpoint", "license"),
        *("push_to_hub", "hub_model_id", "hub_private_repo"),
    ),
    "training": (
        *("num_train_epochs", "max_steps", "per_device_train_batch_size", "per_device_eval_batch_size"),
        *("gradient_accumulation_steps", "learning_rate", "matrix_learning_rate", "lr_scheduler_type", "warmup_steps"),
        *("weight_decay", "max_grad_norm", "early_stopping_patience", "metric_for_best_model"),
        *("load_best_model_at_end", "eval_strategy", "save_strategy", "save_total_limit"),
        *("logging_strategy", "logging_steps", "report_to", "seed"),
    ),
    "augmentation and loss": (*("frequency_mask_bins", "time_mask_frames", "concordance_weight", "dynamic_weight"),),
    "teachers": (
        *("teacher_embeddings", "teachers", "teacher_sampling_rates", "teacher_weight"),
        *("unlabeled_dir", "unlabeled_batch_size", "num_augmented_windows", "augmented_batch_size"),
    ),
    "features": (),
    "network": (),
    "machine": ("num_proc", "num_threads", "use_cpu", "bf16", "disable_tqdm"),
    LIBRARY_GROUP: (),
}
CHOICES = {"labels": LABELS, "split_by": SPLIT_BY, "log_mels": LOG_MELS}
# Numbers are at least 0, except for these, of which the first may be negative and the others must be positive.
ANY_NUMBER = ("mean", "padding_value", "audio_offset_seconds", "label_range", "max_steps", "local_rank")
POSITIVE = (
    *("num_proc", "num_threads", "segment_hop_seconds", "segment_seconds", "num_train_epochs", "std"),
    *("per_device_train_batch_size", "per_device_eval_batch_size", "gradient_accumulation_steps"),
)
METAVARS = {"data_csv": "TABLE", "init_from": "MODEL", "label_range": ("LOW", "HIGH")}
METAVARS |= {"teacher_embeddings": "FILE", "teachers": "MODEL"}
# Defaults that are not those of a class, since they follow from other settings or from the data.
DERIVED = {
    "output_dir": "outputs/NAME, with the name of the recipe or table",
    "max_length": "the frames of a segment",
    "mean": "that of the training songs",
    "std": "that of the training songs",
}
BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class Flag(NamedTuple):
    """A flag of training: the field of a class."""

    source: str  # one of `SOURCES`
    group: str  # one of `GROUPS`
    help: str
    default: Any  # of the class
    may_be_none: bool
    options: dict[str, Any]  # of `add_argument`: `type`, `choices`, `nargs`, `const`, `metavar`


@functools.cache
def training_flags() -> dict[str, Flag]:
    """All flags of training by name, those of a group in its order."""
    helps = {one.name: one.help for one in class_fields(*SOURCES["library"])} | documented(*SOURCES["trainer"])
    groups = {name: group for group, names in GROUPS.items() for name in names}
    flags: dict[str, Flag] = {}
    for source, place in SOURCES.items():
        for one in class_fields(*place):
            if one.name not in flags and one.name not in NOT_FLAGS:
                group = groups.get(one.name, source if source in GROUPS else LIBRARY_GROUP)
                text = _plain(helps.get(one.name) or one.help)
                may_be_none = bool(re.search(r"\bNone\b|\bOptional\b", one.annotation))
                flags[one.name] = Flag(source, group, text, one.default, may_be_none, _options(one, may_be_none))
    order = [*groups, *(name for name in flags if name not in groups)]
    return {name: flags[name] for name in order}


class Command(NamedTuple):
    """A command of training: what its help says before its flags, and which of the flags it does not have."""

    usage: str
    description: str
    unused: tuple[str, ...] = ()


OF_RECIPES = "recipe.json is a JSON file of flags, or a recipe of the package: {recipes}."
TRAIN = Command(
    "%(prog)s [recipe.json] [--data_dir DEAM | --data_csv TABLE] [flags]",
    f"Train an Audio Spectrogram Transformer that predicts valence and arousal of music. {OF_RECIPES} Settings that "
    "neither a flag nor the recipe gives are those of deam_fast.json; with --init_from those of finetune.json, with "
    "the network and the features of the checkpoint. Without data, training uses synthesised demo songs.",
)
PRETRAIN = Command(
    "%(prog)s [recipe.json] --unlabeled_dir DIR --teachers MODEL [MODEL ...] [flags]",
    "Train an encoder to predict the embeddings that teachers compute of augmented windows of music without labels; "
    f"train --init_from continues with labels. {OF_RECIPES} Without one, it is pretrain.json; other settings are those "
    "of deam_fast.json.",
    unused=(  # of labels, of their splits, of validation, and of batches with labels
        *("data_dir", "labels", "data_csv", "audio_dir", "label_range", "segment_hop_seconds", "audio_offset_seconds"),
        *("log_mels", "split_by", "num_folds", "fold", "push_to_hub", "hub_model_id", "hub_private_repo"),
        *("early_stopping_patience", "metric_for_best_model", "load_best_model_at_end", "eval_strategy"),
        *("concordance_weight", "dynamic_weight", "teacher_embeddings", "unlabeled_batch_size", "augmented_batch_size"),
    ),
)


def flag_parser(prog: str | None, values: Mapping[str, Any], command: Command, *, full_help: bool) -> ArgumentParser:
    """
    The parser of the flags.

    Args:
        values: those of the recipes, which stand in the help as defaults.
        command: which it is for.
        full_help: whether the help explains every argument of transformers, in place of naming them.
    """
    parser = ArgumentParser(
        prog=prog,
        usage=command.usage,
        description=command.description.format(recipes=", ".join(recipe_names())),
        formatter_class=functools.partial(argparse.HelpFormatter, max_help_position=_help_position()),
        add_help=False,
    )
    parser.add_argument("-h", "--help", action="help", help="Show this help.")
    parser.add_argument("--help_all", action="help", help=f"Show this help with all {LIBRARY_GROUP}.")
    flags = {name: flag for name, flag in training_flags().items() if name not in command.unused}
    for group in GROUPS:
        names = [name for name, flag in flags.items() if flag.group == group]
        is_named_only = group == LIBRARY_GROUP and not full_help
        others = "; --help_all explains them: " + " ".join(f"--{name}" for name in names)
        section = parser.add_argument_group(group, "All are flags" + others if is_named_only else None)
        for name in names:
            text = argparse.SUPPRESS if is_named_only else flags[name].help + _default_text(name, flags[name], values)
            # A flag that is not given leaves no trace, so that defaults stand in one place.
            section.add_argument(f"--{name}", **flags[name].options, default=argparse.SUPPRESS, help=text)
            parser.flags.append(f"--{name}")
    return parser


def _help_position() -> int:
    """Column of the help texts."""
    return 34 if shutil.get_terminal_size().columns >= 100 else 8


def _plain(text: str) -> str:
    """A description without Markdown, as the text of a help."""
    return re.sub(r"\[?`([^`]*)`\]?", r"\1", text).replace("%%", "%").replace("%", "%%")


def _default_text(name: str, flag: Flag, given: Mapping[str, Any]) -> str:
    """The default that a user gets, as the end of a help; empty where the description states it."""
    value = given.get(name, DERIVED.get(name, flag.default))
    if value is None or value in ((), [], ""):
        return ""
    values = value if isinstance(value, (list, tuple)) else [value]
    return f" (default: {' '.join(map(_shown, values))})"


def _shown(value: Any) -> str:
    """A default as it is typed."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value).replace("%", "%%")


def _options(one: SourceField, may_be_none: bool) -> dict[str, Any]:
    """Options of a flag."""
    kind = flag_type(one.annotation)
    options = {"type": kind, "choices": CHOICES.get(one.name), **one.options}
    if kind in (int, float):
        low = -math.inf if one.name in ANY_NUMBER else 0
        options["type"] = number(kind, low, above=one.name in POSITIVE)
        options["metavar"] = "N" if kind is int else "X"
    elif not options["choices"]:
        options["metavar"] = "DIR" if one.name.endswith("_dir") else "TEXT"
    if options["type"] is boolean:
        options |= {"nargs": "?", "const": True, "metavar": "BOOL"}
    elif re.search(r"\btuple\[\w+, \w+\]", one.annotation):
        options["nargs"] = 2
    elif re.search(r"\b(list|tuple)\[(int|float|str)\b", one.annotation):
        options["nargs"] = "*" if kind in (int, float) else "+"
    elif may_be_none and kind in (int, float):
        options["type"] = _or_none(options["type"])
    if one.name in METAVARS:
        options["metavar"] = METAVARS[one.name]
    return options


def flag_type(annotation: str) -> Any:
    """The type of a flag's values, from the annotation of its field: bool, int, float or str."""
    names = set(re.findall(r"\w+", annotation)) - {"None", "Optional", "Union", "typing", "list", "tuple"}
    if names == {"bool"}:
        return boolean
    return int if names <= {"int"} else float if names <= {"int", "float"} else str


def boolean(text: str) -> bool:
    """The value of a flag that is true or false."""
    if text.lower() not in BOOLEANS:
        raise ValueError(f"Expected true or false, but got {text!r}.")
    return BOOLEANS[text.lower()]


def _or_none(parse: Callable[[str], float]) -> Callable[[str], float | None]:
    """The type of a flag whose values are numbers, or `none`."""
    return lambda text: None if text.lower() == "none" else parse(text)
