# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""A small band in numpy: chords, melody, bass and drums that play six musical cues.

Every sound is a note of a scale or a drum. A cue acts as it does on real instruments: a loud player sounds brighter and
plays more notes beside a busier drummer, so that loudness is heard even after a recording is normalised.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

SAMPLING_RATE = 44_100  # Hz
BEATS_PER_BAR = 4
SCALES = {1: (0, 2, 4, 5, 7, 9, 11), -1: (0, 2, 3, 5, 7, 8, 10)}  # major and natural minor, in semitones above the tonic
# Progressions in scale degrees (0 is the tonic). Primary triads prevail: they have the quality of the mode itself.
PROGRESSIONS = {
    1: ((0, 3, 4, 0), (0, 4, 3, 4), (0, 3, 0, 4), (0, 5, 3, 4)),
    -1: ((0, 3, 4, 0), (0, 4, 3, 4), (0, 3, 0, 4), (0, 5, 3, 4)),
}
TONICS = (0, 2, 5, 7)  # pitch classes of C, D, F and G


@dataclass(frozen=True)
class Cues:
    """The six primary musical cues of a song: `mode` is 1 (major) or -1 (minor), the others are standardised."""

    mode: int
    tempo: float
    register: float
    articulation: float  # legato to staccato
    brightness: float
    loudness: float

    @property
    def beat_seconds(self) -> float:
        return 60 / (104 * 2 ** (0.4 * self.tempo))  # 60 to 181 beats a minute

    @property
    def pitch(self) -> float:
        return 71 + 2.5 * self.register  # MIDI number in the middle of the chords

    @property
    def note_fraction(self) -> float:
        return 0.62 - 0.2 * self.articulation  # sounding part of a note's time: 1.02 to 0.22

    @property
    def spectral_slope(self) -> float:
        return 1.6 - 0.3 * self.brightness - 0.15 * self.loudness  # harmonic k has amplitude k ** -slope


@dataclass(frozen=True)
class Instrument:
    """Harmonics before the song's own spectral slope, and the envelope's times in seconds."""

    harmonics: tuple[float, ...]  # repeated for the harmonics above
    attack_seconds: float
    decay_seconds: float
    sustain: float
    release_seconds: float


INSTRUMENTS = {
    "organ": Instrument((1.0, 1.0, 0.8, 0.9), 0.02, 1.0, 0.9, 0.06),
    "strings": Instrument((1.0,), 0.09, 1.0, 0.9, 0.15),
    "piano": Instrument((1.0, 0.9, 0.7, 0.6, 0.5, 0.4), 0.004, 0.5, 0.25, 0.12),
    "guitar": Instrument((1.0, 0.6, 0.9, 0.5), 0.003, 0.35, 0.15, 0.08),
    "flute": Instrument((1.0, 0.5, 0.3, 0.2), 0.05, 1.0, 0.9, 0.06),
    "reed": Instrument((1.0, 0.15), 0.03, 1.0, 0.85, 0.05),
    "lead": Instrument((1.0,), 0.015, 0.6, 0.7, 0.05),
    "mallet": Instrument((1.0, 0.1, 0.1, 0.7), 0.002, 0.25, 0.05, 0.15),
}
CHORD_INSTRUMENTS = ("organ", "strings", "piano", "guitar")
MELODY_INSTRUMENTS = ("flute", "reed", "lead", "mallet")
BASS_INSTRUMENTS = ("piano", "guitar", "lead")


@dataclass(frozen=True)
class Style:
    """What varies without meaning: key and instruments."""

    tonic: int
    chord_instrument: str
    melody_instrument: str
    bass_instrument: str


def draw_style(rng: np.random.Generator) -> Style:
    """Draws a key and three instruments."""
    names = (rng.choice(names) for names in (CHORD_INSTRUMENTS, MELODY_INSTRUMENTS, BASS_INSTRUMENTS))
    return Style(int(rng.choice(TONICS)), *map(str, names))


