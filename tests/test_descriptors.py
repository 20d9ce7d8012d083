# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Descriptors against NumPy, SciPy and librosa, and for sounds with a known rhythm and harmony."""

import itertools

import librosa
import numpy as np
import pytest
import torch
from scipy.fft import dct

from modeling_ast_va import ASTVAFeatureExtractor
from modeling_ast_va.descriptor_matrices_ast_va import (
    HARMONY_HERTZ,
    cosine_matrix,
    key_templates,
    mel_band_centres,
    pitch_class_weights,
)
from modeling_ast_va.descriptors_ast_va import ASTVADescriptors, autocorrelation

RATE, HOP, BINS, SECONDS = 16_000, 320, 192, 3
FRAME_RATE = RATE / HOP


@pytest.fixture(scope="module")
def descriptors():
    return ASTVADescriptors(BINS, FRAME_RATE, 0.0, RATE / 2)


@pytest.fixture(scope="module")
def extractor():
    return ASTVAFeatureExtractor(
        sampling_rate=RATE, n_fft=2048, hop_length=HOP, num_mel_bins=BINS, max_length=151, segment_seconds=3, ref=1.0
    )


@pytest.fixture(scope="module")
def spectrograms():
    """Random spectrograms that are smooth along frequency, `(3, 151, 192)`."""
    return torch.from_numpy(np.random.default_rng(0).normal(size=(3, 151, BINS)).cumsum(axis=2) / 5).float()


def log_mel_of(extractor, waveform):
    return extractor(waveform.astype(np.float32), sampling_rate=RATE, return_tensors="pt")["input_values"]


def tones(midi_notes, seconds=SECONDS, harmonics=4):
    times = np.arange(int(seconds * RATE)) / RATE
    frequencies = [440 * 2 ** ((note - 69) / 12) * k for note in midi_notes for k in range(1, harmonics + 1)]
    amplitudes = [1 / k for _ in midi_notes for k in range(1, harmonics + 1)]
    waves = [a * np.sin(2 * np.pi * f * times) for a, f in zip(amplitudes, frequencies)]
    return 0.05 * np.sum(waves, axis=0) + 1e-4 * np.random.default_rng(0).normal(size=len(times))


def clicks(beats_a_minute, seconds=SECONDS):
    samples = np.arange(int(seconds * RATE))
    since_beat = samples % round(60 / beats_a_minute * RATE)
    return np.random.default_rng(0).normal(size=len(samples)) * (0.3 * np.exp(-since_beat / 800) + 1e-4)


def test_cosine_transform_equals_scipy():
    spectrum = np.random.default_rng(0).normal(size=(5, 40))
    np.testing.assert_allclose(spectrum @ cosine_matrix(40, 13), dct(spectrum, norm="ortho")[:, :13], atol=1e-12)


@pytest.mark.parametrize("max_lag", [60, 61])  # padded to an odd and to an even number of frames
def test_autocorrelation_equals_numpy(max_lag):
    values = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 50, 3))).float()
    ours = autocorrelation(values, max_lag)
    assert ours.shape == (2, max_lag + 1, 3)
    for row in range(2):
        for column in range(3):
            centred = values[row, :, column].double().numpy()
            centred = centred - centred.mean()
            expected = np.correlate(centred, centred, mode="full")[49:] / (centred @ centred)
            np.testing.assert_allclose(ours[row, :50, column], expected, atol=1e-5)
    torch.testing.assert_close(
        ours[:, 50:], torch.zeros(2, max_lag - 49, 3), atol=1e-5, rtol=0
    )  # lags beyond the sequence


def test_band_centres_equal_librosa():
    np.testing.assert_allclose(mel_band_centres(96, 30, 8000), librosa.mel_frequencies(98, fmin=30, fmax=8000)[1:-1])


def test_pitch_classes_of_notes():
    notes = np.arange(45, 96)  # from 110 Hz to 2.0 kHz
    weights = pitch_class_weights(librosa.midi_to_hz(notes))
    assert (weights.argmax(axis=1) == notes % 12).all()
    np.testing.assert_allclose(weights.sum(axis=0), 1)
    outside = pitch_class_weights(np.array([HARMONY_HERTZ[0] - 1, HARMONY_HERTZ[1] + 1]))
    assert not outside.any()


def test_keys_are_rotations_of_each_other():
    keys = key_templates()
    np.testing.assert_allclose(keys[5], np.roll(keys[0], 5))
    np.testing.assert_allclose(keys[12 + 9], np.roll(keys[12], 9))
    np.testing.assert_allclose(np.linalg.norm(keys, axis=1), 1)


