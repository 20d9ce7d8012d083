# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Encode a song with ffmpeg in every format, and compare how each decoder reads it: the table of docs/prediction.md.

    python tests/fuzz/decode_formats.py SONG [--seconds 25]
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np

from modeling_ast_va import decoding_ast_va, ffmpeg_ast_va
from modeling_ast_va.decoders_ast_va import DecodingError
from modeling_ast_va.decoding_ast_va import AudioError, open_audio
from modeling_ast_va.formatting import format_table
from modeling_ast_va.prediction import load_pipeline
from modeling_ast_va.released import RELEASED_MODEL

# Ending, and the flags of ffmpeg.
FORMATS = {
    "wav (PCM 16)": "-c:a pcm_s16le",
    "wav (PCM 24)": "-c:a pcm_s24le",
    "wav (float)": "-c:a pcm_f32le",
    "wav (ADPCM)": "-c:a adpcm_ms",
    "aiff": "",
    "au": "",
    "w64": "",
    "caf (PCM)": "-c:a pcm_s16le",
    "caf (ALAC)": "-c:a alac",
    "flac": "",
    "mp3": "-q:a 2",
    "mp2": "",
    "ogg (Vorbis)": "-c:a libvorbis",
    "ogg (FLAC)": "-c:a flac",
    "opus": "-c:a libopus",
    "spx": "-c:a libspeex -ar 32000",
    "m4a (AAC)": "-c:a aac",
    "m4a (ALAC)": "-c:a alac",
    "mp4": "-c:a aac",
    "mov": "-c:a aac",
    "3gp": "-c:a aac",
    "aac": "-c:a aac -f adts",
    "wma": "-c:a wmav2",
    "asf": "-c:a wmav2",
    "wv": "-c:a wavpack",
    "tta": "",
    "mka (Vorbis)": "-c:a libvorbis",
    "mkv": "-c:a aac",
    "webm": "-c:a libopus",
    "avi": "-c:a libmp3lame",
    "ac3": "",
    "eac3": "",
    "dts": "-c:a dca -strict -2",
    "ts": "-c:a aac -f mpegts",
    "rm": "-c:a ac3",
}


@contextmanager
def only(decoder: str) -> Iterator[None]:
    """Decode with one decoder alone."""

    other = "open_with_ffmpeg" if decoder == "libsndfile" else "open_with_libsndfile"
    refused = mock.patch.object(decoding_ast_va, other, side_effect=DecodingError(f"only {decoder} is used"))
    with refused, mock.patch.object(ffmpeg_ast_va, "find_ffmpeg", return_value=decoder):
        yield


def decoded_seconds(path: Path) -> str:
    try:
        with open_audio(path) as audio:
            seconds = sum(map(len, audio)) / audio.sampling_rate
    except AudioError:
        return "-"
    return f"{seconds:.2f} s" + ("!" if audio.warning else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("song")
    parser.add_argument("--seconds", type=float, default=25.0, help="length of the files")
    arguments = parser.parse_args()
    music_emotion = load_pipeline(RELEASED_MODEL)
    rows, reference = [], None
    with tempfile.TemporaryDirectory() as folder:
        for name, flags in FORMATS.items():
            path = Path(folder) / f"song.{name.split()[0]}"
            command = ["ffmpeg", "-v", "error", "-y", "-i", arguments.song, "-vn", "-t", str(arguments.seconds)]
            subprocess.run([*command, *flags.split(), str(path)], check=True)
            cells = []
            for decoder in ("libsndfile", "PyAV", "ffmpeg"):
                with only(decoder):
                    cells.append(decoded_seconds(path))
            result = music_emotion(path)
            ratings = np.array([result["valence"], result["arousal"]])
            reference = ratings if reference is None else reference
            rows.append([name, *cells, *(f"{difference:+.3f}" for difference in ratings - reference)])
    header = ["", "libsndfile", "PyAV", "ffmpeg", "valence - WAV", "arousal - WAV"]
    print(format_table(header, rows, markdown=True))


if __name__ == "__main__":
    main()