@lru_cache(maxsize=512)
def _period(harmonics: tuple[float, ...], slope: float, num_harmonics: int, size: int = 8192) -> np.ndarray:
    """One period of a band-limited tone at unit power: a table that notes of any length are read from."""
    k = np.arange(1, num_harmonics + 1)
    amplitudes = np.resize(harmonics, num_harmonics) * k**-slope
    amplitudes /= np.sqrt((amplitudes**2).sum())
    spectrum = np.zeros(size // 2 + 1, complex)
    # Schroeder's phases keep the peak of a sum of harmonics low.
    spectrum[1 : num_harmonics + 1] = amplitudes * np.exp(-1j * np.pi * k**2 / num_harmonics)
    return np.fft.irfft(spectrum, size).astype(np.float32) * size


def note(pitch: float, seconds: float, instrument: Instrument, slope: float) -> np.ndarray:
    """Plays one note of MIDI number `pitch`, `seconds` long before its release: (num_samples,)."""
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    num_harmonics = int(min(24, 16_000 // frequency))
    t = np.arange(int((seconds + instrument.release_seconds) * SAMPLING_RATE), dtype=np.float32) / SAMPLING_RATE
    position = ((t * np.float32(frequency)) % 1 * 8192).astype(np.int32)
    decay = np.exp(-t / instrument.decay_seconds)
    bright = _period(instrument.harmonics, slope, num_harmonics)[position]
    dark = _period(instrument.harmonics, slope + 0.6, num_harmonics)[position]
    envelope = np.minimum(t / instrument.attack_seconds, 1) * (instrument.sustain + (1 - instrument.sustain) * decay)
    envelope *= np.clip((t[-1] - t) / instrument.release_seconds, 0, 1)
    return envelope * (dark + decay * (bright - dark))


def _add(track: np.ndarray, start_seconds: float, sound: np.ndarray, gain: float = 1.0) -> None:
    start = int(start_seconds * SAMPLING_RATE)
    length = min(len(sound), len(track) - start)
    if length > 0:
        track[start : start + length] += gain * sound[:length]


def _chord_pitches(root: int, mode: int, degree: int, center: float) -> list[int]:
    """The triad on a scale degree, each tone in the octave around `center`."""
    pitch_classes = [root + SCALES[mode][(degree + third) % 7] for third in (0, 2, 4)]
    low = int(round(center)) - 6
    return [low + (pitch_class - low) % 12 for pitch_class in pitch_classes]


class Band:
    """Plays a song: every method adds one part to the track."""

    def __init__(self, cues: Cues, style: Style, seconds: float, rng: np.random.Generator) -> None:
        self.cues, self.style, self.rng = cues, style, rng
        self.beat = cues.beat_seconds
        self.num_beats = int(np.ceil(seconds / self.beat)) + 1
        self.chord_beats = 4 if self.beat < 0.55 else 2
        progressions = PROGRESSIONS[cues.mode]
        self.progression = progressions[rng.integers(len(progressions))]
        self.track = np.zeros(int(seconds * SAMPLING_RATE), np.float32)

    def degree(self, beat: float) -> int:
        return self.progression[int(beat // self.chord_beats) % len(self.progression)]

    def velocity(self) -> float:
        return 1 + 0.1 * self.rng.standard_normal()

    def chords(self) -> None:
        cues = self.cues
        density = cues.loudness + 0.5 * self.rng.standard_normal()
        strikes = self.chord_beats if density < -0.6 else 2 if density < 0.3 else 1 if density < 1.2 else 0.5
        instrument = INSTRUMENTS[self.style.chord_instrument]
        sounds = {}
        for degree in set(self.progression):
            pitches = _chord_pitches(self.style.tonic, cues.mode, degree, cues.pitch)
            seconds = strikes * self.beat * cues.note_fraction
            sounds[degree] = sum(note(p, seconds, instrument, cues.spectral_slope) for p in pitches)
        for beat in np.arange(0, self.num_beats, strikes):
            _add(self.track, beat * self.beat, sounds[self.degree(beat)], 0.3 * self.velocity())

    def melody(self) -> None:
        cues, rng = self.cues, self.rng
        scale = SCALES[cues.mode]
        instrument = INSTRUMENTS[self.style.melody_instrument]
        low = int(round(cues.pitch)) + 6
        lengths = rng.permutation([0.5, 0.5, 1.0, 1.0, 1.0, 2.0, 1.5, 0.5])
        step = 0
        beat, index = 0.0, 0
        while beat < self.num_beats:
            length = lengths[index % 8]
            step = int(np.clip(step + rng.integers(-2, 3), -4, 4))
            degree = self.degree(beat) + (2 * (step // 2) if beat % 1 == 0 else step)
            pitch_class = self.style.tonic + scale[degree % 7]
            pitch = low + (pitch_class - low) % 12
            if rng.random() > 0.12:
                sound = note(pitch, length * self.beat * cues.note_fraction, instrument, cues.spectral_slope)
                _add(self.track, beat * self.beat, sound, 0.3 * self.velocity())
            beat, index = beat + length, index + 1

    def bass(self) -> None:
        instrument = INSTRUMENTS[self.style.bass_instrument]
        every = self.rng.choice([1, 2])
        for beat in range(0, self.num_beats, every):
            root = self.style.tonic + SCALES[self.cues.mode][self.degree(beat)]
            pitch = 36 + (root - 36) % 12
            sound = note(pitch, every * self.beat * self.cues.note_fraction, instrument, self.cues.spectral_slope + 1.2)
            _add(self.track, beat * self.beat, sound, 0.4 * self.velocity())

    def drums(self) -> None:
        loudness = self.cues.loudness
        t = np.arange(int(0.25 * SAMPLING_RATE), dtype=np.float32) / SAMPLING_RATE
        noise = self.rng.standard_normal(len(t)).astype(np.float32)
        kick = np.sin(2 * np.pi * (48 * t + 6 * (1 - np.exp(-t * 30)))) * np.exp(-t * 16)
        snare = (0.4 * noise + 0.5 * np.sin(2 * np.pi * 190 * t)) * np.exp(-t * 22)
        hat = np.diff(noise, prepend=0) * np.exp(-t * 60)
        gain = 0.3 * 2**loudness
        for beat in range(self.num_beats):
            time = beat * self.beat
            if loudness > -1.2:
                _add(self.track, time, hat, 0.12 * gain * self.velocity())
            if loudness > 0.2:
                _add(self.track, time + self.beat / 2, hat, 0.1 * gain * self.velocity())
            if loudness > -0.5:
                _add(self.track, time, kick if beat % 2 == 0 else snare, (1.0 if beat % 2 == 0 else 0.4) * gain)


def synthesise(cues: Cues, style: Style, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Plays `seconds` of music: mono float32 (num_samples,) at `SAMPLING_RATE`, its peak below 1."""
    band = Band(cues, style, seconds, rng)
    band.chords()
    band.melody()
    band.bass()
    band.drums()
    drive = 0.3 * 2 ** (0.5 * cues.loudness)
    track = np.tanh(drive * band.track)
    peak_db = -8 + 3 * cues.loudness
    return (track * (10 ** (peak_db / 20) / np.abs(track).max())).astype(np.float32)