def groups_of(descriptors, log_mel):
    """The descriptors of a spectrogram by group."""
    return dict(zip(descriptors.group_sizes, descriptors(log_mel).split(list(descriptors.group_sizes.values()), dim=1)))


def test_descriptors_equal_numpy(descriptors, spectrograms):
    x, groups = spectrograms.double().numpy(), groups_of(descriptors, spectrograms)
    coefficients = dct(x, axis=2, norm="ortho")[:, :, :20]
    timbre = [coefficients.mean(1), coefficients.std(1), np.diff(coefficients, axis=1).std(1)]
    np.testing.assert_allclose(groups["timbre"], np.concatenate(timbre, axis=1), atol=1e-4)

    loudness = np.log(np.exp(2 * x).sum(axis=2)) / 2
    quantiles = np.quantile(loudness, (0.05, 0.25, 0.5, 0.75, 0.95), axis=1).T
    soft = (loudness < loudness.mean(axis=1, keepdims=True)).mean(axis=1)
    of_frames = [loudness.mean(1), loudness.std(1), *quantiles.T, quantiles[:, 4] - quantiles[:, 0]]
    expected = np.stack([*of_frames, np.diff(loudness, axis=1).std(1), soft], axis=1)
    np.testing.assert_allclose(groups["loudness"], expected, atol=1e-4)

    weights = np.exp(x) / np.exp(x).sum(axis=2, keepdims=True)
    places = np.linspace(0, 1, BINS)
    centroid = (weights * places).sum(axis=2)
    bandwidth = np.sqrt((weights * (places - centroid[:, :, None]) ** 2).sum(axis=2))
    rolloff = (np.cumsum(weights, axis=2) < 0.85).mean(axis=2)
    shape = np.stack([centroid, bandwidth, rolloff, x.mean(axis=2) - loudness], axis=2)
    expected = np.concatenate([shape.mean(axis=1), shape.std(axis=1)], axis=1)
    np.testing.assert_allclose(groups["shape"], expected, atol=1e-4)

    ordered = np.sort(x.reshape(3, 151, 8, 24), axis=3)
    contrast = ordered[..., -4:].mean(axis=3) - ordered[..., :4].mean(axis=3)
    expected = np.concatenate([contrast.mean(axis=1), contrast.std(axis=1)], axis=1)
    np.testing.assert_allclose(groups["contrast"], expected, atol=1e-4)


