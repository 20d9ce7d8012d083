# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Arguments of training: flags, a JSON recipe, or both. Parsing imports neither torch nor transformers."""

from __future__ import annotations

import argparse
import json
import logging
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from ..argument_parser import ArgumentParser, check_file, check_output, number, suggestion
from ..data.splits import LABELS, SPLIT_BY, SplitSettings
from ..hub.files import AST_MODEL_TYPE, MODEL_TYPE, check_model, check_repo_id
from ..released import find_recipe
from ..training.source_fields import SourceField, class_fields

logger = logging.getLogger(__name__)

PACKAGE = Path(__file__).parents[1]
TRANSFORMERS = Path(find_spec("transformers").origin).parent  # type: ignore[union-attr, arg-type]
# Classes whose fields become flags, by the titles of their groups in the help.
SOURCES = {
    "data": (Path(__file__), "DataArguments"),
    "features": (PACKAGE / "feature_extraction_ast_va.py", "ASTVAFeatureExtractor"),
    "model": (PACKAGE / "configuration_ast_va.py", "ASTVAConfig"),
    "training": (PACKAGE / "training" / "training_arguments.py", "ASTVATrainingArguments"),
    "TrainingArguments of transformers": (TRANSFORMERS / "training_args.py", "TrainingArguments"),
}
NOT_FLAGS = ("label_range", "num_auxiliary_targets")  # of the configuration: given by the data
CHOICES = {"labels": LABELS, "split_by": SPLIT_BY}
# Numbers are at least 0, except for these, of which the first may be negative and the others must be positive.
ANY_NUMBER = ("mean", "padding_value", "audio_offset_seconds", "max_steps", "local_rank")
POSITIVE = (
    *("num_proc", "num_threads", "segment_hop_seconds", "segment_seconds", "num_train_epochs", "std"),
    *("per_device_train_batch_size", "per_device_eval_batch_size", "gradient_accumulation_steps"),
)
# Values of `report_to`, and their packages where those have other names.
REPORTERS = (
    *("azure_ml", "clearml", "codecarbon", "comet_ml", "dagshub", "dvclive", "flyte", "kubeflow", "mlflow", "neptune"),
    *("swanlab", "tensorboard", "trackio", "wandb"),
)
REPORTER_PACKAGES = {"azure_ml": "azureml", "flyte": "flytekit"}
BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass
class DataArguments:
    """
    Data to train on, and the weights to start from.

    Args:
        data_dir: folder of DEAM as distributed. Without it, training uses the demo songs.
        labels: 'corrected' exchanges valence and arousal of the songs whose columns were published exchanged.
        split_by: what stays in one split. 'segment' leaks songs into the test; 'none' trains on all songs.
        split_seed: seed of the split; training has its own.
        num_folds: number of folds of a cross-validation.
        fold: fold to test on, from 0.
        validation_ratio: share of all songs to validate on. With 0 they train, and the last weights are kept.
        segment_hop_seconds: step from segment to segment, in seconds. Without it, the length of a segment.
        init_from: Hub id or folder of an ASTVA model, or of an AudioSet AST of transformers, to start from.
        teacher_embeddings: NPZ file of the embeddings of a teacher, as the command `embed` writes it.
        audio_offset_seconds: start of the audio files in the clips to which the times of dynamic annotations refer.
        license: license of the weights, an identifier of the Hub. Without it, that of the data.
        cache_dir: folder of cached log-mels. Without it, the cache of datasets.
        num_proc: number of processes that decode. Without it, one for each core.
    """

    data_dir: str | None = None
    labels: str = "corrected"
    split_by: str = "artist"
    split_seed: int = 42
    num_folds: int | None = None
    fold: int | None = None
    validation_ratio: float = 0.1
    segment_hop_seconds: float | None = None
    init_from: str | None = None
    teacher_embeddings: str | None = None
    audio_offset_seconds: float = 0.0
    license: str | None = None
    cache_dir: str | None = None
    num_proc: int | None = None

    def __post_init__(self) -> None:
        split = (self.split_by, self.split_seed, self.num_folds, self.fold, self.validation_ratio)
        self.split_settings = SplitSettings(*split)


class Arguments(NamedTuple):
    """Arguments of a training run."""

    data: DataArguments
    settings: dict[str, Any]  # of [`ASTVAConfig`] and [`ASTVAFeatureExtractor`], only those that were given
    training: dict[str, Any]  # of [`ASTVATrainingArguments`], only those that were given


