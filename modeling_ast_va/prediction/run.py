# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Prediction over a music library: from files and folders to a table, in a file or printed.

One thread predicts a song, in batches of its own, so that the table does not depend on the number of threads or on
interruptions. torch is imported inside functions, so that errors in arguments do not wait for it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from .. import __version__
from ..audio_ast_va import DIMENSIONS
from ..ffmpeg_ast_va import find_ffmpeg
from ..uncertainty_ast_va import COVERAGE
from .audio_files import Library, file_version, find_audio
from .journal import Journal
from .loading import Models, fingerprints, load_raters, stop_between_batches
from .printing import print_json, print_table
from .songs import is_current, is_mendable, predict_song
from .summary import Summary, log_unusable, skipped_text
from .tables import COURSES, WRITERS, Columns, song_columns, table_rows, write_table
from .threads import Predictor, map_in_threads

if TYPE_CHECKING:
    import torch

    from .loading import Rater


def predict(
    model: Models,
    paths: Sequence[str | Path],
    output: str | Path | None = None,
    *,
    as_json: bool = False,
    course: str | None = None,
    coverage: float = COVERAGE,
    segment_hop_seconds: float | None = None,
    batch_size: int | None = None,
    num_workers: int | None = None,
    device: str | None = None,
    dtype: str | torch.dtype = "float32",
    escape_formulas: bool = False,
    plot: str | Path | None = None,
) -> None:
    """
    Write or print a table with valence and arousal of each audio file, one row per song or one per segment.

    The journal, the file of the same name with `.journal`, stays beside the table: the same call continues a run that
    was interrupted, and after a finished run rates what is new or changed and drops what is not among the paths any
    more. A song that cannot be rated is logged and counted, and its row holds the reason in `error`. A table that is
    printed has no journal, and leaves no files.

    Args:
        model: folder or Hub id, or several for an ensemble, whose mean and spread are in the table.
        paths: audio files, folders, playlists, URLs and addresses of fsspec.
        output: table ending in `.csv`, `.jsonl` or `.parquet`; None prints a short table.
        as_json: whether to print the lines of a `.jsonl` table instead, and nothing else.
        course: `"segments"` or `"frames"` (two moments a second) writes one row for each of these instead of one per
            song; None one per song.
        coverage: share of songs whose mean rating by people is in the interval.
        segment_hop_seconds: step from segment to segment, in seconds; None is the length of a segment.
        num_workers: songs that are processed at the same time, each in a thread; None is one for each core.
        batch_size: segments in a batch; None is 16 in torch and 4 in onnxruntime.
        device: such as `"cuda:0"`; None is all accelerators of the machine, or the CPU.
        dtype: precision of the models.
        escape_formulas: whether to begin names in a `.csv` that a spreadsheet would compute with an apostrophe.
        plot: PNG file for a plot of the course over time, for a single song.

    Raises:
        ValueError: for several processes, another ending, no audio file, another run with the same output, an output
            folder that cannot be written, an unfinished journal of other models or settings, or when no file can be
            rated.
        OSError: when the output folder is removed or its disk is full; what is written so far stays valid.
        KeyboardInterrupt: on Ctrl-C; the message says how many songs are kept.
    """
    output = None if output is None else Path(output)
    check_workers(num_workers)
    _check_output(output, escape_formulas, as_json)
    library = find_audio(paths)
    log_unusable(library)
    if not library.files:
        expected = f"Expected audio files, but got none in {[str(path) for path in paths]}."
        raise ValueError(f"{expected} {skipped_text(library)}".strip())
    if plot is not None and len(library.files) > 1:
        raise ValueError(f"Expected a single song to plot, but got {len(library.files)}.")
    with _open_journal(output) as journal:
        raters, num_workers = load_raters(model, num_workers, device, batch_size, dtype)
        options: dict[str, Any] = {"coverage": coverage, "segment_hop_seconds": segment_hop_seconds}
        options["course"] = course or (_plotted_course(raters[0]) if plot is not None else None)
        models = fingerprints(raters[0])
        journal.start({"models": models, **options, "version": __version__})
        summary = _predict_songs(raters, options, library, journal, num_workers)
        if plot is not None and not journal[library.files[0]]["error"]:
            _plot(journal[library.files[0]], options["course"], plot)
        columns = COURSES[course] if course else song_columns(len(models))
        rows = _rows(library, journal, columns, course, summary)
        if output is not None:
            write_table(rows, columns, output, escape_formulas=escape_formulas)
            journal.finish(library.files)
            summary.log()
            print(summary.text(library, output, journal.path))
        elif as_json:
            print_json(rows)
        else:
            print_table(rows, columns, library)
    summary.check()


