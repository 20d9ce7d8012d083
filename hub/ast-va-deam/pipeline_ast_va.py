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


class MusicEmotionPipeline(ChunkPipeline):
    """
    Predicts valence and arousal of songs of any length, on the scale of the model, 1-9 by default.

    Songs are decoded in blocks and split into segments of the length that the model was trained on; segments of all
    songs share batches. The prediction of a song is the mean over its segments, weighted by their length.

    Args:
        ensemble: folder or Hub id of a further model, or several of them; they are loaded with the classes of the first
            model. Predictions are then averaged over the models, and `valence_spread` and `arousal_spread` are
            returned. Songs are decoded once, and models with the same front end share its log-mels.
        batch_size: number of segments in a batch.
        args, kwargs: arguments of [`Pipeline`]: `model`, `feature_extractor`, `device`, ...

    Raises:
        ValueError: if a model lacks one of the two labels, or models differ in their scale or segments.

    Example:

    ```python
    >>> from transformers import pipeline

    >>> music_emotion = pipeline("music-emotion", model="me/ast-va", trust_remote_code=True)  # doctest: +SKIP
    >>> music_emotion("song.mp3")  # doctest: +SKIP
    {'valence': 6.1, 'arousal': 4.2, 'valence_std': 0.3, 'arousal_std': 0.5, 'quadrant': 'Calm', 'segments': [...]}

    ```"""

    _load_feature_extractor = True
    _load_processor = _load_image_processor = _load_tokenizer = False

    def __init__(
        self, *args, ensemble: str | os.PathLike | Sequence[str | os.PathLike] = (), batch_size: int = 16, **kwargs
    ):
        super().__init__(*args, batch_size=batch_size, **kwargs)
        self.members = [_Member(self.model, self.feature_extractor)]
        for address in [ensemble] if isinstance(ensemble, (str, os.PathLike)) else ensemble:
            # The classes of the first model, so that `trust_remote_code` is needed once.
            model = type(self.model).from_pretrained(address, dtype=self.model.dtype).to(self.device)
            self.members.append(_Member(model, type(self.feature_extractor).from_pretrained(address)))
            for name, ours in self.members[0].comparable.items():
                theirs = self.members[-1].comparable[name]
                if ours != theirs:
                    expected = f"models with the same {name} in an ensemble"
                    raise ValueError(f"Expected {expected}, but got {ours} and {theirs} ({os.fspath(address)!r}).")

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
        song_types = (str, os.PathLike, bytes, dict, np.ndarray, torch.Tensor)
        if isinstance(inputs, song_types) or hasattr(inputs, "read"):
            return super().__call__(inputs, **kwargs)
        results = super().__call__(inputs if isinstance(inputs, Dataset) else (song for song in inputs), **kwargs)
        if progress:
            from tqdm.auto import tqdm

            results = tqdm(results, total=len(inputs) if hasattr(inputs, "__len__") else None, unit="song")
        return list(results) if isinstance(inputs, (list, tuple)) else results

    def _sanitize_parameters(self, segment_hop_seconds: float | None = None, on_error: str | None = None, **kwargs):
        if kwargs:
            raise TypeError(f"Expected only arguments of MusicEmotionPipeline, but got {sorted(kwargs)}.")
        extractor = self.feature_extractor
        segment_sizes(extractor.sampling_rate, extractor.segment_seconds, segment_hop_seconds)  # refuses a bad hop
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
            segments = stream_segments(source, rate, seconds, segment_hop_seconds, source_sampling_rate=source_rate)
            for start, waveform in segments:
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
        options = {"sampling_rate": self.feature_extractor.sampling_rate, "return_tensors": "pt", "device": self.device}
        log_mels: dict[str, torch.Tensor] = {}
        predictions = []
        for member in self.members:
            if member.front_end not in log_mels:
                features = member.feature_extractor(waveforms, do_normalize=False, **options)
                log_mels[member.front_end] = features["input_values"]
            predictions.append(predict_log_mels(member.model, member.feature_extractor, log_mels[member.front_end]))
        # Lists, because a small tensor kept of each batch would fragment the freed memory of large ones.
        return {"predictions": torch.stack(predictions, dim=1).tolist(), **model_inputs}

    def postprocess(self, model_outputs: list[dict]) -> dict:
        if model_outputs[-1]["error"]:
            return {"error": model_outputs[-1]["error"]}
        of_models = np.reshape([output["predictions"] for output in model_outputs], (-1, len(self.members), 2))
        predictions = of_models.mean(axis=1)  # (num_segments, 2)
        starts, ends = np.transpose([(output["start"], output["end"]) for output in model_outputs])
        durations = ends - starts
        mean, std = aggregate_segments(predictions, durations)
        result = dict(zip(("valence", "arousal", "valence_std", "arousal_std"), [*mean.tolist(), *std.tolist()]))
        if len(self.members) > 1:
            songs = [aggregate_segments(of_models[:, i], durations)[0] for i in range(len(self.members))]
            result["valence_spread"], result["arousal_spread"] = np.std(songs, axis=0).tolist()
        result["quadrant"] = quadrant(mean[0], mean[1], self.model.config.label_midpoint)
        rows = np.column_stack([starts, ends, predictions]).tolist()
        result["segments"] = [dict(zip(("start", "end", "valence", "arousal"), row)) for row in rows]
        return result

    def save_pretrained(self, save_directory, **kwargs):
        if len(self.members) > 1:
            raise ValueError(f"Expected one model to save, but got an ensemble of {len(self.members)}.")
        super().save_pretrained(save_directory, **kwargs)