def parse_arguments(argv: Sequence[str] | None = None, prog: str | None = None) -> Arguments:
    """
    Parse `argv`, by default the command line: `[recipe.json] [--flag value ...]`. Flags take precedence. The recipe is
    a file, or one of the package: [`find_recipe`].

    Raises:
        SystemExit: for an unknown flag or a value of the wrong type, after a message with a suggestion.
        ValueError: for a recipe that is missing, is no JSON object, or has an unknown name; for settings of the split
            that do not go together.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = ArgumentParser(
        prog=prog,
        usage="%(prog)s [recipe.json] [--data_dir DEAM] [--flag value ...]",
        description="Train an Audio Spectrogram Transformer that predicts valence and arousal of music. recipe.json is "
        "a JSON file of flags, or else a recipe of the package, such as deam.json.",
    )
    sources = {title: class_fields(*source) for title, source in SOURCES.items()}
    helps = {one.name: one.help for one in sources["TrainingArguments of transformers"]}
    titles = dict.fromkeys(NOT_FLAGS, "")
    flags: dict[str, dict[str, Any]] = {}
    for title, fields in sources.items():
        group = parser.add_argument_group(title)
        for one in fields:
            if one.name not in titles:  # of two fields with one name, the first becomes a flag
                titles[one.name] = title
                parser.flags.append(f"--{one.name}")
                flags[one.name] = _flag_options(one, one.help or helps[one.name])
                group.add_argument(f"--{one.name}", **flags[one.name])
    if argv and not argv[0].startswith("-"):
        parser.set_defaults(**_read_recipe(argv.pop(0), flags))
    given: dict[str, dict[str, Any]] = {title: {} for title in SOURCES}
    for name, value in vars(parser.parse_args(argv)).items():
        given[titles[name]][name] = value
    data, features, model, training, of_library = given.values()
    settings = {name: value for name, value in {**model, **features}.items() if value is not None}
    _check_reporters(training.get("report_to", of_library.get("report_to")))
    return Arguments(DataArguments(**data), settings, {**training, **of_library})


def _flag_options(one: SourceField, description: str) -> dict[str, Any]:
    """Options of a flag. One that is not given leaves no trace, so that defaults stand in one place."""
    default = "" if one.default in (None, ()) else f" (default: {str(one.default).replace('%', '%%')})"
    kind = flag_type(one.annotation)
    options = {"type": kind, "choices": CHOICES.get(one.name), **one.options}
    if kind in (int, float):
        low = -math.inf if one.name in ANY_NUMBER else 0
        options["type"] = number(kind, low, above=one.name in POSITIVE)
    if options["type"] is boolean:
        options |= {"nargs": "?", "const": True, "metavar": "BOOL"}
    elif re.search(r"\b(list|tuple)\[(int|float|str)\b", one.annotation):
        options["nargs"] = "+"
    return {**options, "default": argparse.SUPPRESS, "help": description + default}


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


def check_arguments(arguments: Arguments) -> None:
    """Check that the files and folders exist, or can be written, before torch is imported (ValueError)."""
    data, training = arguments.data, arguments.training
    if training.get("push_to_hub") and training.get("hub_model_id"):
        check_repo_id(training["hub_model_id"])
    if data.data_dir is None:
        logger.warning("Without --data_dir, training uses synthesised demo songs: its results say nothing about music.")
    else:
        from ..data.annotations import find_deam

        find_deam(data.data_dir)
    if data.init_from is not None:
        check_model(data.init_from, MODEL_TYPE, AST_MODEL_TYPE)
    if data.teacher_embeddings is not None:
        check_file(data.teacher_embeddings, "an NPZ file of a teacher's embeddings")
    for folder in (training.get("output_dir"), data.cache_dir):
        if folder is not None:
            check_output(folder, is_folder=True)


def _check_reporters(names: str | Sequence[str] | None) -> None:
    """Check that the packages of `report_to` are installed (ValueError)."""
    for name in [names] if isinstance(names, str) else names or ():
        if name in ("all", "none"):
            continue
        if name not in REPORTERS:
            expected = ", ".join([*REPORTERS, "all", "none"])
            raise ValueError(f"Expected report_to out of {expected}, but got {name!r}.{suggestion(name, REPORTERS)}")
        package = REPORTER_PACKAGES.get(name, name)
        if not find_spec(package) and not (name == "tensorboard" and find_spec("tensorboardX")):
            raise ValueError(f"Expected report_to {name!r} with its package installed, but got no package {package}.")


def _read_recipe(path: str, flags: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The arguments in a JSON file, whose values are those that the flags accept."""
    file = find_recipe(path)
    try:
        recipe = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"Expected a JSON file of arguments, but got {path!r}: {error}.") from error
    if not isinstance(recipe, dict):
        raise ValueError(f"Expected a JSON object of arguments in {path!r}, but got a {type(recipe).__name__}.")
    if unknown := sorted(set(recipe) - set(flags)):
        names = ", ".join(map(repr, unknown)) + suggestion(unknown[0], flags)
        raise ValueError(f"Expected arguments of training in {path!r}, but got {names}.")
    for name, value in recipe.items():
        problem = "" if value is None else _problem(value, flags[name])
        if problem:
            raise ValueError(f"Expected a value of {name} in {path!r} that fits, but got {value!r}{problem}.")
    return recipe


def _problem(value: Any, options: Mapping[str, Any]) -> str:
    """What is wrong with a value of a recipe, as the end of a message; empty if it is one of its flag."""
    kind, choices = options["type"], options.get("choices")
    if kind is str and not choices:  # such as a list, or an object of keyword arguments
        return ""
    values = value if isinstance(value, list) and options.get("nargs") == "+" else [value]
    for one in values:
        try:
            kind(str(one))
        except (argparse.ArgumentTypeError, ValueError) as error:
            return f": {str(error).rstrip('.')}"
        if choices and one not in choices:
            return f": expected one of {', '.join(map(str, choices))}"
    return ""
