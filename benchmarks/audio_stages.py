# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Stages from a file to log-mels: decoding, a segment of a long file, log-mel, preparation of a data set."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import librosa
import numpy as np
import soundfile
import torch
from transformers import ASTFeatureExtractor

from modeling_ast_va.audio_ast_va import decode, stream_segments
from modeling_ast_va.data.cache import SONGS_PER_SHARD
from modeling_ast_va.data.dataset import load_segments
from modeling_ast_va.data.deam import read_deam
from modeling_ast_va.data.log_mels import compute_log_mels
from modeling_ast_va.feature_extraction_ast_va import ASTVAFeatureExtractor
from modeling_ast_va.processes import process_context

from .context import DECODED_SONGS, SAMPLING_RATE, SEGMENT_SAMPLES, Context, torch_threads
from .notebook_way import ANNOTATION_FILES, AUDIO_FOLDER, SONG_LEVEL_FOLDER, notebook_log_mel
from .timing import Row, time_interleaved

FIRST_SONG_ID = 1001
LONG_FILE_SECONDS, SEGMENT_START_SECONDS, SEGMENT_SECONDS = 600, 300, 5


def decoding(context: Context) -> list[Row]:
    """Decode a whole MP3 file to mono float32, one thread."""
    songs = context.songs[:DECODED_SONGS]
    times = time_interleaved(
        {
            "ours": lambda: [decode(song, SAMPLING_RATE) for song in songs],
            "librosa": lambda: [librosa.load(song, sr=SAMPLING_RATE, mono=True) for song in songs],
            "libsndfile": lambda: [soundfile.read(song, dtype="float32") for song in songs],
        },
        context.repeats,
    )
    ours, rival, limit = (seconds / len(songs) for seconds in times.values())
    duration = soundfile.info(songs[0]).duration
    stage = f"decoding a song of {duration:.0f} s"
    return [Row(stage, ours, rival, "librosa.load", limit, "bare libsndfile", min_share=1 / 1.2)]


def segment_of_a_long_file(context: Context) -> list[Row]:
    """Decode five seconds from the middle of ten minutes."""
    path = context.work_dir / "long.mp3"
    if not path.exists():
        waveform = np.concatenate([decode(song, SAMPLING_RATE) for song in context.songs[:2]])
        soundfile.write(path, np.resize(waveform, LONG_FILE_SECONDS * SAMPLING_RATE), SAMPLING_RATE, format="MP3")
    start = SEGMENT_START_SECONDS * SAMPLING_RATE

    def bare() -> None:
        with soundfile.SoundFile(path) as sound:
            sound.seek(start)
            sound.read(SEGMENT_SAMPLES, dtype="float32")

    times = time_interleaved(
        {
            "ours": lambda: decode(
                path, SAMPLING_RATE, start_seconds=SEGMENT_START_SECONDS, duration_seconds=SEGMENT_SECONDS
            ),
            "librosa": lambda: librosa.load(path, sr=SAMPLING_RATE)[0][start : start + SEGMENT_SAMPLES],
            "libsndfile": bare,
        },
        min(context.repeats, 3),
    )
    return [
        Row(
            "5 s from the middle of 10 min",
            times["ours"],
            times["librosa"],
            "librosa.load, whole",
            times["libsndfile"],
            "seek and read of libsndfile",
            min_share=1 / 1.2,
        )
    ]


