# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Log-mels of rows: stored in the cache, or computed from the audio files when rows are asked for.

On the fly, only a window around the segments is decoded. It begins a whole number of seconds after the start of the
song, where the phase of the resampler is that of the start for all rates in whole Hz. The waveforms are therefore those
of the whole song within the rounding of single precision.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..audio_ast_va import decode

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray

    from ..feature_extraction_ast_va import ASTVAFeatureExtractor

INPUT = "input_values"
SEGMENT_COLUMNS = ("song_id", "start_seconds", "duration_seconds")  # from which the transform computes the input
# Decoded before and after a segment: decoders of MP3 need up to 0.2 s after a seek, the resampler 0.01 s.
MARGIN_SECONDS = 0.5


class Span(NamedTuple):
    """A segment of a song, in samples from the start of the song at the rate of the feature extractor."""

    song_id: int | str
    first: int
    stop: int


class LogMelTransform:
    """
    Adds `input_values`, `(max_length, num_mel_bins)` and not normalised, to batches of rows without stored log-mels.

    It is the transform of a `datasets.Dataset`, and works in the processes of data loaders. Segments of one song that
    lie close together are decoded together. A batch without one of `SEGMENT_COLUMNS` stays as it is.

    Args:
        songs: whose segments the rows are, as [`~cache.identify`] returns them.
        feature_extractor: its mean and std are ignored.
    """

    def __init__(self, songs: Iterable[dict[str, Any]], feature_extractor: ASTVAFeatureExtractor):
        self._encoded = json.dumps(list(songs)).encode()
        self._feature_extractor = feature_extractor
        self._songs: dict[int | str, dict[str, Any]] = {song["song_id"]: song for song in json.loads(self._encoded)}

    # Every method of a dataset copies its transform or hashes its pickle, which takes seconds for a dictionary of all
    # songs: copies are shared, and the songs are pickled as one text.
    def __deepcopy__(self, memo: dict[int, Any]) -> LogMelTransform:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._encoded, self._feature_extractor)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """
        Raises:
            ValueError: when the file of a song has vanished or changed, or ends before a segment.
        """
        if not batch.keys() >= set(SEGMENT_COLUMNS):
            return batch
        spans = [self._span(*segment) for segment in zip(*(batch[name] for name in SEGMENT_COLUMNS))]
        waveforms = self._decode(spans)
        return batch | {INPUT: compute_log_mels([waveforms[span] for span in spans], self._feature_extractor)}

    def _span(self, song_id: int | str, start_seconds: float, duration_seconds: float) -> Span:
        rate = self._feature_extractor.sampling_rate
        first = round((start_seconds - self._songs[song_id].get("start_seconds", 0.0)) * rate)
        return Span(song_id, first, first + round(duration_seconds * rate))

    def _decode(self, spans: Iterable[Span]) -> dict[Span, NDArray[np.float32]]:
        """The waveform of each segment, `(num_samples,)`."""
        from .cache import check_unchanged

        rate = self._feature_extractor.sampling_rate
        waveforms: dict[Span, NDArray[np.float32]] = {}
        for song_id, of_song in groupby(sorted(set(spans)), key=lambda span: span.song_id):
            song = self._songs[song_id]
            check_unchanged(song)
            for run in _runs(of_song, gap=round(2 * MARGIN_SECONDS * rate)):
                first = run[0].first
                waveform = _decode_window(song, rate, first, run[-1].stop)
                waveforms |= {span: waveform[span.first - first : span.stop - first] for span in run}
        return waveforms


def _restore(encoded: bytes, feature_extractor: ASTVAFeatureExtractor) -> LogMelTransform:
    return LogMelTransform(json.loads(encoded), feature_extractor)


def log_mel_batches(rows: Dataset, batch_size: int) -> Iterator[NDArray[np.float32]]:
    """
    Iterate over the log-mels of rows, stored or computed, without normalisation.

    Shape:
        Batches of `(batch_size, max_length, num_mel_bins)`, the last one smaller.

    Raises:
        ValueError: for rows without log-mels, and as for [`LogMelTransform`].
    """
    if INPUT in rows.column_names:
        rows = rows.select_columns([INPUT]).with_format("numpy")
    elif isinstance(rows.format["format_kwargs"].get("transform"), LogMelTransform):
        rows = rows.select_columns(list(SEGMENT_COLUMNS))
    else:
        raise ValueError(f"Expected rows loaded with a feature_extractor, but got only {', '.join(rows.column_names)}.")
    for batch in rows.iter(batch_size):
        yield np.stack(batch[INPUT])


def compute_log_mels(
    waveforms: Sequence[NDArray[np.float32]], feature_extractor: ASTVAFeatureExtractor
) -> NDArray[np.float32]:
    """Log-mels of segments without normalisation, `(num_samples,)` each -> `(batch, max_length, num_mel_bins)`."""
    with one_thread():
        rate = feature_extractor.sampling_rate
        batch = feature_extractor(list(waveforms), sampling_rate=rate, return_tensors="np", do_normalize=False)
        return batch[INPUT]


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch in one thread: more do not survive a fork, and slow each other down on shared cores."""
    import torch

    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(num_threads)


def _runs(spans: Iterable[Span], gap: int) -> Iterator[list[Span]]:
    """Cut ascending spans where more than `gap` samples, which need no decoding, are between them."""
    run: list[Span] = []
    for span in spans:
        if run and span.first - run[-1].stop > gap:
            yield run
            run = []
        run.append(span)
    yield run


def _decode_window(song: dict[str, Any], rate: int, first: int, stop: int) -> NDArray[np.float32]:
    """Samples `first` to `stop` of a song at a rate, as decoding all of the song gives them."""
    lead = max(0, int(first / rate - MARGIN_SECONDS))  # seconds
    duration = stop / rate + MARGIN_SECONDS - lead
    if song.get("duration_seconds") is not None:
        duration = min(duration, song["duration_seconds"] - lead)
    start = song.get("start_seconds", 0.0) + lead
    decoded = decode(song["path"], rate, start_seconds=start, duration_seconds=duration)
    window = decoded[first - lead * rate : stop - lead * rate]
    if len(window) < stop - first:
        ends = (first + len(window)) / rate
        raise ValueError(f"Expected {song['path']!r} to last {stop / rate:.3f} s as before, but got {ends:.3f} s.")
    return window
