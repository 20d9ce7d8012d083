# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""
Music synthesised in numpy: chords, melody, bass and drums, played with the six primary cues of musical emotion.

A cue acts as it does on instruments. Mode chooses the notes of the scale; a loud player also has a brighter tone,
strikes chords more often and plays the drums louder than the rest, so that the recording still differs after its level
is normalised.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

SAMPLING_RATE = 44_100  # Hz
CUE_LIMIT = 2.0  # standardised cues are drawn within -2 and 2

MAJOR, MINOR = 1, -1
SCALES = {MAJOR: (0, 2, 4, 5, 7, 9, 11), MINOR: (0, 2, 3, 5, 7, 8, 10)}  # semitones above the tonic
# Chords as degrees of the scale, from 0: the same in both modes, which differ by their notes only.
PROGRESSIONS = ((0, 3, 4, 0), (0, 4, 3, 4), (0, 3, 0, 4), (0, 5, 3, 4))
# C, F and G are so close that major and minor differ by the same few notes in all of them, mostly E, A and B against
# their flats. A small network learns that in minutes; to learn the third in any key, it would need far more songs.
TONICS = (0, 5, 7)
MELODY_LENGTHS = (0.5, 0.5, 1.0, 1.0, 1.0, 1.5, 0.5, 2.0)  # beats; shuffled for each song
DRUM_PATTERNS = {"rock": "kSkS", "disco": "kkkk", "ballad": "k-S-", "march": "kSSS"}  # kick, snare or rest on each beat

TABLE_SIZE = 8192  # samples of one period
MAX_HARMONICS = 24
MAX_FREQUENCY = 16_000  # Hz; MP3 keeps little above


@dataclass(frozen=True)
class Cues:
    """How a song is played: `mode` is `MAJOR` or `MINOR`, the other cues are standardised (mean 0, from -2 to 2)."""

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
    def chord_pitch(self) -> float:
        return 71 + 2.5 * self.register  # MIDI number in the middle of the triads, 66 to 76

    @property
    def note_fraction(self) -> float:
        return 0.62 - 0.2 * self.articulation  # sounding part of a note's time, 1.02 to 0.22

    @property
    def spectral_slope(self) -> float:
        return 1.6 - 0.35 * self.brightness - 0.2 * self.loudness  # harmonic k has the amplitude k ** -slope


@dataclass(frozen=True)
class Instrument:
    """Amplitudes of the harmonics, repeated above the last, without the spectral slope of a song, and the envelope."""

    harmonics: tuple[float, ...]
    attack_seconds: float
    decay_seconds: float
    sustain: float
    release_seconds: float


INSTRUMENTS = {
    "organ": Instrument((1.0, 1.0, 0.8, 0.9), 0.02, 1.0, 0.9, 0.06),
    "strings": Instrument((1.0,), 0.09, 1.0, 0.9, 0.15),
    "piano": Instrument((1.0, 0.9, 0.8, 0.6, 0.5, 0.7), 0.004, 0.5, 0.25, 0.12),
    "guitar": Instrument((1.0, 0.6, 0.9, 0.5), 0.003, 0.35, 0.15, 0.08),
    "flute": Instrument((1.0, 0.7, 0.5, 0.5), 0.05, 1.0, 0.9, 0.06),
    "reed": Instrument((1.0, 0.3), 0.03, 1.0, 0.85, 0.05),
    "lead": Instrument((1.0,), 0.015, 0.6, 0.7, 0.05),
    "mallet": Instrument((1.0, 0.3, 0.3, 0.8), 0.002, 0.25, 0.05, 0.15),
}
CHORD_INSTRUMENTS = ("organ", "strings", "piano", "guitar")
MELODY_INSTRUMENTS = ("flute", "reed", "lead", "mallet")
BASS_INSTRUMENTS = ("piano", "guitar", "lead")


@dataclass(frozen=True)
class Style:
    """Differences between songs that do not change their emotion: key, instruments, drum pattern."""

    tonic: int
    chord_instrument: str
    melody_instrument: str
    bass_instrument: str
    drum_pattern: str


