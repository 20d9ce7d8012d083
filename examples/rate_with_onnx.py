"""Rate songs of any length with an exported model: python rate_with_onnx.py ast-va.onnx SONG ..."""

import sys

import numpy as np
import onnxruntime
import soundfile
import soxr


def segments(path, rate, size):
    """Segments one after the other, and their weights; the last is shifted back to end with the song."""
    before, rest, is_last = np.zeros(0, np.float32), np.zeros(0, np.float32), False
    with soundfile.SoundFile(path) as file:
        resampler = soxr.ResampleStream(file.samplerate, rate, 1)
        while not is_last:
            block = file.read(2**18, dtype="float32", always_2d=True)
            is_last = not len(block)
            rest = np.append(rest, resampler.resample_chunk(block.mean(axis=1), last=is_last))
            while len(rest) >= size:
                yield rest[:size], size
                before, rest = rest[:size], rest[size:]
    if len(rest) >= rate / 2:  # less than half a second is too short for a rating
        yield np.append(before, rest)[-size:], len(rest)


session = onnxruntime.InferenceSession(sys.argv[1])
settings = session.get_modelmeta().custom_metadata_map
rate = int(settings["sampling_rate"])
size = round(float(settings["segment_seconds"]) * rate)
for path in sys.argv[2:]:
    ratings, weights = [], []
    for waveform, weight in segments(path, rate, size):
        ratings.append(np.concatenate(session.run(["valence", "arousal"], {"waveform": waveform[None]})))
        weights.append(weight)
    valence, arousal = np.average(ratings, axis=0, weights=weights)
    print(f"{path}: valence {valence:.2f}, arousal {arousal:.2f}")