def predict_log_mels(model, feature_extractor, log_mels: torch.Tensor) -> torch.Tensor:
    """
    Predict valence and arousal of segments from their log-mels, before normalisation.

    Args:
        model, feature_extractor: that belong together; `mean` and `std` of the feature extractor normalise.
        log_mels: log-mel spectrograms of segments, on the device of the model.

    Shape:
        `(batch, num_frames, num_mel_bins)` -> `(batch, 2)`, float32.
    """
    input_values = feature_extractor.normalize(log_mels) if feature_extractor.do_normalize else log_mels
    columns = [model.config.label2id["valence"], model.config.label2id["arousal"]]
    return model(input_values).logits[:, columns].float()


class _Member:
    """A model of an ensemble with its feature extractor; what must equal in all; and the key of its front end."""

    def __init__(self, model, feature_extractor):
        labels = set(model.config.label2id)
        if not {"valence", "arousal"} <= labels:
            raise ValueError(f"Expected a model with the labels valence and arousal, but got {labels}.")
        self.model, self.feature_extractor = model, feature_extractor
        self.comparable = {name: getattr(feature_extractor, name) for name in ("sampling_rate", "segment_seconds")}
        self.comparable["label_range"] = list(model.config.label_range)
        # Statistics are not part of the front end: they differ between splits of the data.
        ignored = ("mean", "std", "do_normalize", "auto_map")
        settings = {name: value for name, value in feature_extractor.to_dict().items() if name not in ignored}
        self.front_end = json.dumps(settings, sort_keys=True)


def _as_source(song, sampling_rate: int | None):
    """Source for `stream_segments`, and the rate of a waveform."""
    if isinstance(song, dict):
        keys, sampling_rate = sorted(song), song.get("sampling_rate")
        waveform = song.get("array", song.get("raw"))
        song = song.get("bytes") or song.get("path") if waveform is None else waveform
        if song is None or (waveform is not None and sampling_rate is None):
            expected = 'a dict with "bytes" or "path", or with "array" or "raw" and with "sampling_rate"'
            raise ValueError(f"Expected {expected}, but got the keys {keys}.")
    if isinstance(song, torch.Tensor):
        song = song.detach().cpu().numpy()
    if isinstance(song, (list, tuple)):
        song = np.asarray(song, np.float32)
    return song, sampling_rate if isinstance(song, np.ndarray) else None


__all__ = ["MusicEmotionPipeline"]
