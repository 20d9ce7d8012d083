# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Pipeline `"music-emotion"`: from a song to its valence and arousal, and their course over time."""

import os
from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers.pipelines.base import ChunkPipeline

from .audio_ast_va import aggregate_segments, quadrant, segment_sizes, stream_segments

DEFAULT_BATCH_SIZE = 16


class MusicEmotionPipeline(ChunkPipeline):
    """
    Hears songs of any length and answers with valence and arousal on the scale of the model's labels, 1-9.

    A song is decoded in a stream, mixed down to mono, resampled, and cut into segments of the length that the model
    was trained on; the segments of all songs share batches. A song's rating is the mean over its segments, weighted
    by their length. The last, shorter segment is padded.

    Example:

    ```python
    >>> from transformers import pipeline

    >>> music_emotion = pipeline("music-emotion", model="me/ast-va", trust_remote_code=True)  # doctest: +SKIP
    >>> music_emotion("song.mp3")  # doctest: +SKIP
    {'valence': 6.1, 'arousal': 4.2, 'valence_std': 0.3, 'arousal_std': 0.5, 'quadrant': 'Calm', 'segments': [...]}

    ```"""

    _load_processor = False
    _load_image_processor = False
    _load_feature_extractor = True
    _load_tokenizer = False

    def __init__(self, *args, **kwargs):
        if kwargs.get("batch_size") is None:
            kwargs["batch_size"] = DEFAULT_BATCH_SIZE
        super().__init__(*args, **kwargs)
        labels = self.model.config.label2id
        if not {"valence", "arousal"} <= set(labels):
            raise ValueError(f"Expected a model with the labels valence and arousal, but its labels are {set(labels)}.")
        self._columns = [labels["valence"], labels["arousal"]]

    def __call__(self, inputs, *, progress: bool = False, **kwargs):
        """
        Args:
            inputs: a song, or several: a list, a generator, a torch `Dataset` or a column of a `datasets.Dataset`. A
                song is a path; an http(s) URL; encoded bytes; a waveform, array or tensor, at the feature extractor's
                rate, `(num_samples,)` or with channels on the shorter axis; or a dict with `"array"` or `"raw"` and
                `"sampling_rate"`, or with `"bytes"` or `"path"`.
            segment_hop_seconds: step from one segment to the next; below the segment's length they overlap.
            on_error: `"raise"`, or `"return"` to get `{"error": reason}` for a song that cannot be heard and go on.
            progress: whether to show a progress bar over several songs.
            batch_size: segments a batch, of all songs together.
            num_workers: 1 decodes in a process of its own, beside the model.

        Returns:
            For one song a dict, for a list a list of dicts, else an iterator over dicts: `valence`, `arousal`,
            `valence_std` and `arousal_std` over the segments, `quadrant` (`"Excited"`, `"Calm"`, `"Sad"`,
            `"Distressed"`), and `segments`, each with `start` and `end` in seconds, `valence` and `arousal`.

        Raises:
            AudioError: a `ValueError` that names the song and why it cannot be heard.
        """
        if _is_song(inputs):
            return super().__call__(inputs, **kwargs)
        if isinstance(inputs, Dataset):
            results = super().__call__(inputs, **kwargs)
        else:
            results = super().__call__((song for song in inputs), **kwargs)
        if progress:
            from tqdm.auto import tqdm

            results = tqdm(results, total=len(inputs) if hasattr(inputs, "__len__") else None, unit="song")
        return list(results) if isinstance(inputs, (list, tuple)) else results

    def _sanitize_parameters(self, segment_hop_seconds: float | None = None, on_error: str | None = None, **kwargs):
        if kwargs:
            raise TypeError(f"MusicEmotionPipeline does not know the arguments {sorted(kwargs)}.")
        preprocess_params: dict = {}
        if segment_hop_seconds is not None:
            extractor = self.feature_extractor
            segment_sizes(extractor.sampling_rate, extractor.segment_seconds, segment_hop_seconds)
            preprocess_params["segment_hop_seconds"] = segment_hop_seconds
        if on_error is not None:
            if on_error not in ("raise", "return"):
                raise ValueError(f'on_error must be "raise" or "return", but is {on_error!r}.')
            preprocess_params["on_error"] = on_error
        return preprocess_params, {}, {}

    def preprocess(self, inputs, segment_hop_seconds: float | None = None, on_error: str = "raise") -> Iterator[dict]:
        """One chunk a segment. One behind, so that the last can say that it is the last."""
        rate, seconds = self.feature_extractor.sampling_rate, self.feature_extractor.segment_seconds
        chunk: dict = {}
        try:
            source, source_rate = _as_source(inputs, rate)
            for start, waveform in stream_segments(
                source, rate, seconds, segment_hop_seconds, source_sampling_rate=source_rate
            ):
                if chunk:
                    yield chunk
                chunk = {
                    "waveform": waveform,
                    "start": start,
                    "end": start + len(waveform) / rate,
                    "error": "",
                    "is_last": False,
                }
        except ValueError as error:
            if on_error == "raise":
                raise
            # Chunks that are already under way must be closed by a last one.
            silence = np.zeros(self.feature_extractor.n_fft, np.float32)
            chunk = {"waveform": silence, "start": 0.0, "end": 0.0, "error": str(error)}
        yield {**chunk, "is_last": True}

    def _forward(self, model_inputs: dict) -> dict:
        waveforms = model_inputs.pop("waveform")
        features = self.feature_extractor(
            waveforms, sampling_rate=self.feature_extractor.sampling_rate, return_tensors="pt", device=self.device
        )
        logits = self.model(features["input_values"]).logits
        # As numbers: a small tensor kept of every batch would split the freed memory of the large ones.
        return {"predictions": logits[:, self._columns].float().tolist(), **model_inputs}

    def postprocess(self, model_outputs: list[dict]) -> dict:
        if model_outputs[-1]["error"]:
            return {"error": model_outputs[-1]["error"]}
        predictions = np.array([output["predictions"] for output in model_outputs]).reshape(-1, 2)
        starts = [output["start"] for output in model_outputs]
        ends = [output["end"] for output in model_outputs]
        mean, std = aggregate_segments(predictions, np.subtract(ends, starts))
        (valence, arousal), (valence_std, arousal_std) = mean.tolist(), std.tolist()
        return {
            "valence": valence,
            "arousal": arousal,
            "valence_std": valence_std,
            "arousal_std": arousal_std,
            "quadrant": quadrant(valence, arousal, self.model.config.label_midpoint),
            "segments": [
                {"start": start, "end": end, "valence": segment_valence, "arousal": segment_arousal}
                for start, end, (segment_valence, segment_arousal) in zip(starts, ends, predictions.tolist())
            ],
        }


def _is_song(inputs) -> bool:
    return isinstance(inputs, (str, os.PathLike, bytes, dict, np.ndarray, torch.Tensor)) or hasattr(inputs, "read")


def _as_source(song, sampling_rate: int):
    """A song in any accepted form as a source for `stream_segments`, and its rate where it does not know its own."""
    if isinstance(song, dict):
        waveform = song.get("array", song.get("raw"))
        if waveform is None:
            encoded = song.get("bytes") or song.get("path")
            if encoded is None:
                raise ValueError(
                    'Expected a dict with "array" or "raw" and "sampling_rate", or with "bytes" or "path", '
                    f"but its keys are {sorted(song)}."
                )
            return encoded, None
        if song.get("sampling_rate") is None:
            raise ValueError(f'Expected a "sampling_rate" beside the waveform, but the keys are {sorted(song)}.')
        song, sampling_rate = waveform, song["sampling_rate"]
    if isinstance(song, torch.Tensor):
        song = song.detach().cpu().numpy()
    if isinstance(song, (list, tuple)):
        song = np.asarray(song, np.float32)
    if isinstance(song, np.ndarray):
        return song, sampling_rate
    return song, None


__all__ = ["MusicEmotionPipeline"]
