# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Models that rate songs: the pipeline in torch, or onnxruntime where the folder of a model has a file for it.

torch is imported inside functions: importing it takes longer than rating some songs with onnxruntime.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ..hub.files import HASHED_FILES, ONNX_FILE, file_sha256
from ..processes import accelerators, check_device, may_have_accelerators, num_cores
from ..released import RELEASED_MODEL

if TYPE_CHECKING:
    import torch

    from ..exported import OnnxPipeline
    from ..pipeline_ast_va import MusicEmotionPipeline

    Rater: TypeAlias = "OnnxPipeline | MusicEmotionPipeline"

logger = logging.getLogger(__name__)

Models = str | Path | Sequence[str | Path]


def load_pipeline(
    model: Models = RELEASED_MODEL,
    device: str | None = None,
    batch_size: int = 16,
    dtype: str | torch.dtype = "float32",
) -> MusicEmotionPipeline:
    """
    Load the pipeline of the released model, of another one, or of an ensemble, with the code of this package.

    Args:
        model: folder or Hub id, or several for an ensemble.
        device: such as `"cuda:0"`; None is the choice of transformers.
        dtype: precision of the weights.
    """
    from ..hub.folder import load_model
    from ..pipeline_ast_va import TASK, MusicEmotionPipeline

    first, *ensemble = _as_list(model)
    if device is not None:
        check_device(device)
    network, extractor = load_model(first, dtype)
    return MusicEmotionPipeline(
        model=network, feature_extractor=extractor, ensemble=ensemble, device=device, batch_size=batch_size, task=TASK
    )


def load_raters(
    model: Models, num_workers: int | None, device: str | None, batch_size: int | None, dtype: str | torch.dtype
) -> tuple[list[Rater], int]:
    """
    Load what rates songs on each device that is used, and count the threads; arguments are those of [`predict`].

    onnxruntime rates with a single model on the CPU in single precision, if the model has a file for it; else torch.
    """
    if rater := _load_onnx(model, device, batch_size, dtype):
        return [rater], num_workers or num_cores()
    devices = [device] if device else accelerators() or ["cpu"]
    num_workers = num_workers or max(num_cores(), len(devices))
    options: dict[str, Any] = {"dtype": dtype} if batch_size is None else {"dtype": dtype, "batch_size": batch_size}
    return [load_pipeline(model, name, **options) for name in devices[:num_workers]], num_workers


def load_rater(
    model: Models, device: str | None = None, batch_size: int | None = None, dtype: str | torch.dtype = "float32"
) -> Rater:
    """Load what rates songs on one device, as [`load_raters`] does; None is the first accelerator, or the CPU."""
    return load_raters(model, 1, device, batch_size, dtype)[0][0]


def _load_onnx(
    model: Models, device: str | None, batch_size: int | None, dtype: str | torch.dtype
) -> OnnxPipeline | None:
    """The model in onnxruntime; None where torch rates."""
    first, *others = _as_list(model)
    path = Path(first, ONNX_FILE)
    if others or device not in (None, "cpu") or dtype != "float32" or not path.is_file():
        return None
    if device is None and may_have_accelerators() and accelerators():
        return None
    from ..exported import OnnxPipeline

    rater = OnnxPipeline(path) if batch_size is None else OnnxPipeline(path, batch_size)
    changed = [file for name, file in HASHED_FILES.items() if rater.hashes[name] != file_sha256(Path(first, file))]
    if changed:
        export = f"ast-va export --model {first} --output {path}"
        names = ", ".join(changed)
        logger.warning("%s is of another %s, and is not used. Export the model again: %s", path, names, export)
        return None
    return rater


def fingerprints(rater: Rater) -> list[str]:
    """The fingerprint of each model of a rater, the same whatever it runs in."""
    from ..exported import OnnxPipeline
    from ..hub.fingerprint import fingerprint

    if isinstance(rater, OnnxPipeline):
        return [rater.fingerprint]
    return [fingerprint(one.model, one.feature_extractor) for one in rater.members]


def stop_between_batches(raters: Sequence[Rater], stopped: threading.Event) -> None:
    """End the songs in work at their next batch once `stopped` is set: the end of a long one is not waited for."""
    from ..exported import OnnxPipeline

    def check(*_: Any) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt

    for rater in raters:
        if isinstance(rater, OnnxPipeline):
            rater.before_batch = check
        else:
            rater.model.register_forward_pre_hook(check)


def _as_list(model: Models) -> list[str | Path]:
    return [model] if isinstance(model, (str, Path)) else list(model)