def log_mel(context: Context) -> list[Row]:
    """Compute the log-mel of a five-second segment, one thread."""
    segments, extractor = context.segments, context.feature_extractor
    theirs = ASTFeatureExtractor()
    at_16khz = [librosa.resample(s, orig_sr=SAMPLING_RATE, target_sr=theirs.sampling_rate) for s in segments]
    half = extractor.n_fft // 2
    frames = [
        torch.nn.functional.pad(torch.from_numpy(segment.copy()), (half, half))
        .unfold(0, extractor.n_fft, extractor.hop_length)
        .contiguous()
        for segment in segments[:4]
    ] * (len(segments) // 4 or 1)
    with torch_threads(1):
        times = time_interleaved(
            {
                "ours": lambda: extractor(segments, sampling_rate=SAMPLING_RATE, return_tensors="pt"),
                "librosa": lambda: [notebook_log_mel(segment) for segment in segments],
                "library": lambda: theirs(at_16khz, sampling_rate=theirs.sampling_rate, return_tensors="pt"),
                "fft": lambda: [torch.fft.rfft(one) for one in frames],
            },
            context.repeats,
        )
    ours, rival, library = (times[name] / len(segments) for name in ("ours", "librosa", "library"))
    limit = times["fft"] / len(frames)
    stage, limit_name = "log-mel of a segment, one thread", "torch.fft.rfft of its frames"
    return [
        Row(stage, ours, rival, "librosa", limit, limit_name, min_ratio=2.5, min_share=0.55),
        Row(stage, ours, library, "ASTFeatureExtractor, 16 kHz", limit, limit_name),
    ]


def preparation(context: Context) -> list[Row]:
    """Write the log-mels of all songs of a data set to disk, on all cores."""
    extractor, songs = context.feature_extractor, context.songs[:DECODED_SONGS]
    num_songs = context.prepared_songs
    data_dir = _repeat_songs(songs, num_songs, context.work_dir / "many_songs")

    def ours() -> None:
        with tempfile.TemporaryDirectory(dir=context.work_dir) as cache_dir:
            load_segments(
                read_deam(data_dir, labels="published"),
                feature_extractor=extractor,
                num_proc=context.num_threads,
                cache_dir=cache_dir,
            )

    def rival(song: Path) -> None:
        waveform = librosa.load(song, sr=SAMPLING_RATE, mono=True)[0]
        for start in range(0, len(waveform) - SEGMENT_SAMPLES + 1, SEGMENT_SAMPLES):
            notebook_log_mel(waveform[start : start + SEGMENT_SAMPLES])

    repeated = [songs[number % len(songs)] for number in range(num_songs)]
    batches = [(extractor, repeated[first : first + SONGS_PER_SHARD]) for first in range(0, num_songs, SONGS_PER_SHARD)]

    def bare() -> None:
        with process_context().Pool(context.num_threads) as pool:
            pool.starmap(_decode_and_transform, batches, chunksize=1)

    whole, notebook, parts = [], [], []
    for _ in range(context.repeats):
        whole.append(_seconds(ours) / num_songs)
        parts.append(_seconds(bare) / num_songs)
        with torch_threads(1):
            notebook.append(_seconds(lambda: list(map(rival, songs))) / len(songs))
    return [
        Row(
            f"preparation of {num_songs} songs, a song",
            statistics.median(whole),
            statistics.median(notebook),
            "librosa in one process, each song once",
            statistics.median(parts),
            f"decoding and log-mel in {context.num_threads} processes",
            min_share=0.9,
        )
    ]


def _decode_and_transform(extractor: ASTVAFeatureExtractor, songs: Sequence[Path]) -> None:
    for song in songs:
        compute_log_mels([segment.waveform for segment in stream_segments(song, SAMPLING_RATE, 5.0)], extractor)


def _repeat_songs(songs: Sequence[Path], num_songs: int, data_dir: Path) -> Path:
    """Folder in the layout of DEAM that contains a few songs many times."""
    if not data_dir.exists():
        audio, song_level = data_dir / AUDIO_FOLDER, data_dir / SONG_LEVEL_FOLDER
        audio.mkdir(parents=True)
        song_level.mkdir(parents=True)
        names = ["song_id", "valence_mean", "valence_std", "arousal_mean", "arousal_std"]
        lines = [",".join(names)]
        for number in range(num_songs):
            song_id = FIRST_SONG_ID + number
            (audio / f"{song_id}.mp3").symlink_to(songs[number % len(songs)].absolute())
            lines.append(f"{song_id},5,1,5,1")
        (song_level / ANNOTATION_FILES[0]).write_text("\n".join(lines) + "\n", encoding="utf-8")
        (song_level / ANNOTATION_FILES[1]).write_text(lines[0] + "\n", encoding="utf-8")
    return data_dir


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
