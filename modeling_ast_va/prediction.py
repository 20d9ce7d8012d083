# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Prediction over a music library: files and folders in, a table with one row a song out."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import soundfile
import torch
from tqdm.auto import tqdm
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

from .pipeline_ast_va import MusicEmotionPipeline

logger = logging.getLogger(__name__)

SONG_COLUMNS = ["path", "valence", "arousal", "valence_std", "arousal_std", "quadrant", "num_segments", "error"]
SEGMENT_COLUMNS = ["path", "start", "end", "valence", "arousal"]
WRITERS = {
    ".csv": lambda table, path: table.to_csv(path, index=False),
    ".jsonl": lambda table, path: table.to_json(path, orient="records", lines=True),
    ".parquet": lambda table, path: table.to_parquet(path, index=False),
}


def find_audio(paths: Iterable[str | Path]) -> list[str]:
    """
    Audio files among files and in folders, and URLs as they are, each once and in a stable order.

    A file is taken as it is given; in a folder, at any depth, by the endings that libsndfile reads.

    Raises:
        ValueError: for a path that does not exist, or when there is not one audio file.
    """
    endings = {f".{name.lower()}" for name in soundfile.available_formats()} | {".oga", ".opus", ".aif"}
    found: dict[str, None] = {}
    for path in map(str, paths):
        if path.startswith(("http://", "https://")) or os.path.isfile(path):
            found[path] = None
        elif os.path.isdir(path):
            files = sorted(file for file in Path(path).rglob("*") if file.suffix.lower() in endings and file.is_file())
            found.update({str(file): None for file in files})
        else:
            raise ValueError(f"Expected audio files, folders or URLs, but there is no {path!r}.")
    if not found:
        raise ValueError(f"Expected audio files, but found none in {[str(path) for path in paths]}.")
    return list(found)


def load_pipeline(model: str | Path, device: str | None = None, batch_size: int = 16) -> MusicEmotionPipeline:
    """The pipeline of a saved model, a folder or Hub id, run by the code of this package."""
    return MusicEmotionPipeline(
        model=AutoModelForAudioClassification.from_pretrained(model, trust_remote_code=False, dtype=torch.float32),
        feature_extractor=AutoFeatureExtractor.from_pretrained(model, trust_remote_code=False),
        device=device,
        batch_size=batch_size,
        task="music-emotion",
    )


def predict_files(
    pipeline: MusicEmotionPipeline, files: Sequence[str], segment_hop_seconds: float | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each file with what the pipeline says of it, in order; a file that cannot be heard has an `"error"`."""
    results = pipeline((file for file in files), on_error="return", segment_hop_seconds=segment_hop_seconds)
    return zip(files, tqdm(results, total=len(files), unit="song"))


def predict(
    model: str | Path,
    paths: Sequence[str | Path],
    output: str | Path,
    *,
    segments: bool = False,
    segment_hop_seconds: float | None = None,
    batch_size: int = 16,
    device: str | None = None,
) -> pd.DataFrame:
    """
    Write valence and arousal of every audio file among the paths, one row a song, or one a segment.

    Files that cannot be heard are named and counted aloud; their rows hold the reason in `error`.

    Args:
        model: folder or Hub id.
        paths: audio files, folders, URLs.
        output: table to write, by its ending `.csv`, `.jsonl` or `.parquet`.
        segments: whether to write the course over time, a row a segment, in place of songs.
        segment_hop_seconds: step from one segment to the next; without it they touch.
        batch_size: segments a step.
        device: such as `"cuda:0"`; without it the first accelerator, else the CPU.

    Returns:
        The table.

    Raises:
        ValueError: for no audio file, another ending, or when not one file could be heard.
    """
    output = Path(output)
    if output.suffix not in WRITERS:
        raise ValueError(f"Expected an output file ending in {', '.join(WRITERS)}, but got {str(output)!r}.")
    files = find_audio(paths)
    output.parent.mkdir(parents=True, exist_ok=True)  # where that fails, hours of listening would be lost
    music_emotion = load_pipeline(model, device, batch_size)
    rows: list[dict[str, Any]] = []
    failures: dict[str, str] = {}
    for file, result in predict_files(music_emotion, files, segment_hop_seconds):
        if "error" in result:
            failures[file] = result["error"]
        course = result.pop("segments", [])
        if segments:
            rows.extend({"path": file, **segment} for segment in course)
        else:
            rows.append({"path": file, **result, "num_segments": len(course)})
    table = pd.DataFrame(rows, columns=SEGMENT_COLUMNS if segments else SONG_COLUMNS)
    WRITERS[output.suffix](table, output)
    for error in failures.values():
        logger.warning("Not heard: %s", error)
    print(f"{len(files) - len(failures)} of {len(files)} songs are in {output}; {len(failures)} could not be heard.")
    if len(failures) == len(files):
        raise ValueError(f"Not one of {len(files)} files could be heard; the reasons stand above.")
    return table
