# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Pipeline `"music-emotion"`: valence and arousal of songs, and of their segments."""

import json
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from transformers.pipelines.base import ChunkPipeline

from .audio_ast_va import segment_sizes, stream_segments
from .decoding_ast_va import source_name
from .results_ast_va import ResultSettings, SongSegments, check_ratings, song_result
from .songs_ast_va import Songs, as_source, is_one_song
from .uncertainty_ast_va import COVERAGE, COVERAGE_LEVELS

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
OPTIONAL_OUTPUTS = ("error_stds", "rater_stds", "frames")  # of `SegmentPredictions`
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
            coverage: share of songs whose mean rating by people is in the interval, from 0.01 to 0.99; by default 0.9.
            frames: whether to return the course of a song, with two moments a second.
            on_error: `"raise"`, or `"return"` for the result `{"error": message}` in place of a song that cannot be
                rated, whatever is wrong with it.
            batch_size: number of segments in a batch; by default that of the pipeline.
            num_workers: 1 decodes in another process than the model's.

        Returns:
            A dict for one song, a list of dicts for a list, otherwise an iterator over dicts, with

            - `valence` and `arousal`, and `quadrant` (`"Excited"`, `"Calm"`, `"Sad"`, `"Distressed"`);
            - `valence_segment_std` and `arousal_segment_std`, standard deviations over the segments, also under their
              former names `valence_std` and `arousal_std`;
            - `segments`, each with `start` and `end` in seconds, `valence` and `arousal`;
            - of a model with a head of spreads: `valence_interval` and `arousal_interval`, `[low, high]`;
              `quadrant_probability`, of the named quadrant; `valence_rater_std` and `arousal_rater_std`, the standard
              deviations of the ratings that different people give;
            - of a model that knows the ratings of its data set: `valence_percentile` and `arousal_percentile`, the
              share of its songs that are rated lower, 0-100;
            - with `frames`: `frames`, each with `time` in seconds, `valence` and `arousal`; their mean is the rating;
            - for an ensemble `valence_spread` and `arousal_spread`, population standard deviations over its models;
            - for a file that ends before its header states, `warning`.

        Raises:
            AudioError: if a song cannot be decoded; the message names it.
            ValueError: if an input or argument is not valid, for `frames` of a model without a head for them, and if a
                rating is further than the width of the scale beyond its ends, which only a damaged model predicts.
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

    @property
    def has_frames(self) -> bool:
        """Whether there is a course of songs with two moments a second: all models have a head for it."""
        return all(member.model.config.use_frame_head for member in getattr(self, "members", ()))

    def _sanitize_parameters(
        self,
        segment_hop_seconds: float | None = None,
        on_error: str | None = None,
        coverage: float | None = None,
        frames: bool | None = None,
        **kwargs,
    ):
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
        lowest, highest = COVERAGE_LEVELS[[0, -1]]
        if coverage is not None and not lowest <= coverage <= highest:
            raise ValueError(f"Expected coverage from {lowest} to {highest}, but got {coverage!r}.")
        if frames and not self.has_frames:
            raise ValueError("Expected a model with a head of the course (use_frame_head) for frames, but got none.")
        of_result = {"coverage": coverage, "frames": frames}
        of_result = {name: value for name, value in of_result.items() if value is not None}
        return {**hop_params, **on_error_params}, {}, {**of_result, **on_error_params}

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
        outputs = []
        for member in self.members:
            if member.front_end not in log_mels:
                features = member.feature_extractor(waveforms, do_normalize=False, **options)
                log_mels[member.front_end] = features["input_values"]
            outputs.append(predict_log_mels(member.model, member.feature_extractor, log_mels[member.front_end]))
        # Lists, because a small tensor kept of each batch would fragment the freed memory of large ones.
        stacked = {name: _stack([getattr(one, name) for one in outputs]) for name in SegmentPredictions._fields}
        if not isinstance(waveforms, list):  # a segment that is not in a batch
            stacked = {name: one and one[0] for name, one in stacked.items()}
        return {**stacked, **model_inputs}

    def postprocess(
        self, model_outputs: list[dict], on_error: str = "raise", coverage: float = COVERAGE, frames: bool = False
    ) -> dict:
        last = model_outputs[-1]
        if last["error"]:
            return {"error": last["error"]}
        starts, ends, weights = np.transpose([[output[key] for key in TIMES] for output in model_outputs])
        ratings = np.array([output["ratings"] for output in model_outputs])
        try:
            check_ratings(ratings, starts, last["name"], self.model.config.label_range)
        except ValueError as error:
            if on_error == "raise":
                raise
            return {"error": str(error)}
        given = [name for name in OPTIONAL_OUTPUTS if last[name] is not None]
        optional = {name: np.array([output[name] for output in model_outputs]) for name in given}
        settings = [ResultSettings.of(member.model.config) for member in self.members]
        segments = SongSegments(starts, ends, weights, ratings, **optional)
        return song_result(segments, settings, coverage=coverage, frames=frames, warning=last["warning"])

    def save_pretrained(self, save_directory, **kwargs):
        if len(self.members) > 1:
            raise ValueError(f"Expected one model to save, but got an ensemble of {len(self.members)}.")
        super().save_pretrained(save_directory, **kwargs)


class SegmentPredictions(NamedTuple):
    """
    Predictions of a batch of segments, float32, with valence and arousal on the last axis.

    Args:
        ratings, error_stds, rater_stds: `(batch, 2)`; the last two are None of a model without a head of spreads.
        frames: `(batch, num_steps, 2)`; None of a model without a head of the course.
    """

    ratings: torch.Tensor
    error_stds: torch.Tensor | None
    rater_stds: torch.Tensor | None
    frames: torch.Tensor | None


def predict_log_mels(model, feature_extractor, log_mels: torch.Tensor) -> SegmentPredictions:
    """
    Predict segments from their log-mels, before normalisation.

    Args:
        model, feature_extractor: that belong together; `mean` and `std` of the feature extractor normalise.
        log_mels: log-mel spectrograms of segments, on the device of the model, `(batch, num_frames, num_mel_bins)`.
    """
    input_values = feature_extractor.normalize(log_mels) if feature_extractor.do_normalize else log_mels
    columns = [model.config.label2id["valence"], model.config.label2id["arousal"]]
    outputs = model(input_values)
    predicted = (outputs.error_std, outputs.rater_std, outputs.frame_logits)
    optional = (None if one is None else one[..., columns].float() for one in predicted)
    return SegmentPredictions(outputs.logits[..., columns].float(), *optional)


def _stack(of_models: list[torch.Tensor | None]) -> list | None:
    """The outputs of some models as lists, `(batch, num_models, ...)`; None if a model has none."""
    tensors = [one for one in of_models if one is not None]
    return torch.stack(tensors, dim=1).tolist() if len(tensors) == len(of_models) else None


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
