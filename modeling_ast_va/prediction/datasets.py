# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Prediction over a data set of the `datasets` library: its rows with the ratings as new columns.

Audio stays encoded: rows are read as Arrow tables, and the decoders of this package decode them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from ..decoding_ast_va import source_name
from ..download_ast_va import is_address
from ..uncertainty_ast_va import COVERAGE
from .audio_files import file_version
from .dataset_files import check_column, check_target, load, push, save, without_torchcodec
from .loading import Models, fingerprints, load_raters, stop_between_batches
from .run import check_workers
from .songs import rate, rounded
from .summary import Summary, printable
from .tables import as_text, song_columns
from .threads import map_in_threads

if TYPE_CHECKING:
    import pyarrow
    import torch
    from datasets import Dataset, IterableDataset

    from .loading import Rater

SONGS_PER_WORKER = 4  # in memory at a time, with their encoded audio
OF_FILES = ("path", "title", "artist", "album", "num_segments")  # columns of tables of files


def predict_dataset(
    model: Models,
    dataset: str | Path | Dataset | IterableDataset,
    output: str | Path | None = None,
    *,
    push_to_hub: str | None = None,
    private: bool | None = None,
    split: str = "train",
    column: str = "audio",
    name: str | None = None,
    streaming: bool = False,
    coverage: float = COVERAGE,
    segment_hop_seconds: float | None = None,
    batch_size: int | None = None,
    num_workers: int | None = None,
    device: str | None = None,
    dtype: str | torch.dtype = "float32",
) -> None:
    """
    Save or publish a data set with valence and arousal of each row.

    The new columns are the ratings of the tables of [`predict`], `warning` and `error`. A row that cannot be rated
    holds the reason in `error`.

    Args:
        model: folder or Hub id, or several for an ensemble.
        dataset: Hub id, folder of audio or of data files, folder of `save_to_disk`, a `.parquet` file, or a data set.
        output: new folder, which `datasets.load_from_disk` loads, or a new file ending in `.parquet`.
        push_to_hub: repository to publish to, instead of `output`.
        private: whether a new repository is private; None is the owner's default.
        split: split of the data set.
        column: column with the audio: of the type `Audio`, of encoded bytes, or of paths and addresses.
        name: configuration of a data set that has several.
        streaming: whether to read the data set while it is rated, instead of downloading it first.
        coverage, segment_hop_seconds, batch_size, num_workers, device, dtype: as for [`predict`].

    Raises:
        ValueError: for several processes, an output that exists, a split or column that does not, a column of another
            type, columns with the names of the new ones, or when no row can be rated.
        OSError: when the data set cannot be found or read, or the Hub cannot be reached.
    """
    check_workers(num_workers)
    token = check_target(output, push_to_hub)
    with without_torchcodec():
        data = load(dataset, split, name, streaming) if isinstance(dataset, (str, Path)) else dataset
        check_column(data, column)
        raters, num_workers = load_raters(model, num_workers, device, batch_size, dtype)
        columns = _rating_columns(len(fingerprints(raters[0])))
        if taken := sorted(columns.keys() & data.features.keys()):
            expected = f"Expected a data set without the columns {', '.join(columns)}"
            raise ValueError(f"{expected}, but got {', '.join(taken)}. Rename them.")
        summary = Summary()
        folder = None if output is None else Path(output).absolute().parent
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".rated-", ignore_cleanup_errors=True) as unfinished:
            options = {"coverage": coverage, "segment_hop_seconds": segment_hop_seconds}
            tables = _rate(raters, data, column, columns, options, num_workers, summary)
            rated = _write(tables, data, columns, Path(unfinished, "rated.arrow"), split)
            if output is not None:
                save(rated, Path(output), Path(unfinished, "whole"))
            else:
                push(rated, push_to_hub, name, split, private, token)
    summary.log()
    print(printable(f"Songs in {output or push_to_hub}: {summary.num_songs:,}."), *summary.outcome, sep="\n")
    summary.check()


def _rating_columns(num_models: int) -> dict[str, type]:
    return {name: kind for name, kind in song_columns(num_models).items() if name not in OF_FILES}


def _rate(
    raters: list[Rater],
    data: Dataset | IterableDataset,
    column: str,
    columns: Mapping[str, type],
    options: Mapping[str, Any],
    num_workers: int,
    summary: Summary,
) -> Iterator[pyarrow.Table]:
    """Yield the rows with their ratings, a few songs for each thread at a time."""
    import pyarrow
    from datasets import Audio

    stopped = threading.Event()
    stop_between_batches(raters, stopped)
    predictors = [partial(_predict_row, one, **options) for one in raters]
    total = len(data) if hasattr(data, "__len__") else None
    with tqdm(total=total, unit="song") as progress:
        for table in data.with_format("arrow").iter(SONGS_PER_WORKER * num_workers):
            cells = table[column].to_pylist()
            numbered = enumerate(cells, start=summary.num_new)
            results = sorted(map_in_threads(predictors, numbered, num_workers, stopped), key=itemgetter("row"))
            for result in results:
                row = f"row {result['row']}"
                error = result.get("error") and f"{row}: {result['error']}"
                summary.add({"path": row, "quadrant": None, **result, "error": error})
            summary.num_new += len(results)
            progress.update(len(results))
            if isinstance(data.features[column], Audio) and any(map(_is_missing, cells)):
                # `save_to_disk` and `push_to_hub` put the content of a file in the place of its path.
                kept = [{**cell, "bytes": b""} if _is_missing(cell) else cell for cell in cells]
                index = table.schema.get_field_index(column)
                table = table.set_column(index, table.schema.field(index), pyarrow.array(kept, table[column].type))
            for name, kind in columns.items():
                values = [result.get(name) for result in results]
                values = [as_text(value) for value in values] if kind is str else values
                table = table.append_column(name, pyarrow.array(values, _arrow_type(kind)))
            yield table


def _predict_row(music_emotion: Rater, numbered: tuple[int, Any], **options: Any) -> dict[str, Any]:
    row, song = numbered
    source: Any = song.get("bytes") or song.get("path") if isinstance(song, dict) else song
    name = source_name(source)
    result, _ = rate(music_emotion, song, name, **options)
    if "error" in result:
        result["error"] = result["error"].removeprefix(f"{name}: ")  # it stands beside the song
    return {**rounded(result), "row": row}


def _is_missing(song: Mapping[str, Any] | None) -> bool:
    """Whether a value of a column of the type `Audio` is the path of a file that cannot be read."""
    if not song or song["bytes"] is not None or not song["path"] or is_address(song["path"]):
        return False
    return file_version(song["path"]) is None


def _write(
    tables: Iterable[pyarrow.Table],
    data: Dataset | IterableDataset,
    columns: Mapping[str, type],
    path: Path,
    split: str,
) -> Dataset:
    """Write the rows to an Arrow file, and open that as a data set: memory does not depend on their number."""
    import pyarrow
    from datasets import Dataset, Features, NamedSplit, Value

    types = {name: Value(str(_arrow_type(kind))) for name, kind in columns.items()}
    schema = Features({**data.features, **types}).arrow_schema
    with pyarrow.ipc.new_stream(str(path), schema) as writer:
        for table in tables:
            writer.write_table(table.cast(schema))
    return Dataset.from_file(str(path), split=NamedSplit(split))


def _arrow_type(kind: type) -> pyarrow.DataType:
    import pyarrow

    return pyarrow.string() if kind is str else pyarrow.float64()
