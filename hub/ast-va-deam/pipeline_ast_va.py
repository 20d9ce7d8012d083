# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Pipeline `"music-emotion"`: from a song to its valence and arousal, and their course over time."""

import json
import os
from collections.abc import Iterator, Sequence

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

    Args:
        ensemble: a further model, a folder or Hub id, or several, that hear the same segments; they run by the code of
            the first. Valence and arousal are then the average over the models, and `valence_spread` and
            `arousal_spread` say how far they lie apart. A song is decoded once, and models with the same front end
            share its log-mel.
        args, kwargs: of every pipeline of the library: `model`, `feature_extractor`, `device`, `batch_size`, ...

    Raises:
        ValueError: for models without the two labels, or that cannot be averaged: of another scale, or that hear other
            segments.

    Example:

    ```python
    >>> from transformers import pipeline

    >>> music_emotion = pipeline("music-emotion", model="me/ast-va", trust_remote_code=True)  # doctest: +SKIP
    >>> music_emotion("song.mp3")  # doctest: +SKIP
    {'valence': 6.1, 'arousal': 4.2, 'valence_std': 0.3, 'arousal_std': 0.5, 'quadrant': 'Calm', 'segments': [...]}
    >>> both = pipeline(
    ...     "music-emotion", model="me/ast-va", ensemble=["me/ast-va-2"], trust_remote_code=True
    ... )  # doctest: +SKIP

    ```"""

    _load_processor = False
    _load_image_processor = False
    _load_feature_extractor = True
    _load_tokenizer = False

    def __init__(self, *args, ensemble: str | os.PathLike | Sequence[str | os.PathLike] = (), **kwargs):
        if kwargs.get("batch_size") is None:
            kwargs["batch_size"] = DEFAULT_BATCH_SIZE
        super().__init__(*args, **kwargs)
        self.listeners = [_Listener(self.model, self.feature_extractor)]
        for address in [ensemble] if isinstance(ensemble, (str, os.PathLike)) else ensemble:
            # By the classes of the first model: code that was trusted once loads them all.
            model = type(self.model).from_pretrained(address, dtype=self.model.dtype).to(self.device)
            listener = _Listener(model, type(self.feature_extractor).from_pretrained(address))
            self.listeners[0].check_comparable(listener, address)
            self.listeners.append(listener)

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
            `"Distressed"`), and `segments`, each with `start` and `end` in seconds, `valence` and `arousal`. Of an
            ensemble also `valence_spread` and `arousal_spread`: the population standard deviation over its models.

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
        log_mels: dict[str, torch.Tensor] = {}
        predictions = []
        for listener in self.listeners:
            if listener.front_end not in log_mels:
                log_mels[listener.front_end] = listener.log_mel(waveforms, self.device)
            predictions.append(listener.predict(log_mels[listener.front_end]))
        # As numbers: a small tensor kept of every batch would split the freed memory of the large ones.
        return {"predictions": torch.stack(predictions, dim=1).tolist(), **model_inputs}

    def postprocess(self, model_outputs: list[dict]) -> dict:
        if model_outputs[-1]["error"]:
            return {"error": model_outputs[-1]["error"]}
        of_models = np.array([output["predictions"] for output in model_outputs])
        of_models = of_models.reshape(len(model_outputs), len(self.listeners), 2)
        predictions = of_models.mean(axis=1)  # (num_segments, 2)
        starts = [output["start"] for output in model_outputs]
        ends = [output["end"] for output in model_outputs]
        durations = np.subtract(ends, starts)
        mean, std = aggregate_segments(predictions, durations)
        (valence, arousal), (valence_std, arousal_std) = mean.tolist(), std.tolist()
        result = {"valence": valence, "arousal": arousal, "valence_std": valence_std, "arousal_std": arousal_std}
        if len(self.listeners) > 1:
            songs = [aggregate_segments(of_models[:, i], durations)[0] for i in range(len(self.listeners))]
            result["valence_spread"], result["arousal_spread"] = np.std(songs, axis=0).tolist()
        result["quadrant"] = quadrant(valence, arousal, self.model.config.label_midpoint)
        result["segments"] = [
            {"start": start, "end": end, "valence": segment_valence, "arousal": segment_arousal}
            for start, end, (segment_valence, segment_arousal) in zip(starts, ends, predictions.tolist())
        ]
        return result

    def save_pretrained(self, save_directory, **kwargs):
        if len(self.listeners) > 1:
            raise ValueError(f"Expected one model to save, but this is an ensemble of {len(self.listeners)}.")
        super().save_pretrained(save_directory, **kwargs)


class _Listener:
    """One model of an ensemble with its feature extractor."""

    def __init__(self, model, feature_extractor):
        labels = model.config.label2id
        if not {"valence", "arousal"} <= set(labels):
            raise ValueError(f"Expected a model with the labels valence and arousal, but its labels are {set(labels)}.")
        self.model = model
        self.feature_extractor = feature_extractor
        self.columns = [labels["valence"], labels["arousal"]]
        # What tells one front end from another. Each split of the data has its own statistics.
        settings = feature_extractor.to_dict()
        for name in ("mean", "std", "do_normalize", "auto_map"):
            settings.pop(name, None)
        self.front_end = json.dumps(settings, sort_keys=True)

    def check_comparable(self, other: "_Listener", address: str | os.PathLike) -> None:
        """Refuse another model whose answers are not of the same segments on the same scale (ValueError)."""
        for name, ours, theirs in (
            ("sampling_rate", self.feature_extractor.sampling_rate, other.feature_extractor.sampling_rate),
            ("segment_seconds", self.feature_extractor.segment_seconds, other.feature_extractor.segment_seconds),
            ("label_range", list(self.model.config.label_range), list(other.model.config.label_range)),
        ):
            if ours != theirs:
                raise ValueError(
                    f"Expected models of one {name} in an ensemble, but the first has {ours} and "
                    f"{os.fspath(address)!r} has {theirs}."
                )

    def log_mel(self, waveforms, device: torch.device) -> torch.Tensor:
        """Segments -> `(batch, num_frames, num_mel_bins)`, before normalisation."""
        extractor = self.feature_extractor
        features = extractor(
            waveforms, sampling_rate=extractor.sampling_rate, return_tensors="pt", do_normalize=False, device=device
        )
        return features["input_values"]

    def predict(self, log_mel: torch.Tensor) -> torch.Tensor:
        """`(batch, num_frames, num_mel_bins)` -> valence and arousal, `(batch, 2)`."""
        extractor = self.feature_extractor
        input_values = extractor.normalize(log_mel) if extractor.do_normalize else log_mel
        return self.model(input_values).logits[:, self.columns].float()


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
