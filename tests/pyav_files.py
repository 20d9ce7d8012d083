# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Files in formats that soundfile does not write, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

FRAME_SAMPLES = 4800


def encode(path: Path, waveform: np.ndarray, container: str, codec: str, sampling_rate: int) -> None:
    """Write stereo `(num_samples, 2)`, 16 bits, with a container and a codec of FFmpeg."""
    import av

    pcm = (waveform * 2**15).round().clip(-(2**15), 2**15 - 1).astype(np.int16)
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=sampling_rate, layout="stereo")
        stream.bit_rate = 256_000
        formats = [one.name for one in stream.codec_context.codec.audio_formats]
        stream.format = next((name for name in ("s16", "s16p") if name in formats), formats[0])
        for start in range(0, len(pcm), FRAME_SAMPLES):
            samples = pcm[start : start + FRAME_SAMPLES].reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
            frame.sample_rate, frame.pts = sampling_rate, start
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
