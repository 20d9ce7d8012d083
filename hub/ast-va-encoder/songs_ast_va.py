# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The forms in which songs may be given to the pipeline."""

import os

import numpy as np
import torch
from torch.utils.data import IterableDataset

WAVEFORM_TYPES = (list, tuple, np.ndarray, torch.Tensor)
SONG_TYPES = (str, os.PathLike, bytes, bytearray, memoryview, dict, np.ndarray, torch.Tensor)
TENSOR_DTYPES = (
    *(torch.float16, torch.float32, torch.float64),
    *(torch.uint8, torch.int8, torch.int16, torch.int32),
)


class Songs(IterableDataset):
    """Several songs, which the pipeline takes one by one: in another container it would look for chats first."""

    def __init__(self, songs):
        self.songs = songs

    def __iter__(self):
        return iter(self.songs)


def is_one_song(inputs) -> bool:
    """Whether `inputs` are one song, or something that is no song, rather than several songs."""
    is_iterable = hasattr(inputs, "__iter__") or hasattr(inputs, "__getitem__")
    return isinstance(inputs, SONG_TYPES) or hasattr(inputs, "read") or not is_iterable


def as_source(song, sampling_rate: int):
    """
    Convert a song to a source of [`stream_segments`].

    Args:
        song: as for [`MusicEmotionPipeline`].
        sampling_rate: of a waveform that does not come with its own, in Hz.

    Returns:
        The source, and the rate of a waveform; `None` for other sources.

    Raises:
        ValueError: for a dict or waveform that is not valid. Other types are refused where they are opened.
    """
    if isinstance(song, dict):
        song, sampling_rate = _from_dict(song)
    if isinstance(song, torch.Tensor):
        is_dense = song.layout is torch.strided and not song.is_nested and not song.is_meta
        if song.dtype not in TENSOR_DTYPES or not is_dense:
            names = ", ".join(str(dtype).removeprefix("torch.") for dtype in TENSOR_DTYPES)
            given = f"{song.dtype}, {song.layout}, on {song.device}"
            raise ValueError(f"Expected a dense tensor of {names}, but got {given}.")
        song = song.detach().cpu().numpy()
    if isinstance(song, (list, tuple)):
        try:
            song = np.asarray(song)
        except ValueError as error:
            raise ValueError(f"Expected a list of samples, but got {song!r:.40}.") from error
    return song, sampling_rate if isinstance(song, np.ndarray) else None


def _from_dict(song: dict):
    """Waveform and its rate, or encoded bytes or path and None, of a song in the form of a row of datasets."""
    waveform = next((song[key] for key in ("array", "raw") if song.get(key) is not None), None)
    sampling_rate, encoded = song.get("sampling_rate"), song.get("bytes") or song.get("path")
    if isinstance(sampling_rate, torch.Tensor) and sampling_rate.ndim == 0:  # of datasets with the format of torch
        sampling_rate = sampling_rate.item()
    if isinstance(waveform, WAVEFORM_TYPES) and sampling_rate is not None:
        return waveform, sampling_rate
    if waveform is None and isinstance(encoded, (bytes, str, os.PathLike)):
        return encoded, None
    expected = 'a dict with "bytes" or "path", or with a waveform as "array" or "raw" and with "sampling_rate"'
    given = {key: type(value).__name__ for key, value in song.items()}
    raise ValueError(f"Expected {expected}, but got {given}.")
