# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Arguments of training: flags, a JSON recipe, or both. Parsing imports neither torch nor transformers."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from ..argument_parser import ArgumentParser, suggestion
from ..data.splits import LABELS, SPLIT_BY, SplitSettings
from ..training.source_fields import SourceField, class_fields

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
    Parse `argv`, by default the command line: `[recipe.json] [--flag value ...]`. Flags take precedence.

    Raises:
        SystemExit: for an unknown flag or a value of the wrong type, after a message with a suggestion.
        ValueError: for a recipe that is missing, is no JSON object, or has an unknown name; for settings of the split
            that do not go together.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = ArgumentParser(
        prog=prog,
        usage="%(prog)s [recipe.json] [--data_dir DEAM] [--flag value ...]",
        description="Train an Audio Spectrogram Transformer that predicts valence and arousal of music.",
    )
    sources = {title: class_fields(*source) for title, source in SOURCES.items()}
    helps = {one.name: one.help for one in sources["TrainingArguments of transformers"]}
    titles = dict.fromkeys(NOT_FLAGS, "")
    for title, fields in sources.items():
        group = parser.add_argument_group(title)
        for one in fields:
            if one.name not in titles:  # of two fields with one name, the first becomes a flag
                titles[one.name] = title
                parser.flags.append(f"--{one.name}")
                group.add_argument(f"--{one.name}", **_flag_options(one, one.help or helps[one.name]))
    if argv and not argv[0].startswith("-"):
        parser.set_defaults(**_read_recipe(argv.pop(0), [name for name, title in titles.items() if title]))
    given: dict[str, dict[str, Any]] = {title: {} for title in SOURCES}
    for name, value in vars(parser.parse_args(argv)).items():
        given[titles[name]][name] = value
    data, features, model, training, of_library = given.values()
    settings = {name: value for name, value in {**model, **features}.items() if value is not None}
    return Arguments(DataArguments(**data), settings, {**training, **of_library})


def _flag_options(one: SourceField, description: str) -> dict[str, Any]:
    """Options of a flag. One that is not given leaves no trace, so that defaults stand in one place."""
    default = "" if one.default in (None, ()) else f" (default: {str(one.default).replace('%', '%%')})"
    options = {"type": flag_type(one.annotation), "choices": CHOICES.get(one.name), **one.options}
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


def _read_recipe(path: str, known: Iterable[str]) -> dict[str, Any]:
    """The arguments in a JSON file."""
    try:
        recipe = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"Expected a JSON file of arguments, but got {path!r}: {error}.") from error
    if not isinstance(recipe, dict):
        raise ValueError(f"Expected a JSON object of arguments in {path!r}, but got a {type(recipe).__name__}.")
    if unknown := sorted(set(recipe) - set(known)):
        names = ", ".join(map(repr, unknown)) + suggestion(unknown[0], known)
        raise ValueError(f"Expected arguments of training in {path!r}, but got {names}.")
    return recipe
