# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Pipeline `"music-emotion"`: valence and arousal of songs, and of their segments."""

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
    Predicts valence and arousal of songs of any length, on the scale of the model, 1-9 by default.

    Songs are decoded in blocks and split into segments of the length that the model was trained on; segments of all
    songs share batches. The prediction of a song is the mean over its segments, weighted by their length.

    Args:
        ensemble: folder or Hub id of a further model, or several of them; they are loaded with the classes of the first
            model. Predictions are then averaged over the models, and `valence_spread` and `arousal_spread` are
            returned. Songs are decoded once, and models with the same front end share its log-mels.
        args, kwargs: arguments of [`Pipeline`]: `model`, `feature_extractor`, `device`, `batch_size`, ...

    Raises:
        ValueError: if a model lacks one of the two labels, or models differ in their scale or segments.

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
        self.members = [_Member(self.model, self.feature_extractor)]
        for address in [ensemble] if isinstance(ensemble, (str, os.PathLike)) else ensemble:
            # The classes of the first model, so that `trust_remote_code` is needed once.
            model = type(self.model).from_pretrained(address, dtype=self.model.dtype).to(self.device)
            member = _Member(model, type(self.feature_extractor).from_pretrained(address))
            self.members[0].check_comparable(member, address)
            self.members.append(member)

    def __call__(self, inputs, *, progress: bool = False, **kwargs):
        """
        Predict valence and arousal of one or several songs.

        Args:
            inputs: a song, or several: a list, a generator, a torch `Dataset` or a column of a `datasets.Dataset`. A
                song is a path, an http(s) URL, a binary file or encoded bytes; a waveform, array or tensor, at the rate
                of the feature extractor, with channels on the shorter axis; or a dict with `"array"` or `"raw"` and
                `"sampling_rate"`, or with `"bytes"` or `"path"`.
            progress: whether to show a progress bar over several songs.
            segment_hop_seconds: step between the starts of segments, in seconds; by default the length of a segment.
            on_error: `"raise"`, or `"return"` for the result `{"error": message}` of a song that cannot be decoded.
            batch_size: number of segments in a batch.
            num_workers: 1 decodes in another process than the model's.

        Returns:
            A dict for one song, a list of dicts for a list, otherwise an iterator over dicts: `valence`, `arousal`,
            `valence_std` and `arousal_std` over the segments, `quadrant` (`"Excited"`, `"Calm"`, `"Sad"`,
            `"Distressed"`), and `segments`, each with `start` and `end` in seconds, `valence` and `arousal`; for an
            ensemble also `valence_spread` and `arousal_spread`, population standard deviations over its models.

        Raises:
            AudioError: if a song cannot be decoded; the message names it.
            ValueError: if an input or argument is not valid.
        """
        if _is_song(inputs):
            return super().__call__(inputs, **kwargs)
        results = super().__call__(inputs if isinstance(inputs, Dataset) else (song for song in inputs), **kwargs)
        if progress:
            from tqdm.auto import tqdm

            results = tqdm(results, total=len(inputs) if hasattr(inputs, "__len__") else None, unit="song")
        return list(results) if isinstance(inputs, (list, tuple)) else results

    def _sanitize_parameters(self, segment_hop_seconds: float | None = None, on_error: str | None = None, **kwargs):
        if kwargs:
            raise TypeError(f"Expected only arguments of MusicEmotionPipeline, but got {sorted(kwargs)}.")
        if segment_hop_seconds is not None:
            extractor = self.feature_extractor
            segment_sizes(extractor.sampling_rate, extractor.segment_seconds, segment_hop_seconds)
        if on_error not in (None, "raise", "return"):
            raise ValueError(f'Expected on_error to be "raise" or "return", but got {on_error!r}.')
        params = {"segment_hop_seconds": segment_hop_seconds, "on_error": on_error}
        return {name: value for name, value in params.items() if value is not None}, {}, {}

    def preprocess(self, inputs, segment_hop_seconds: float | None = None, on_error: str = "raise") -> Iterator[dict]:
        """Yield a chunk for each segment, one segment late, to know which is the last."""
        rate, seconds = self.feature_extractor.sampling_rate, self.feature_extractor.segment_seconds
        chunk: dict = {}
        try:
            source, source_rate = _as_source(inputs, rate)
            for start, waveform in stream_segments(
                source, rate, seconds, segment_hop_seconds, source_sampling_rate=source_rate
            ):
                if chunk:
                    yield {**chunk, "is_last": False}
                chunk = {"waveform": waveform, "start": start, "end": start + len(waveform) / rate, "error": ""}
        except ValueError as error:
            if on_error == "raise":
                raise
            # A song whose first chunks were yielded needs a last chunk too.
            silence = np.zeros(self.feature_extractor.n_fft, np.float32)
            chunk = {"waveform": silence, "start": 0.0, "end": 0.0, "error": str(error)}
        yield {**chunk, "is_last": True}

    def _forward(self, model_inputs: dict) -> dict:
        waveforms = model_inputs.pop("waveform")
        log_mels: dict[str, torch.Tensor] = {}
        predictions = []
        for member in self.members:
            if member.front_end not in log_mels:
                log_mels[member.front_end] = member.log_mels(waveforms, self.device)
            predictions.append(predict_log_mels(member.model, member.feature_extractor, log_mels[member.front_end]))
        # Lists, because a small tensor kept of each batch would fragment the freed memory of large ones.
        return {"predictions": torch.stack(predictions, dim=1).tolist(), **model_inputs}

    def postprocess(self, model_outputs: list[dict]) -> dict:
        if model_outputs[-1]["error"]:
            return {"error": model_outputs[-1]["error"]}
        of_models = np.array([output["predictions"] for output in model_outputs])
        of_models = of_models.reshape(len(model_outputs), len(self.members), 2)
        predictions = of_models.mean(axis=1)  # (num_segments, 2)
        starts, ends = ([output[name] for output in model_outputs] for name in ("start", "end"))
        durations = np.subtract(ends, starts)
        mean, std = aggregate_segments(predictions, durations)
        (valence, arousal), (valence_std, arousal_std) = mean.tolist(), std.tolist()
        result = {"valence": valence, "arousal": arousal, "valence_std": valence_std, "arousal_std": arousal_std}
        if len(self.members) > 1:
            songs = [aggregate_segments(of_models[:, i], durations)[0] for i in range(len(self.members))]
            result["valence_spread"], result["arousal_spread"] = np.std(songs, axis=0).tolist()
        result["quadrant"] = quadrant(valence, arousal, self.model.config.label_midpoint)
        result["segments"] = [
            {"start": start, "end": end, "valence": segment_valence, "arousal": segment_arousal}
            for start, end, (segment_valence, segment_arousal) in zip(starts, ends, predictions.tolist())
        ]
        return result

    def save_pretrained(self, save_directory, **kwargs):
        if len(self.members) > 1:
            raise ValueError(f"Expected one model to save, but got an ensemble of {len(self.members)}.")
        super().save_pretrained(save_directory, **kwargs)