@contextmanager
def _open_journal(output: Path | None) -> Iterator[Journal]:
    """The journal beside a table; one that is removed for a table that is printed."""
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        with Journal(output.with_name(f"{output.name}.journal")) as journal:
            yield journal
        return
    with TemporaryDirectory() as folder, Journal(Path(folder, "journal")) as journal:
        try:
            yield journal
        except KeyboardInterrupt:
            raise KeyboardInterrupt("Interrupted: songs are kept with --output only.") from None


def check_workers(num_workers: int | None) -> None:
    """Check the number of threads, and that this is the only process (ValueError)."""
    if (num_processes := int(os.environ.get("WORLD_SIZE", "1"))) > 1:
        raise ValueError(
            f"Expected a single process, but got {num_processes} (WORLD_SIZE): accelerate launch is for training. "
            "predict uses all cores and accelerators of a machine by itself; --num_workers limits them."
        )
    if num_workers is not None and num_workers < 1:
        raise ValueError(f"Expected num_workers of at least 1, but got {num_workers}.")


def _check_output(output: Path | None, escape_formulas: bool, as_json: bool) -> None:
    if as_json and output is not None:
        raise ValueError(f"Expected no output for JSON lines, which are printed, but got {str(output)!r}.")
    if output is not None and (output.suffix not in WRITERS or output.is_dir()):
        raise ValueError(f"Expected an output file ending in {', '.join(WRITERS)}, but got {str(output)!r}.")
    if escape_formulas and (output is None or output.suffix != ".csv"):
        raise ValueError(f"Expected an output file ending in .csv for escape_formulas, but got {output}.")


def _predict_songs(
    raters: Sequence[Rater],
    options: dict[str, Any],
    library: Library,
    journal: Journal,
    num_workers: int,
) -> Summary:
    """Predict the files that are not in the journal or not current, and append them to it."""
    summary, remaining, ffmpeg = Summary(), [], find_ffmpeg()
    summary.num_removed = len(journal.positions.keys() - set(library.files))
    for file in library.files:
        known, version = journal[file] if file in journal.positions else None, file_version(file)
        if known and is_current(known, version, ffmpeg):
            summary.num_kept += 1
            continue
        remaining.append(file)
        if known is None:
            summary.num_new += 1
        elif known["version"] == version or is_mendable(known):
            summary.num_retried += 1
        else:
            summary.num_changed += 1
    if summary.num_kept:
        print(f"{summary.num_kept} of {len(library.files)} songs are already in {journal.path}.")
    stopped = threading.Event()
    stop_between_batches(raters, stopped)
    predictors: list[Predictor] = [partial(predict_song, one, **options) for one in raters]
    try:
        with closing(map_in_threads(predictors, remaining, num_workers, stopped)) as songs:
            for song in tqdm(songs, total=len(library.files), initial=summary.num_kept, unit="song"):
                journal.append(song)
    except KeyboardInterrupt:
        kept = len(journal.positions.keys() & set(library.files))
        raise KeyboardInterrupt(f"Interrupted: {kept} songs are kept; the same command continues.") from None
    return summary


def _plotted_course(rater: Rater) -> str:
    """The finer course of those that the models have."""
    return "frames" if rater.has_frames else "segments"


def _plot(song: dict[str, Any], course: str, plot: str | Path) -> None:
    from ..plots import plot_course

    ends = [[song.get(f"{dimension}_{end}") for end in ("low", "high")] for dimension in DIMENSIONS]
    plot_course(song[course], plot, intervals=None if ends[0][0] is None else ends)


def _rows(
    library: Library, journal: Journal, columns: Columns, course: str | None, summary: Summary
) -> Iterator[dict[str, Any]]:
    """The rows of the table; their songs are counted in the summary."""
    for file in library.files:
        song = journal[file]
        summary.add(song)
        yield from table_rows(song, columns, course)
