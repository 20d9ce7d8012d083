# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Arguments of training: flags, a JSON recipe, or both. Parsing imports neither torch nor transformers."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..argument_parser import ArgumentParser, suggestion
from ..data.splits import LABELS, SPLIT_BY, VALIDATION_RATIO, SplitSettings
from ..training.source_fields import SourceField, class_fields, package_folder

PACKAGE = Path(__file__).parents[1]
NOT_SETTINGS = ("label_range", "num_auxiliary_targets")  # of the configuration: given by the data
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
    labels: str = LABELS[0]
    split_by: str = SPLIT_BY[0]
    split_seed: int = 42
    num_folds: int | None = None
    fold: int | None = None
    validation_ratio: float = VALIDATION_RATIO
    segment_hop_seconds: float | None = None
    init_from: str | None = None
    teacher_embeddings: str | None = None
    audio_offset_seconds: float = 0.0
    license: str | None = None
    cache_dir: str | None = None
    num_proc: int | None = None

    def __post_init__(self) -> None:
        self.split_settings  # noqa: B018  # raises for settings that do not go together

    @property
    def split_settings(self) -> SplitSettings:
        """How songs are split."""
        return SplitSettings(
            split_by=self.split_by,
            seed=self.split_seed,
            num_folds=self.num_folds,
            fold=self.fold,
            validation_ratio=self.validation_ratio,
        )


class Arguments(NamedTuple):
    """
    Arguments of a training run.

    Args:
        data: what to train on.
        settings: of [`ASTVAConfig`] and [`ASTVAFeatureExtractor`], only those that were given.
        training: arguments of [`ASTVATrainingArguments`], only those that were given.
    """

    data: DataArguments
    settings: dict[str, Any]
    training: dict[str, Any]


def parse_arguments(argv: Sequence[str] | None = None, prog: str | None = None) -> Arguments:
    """
    Parse `[recipe.json] [--flag value ...]`. A flag takes precedence over the recipe.

    Args:
        argv: the arguments; without them, those of the command line.
        prog: name of the program in messages.

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
    groups = _flags()
    for title, fields in groups.items():
        group = parser.add_argument_group(title)
        for one in fields:
            _add_flag(parser, group, one)
    names = {title: {one.name for one in fields} for title, fields in groups.items()}
    if argv and not argv[0].startswith("-"):
        parser.set_defaults(**_read_recipe(argv.pop(0), set().union(*names.values())))
    given = vars(parser.parse_args(argv))
    data = {name: given.pop(name) for name in names["data"] & given.keys()}
    of_network = names["model"] | names["features"]
    settings = {name: value for name, value in given.items() if name in of_network and value is not None}
    training = {name: value for name, value in given.items() if name not in of_network}
    return Arguments(DataArguments(**data), settings, training)


def _flags() -> dict[str, list[SourceField]]:
    """The fields that become flags, by the titles of their groups in the help; each name once."""
    data = [one._replace(default=getattr(DataArguments, one.name)) for one in _read(Path(__file__), "DataArguments")]
    features = _read(PACKAGE / "feature_extraction_ast_va.py", "ASTVAFeatureExtractor")
    model = _read(PACKAGE / "configuration_ast_va.py", "ASTVAConfig", NOT_SETTINGS, features)
    training = _read(PACKAGE / "training" / "training_arguments.py", "ASTVATrainingArguments")
    of_library = _read(package_folder("transformers") / "training_args.py", "TrainingArguments", (), training)
    titles = ("data", "model", "features", "training", "TrainingArguments of transformers")
    return dict(zip(titles, (data, model, features, training, of_library)))


def _read(
    path: Path, class_name: str, without: Sequence[str] = (), taken: Sequence[SourceField] = ()
) -> list[SourceField]:
    names = {*without, *(one.name for one in taken)}
    return [one for one in class_fields(path, class_name) if one.name not in names]


def _add_flag(parser: ArgumentParser, group: Any, one: SourceField) -> None:
    """Add the flag of a field. One that is not given leaves no trace, so that defaults stand in one place."""
    options: dict[str, Any] = {"type": flag_type(one.annotation), "choices": CHOICES.get(one.name), **one.options}
    if options["type"] is boolean:
        options |= {"nargs": "?", "const": True, "metavar": "BOOL"}
    elif re.search(r"\b(list|tuple)\[(int|float|str)\b", one.annotation):
        options["nargs"] = "+"
    default = "" if one.default in (None, ()) else f" (default: {str(one.default).replace('%', '%%')})"
    parser.flags.append(f"--{one.name}")
    group.add_argument(f"--{one.name}", default=argparse.SUPPRESS, help=one.help + default, **options)


def flag_type(annotation: str) -> Any:
    """The type of a flag's values, from the annotation of its field: bool, int, float or str."""
    names = {name for name in re.findall(r"\w+", annotation) if name not in ("None", "Optional", "Union", "typing")}
    if names == {"bool"}:
        return boolean
    if names <= {"int", "list", "tuple"}:
        return int
    return float if names <= {"int", "float", "list", "tuple"} else str


def boolean(text: str) -> bool:
    """The value of a flag that is true or false."""
    if text.lower() not in BOOLEANS:
        raise ValueError(f"Expected true or false, but got {text!r}.")
    return BOOLEANS[text.lower()]


def _read_recipe(path: str, known: Iterable[str]) -> dict[str, Any]:
    """The arguments in a JSON file."""
    if not Path(path).is_file():
        raise ValueError(f"Expected a JSON file of arguments, but got {path!r}, which is no file.")
    try:
        recipe = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"Expected JSON in {path!r}, but got text that is none: {error}.") from error
    if not isinstance(recipe, dict):
        raise ValueError(f"Expected a JSON object of arguments in {path!r}, but got a {type(recipe).__name__}.")
    unknown = sorted(set(recipe) - set(known))
    if unknown:
        raise ValueError(
            f"Expected arguments of training in {path!r}, but got {', '.join(map(repr, unknown))}"
            f"{suggestion(unknown[0], known)}."
        )
    return recipe
