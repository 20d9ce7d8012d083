# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Arguments of training: of flags and of recipes. Parsing imports neither torch nor transformers."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..argument_parser import check_file, check_output
from ..data.sources import DataSource
from ..data.splits import SplitSettings
from ..hub.files import AST_MODEL_TYPE, MODEL_TYPE, check_model, check_repo_id
from ..released import RECIPES, find_model, find_recipe
from ..training.flags import SOURCES, TRAIN, Command, flag_parser, training_flags
from ..training.recipes import default_recipe, read_recipe
from ..training.reporters import check_reporters

logger = logging.getLogger(__name__)


@dataclass
class DataArguments:
    """
    Data to train on, and the weights to start from.

    Args:
        data_dir: folder of DEAM as distributed.
        labels: 'corrected' exchanges valence and arousal of the songs of DEAM whose columns were published exchanged.
        data_csv: table of ratings, as CSV, TSV, JSON Lines or Parquet, with columns path, valence and arousal.
        audio_dir: folder to which relative paths in the table refer. Without it, the folder of the table.
        label_range: lowest and highest rating on the scale of the table.
        split_by: what stays in one split; 'column' takes the column split of the table, 'segment' leaks songs into the
            test, 'none' trains on all songs. Without it, 'column' where there is one, else 'artist'.
        split_seed: seed of the split; training has its own.
        num_folds: number of folds of a cross-validation.
        fold: fold to test on, from 0.
        validation_ratio: share of all songs to validate on; with 0 they train, and the last weights are kept.
        segment_hop_seconds: step from segment to segment, in seconds; 'none' is the length of a segment.
        init_from: Hub id or folder of an ASTVA model, or of an AudioSet AST of transformers, to start from;
            'ast-va-deam' is the released model.
        teacher_embeddings: NPZ files of the embeddings of one or more teachers, as the command `embed` writes them.
        teachers: audio encoders to learn from in place of files of embeddings, as for the command `embed`.
        teacher_sampling_rates: of teachers that are ONNX files, in Hz, one for each teacher; 0 for a teacher that
            states its own, as all others do.
        unlabeled_dir: folder of music without labels to learn from teachers on.
        num_augmented_windows: windows of augmented audio to draw, of which all are used that have no song of
            validation or test. They need teachers, which embed them.
        audio_offset_seconds: start of the audio files in the clips to which the times of DEAM's dynamic annotations
            refer, in seconds.
        license: license of the weights, an identifier of the Hub. Without it, that of init_from, or else of
            the data.
        log_mels: where log-mels are kept: 'cached' on disk, or computed 'on_the_fly' from the audio for every batch.
        cache_dir: folder of cached log-mels. Without it, the cache of datasets.
        num_proc: number of processes that decode. Without it, one for each core.
    """

    data_dir: str | None = None
    labels: str = "corrected"
    data_csv: str | None = None
    audio_dir: str | None = None
    label_range: tuple[float, float] = (1, 9)
    split_by: str | None = None
    split_seed: int = 42
    num_folds: int | None = None
    fold: int | None = None
    validation_ratio: float = 0.1
    segment_hop_seconds: float | None = None
    init_from: str | None = None
    teacher_embeddings: list[str] | None = None
    teachers: list[str] | None = None
    teacher_sampling_rates: list[int] | None = None
    unlabeled_dir: str | None = None
    num_augmented_windows: int = 19200
    audio_offset_seconds: float = 0.0
    license: str | None = None
    log_mels: str = "cached"
    cache_dir: str | None = None
    num_proc: int | None = None

    def __post_init__(self) -> None:
        self.label_range = tuple(self.label_range)  # type: ignore[assignment]
        if isinstance(self.teacher_embeddings, str):  # of a recipe
            self.teacher_embeddings = [self.teacher_embeddings]
        if isinstance(self.teachers, str):
            self.teachers = [self.teachers]
        self.source = DataSource(self.data_dir, self.labels, self.data_csv, self.audio_dir, self.label_range)
        split = (self.split_by, self.split_seed, self.num_folds, self.fold, self.validation_ratio)
        self.split_settings = SplitSettings(*split)
        self._check_teachers()

    @property
    def has_teachers(self) -> bool:
        """Whether there is a teacher to learn from."""
        return bool(self.teacher_embeddings or self.teachers)

    @property
    def encoders(self) -> list[tuple[str, int | None]]:
        """The teachers that are encoders, with the sampling rate of an ONNX file if it is given, in Hz."""
        rates = self.teacher_sampling_rates or [0] * len(self.teachers or [])
        return [(model, rate or None) for model, rate in zip(self.teachers or [], rates)]

    def _check_teachers(self) -> None:
        if self.teacher_embeddings and self.teachers:
            raise ValueError("Expected either teacher_embeddings or teachers, which embed all music, but got both.")
        num_teachers, num_rates = len(self.teachers or []), len(self.teacher_sampling_rates or [])
        if num_rates not in (0, num_teachers):
            raise ValueError(f"Expected a sampling rate for each of {num_teachers} teachers, but got {num_rates}.")
        if len(set(self.teachers or [])) < num_teachers:
            raise ValueError(f"Expected different teachers, but got {', '.join(self.teachers or [])}.")
        if self.unlabeled_dir and not self.has_teachers:
            raise ValueError("Expected teacher_embeddings or teachers with unlabeled_dir, but got neither.")


