# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Data sets of the `datasets` library: loading one with its audio encoded, and saving or publishing it."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..argument_parser import check_output
from .audio_files import find_audio

if TYPE_CHECKING:
    from datasets import Audio, Dataset, IterableDataset

logger = logging.getLogger(__name__)


def check_target(output: str | Path | None, push_to_hub: str | None) -> str | None:
    """Check that there is one place to write to, and return the token to publish with."""
    if (output is None) == (push_to_hub is None):
        raise ValueError(f"Expected either output or push_to_hub, but got {output!r} and {push_to_hub!r}.")
    if push_to_hub is not None:
        from ..hub.folder import require_token

        return require_token()
    if os.path.lexists(str(output)):
        raise ValueError(f"Expected a new folder or .parquet file, but {str(output)!r} exists.")
    check_output(str(output), is_folder=True)
    return None


def load(dataset: str | Path, split: str, name: str | None, streaming: bool) -> Dataset | IterableDataset:
    """Load a split of a data set in one of the forms in which it can be named."""
    from datasets import DatasetDict, IterableDatasetDict, load_dataset, load_from_disk
    from datasets.exceptions import DatasetsError

    place = Path(dataset)
    if not place.exists() and (place.suffix == ".parquet" or str(dataset).startswith((".", "/", "~"))):
        raise ValueError(f"Expected a Hub id, folder or .parquet file, but {str(dataset)!r} does not exist.")
    try:
        if place.suffix == ".parquet" and place.is_file():
            found = load_dataset("parquet", name, data_files=str(dataset), streaming=streaming)
        elif (place / "state.json").is_file() or (place / "dataset_dict.json").is_file():
            found = load_from_disk(str(dataset))
        else:
            found = load_dataset(str(dataset), name, streaming=streaming)
            if place.is_dir():
                _warn_of_left_out(place)
    except DatasetsError as error:
        raise ValueError(f"Expected a data set, but got {str(dataset)!r}: {error.__cause__ or error}") from error
    if not isinstance(found, (DatasetDict, IterableDatasetDict)):  # saved without the other splits
        found = {str(found.split or split): found}
    if split not in found:
        raise ValueError(f"Expected a split out of {', '.join(found)} of {str(dataset)!r}, but got {split!r}.")
    return found[split]


def _warn_of_left_out(folder: Path) -> None:
    """Name the audio files of a folder that the library leaves out, because it does not know their endings."""
    from datasets.packaged_modules.audiofolder.audiofolder import AudioFolder

    endings = Counter(Path(file).suffix.lower() for file in find_audio([folder]).files)
    left_out = {ending: count for ending, count in endings.items() if ending not in AudioFolder.EXTENSIONS}
    if left_out:
        counts = ", ".join(f"{count:,} {ending}" for ending, count in sorted(left_out.items()))
        logger.warning("datasets leaves out audio files of %s: %s. `ast-va predict` rates them.", folder, counts)


def check_column(data: Dataset | IterableDataset, column: str) -> None:
    """Check that a column exists and can contain audio."""
    from datasets import Audio, Value

    if data.features is None:
        raise ValueError("Expected a data set whose columns are known, but got none: run without streaming.")
    if column not in data.features:
        raise ValueError(f"Expected a column out of {', '.join(data.features)}, but got {column!r}.")
    feature = data.features[column]
    is_encoded = isinstance(feature, Value) and feature.dtype.removeprefix("large_") in ("string", "binary")
    is_struct = isinstance(feature, dict) and bool({"bytes", "path"} & feature.keys())
    if not (isinstance(feature, Audio) or is_encoded or is_struct):
        expected = "Expected a column of Audio, encoded bytes, or paths"
        raise ValueError(f"{expected}, but {column!r} is of {type(feature).__name__}: {feature}.")


def save(rated: Dataset, output: Path, unfinished: Path) -> None:
    """Save a data set, which is whole or does not appear at its path."""
    if output.suffix == ".parquet":
        rated.to_parquet(str(unfinished))
    else:
        rated.save_to_disk(str(unfinished))
    os.replace(unfinished, output)


def push(
    rated: Dataset, repo_id: str | None, name: str | None, split: str, private: bool | None, token: str | None
) -> None:
    """Publish a data set; a ConnectionError says why the Hub does not accept it."""
    from ..hub.folder import HTTP_ERROR

    try:
        rated.push_to_hub(repo_id, name or "default", split=split, private=private, token=token)
    except HTTP_ERROR as error:
        raise ConnectionError(f"Expected to publish {repo_id} on the Hub, but got: {error}") from error


@contextmanager
def without_torchcodec() -> Iterator[None]:
    """Let `datasets` pass on encoded audio without torchcodec, which it imports even where nothing is to be encoded."""
    from datasets import Audio

    encode = Audio.encode_example

    def keep(self: Audio, value: Any) -> dict[str, Any]:
        if isinstance(value, (str, os.PathLike)):
            return {"bytes": None, "path": os.fspath(value)}
        if isinstance(value, (bytes, bytearray)):
            return {"bytes": value, "path": None}
        if isinstance(value, dict) and value.keys() <= {"bytes", "path"}:
            return {"bytes": value.get("bytes"), "path": value.get("path")}
        return encode(self, value)

    Audio.encode_example = keep
    try:
        yield
    finally:
        Audio.encode_example = encode
