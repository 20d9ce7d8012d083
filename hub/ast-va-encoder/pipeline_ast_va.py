# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Pipeline `"music-emotion"`: valence and arousal of songs, and of their segments."""

import json
import os
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from transformers.pipelines.base import ChunkPipeline

from .audio_ast_va import aggregate_segments, quadrant, segment_sizes, stream_segments
from .decoding_ast_va import source_name
from .songs_ast_va import Songs, as_source, is_one_song

TASK = "music-emotion"
# Saved in the configuration of a model, where transformers finds its pipeline.
CUSTOM_PIPELINES = {
    TASK: {
        "impl": "pipeline_ast_va.MusicEmotionPipeline",
        "pt": ["AutoModelForAudioClassification"],
        "type": "audio",
    }
}
MAX_BATCH_SIZE = 4096  # torch allocates a list of this length before the first segment
TIMES = ("start", "end", "weight")  # of a chunk, in seconds
EMPTY_CHUNK = {**dict.fromkeys(TIMES, 0.0), "name": "", "warning": "", "error": ""}


class MusicEmotionPipeline(ChunkPipeline):
    """
    Predicts valence and arousal of songs of any length, on the scale of the model, 1-9 by default.

    Songs are decoded in blocks and split into segments of the length that the model was trained on; segments of all
    songs share batches. The prediction of a song is the mean over its segments, weighted by the part of the song that
    each adds.

    Args:
        ensemble: folder or Hub id of a further model, or several of them; they are loaded with the classes of the first
            model. Predictions are then averaged over the models, and `valence_spread` and `arousal_spread` are
            returned. Songs are decoded once, and models with the same front end share its log-mels.
        batch_size: number of segments in a batch, at most 4096.
        args, kwargs: arguments of [`Pipeline`]: `model`, `feature_extractor`, `device`, ...

    Raises:
        ValueError: if a model lacks one of the two labels, does not fit its feature extractor, or has weights that are
            NaN or infinite; if models differ in their scale or segments.

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
        super().__init__(*args, batch_size=_checked_batch_size(batch_size), **kwargs)
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

    def __call__(self, inputs, *, progress: bool = False, batch_size: int | None = None, **kwargs):
        """
        Predict valence and arousal of one or several songs.

        Args:
            inputs: a song, or several: a list, a generator, a torch `Dataset` or a column of a `datasets.Dataset`. A
                song is a path, an http(s) URL, an address of fsspec such as `s3://bucket/song.mp3`, a binary file or
                encoded bytes; a waveform, array or tensor of floats in [-1, 1] or of integer PCM, at the rate of the
                feature extractor, with channels on the shorter axis; or a dict with `"array"` or `"raw"` and
                `"sampling_rate"`, or with `"bytes"` or `"path"`.
            progress: whether to show a progress bar over several songs.
            segment_hop_seconds: step between the starts of segments, in seconds; by default the length of a segment.
            on_error: `"raise"`, or `"return"` for the result `{"error": message}` in place of a song that cannot be
                rated, whatever is wrong with it.
            batch_size: number of segments in a batch; by default that of the pipeline.
            num_workers: 1 decodes in another process than the model's.

        Returns:
            A dict for one song, a list of dicts for a list, otherwise an iterator over dicts: `valence`, `arousal`,
            `valence_std` and `arousal_std` over the segments, `quadrant` (`"Excited"`, `"Calm"`, `"Sad"`,
            `"Distressed"`), and `segments`, each with `start` and `end` in seconds, `valence` and `arousal`; for an
            ensemble also `valence_spread` and `arousal_spread`, population standard deviations over its models; for a
            file that ends before its header states, `warning`.

        Raises:
            AudioError: if a song cannot be decoded; the message names it.
            ValueError: if an input or argument is not valid, or a rating is further than the width of the scale beyond
                its ends, which only a damaged model predicts.
            TypeError: for an unknown argument, and for a song of another type.
        """
        kwargs["batch_size"] = batch_size if batch_size is None else _checked_batch_size(batch_size)
        if is_one_song(inputs):
            return super().__call__(inputs, **kwargs)
        results = super().__call__(Songs(inputs), **kwargs)
        if progress:
            from tqdm.auto import tqdm

            results = tqdm(results, total=len(inputs) if hasattr(inputs, "__len__") else None, unit="song")
        return list(results) if isinstance(inputs, (list, tuple)) else results

    def _sanitize_parameters(self, segment_hop_seconds: float | None = None, on_error: str | None = None, **kwargs):
        if kwargs:
            raise TypeError(f"Expected only arguments of MusicEmotionPipeline, but got {sorted(kwargs)}.")
        extractor = self.feature_extractor
        if not hasattr(extractor, "segment_seconds"):
            raise ValueError(f"Expected an ASTVAFeatureExtractor, but got {type(extractor).__name__}.")
        segment_sizes(extractor.sampling_rate, extractor.segment_seconds, segment_hop_seconds)  # refuses a bad hop
        if on_error not in (None, "raise", "return"):
            raise ValueError(f'Expected on_error to be "raise" or "return", but got {on_error!r}.')
        on_error_params = {} if on_error is None else {"on_error": on_error}
        hop_params = {} if segment_hop_seconds is None else {"segment_hop_seconds": segment_hop_seconds}
        return {**hop_params, **on_error_params}, {}, on_error_params

    def preprocess(self, inputs, segment_hop_seconds: float | None = None, on_error: str = "raise") -> Iterator[dict]:
        """Yield a chunk for each segment, one segment late, to know which is the last."""
        rate, seconds = self.feature_extractor.sampling_rate, self.feature_extractor.segment_seconds
        chunk: dict = {}
        try:
            source, source_rate = as_source(inputs, rate)
            segments = stream_segments(source, rate, seconds, segment_hop_seconds, source_sampling_rate=source_rate)
            for start, waveform, weight, warning in segments:
                if chunk:
                    yield {**chunk, "is_last": False}
                times = dict(zip(TIMES, (start, start + len(waveform) / rate, weight)))
                chunk = {**EMPTY_CHUNK, "waveform": waveform, **times, "name": source_name(source), "warning": warning}
        except (ValueError, TypeError, OSError) as error:  # also that of a song of a wrong type, or of a file object
            if on_error == "raise":
                raise
            # A song whose first chunks were yielded needs a last chunk too.
            silence = np.zeros(self.feature_extractor.n_fft, np.float32)
            chunk = {**EMPTY_CHUNK, "waveform": silence, "error": str(error) or repr(error)}
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

    def postprocess(self, model_outputs: list[dict], on_error: str = "raise") -> dict:
        if model_outputs[-1]["error"]:
            return {"error": model_outputs[-1]["error"]}
        of_models = np.reshape([output["predictions"] for output in model_outputs], (-1, len(self.members), 2))
        starts, ends, weights = np.transpose([[output[key] for key in TIMES] for output in model_outputs])
        try:
            self._check_ratings(of_models, starts, model_outputs[-1]["name"])
        except ValueError as error:
            if on_error == "raise":
                raise
            return {"error": str(error)}
        predictions = of_models.mean(axis=1)  # (num_segments, 2)
        mean, std = aggregate_segments(predictions, weights)
        result = dict(zip(("valence", "arousal", "valence_std", "arousal_std"), [*mean.tolist(), *std.tolist()]))
        if len(self.members) > 1:
            songs = [aggregate_segments(of_models[:, i], weights)[0] for i in range(len(self.members))]
            result["valence_spread"], result["arousal_spread"] = np.std(songs, axis=0).tolist()
        result["quadrant"] = quadrant(mean[0], mean[1], self.model.config.label_midpoint)
        if model_outputs[-1]["warning"]:
            result["warning"] = model_outputs[-1]["warning"]
        rows = np.column_stack([starts, ends, predictions]).tolist()
        result["segments"] = [dict(zip(("start", "end", "valence", "arousal"), row)) for row in rows]
        return result

    def _check_ratings(self, ratings: np.ndarray, starts: np.ndarray, name: str) -> None:
        """Refuse ratings, `(num_segments, num_models, 2)`, that are NaN or far beyond the scale of the model."""
        low, high = self.model.config.label_range
        low, high = 2 * low - high, 2 * high - low
        wrong = np.argwhere(~((low <= ratings) & (ratings <= high)))
        if len(wrong):
            given = f"{ratings[tuple(wrong[0])]:g} at {starts[wrong[0][0]]:.1f} s: the model is damaged"
            raise ValueError(f"{name}: expected ratings from {low:g} to {high:g}, but got {given}.")

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
        model.config.check_fit(feature_extractor)
        check_weights(model)
        self.model, self.feature_extractor = model, feature_extractor
        self.comparable = {name: getattr(feature_extractor, name) for name in ("sampling_rate", "segment_seconds")}
        self.comparable["label_range"] = list(model.config.label_range)
        # Statistics are not part of the front end: they differ between splits of the data.
        ignored = ("mean", "std", "do_normalize", "auto_map")
        settings = {name: value for name, value in feature_extractor.to_dict().items() if name not in ignored}
        self.front_end = json.dumps(settings, sort_keys=True)


def check_weights(model) -> None:
    for name, weights in model.state_dict().items():
        # The sum is not finite if a weight is not, and takes a tenth of the time.
        if not weights.is_floating_point() or weights.is_meta or weights.float().sum().isfinite():
            continue
        if count := int((~weights.isfinite()).sum()):
            raise ValueError(f"Expected finite weights, but got {count} of {weights.numel()} in {name} that are not.")


def _checked_batch_size(batch_size: int) -> int:
    is_integer = isinstance(batch_size, int) and not isinstance(batch_size, bool)
    if not is_integer or not 1 <= batch_size <= MAX_BATCH_SIZE:
        raise ValueError(f"Expected batch_size to be an integer from 1 to {MAX_BATCH_SIZE}, but got {batch_size!r}.")
    return batch_size


__all__ = ["MusicEmotionPipeline"]