class Arguments(NamedTuple):
    """Arguments of a training run, of flags and recipes."""

    data: DataArguments
    settings: dict[str, Any]  # of [`ASTVAConfig`] and [`ASTVAFeatureExtractor`]
    training: dict[str, Any]  # of [`ASTVATrainingArguments`]


def parse_arguments(
    argv: Sequence[str] | None = None, prog: str | None = None, *, command: Command = TRAIN, recipe: str = ""
) -> Arguments:
    """
    Parse `argv`, by default the command line: `[recipe.json] [--flag value ...]`.

    Flags take precedence over the named recipe, a file or one of the package ([`find_recipe`]), and that over
    [`default_recipe`].

    Args:
        prog: name of the program in messages.
        command: whose flags they are.
        recipe: of the package, taken where `argv` names none.

    Raises:
        SystemExit: for an unknown flag or a value of the wrong type, after a message with a suggestion.
        ValueError: for a recipe that is missing, is no JSON object, or has an unknown name; for settings of the data or
            the split that do not go together.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    flags = training_flags()
    if argv and not argv[0].startswith("-"):
        named: Path | None = find_recipe(argv.pop(0))
    else:
        named = RECIPES / recipe if recipe else None
    of_recipe = read_recipe(named, flags) if named else {}
    if unused := sorted(of_recipe.keys() & set(command.unused)):
        raise ValueError(f"Expected a recipe of flags that {prog} has, but got {', '.join(unused)} in {str(named)!r}.")
    shown = read_recipe(default_recipe(of_recipe.get("init_from")), flags) | of_recipe
    given = vars(flag_parser(prog, shown, command, full_help="--help_all" in argv).parse_args(argv))
    base = default_recipe(given.get("init_from", of_recipe.get("init_from")))
    output_name = Path(named or given.get("data_csv") or base).stem
    values = {"output_dir": f"outputs/{output_name}", **read_recipe(base, flags), **of_recipe, **given}
    of_source: dict[str, dict[str, Any]] = {source: {} for source in SOURCES}
    for name, value in values.items():
        of_source[flags[name].source][name] = value
    data, features, network, training, of_library = of_source.values()
    check_reporters(values.get("report_to"))
    return Arguments(DataArguments(**data), {**network, **features}, {**training, **of_library})


def check_arguments(arguments: Arguments) -> None:
    """Check that the files and folders exist, or can be written, before torch is imported (ValueError)."""
    data, training = arguments.data, arguments.training
    if training.get("push_to_hub") and training.get("hub_model_id"):
        check_repo_id(training["hub_model_id"])
    if data.data_dir or data.data_csv:
        data.source.check()
        if data.data_dir and training.get("dynamic_weight"):
            _check_dynamic_annotations(data.data_dir, training["dynamic_weight"])
    else:
        logger.warning(
            "Without --data_dir or --data_csv, training uses synthesised demo songs: its results say nothing about "
            "music."
        )
    if data.init_from is not None:
        check_model(find_model(data.init_from), MODEL_TYPE, AST_MODEL_TYPE, needs_head=False)
    _check_teachers(data, training.get("teacher_weight"))
    _check_outputs(data, training)


def check_pretraining(arguments: Arguments) -> None:
    """Check arguments of pre-training as [`check_arguments`] does those of training (ValueError)."""
    data, training = arguments.data, arguments.training
    if not data.unlabeled_dir or not data.teachers:
        got = f"unlabeled_dir {data.unlabeled_dir} and teachers {data.teachers}"
        raise ValueError(f"Expected a folder of music and one or more teachers, but got {got}.")
    if data.validation_ratio >= 1:
        raise ValueError(f"Expected validation_ratio below 1, but got {data.validation_ratio:g}.")
    if data.init_from is not None:
        check_model(find_model(data.init_from), needs_head=False)
    _check_teachers(data, training.get("teacher_weight"))
    _check_outputs(data, training)


def _check_outputs(data: DataArguments, training: dict[str, Any]) -> None:
    """Check that the folders can be written (ValueError)."""
    for folder in (training.get("output_dir"), data.cache_dir):
        if folder is not None:
            check_output(folder, is_folder=True)


def _check_teachers(data: DataArguments, weight: float | None) -> None:
    """
    Check that a weight that was given goes with the teachers, and that their files and the music without labels exist
    (ValueError).
    """
    if weight is not None and data.has_teachers != bool(weight):
        given = ", ".join(data.teacher_embeddings or data.teachers or ["no teacher"])
        raise ValueError(
            "Expected teacher_weight together with teacher_embeddings or teachers, but got teacher_weight "
            f"{weight:g} and {given}."
        )
    for file in data.teacher_embeddings or ():
        check_file(file, "an NPZ file of a teacher's embeddings")
    for model, rate in data.encoders:
        from ..embedding.encoders import check_encoder  # imports numpy

        check_encoder(model, sampling_rate=rate)
    if data.unlabeled_dir is not None and not Path(data.unlabeled_dir).is_dir():
        raise ValueError(f"Expected a folder of music without labels, but got {data.unlabeled_dir!r}, which is none.")


def _check_dynamic_annotations(data_dir: str, weight: float) -> None:
    """Check that a folder of DEAM has the dynamic annotations of the loss (ValueError)."""
    from ..data.annotations import find_deam

    if not find_deam(data_dir).dynamic:
        raise ValueError(
            f"Expected dynamic annotations in {data_dir!r} for dynamic_weight {weight:g}, but got none: train with "
            "--dynamic_weight 0."
        )