def predict_log_mels(model, feature_extractor, log_mels: torch.Tensor) -> torch.Tensor:
    """
    Predict valence and arousal of segments from their log-mels, before normalisation.

    Args:
        model: an [`ASTVAForRegression`].
        feature_extractor: the [`ASTVAFeatureExtractor`] that belongs to it; its `mean` and `std` normalise.
        log_mels: log-mel spectrograms of segments, on the device of the model.

    Shape:
        `(batch, num_frames, num_mel_bins)` -> `(batch, 2)`, float32.
    """
    input_values = feature_extractor.normalize(log_mels) if feature_extractor.do_normalize else log_mels
    columns = [model.config.label2id["valence"], model.config.label2id["arousal"]]
    return model(input_values).logits[:, columns].float()


class _Member:
    """A model of an ensemble, with its feature extractor."""

    def __init__(self, model, feature_extractor):
        labels = set(model.config.label2id)
        if not {"valence", "arousal"} <= labels:
            raise ValueError(f"Expected a model with the labels valence and arousal, but got {labels}.")
        self.model = model
        self.feature_extractor = feature_extractor
        # Key of the front end. Statistics are not part of it: they differ between splits of the data.
        ignored = ("mean", "std", "do_normalize", "auto_map")
        settings = {name: value for name, value in feature_extractor.to_dict().items() if name not in ignored}
        self.front_end = json.dumps(settings, sort_keys=True)

    def check_comparable(self, other: "_Member", address: str | os.PathLike) -> None:
        """Raise a ValueError if `other` predicts other segments, or on another scale."""
        for name, ours, theirs in (
            ("sampling_rate", self.feature_extractor.sampling_rate, other.feature_extractor.sampling_rate),
            ("segment_seconds", self.feature_extractor.segment_seconds, other.feature_extractor.segment_seconds),
            ("label_range", list(self.model.config.label_range), list(other.model.config.label_range)),
        ):
            if ours != theirs:
                raise ValueError(
                    f"Expected models with the same {name} in an ensemble, but got {ours} and {theirs} "
                    f"({os.fspath(address)!r})."
                )

    def log_mels(self, waveforms, device: torch.device) -> torch.Tensor:
        """Compute log-mels, `(batch, num_frames, num_mel_bins)`, before normalisation."""
        rate = self.feature_extractor.sampling_rate
        features = self.feature_extractor(
            waveforms, sampling_rate=rate, return_tensors="pt", do_normalize=False, device=device
        )
        return features["input_values"]


def _is_song(inputs) -> bool:
    return isinstance(inputs, (str, os.PathLike, bytes, dict, np.ndarray, torch.Tensor)) or hasattr(inputs, "read")


def _as_source(song, sampling_rate: int):
    """Source for `stream_segments`, and the rate of a waveform."""
    if isinstance(song, dict):
        waveform = song.get("array", song.get("raw"))
        if waveform is None:
            encoded = song.get("bytes") or song.get("path")
            if encoded is None:
                raise ValueError(
                    'Expected a dict with "array" or "raw" and "sampling_rate", or with "bytes" or "path", '
                    f"but got the keys {sorted(song)}."
                )
            return encoded, None
        if song.get("sampling_rate") is None:
            raise ValueError(f'Expected a dict with "sampling_rate", but got the keys {sorted(song)}.')
        song, sampling_rate = waveform, song["sampling_rate"]
    if isinstance(song, torch.Tensor):
        song = song.detach().cpu().numpy()
    if isinstance(song, (list, tuple)):
        song = np.asarray(song, np.float32)
    return song, sampling_rate if isinstance(song, np.ndarray) else None


__all__ = ["MusicEmotionPipeline"]
