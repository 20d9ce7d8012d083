# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Teachers: embeddings of a larger model, and ratings predicted from them, as auxiliary targets.

Knowledge distillation: Hinton et al. (2015), arXiv:1503.02531; of embeddings: Romero et al. (2015), "FitNets", ICLR.
"""

from __future__ import annotations

import logging
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from ..checkpoints.audioset import load_initial_model
from ..data.dataset import load_segments
from ..processes import accelerators
from ..training.auxiliary import AuxiliaryTargets, Track, cut_tracks

logger = logging.getLogger(__name__)

RIDGE_STRENGTHS = np.logspace(1, 4, 13)  # for inputs with standard deviation 1
# What numpy raises for damaged NPZ files, found by damaging files at random.
READ_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    OSError,
    EOFError,
    NotImplementedError,
    TypeError,
    LookupError,
)
TEACHER_ARRAYS = ("song_id", "start_seconds", "window_seconds", "embedding")


@torch.no_grad()
def embed_songs(
    model: str | Path,
    data_dir: str | Path,
    output: str | Path,
    *,
    segment_hop_seconds: float | None = None,
    batch_size: int = 16,
    num_proc: int | None = None,
    cache_dir: str | Path | None = None,
) -> None:
    """
    Write the embeddings of all segments of DEAM as the NPZ file that [`read_teacher`] reads.

    Args:
        model: as for [`load_initial_model`]. Its `pooler_output` is the embedding.
        output: the NPZ file.
        batch_size: segments in a batch.
        data_dir, segment_hop_seconds, num_proc, cache_dir: as for [`load_segments`].

    Raises:
        ValueError: for a checkpoint of another model, or a folder without usable songs.
    """
    teacher, feature_extractor = load_initial_model(model)
    teacher = teacher.eval().to(next(iter(accelerators()), "cpu"))
    rows = load_segments(
        data_dir,
        labels="published",  # ratings are not used
        segment_seconds=feature_extractor.segment_seconds,
        segment_hop_seconds=segment_hop_seconds,
        feature_extractor=feature_extractor,
        num_proc=num_proc,
        cache_dir=cache_dir,
    ).rows
    embeddings = []
    for batch in rows.select_columns(["input_values"]).with_format("torch").iter(batch_size):
        log_mels = batch["input_values"].to(teacher.device)
        input_values = feature_extractor.normalize(log_mels) if feature_extractor.do_normalize else log_mels
        embeddings.append(teacher(input_values).pooler_output.float().cpu().numpy())
    columns = rows.select_columns(["song_id", "start_seconds"]).with_format("numpy")[:]
    columns |= {"window_seconds": feature_extractor.segment_seconds, "embedding": np.concatenate(embeddings)}
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    with Path(output).open("wb") as file:
        np.savez(file, **columns)
    logger.info("Wrote %d embeddings of %d songs.", len(rows), len(set(columns["song_id"].tolist())))


def check_teacher(path: str | Path | None, weight: float) -> None:
    """Check that a teacher has both embeddings and a weight, or neither (ValueError)."""
    if bool(path) != bool(weight):
        raise ValueError(f"Expected teacher_embeddings and teacher_weight together, but got {path!r} and {weight}.")
    if path:
        read_teacher(path)


def teacher_targets(path: str | Path, weight: float, labels: Mapping[int, np.ndarray]) -> list[AuxiliaryTargets]:
    """Two kinds of targets from the file of a teacher: its embeddings, and ratings by [`rate_by_teacher`]."""
    tracks, window_seconds = read_teacher(path)
    embeddings = AuxiliaryTargets("teacher_embeddings", weight, tracks, window_seconds, labels)
    rated = rate_by_teacher(tracks, labels)
    return [embeddings, AuxiliaryTargets("teacher_ratings", weight, rated, window_seconds, labels)]


def read_teacher(path: str | Path) -> tuple[dict[int, Track], float]:
    """
    Read the embeddings of a teacher from an NPZ file: a track for each song, and the length of a window in seconds.

    Shape:
        of its arrays song_id and start_seconds: `(num_windows,)`. window_seconds: `()`. embedding: `(num_windows,
        num_targets)`.

    Raises:
        ValueError: for a missing file, and for arrays that are missing, of another shape, or not finite.
    """
    if not Path(path).is_file():
        raise ValueError(f"Expected an NPZ file of a teacher's embeddings, but got {str(path)!r}, which is no file.")
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in TEACHER_ARRAYS if name in file}
    except READ_ERRORS as error:
        raise ValueError(
            f"Expected an NPZ file of a teacher's embeddings in {str(path)!r}, but got: {error}"
        ) from error
    if missing := ", ".join(name for name in TEACHER_ARRAYS if name not in arrays):
        raise ValueError(f"Expected the arrays {', '.join(TEACHER_ARRAYS)} in {str(path)!r}, but got no {missing}.")
    for name, array in arrays.items():
        if not np.issubdtype(array.dtype, np.number) or not np.isfinite(array).all():
            raise ValueError(f"Expected finite numbers as {name} in {str(path)!r}, but got others.")
    songs, starts, window_seconds, embeddings = arrays.values()
    if embeddings.ndim != 2 or not songs.shape == starts.shape == embeddings.shape[:1] or window_seconds.ndim:
        raise ValueError(
            f"Expected a row of embedding for each song_id and start_seconds in {str(path)!r}, but got the shapes "
            f"{embeddings.shape}, {songs.shape} and {starts.shape}."
        )
    embeddings = embeddings.astype(np.float32)
    order = np.lexsort((starts, songs))
    songs, centres, embeddings = songs[order], starts[order] + window_seconds / 2, embeddings[order]
    return cut_tracks(songs, centres, embeddings), float(window_seconds)


def rate_by_teacher(tracks: Mapping[int, Track], labels: Mapping[int, np.ndarray]) -> dict[int, Track]:
    """
    Predict ratings of every window by a ridge regression from the mean embeddings of the training songs to `labels`.

    Shape:
        labels: `(num_labels,)` each -> values of each track: `(num_windows, num_labels)`.
    """
    inputs = np.stack([tracks[song].values.mean(axis=0) for song in labels]).astype(np.float64)
    mean, std = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-6)
    coefficients, intercept = fit_ridge((inputs - mean) / std, np.stack(list(labels.values())))
    return {
        song: Track(track.seconds, ((track.values - mean) / std @ coefficients + intercept).astype(np.float32))
        for song, track in tracks.items()
    }


def fit_ridge(inputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Fit a ridge regression with the strength out of `RIDGE_STRENGTHS` that has the lowest leave-one-out error.

    One singular value decomposition gives all errors: without its row, a residual is divided by 1 - its leverage.

    Shape:
        inputs: `(num_rows, num_inputs)`, of mean 0. targets: `(num_rows, num_targets)` -> coefficients
        `(num_inputs, num_targets)` and intercept `(num_targets,)`.
    """
    intercept = targets.mean(axis=0)
    left, values, right = np.linalg.svd(inputs, full_matrices=False)
    projected = left.T @ (targets - intercept)

    def leave_one_out_error(strength: float) -> float:
        shrinkage = values**2 / (values**2 + strength)
        residuals = targets - intercept - left @ (shrinkage[:, None] * projected)
        leverages = 1 / len(inputs) + left**2 @ shrinkage
        return float(np.square(residuals / (1 - leverages[:, None])).mean())

    strength = min(RIDGE_STRENGTHS, key=leave_one_out_error)
    return right.T @ ((values / (values**2 + strength))[:, None] * projected), intercept