def draw_style(rng: np.random.Generator) -> Style:
    """Draw a key, three instruments and a drum pattern, all equally likely."""
    choices = (CHORD_INSTRUMENTS, MELODY_INSTRUMENTS, BASS_INSTRUMENTS, tuple(DRUM_PATTERNS))
    return Style(int(rng.choice(TONICS)), *(str(rng.choice(names)) for names in choices))


def synthesise(cues: Cues, style: Style, num_seconds: float, rng: np.random.Generator) -> np.ndarray:
    """
    Play a song; `rng` draws progression, melody and small irregularities.

    Shape:
        Returns `(num_samples,)`, mono float32 at `SAMPLING_RATE`, with a peak from -19 to -3 dB, so that MP3 does not
        clip either.
    """
    band = Band(cues, style, num_seconds, rng)
    band.play_chords()
    band.play_melody()
    band.play_bass()
    band.play_drums()
    waveform = np.tanh(0.3 * 2 ** (0.5 * cues.loudness) * band.waveform)  # an amplifier that saturates when played loud
    peak = 10 ** ((-11 + 4 * cues.loudness) / 20)
    return (waveform * (peak / np.abs(waveform).max())).astype(np.float32)


class Band:
    """Four players; each method adds one part to `waveform`."""

    def __init__(self, cues: Cues, style: Style, num_seconds: float, rng: np.random.Generator) -> None:
        self.cues, self.style, self.rng = cues, style, rng
        self.waveform = np.zeros(int(num_seconds * SAMPLING_RATE), np.float32)
        self.num_beats = int(np.ceil(num_seconds / cues.beat_seconds))
        self.beats_per_chord = 4 if cues.tempo > 0 else 2  # so that every five seconds have a change of harmony
        self.progression = PROGRESSIONS[rng.integers(len(PROGRESSIONS))]
        self._notes: dict[tuple[str, int, float, float], np.ndarray] = {}  # cache: notes repeat

    def play_chords(self) -> None:
        """Triads in close position around the chord pitch, struck on every beat or on every other."""
        beats = 1 if self.cues.loudness + 0.5 * self.rng.standard_normal() > 0 else 2
        for beat in range(0, self.num_beats, beats):
            for third in (0, 2, 4):
                pitch = self._pitch(self._degree(beat) + third, above=self.cues.chord_pitch - 6)
                self._play(self.style.chord_instrument, pitch, beat, beats, gain=0.3)

    def play_melody(self) -> None:
        """A walk over the scale above the chords, in one rhythm throughout, with chord tones on the beats."""
        rhythm = self.rng.permutation(MELODY_LENGTHS)
        beat, step, count = 0.0, 0, 0
        while beat < self.num_beats:
            length = rhythm[count % len(rhythm)]
            step = int(np.clip(step + self.rng.integers(-2, 3), -4, 4))
            degree = self._degree(beat) + (step // 2 * 2 if beat == int(beat) else step)
            self._play(self.style.melody_instrument, self._pitch(degree, self.cues.chord_pitch + 6), beat, length, 0.3)
            beat, count = beat + length, count + 1

    def play_bass(self) -> None:
        """The root of each chord, and sometimes its fifth."""
        for beat in range(self.num_beats):
            fifth = 4 if beat % 2 == 1 and self.rng.random() < 0.3 else 0
            pitch = self._pitch(self._degree(beat) + fifth, above=36)
            self._play(self.style.bass_instrument, pitch, beat, 1, gain=0.4, extra_slope=1.2)

    def play_drums(self) -> None:
        """Kick and snare in the pattern of the style under a hi-hat in eighths, with louder offbeats in loud songs."""
        t = np.arange(int(0.25 * SAMPLING_RATE), dtype=np.float32) / SAMPLING_RATE
        noise = self.rng.standard_normal(len(t)).astype(np.float32)
        kick = np.sin(2 * np.pi * (48 * t + 6 * (1 - np.exp(-30 * t)))) * np.exp(-16 * t)
        snare = (0.2 * noise + 0.2 * np.sin(2 * np.pi * 190 * t)) * np.exp(-22 * t)
        hat = np.diff(noise, prepend=0) * np.exp(-60 * t)
        gain = 0.3 * 2**self.cues.loudness
        pattern = DRUM_PATTERNS[self.style.drum_pattern]
        for beat in range(self.num_beats):
            self._add(hat, beat, 0.06 * 2 ** (0.5 * self.cues.loudness))
            self._add(hat, beat + 0.5, 0.06 * gain)
            drum = pattern[beat % len(pattern)]
            if drum != "-":
                self._add(kick if drum == "k" else snare, beat, gain)

    def _degree(self, beat: float) -> int:
        return self.progression[int(beat // self.beats_per_chord) % len(self.progression)]

    def _pitch(self, degree: int, above: float) -> int:
        """The MIDI number of a degree of the scale in the octave above a pitch."""
        lowest = round(above)
        return lowest + (self.style.tonic + SCALES[self.cues.mode][degree % 7] - lowest) % 12

    def _play(
        self, instrument: str, pitch: int, beat: float, num_beats: float, gain: float, extra_slope: float = 0.0
    ) -> None:
        key = (instrument, pitch, num_beats, extra_slope)
        if key not in self._notes:
            seconds = num_beats * self.cues.beat_seconds * self.cues.note_fraction
            self._notes[key] = note(INSTRUMENTS[instrument], pitch, seconds, self.cues.spectral_slope + extra_slope)
        self._add(self._notes[key], beat, gain)

    def _add(self, sound: np.ndarray, beat: float, gain: float) -> None:
        start = int(beat * self.cues.beat_seconds * SAMPLING_RATE)
        sound = sound[: max(0, len(self.waveform) - start)]
        velocity = 1 + 0.1 * self.rng.standard_normal()
        self.waveform[start : start + len(sound)] += np.float32(gain * velocity) * sound


def note(instrument: Instrument, pitch: int, num_seconds: float, slope: float) -> np.ndarray:
    """
    Play one note, whose upper harmonics fade with its decay.

    Args:
        pitch: MIDI number.
        num_seconds: until the release.
        slope: of the spectrum at the onset; harmonic k has the amplitude k ** -slope.

    Shape:
        Returns `(num_samples,)`, float32.
    """
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    num_harmonics = int(min(MAX_HARMONICS, MAX_FREQUENCY // frequency))
    num_samples = int((num_seconds + instrument.release_seconds) * SAMPLING_RATE)
    t = np.arange(num_samples, dtype=np.float32) / SAMPLING_RATE
    position = (frequency * t % 1 * TABLE_SIZE).astype(np.int32)
    bright = _period(instrument.harmonics, slope, num_harmonics)[position]
    dark = _period(instrument.harmonics, slope + 0.6, num_harmonics)[position]
    decay = np.exp(-t / instrument.decay_seconds)
    envelope = np.minimum(t / instrument.attack_seconds, 1) * (instrument.sustain + (1 - instrument.sustain) * decay)
    envelope *= np.clip((t[-1] - t) / instrument.release_seconds, 0, 1)
    return envelope * (dark + decay * (bright - dark))


@lru_cache(maxsize=256)
def _period(harmonics: tuple[float, ...], slope: float, num_harmonics: int) -> np.ndarray:
    """One period of a band-limited tone of unit power, `(TABLE_SIZE,)`: a wavetable for notes of any length."""
    k = np.arange(1, num_harmonics + 1)
    amplitudes = np.resize(harmonics, num_harmonics) * k**-slope
    spectrum = np.zeros(TABLE_SIZE // 2 + 1, complex)
    phases = np.pi * k**2 / num_harmonics  # Schroeder's, for a low peak
    spectrum[k] = amplitudes / np.linalg.norm(amplitudes) * np.exp(-1j * phases)
    return (np.fft.irfft(spectrum) * TABLE_SIZE / np.sqrt(2)).astype(np.float32)