@pytest.mark.parametrize("num_mel_bins", [8, 13, 100])
def test_contrast_of_groups_of_unequal_sizes_equals_numpy(num_mel_bins):
    descriptors = ASTVADescriptors(num_mel_bins, FRAME_RATE, 0.0, RATE / 2)
    log_mel = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 40, num_mel_bins))).float()
    edges = [round(num_mel_bins * group / 8) for group in range(9)]
    contrasts = []
    for first, last in itertools.pairwise(edges):
        bands, number = np.sort(log_mel[:, :, first:last].numpy(), axis=2), max(1, (last - first) // 6)
        contrasts.append(bands[:, :, -number:].mean(axis=2) - bands[:, :, :number].mean(axis=2))
    contrast = np.stack(contrasts, axis=2)
    expected = np.concatenate([contrast.mean(axis=1), contrast.std(axis=1)], axis=1)
    np.testing.assert_allclose(groups_of(descriptors, log_mel)["contrast"], expected, atol=1e-5)


@pytest.mark.parametrize("num_mel_bins", [9, 30, BINS])
def test_peaks_equal_those_over_pooled_neighbours(num_mel_bins):
    descriptors = ASTVADescriptors(num_mel_bins, FRAME_RATE, 0.0, RATE / 2)
    log_mel = torch.from_numpy(np.random.default_rng(2).normal(size=(2, 5, num_mel_bins))).float()
    pooled = torch.nn.functional.avg_pool1d(log_mel, 9, stride=1, padding=4, count_include_pad=False)
    expected = (log_mel - pooled).clamp_min(0) @ descriptors.pitch_classes
    torch.testing.assert_close(descriptors.chroma(log_mel), expected, atol=1e-5, rtol=0)


def test_no_frame_of_an_even_spectrogram_is_below_the_mean_loudness(descriptors):
    """Rounding errors of the mean do not count."""
    spectrograms = torch.linspace(-6, 3, 50)[:, None, None].expand(50, 151, BINS)
    assert not groups_of(descriptors, spectrograms)["loudness"][:, -1].any()


def test_sizes_of_the_groups(descriptors, spectrograms):
    groups = groups_of(descriptors, spectrograms)  # an error if the sizes do not add up
    assert {name: group.shape[1] for name, group in groups.items()} == descriptors.group_sizes
    assert descriptors(spectrograms).shape == (3, descriptors.num_descriptors)


def test_texture_of_a_ramp(descriptors):
    """Steps of 1 along time, and a linear slope along frequency, whose second difference is 0."""
    ramp = torch.arange(151.0)[None, :, None] + 0.5 * torch.arange(float(BINS))
    expected = torch.cat([torch.ones(1, 8), torch.zeros(1, 16)], dim=1)
    torch.testing.assert_close(descriptors.texture(ramp, ramp.diff(dim=1)), expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("root", [60, 66, 69])
def test_chroma_of_a_chord_is_that_of_its_notes(descriptors, extractor, root):
    chroma = descriptors.chroma(log_mel_of(extractor, tones([root, root + 4, root + 7])))[0].mean(dim=0)
    assert set(chroma.topk(3).indices.tolist()) == {(root + step) % 12 for step in (0, 4, 7)}


@pytest.mark.parametrize("tonic", [72, 75, 78])
@pytest.mark.parametrize("mode", ["major", "minor"])
def test_key_of_a_cadence(descriptors, extractor, tonic, mode):
    third, sixth = (4, 9) if mode == "major" else (3, 8)
    chords = [(0, third, 7), (5, sixth, 12), (7, 11 if mode == "major" else 10, 14), (0, third, 7)]
    wave = np.concatenate([tones([tonic + step for step in chord], seconds=0.75, harmonics=1) for chord in chords])
    harmony = descriptors.harmony(log_mel_of(extractor, wave))[0]
    major, minor, majorness = harmony[:3].tolist()
    assert (major > minor) == (mode == "major")
    assert majorness == pytest.approx(major - minor, abs=1e-5)
    from_tonic = harmony[4:16]
    outside = [1, 6, 3 if mode == "major" else 4]
    assert from_tonic[0] > 2 * from_tonic[outside].max()


def test_harmony_does_not_depend_on_the_key(descriptors, extractor):
    low, high = (descriptors.harmony(log_mel_of(extractor, tones([r, r + 4, r + 7])))[0] for r in (66, 69))
    assert (low[:3] - high[:3]).abs().max() < 0.1


def test_change_of_harmony_is_larger_for_changing_chords(descriptors, extractor):
    constant = tones([60, 64, 67])
    changing = np.concatenate([tones([60 + r, 64 + r, 67 + r], seconds=0.5) for r in (0, 5, 7, 2, 9, 4)])
    change_of = [descriptors.harmony(log_mel_of(extractor, wave))[0, 16].item() for wave in (constant, changing)]
    assert change_of[0] < 0.05 < 0.2 < change_of[1]


@pytest.mark.parametrize("beats_a_minute", [75, 120, 160])
def test_rhythm_of_clicks_is_their_beat(descriptors, extractor, beats_a_minute):
    flux = log_mel_of(extractor, clicks(beats_a_minute)).diff(dim=1).clamp_min(0)
    repetition = descriptors.rhythm(flux)[0, : len(descriptors.lag_edges) - 1]
    strongest = int(repetition.argmax())
    first, last = descriptors.lag_edges[strongest : strongest + 2]
    beat = 60 / beats_a_minute * FRAME_RATE
    assert first - 1 <= beat <= last


def test_beat_of_clicks_is_stronger_than_that_of_noise(descriptors, extractor):
    noise = 0.1 * np.random.default_rng(0).normal(size=SECONDS * RATE)
    place = len(descriptors.lag_edges) - 1  # the strongest beat of all bands
    strength = [
        descriptors.rhythm(log_mel_of(extractor, wave).diff(dim=1).clamp_min(0))[0, place].item()
        for wave in (clicks(120), noise)
    ]
    assert strength[0] > 0.5 > strength[1]


@pytest.mark.parametrize(("num_bins", "num_frames"), [(BINS, 151), (24, 16), (96, 8), (128, 432)])
def test_descriptors_and_gradients_are_finite_for_silence_and_short_spectrograms(num_bins, num_frames):
    module = ASTVADescriptors(num_bins, FRAME_RATE, 0.0, RATE / 2)
    silence = torch.zeros(2, num_frames, num_bins, requires_grad=True)
    described = module(silence)
    assert described.shape == (2, module.num_descriptors)
    assert described.isfinite().all()
    described.sum().backward()
    assert silence.grad.isfinite().all()


def test_constants_are_not_weights(descriptors):
    assert not list(descriptors.state_dict())
    half = ASTVADescriptors(BINS, FRAME_RATE, 0.0, RATE / 2).half()
    assert half.cosines.dtype == torch.float32
    inputs = torch.randn(2, 20, BINS)
    timbre = descriptors.timbre(inputs)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(half(inputs)[:, :60], timbre, rtol=0, atol=0)  # products are not rounded
