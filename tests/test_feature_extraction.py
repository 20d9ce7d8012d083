# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tests of log-mels, with librosa (5e-4 dB) and transformers' AST (1e-4) as references, and of accepted inputs."""

from __future__ import annotations

import json
import logging
import math
import re
import warnings

import librosa
import numpy as np
import pytest
import torch
from music import chords
from transformers import ASTFeatureExtractor, AutoFeatureExtractor, DataCollatorWithPadding

from modeling_ast_va import ASTVAFeatureExtractor, feature_extraction_ast_va, frontends_ast_va
from modeling_ast_va.feature_extraction_ast_va import COUNTS, NUMBERS, OPTIONAL, _group_by_length
from modeling_ast_va.frontends_ast_va import FRONTENDS

# Both libraries warn of settings and signals that are intended here.
pytestmark = pytest.mark.filterwarnings("ignore:n_fft=.* is too large", "ignore:At least one mel filter")

RATE = 44_100
SECONDS = 5.0
TOLERANCE_DB = 5e-4  # librosa uses double precision; single precision alone is off by 1e-3 for tones and a trumpet
KALDI_TOLERANCE = 1e-4
KALDI = {"frontend": "kaldi", "sampling_rate": 16000, "n_fft": 512, "win_length": 400, "hop_length": 160}


def silence() -> np.ndarray:
    return np.zeros(round(SECONDS * RATE), np.float32)


def impulse() -> np.ndarray:
    waveform = silence()
    waveform[1000] = 1
    return waveform


def harmonics(frequency: float, count: int, decay: float = 0.6) -> np.ndarray:
    """A tone at half of full scale with `count` harmonics: a few loud bands, all others very quiet."""
    time = np.arange(round(SECONDS * RATE)) / RATE
    waveform = sum(decay**k * np.sin(2 * np.pi * frequency * (k + 1) * time) for k in range(count))
    return (0.5 * waveform / np.abs(waveform).max()).astype(np.float32)


def brass() -> np.ndarray:
    """Notes with vibrato: the power between their partials varies."""
    time = np.arange(round(SECONDS * RATE)) / RATE
    phase = 2 * np.pi * 440 * time - 5 * np.cos(2 * np.pi * 5 * time)
    envelope = 0.5 * np.exp(-4 * (1.5 * time % 1))
    return (envelope * sum(0.7**k * np.sin((k + 1) * phase) for k in range(12)) / 3).astype(np.float32)


SIGNALS = {
    "music": chords(SECONDS, RATE),
    "quiet music": 1e-3 * chords(SECONDS, RATE, seed=1),
    "noise": np.random.default_rng(2).normal(size=round(SECONDS * RATE)).astype(np.float32) / 10,
    "tone": np.sin(2 * np.pi * 1000 / RATE * np.arange(SECONDS * RATE)).astype(np.float32),
    "bass": np.sin(2 * np.pi * 55 / RATE * np.arange(SECONDS * RATE)).astype(np.float32),
    "high tone": harmonics(15_000, 1),
    "harmonics": harmonics(440, 12, decay=0.5),
    "many harmonics": harmonics(110, 40),
    "brass": brass(),
    "bass with a quiet treble": harmonics(40, 2) + 1e-4 * harmonics(9000, 2),
    "far from zero": 0.8 + 0.1 * harmonics(440, 12),
    "loud, then quiet": chords(SECONDS, RATE) * np.repeat(np.float32([1, 1e-3]), round(SECONDS * RATE) // 2),
    "impulses": np.tile(np.float32([1] + [0] * 999), 220),
    "silence": silence(),
    "impulse": impulse(),
    "shorter than a segment": chords(1.7, RATE, seed=3),
    "shorter than a window": chords(0.02, RATE, seed=4),
    "one sample": np.array([0.5], np.float32),
    "longer than a segment": chords(6.0, RATE, seed=5),
}


def librosa_log_mel(waveform: np.ndarray, ref="max", top_db: float | None = 80.0, **settings) -> np.ndarray:
    """`(num_frames, num_mel_bins)` in dB."""
    settings = {"sr": RATE, "n_fft": 2048, "hop_length": 512, "n_mels": 128} | settings
    power = librosa.feature.melspectrogram(y=waveform, **settings)
    return librosa.power_to_db(power, ref=np.max if ref == "max" else ref, top_db=top_db).T


def log_mel(extractor: ASTVAFeatureExtractor, waveform, **kwargs) -> np.ndarray:
    """`(max_length, num_mel_bins)`, before normalisation."""
    kwargs = {"sampling_rate": extractor.sampling_rate, "return_tensors": "np", "do_normalize": False} | kwargs
    return extractor(waveform, **kwargs)["input_values"][0]


def assert_equals_librosa(ours: np.ndarray, reference: np.ndarray) -> None:
    num_frames = min(len(reference), len(ours))
    np.testing.assert_allclose(ours[:num_frames], reference[: len(ours)], rtol=0, atol=TOLERANCE_DB)


@pytest.mark.parametrize("name", SIGNALS)
def test_equals_librosa(name):
    extractor = ASTVAFeatureExtractor()
    reference = librosa_log_mel(SIGNALS[name])
    assert_equals_librosa(log_mel(extractor, SIGNALS[name]), reference)
    assert extractor.num_frames(len(SIGNALS[name])) == len(reference)


@pytest.mark.parametrize(
    ("ours", "librosas"),
    [
        ({"f_min": 50.0, "f_max": 8000.0}, {"fmin": 50.0, "fmax": 8000.0}),
        ({"ref": 1.0}, {"ref": 1.0}),
        ({"ref": 0.02, "top_db": None}, {"ref": 0.02, "top_db": None}),
        ({"top_db": 30.0}, {"top_db": 30.0}),
        ({"n_fft": 1024, "hop_length": 441, "max_length": 501}, {"n_fft": 1024, "hop_length": 441}),
        ({"win_length": 1323}, {"win_length": 1323}),
        ({"num_mel_bins": 40}, {"n_mels": 40}),
    ],
)
@pytest.mark.parametrize("name", ["music", "quiet music", "silence", "shorter than a segment", "harmonics", "brass"])
def test_other_settings_equal_librosa(ours, librosas, name):
    assert_equals_librosa(
        log_mel(ASTVAFeatureExtractor(**ours), SIGNALS[name]), librosa_log_mel(SIGNALS[name], **librosas)
    )


@pytest.mark.parametrize(
    ("name", "again"), [("music", 0), ("quiet music", 0), ("noise", 0), ("impulse", 0), ("silence", 0), ("tone", 400)]
)
def test_double_precision_is_used_only_for_coarse_frames(monkeypatch, name, again):
    num_frames = {torch.float32: 0, torch.float64: 0}
    original = frontends_ast_va.mel_power_of

    def mel_power_of(extractor, frames, dtype):
        num_frames[dtype] += frames.shape[:-1].numel()
        return original(extractor, frames, dtype)

    monkeypatch.setattr(frontends_ast_va, "mel_power_of", mel_power_of)
    log_mel(ASTVAFeatureExtractor(), SIGNALS[name])
    assert num_frames[torch.float32] == 431
    assert again <= num_frames[torch.float64] <= (431 if again else 0)


def test_a_fixed_reference_keeps_loudness():
    extractor = ASTVAFeatureExtractor(ref=1.0)
    loud = log_mel(extractor, SIGNALS["music"])
    np.testing.assert_allclose(log_mel(extractor, SIGNALS["music"] / 10), loud - 20, rtol=0, atol=TOLERANCE_DB)


@pytest.mark.parametrize(
    ("settings", "padding"),
    [
        ({}, lambda values: -80.0),
        ({"top_db": 30.0}, lambda values: -30.0),
        ({"ref": 1.0}, lambda values: values.max() - 80),
        ({"top_db": None}, lambda values: values.min()),
        ({"padding_value": 0.0}, lambda values: 0.0),  # padding of the notebook
    ],
)
def test_short_input_is_padded_with_the_quietest_value(settings, padding):
    waveform = SIGNALS["shorter than a segment"]
    extractor = ASTVAFeatureExtractor(**settings)
    log_mels = log_mel(extractor, waveform)
    values, padded = np.split(log_mels, [extractor.num_frames(len(waveform))])
    assert log_mels.shape == (432, 128)
    assert len(padded) > 200
    np.testing.assert_allclose(padded, padding(values), rtol=0, atol=1e-5)


@pytest.mark.parametrize("seconds", [0.025, 1.0, 10.24, 12.0])
@pytest.mark.parametrize("loudness", [1.0, 1e-3])
def test_kaldi_equals_the_librarys_ast(seconds, loudness):
    library = ASTFeatureExtractor()
    statistics = {"mean": library.mean, "std": 2 * library.std}
    ours = ASTVAFeatureExtractor(**KALDI, **statistics, max_length=1024, f_min=20, padding_value=0.0)  # as the library
    waveform = (loudness * chords(seconds, 16000)).astype(np.float32)
    for raw_speech in (waveform, [waveform, chords(2.0, 16000, seed=1)]):
        expected = library(raw_speech, sampling_rate=16000, return_tensors="np")["input_values"]
        values = ours(raw_speech, sampling_rate=16000, return_tensors="np")["input_values"]
        np.testing.assert_allclose(values, expected, rtol=0, atol=KALDI_TOLERANCE)


def test_kaldi_pads_with_its_floor():
    extractor = ASTVAFeatureExtractor(**KALDI, max_length=512)
    values = log_mel(extractor, chords(1.0, 16000))
    np.testing.assert_allclose(values[98:], np.log(np.finfo(np.float32).eps), rtol=0, atol=1e-6)
    assert values[:98].min() >= values[98, 0]


def test_a_batch_equals_its_waveforms_one_by_one(feature_extractor):
    waveforms = [chords(seconds, 8000, seed=i) for i, seconds in enumerate([1.5, 0.3, 1.5, 2.0])]
    batch = feature_extractor(waveforms, sampling_rate=8000, return_tensors="np")["input_values"]
    singles = [feature_extractor(w, sampling_rate=8000, return_tensors="np")["input_values"][0] for w in waveforms]
    np.testing.assert_array_equal(batch, np.stack(singles))


@pytest.mark.parametrize(
    "form",
    [
        np.asarray,
        np.float64,
        torch.from_numpy,
        lambda waveform: torch.from_numpy(waveform).double().requires_grad_(),
        np.ndarray.tolist,
        lambda waveform: tuple(waveform.tolist()),
        lambda waveform: [waveform],
        lambda waveform: [waveform.tolist()],
        lambda waveform: [torch.from_numpy(waveform)],
        lambda waveform: waveform[None],
        lambda waveform: torch.from_numpy(waveform)[None],
        lambda waveform: waveform[::-1].copy()[::-1],
        lambda waveform: np.frombuffer(waveform.tobytes(), np.float32),  # read-only
    ],
)
def test_forms_of_a_waveform(feature_extractor, form):
    waveform = chords(1.0, 8000)
    expected = log_mel(feature_extractor, waveform)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(log_mel(feature_extractor, form(waveform)), expected, rtol=0, atol=1e-5)


def test_types_of_the_result(feature_extractor):
    waveforms = [chords(1.0, 8000), chords(0.5, 8000)]
    for return_tensors, kind in [("np", np.ndarray), ("pt", torch.Tensor), (None, list)]:
        values = feature_extractor(waveforms, sampling_rate=8000, return_tensors=return_tensors)["input_values"]
        assert isinstance(values, kind)
        assert np.shape(values) == (2, 48, 32)
        assert values[0].dtype in (np.float32, torch.float32)
    with pytest.raises(ValueError, match=r"Expected return_tensors to be .* but got 'tf'"):
        feature_extractor(waveforms, sampling_rate=8000, return_tensors="tf")


@pytest.mark.parametrize("frontend", ["librosa", "kaldi"])
def test_waveforms_of_one_length_can_be_computed_together(feature_extractor, frontend):
    """As on a GPU: loud, quiet, and one with frames that need double precision."""
    extractor = ASTVAFeatureExtractor(**feature_extractor.to_dict() | {"frontend": frontend})
    tone = np.sin(np.arange(8000)).astype(np.float32)
    batch = torch.from_numpy(np.stack([chords(1.0, 8000), 1e-3 * chords(1.0, 8000, seed=1), tone]))
    front_end_log_mel = FRONTENDS[frontend].log_mel
    together, floor = front_end_log_mel(extractor, batch)
    for waveform, expected in zip(batch, together):
        np.testing.assert_allclose(front_end_log_mel(extractor, waveform[None])[0][0], expected, rtol=0, atol=1e-5)
    assert floor.expand_as(together).shape == together.shape


def test_a_gpu_computes_waveforms_of_one_length_together():
    waveforms = [torch.empty(length, device="meta") for length in (800, 300, 800, 700, 800)]
    groups = [(rows, tuple(batch.shape)) for rows, batch in _group_by_length(waveforms)]
    assert groups == [([0, 2, 4], (3, 800)), ([1], (1, 300)), ([3], (1, 700))]


def test_normalisation():
    extractor = ASTVAFeatureExtractor(mean=-30.0, std=15.0)
    decibels = log_mel(extractor, SIGNALS["music"])
    for normalized in (log_mel(extractor, SIGNALS["music"], do_normalize=None), extractor.normalize(decibels)):
        np.testing.assert_allclose(normalized, (decibels + 30) / 15, rtol=0, atol=1e-6)
    off = ASTVAFeatureExtractor(do_normalize=False)
    np.testing.assert_array_equal(log_mel(off, SIGNALS["music"], do_normalize=None), decibels)


@pytest.mark.parametrize(
    ("raw_speech", "message"),
    [
        (np.zeros(0, np.float32), "at least 1 samples, but got 0"),
        ([], r"list of waveforms, but got \[\]"),
        ([np.zeros(100, np.float32), np.zeros(0, np.float32)], "at least 1 samples, but got 0"),
        (np.array([0.1, np.nan, np.inf]), "2 of 3 that are NaN, infinite or larger"),
        (np.array([0.1, -1e300]), "1 of 2 that are NaN, infinite or larger"),  # infinite in single precision
        (np.array([-np.inf, 0.1], np.float16), "1 of 2 that are NaN, infinite or larger"),
        (np.array([0.1, 1001, -32768], np.float32), "samples of at most 1000 times full scale, but got 2 of 3"),
        ([[0.1, 0.2], [0.1, float("nan")]], "1 of 2 that are NaN"),
        (np.zeros((1, 2, 100), np.float32), r"\(num_samples,\), but got shape \(2, 100\)"),
        ([np.zeros((2, 100), np.float32)], r"mono waveform \(num_samples,\), but got shape \(2, 100\)"),
        (np.zeros(100, np.int16), "floats in .* but got torch.int16"),
        ([0, 100, -100], "floats in .* but got torch.int64"),
        (np.zeros(100, bool), "floats in .* but got torch.bool"),
        ("song.mp3", "but got 'song.mp3'"),
        (None, "but got None"),
        (0.5, r"but got 0\.5"),
    ],
)
def test_waveforms_that_are_refused(feature_extractor, raw_speech, message):
    with pytest.raises(ValueError, match=message):
        feature_extractor(raw_speech, sampling_rate=8000)


def test_kaldi_needs_a_whole_window():
    extractor = ASTVAFeatureExtractor(**KALDI, max_length=512)
    with pytest.raises(ValueError, match="at least 400 samples, but got 399"):
        extractor(np.zeros(399, np.float32), sampling_rate=16000)


@pytest.mark.parametrize("sampling_rate", [None, 16000])
def test_another_rate_is_refused(feature_extractor, sampling_rate):
    with pytest.raises(ValueError, match=f"Expected sampling_rate=8000 Hz, but got {sampling_rate}"):
        feature_extractor(chords(1.0, 8000), sampling_rate=sampling_rate)


def test_unknown_arguments_are_refused(feature_extractor):
    with pytest.raises(TypeError, match="do_normalise"):
        feature_extractor(chords(1.0, 8000), sampling_rate=8000, do_normalise=False)


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"hop_length": 0}, ["hop_length", "0"]),
        ({"num_mel_bins": -1}, ["num_mel_bins", "-1"]),
        ({"segment_seconds": 6.0}, ["6.0", "517", "432"]),
        ({"segment_seconds": 0.01, "frontend": "kaldi"}, ["0.01", "0", "432"]),
        ({"win_length": 4096}, ["4096", "2048"]),
        ({"f_min": 100.0, "f_max": 50.0}, ["100.0", "50.0"]),
        ({"f_max": 30000.0}, ["30000.0", "22050.0"]),
        ({"f_min": -1.0}, ["-1.0"]),
        ({"frontend": "torchaudio"}, ["torchaudio", "librosa", "kaldi"]),
        ({"ref": 0.0}, ["ref", "0.0"]),
        ({"ref": "mean"}, ["ref", "mean", "max"]),
        ({"top_db": -80.0}, ["top_db", "-80.0"]),
        ({"std": 0.0}, ["std", "0.0"]),
        ({"std": 1e-30}, ["std from 0.001 to 1000", "1e-30"]),
        ({"std": math.inf}, ["std", "inf"]),
        ({"mean": math.nan}, ["mean", "nan"]),
        ({"mean": -1e30}, ["mean from -1000 to 1000", "-1e+30"]),
        ({"sampling_rate": 999}, ["sampling_rate from 1,000 to 1,000,000 Hz", "999"]),
        ({"sampling_rate": 10**18}, ["sampling_rate from 1,000 to 1,000,000 Hz", "1000000000000000000"]),
    ],
)
def test_settings_out_of_range_are_refused(settings, parts):
    with pytest.raises(ValueError, match=re.escape(parts[0])) as error:
        ASTVAFeatureExtractor(**settings)
    assert all(part in str(error.value) for part in parts)


@pytest.mark.parametrize("value", ["1", [1], True, math.nan, -math.inf, {}])
@pytest.mark.parametrize("name", [*COUNTS, *NUMBERS, "ref", "frontend", "do_normalize"])
def test_settings_of_a_wrong_type_are_refused(name, value):
    if (name, value) == ("do_normalize", True):
        return
    with pytest.raises(ValueError, match=rf"^Expected {name} to be .*, but got {re.escape(repr(value))}\.$"):
        ASTVAFeatureExtractor(**{name: value})


@pytest.mark.parametrize("name", [*COUNTS, *NUMBERS, "ref", "frontend", "do_normalize"])
def test_only_some_settings_may_be_none(name):
    if name in OPTIONAL:
        assert getattr(ASTVAFeatureExtractor(**{name: None}), name) is None
    else:
        with pytest.raises(ValueError, match=f"^Expected {name} to be .*, but got None"):
            ASTVAFeatureExtractor(**{name: None})


def test_a_waveform_that_is_cut_gives_one_warning(feature_extractor, caplog):
    logging.getLogger(feature_extraction_ast_va.__name__).warning_once.cache_clear()
    for seconds, count in ((1.51, 0), (1.6, 1), (30.0, 1)):  # 48, 51 and 938 frames
        feature_extractor(chords(seconds, 8000), sampling_rate=8000)
        assert len(caplog.messages) == count
    assert "Only the first 1.54 s of longer waveforms are used" in caplog.text


def test_round_trip(tmp_path):
    settings = {"sampling_rate": 22050, "n_fft": 1024, "win_length": 1000, "hop_length": 256, "max_length": 480}
    settings |= {"num_mel_bins": 64, "f_min": 30.0, "f_max": 8000.0, "ref": 0.5, "top_db": 70.0, "padding_value": -40.0}
    extractor = ASTVAFeatureExtractor(**settings, mean=-33.25, std=17.5)
    extractor.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert (saved["mean"], saved["std"], saved["feature_extractor_type"]) == (-33.25, 17.5, "ASTVAFeatureExtractor")
    waveform = chords(3.0, 22050)
    for loaded in (
        ASTVAFeatureExtractor.from_pretrained(tmp_path),
        AutoFeatureExtractor.from_pretrained(tmp_path),
        ASTVAFeatureExtractor.from_dict(json.loads(extractor.to_json_string())),
    ):
        assert type(loaded) is ASTVAFeatureExtractor
        assert loaded.to_dict() == extractor.to_dict()
        np.testing.assert_array_equal(log_mel(loaded, waveform), log_mel(extractor, waveform))


@pytest.mark.parametrize("padding_value", [None, -80.0])
def test_trainers_collator_accepts_the_features(feature_extractor, padding_value):
    extractor = ASTVAFeatureExtractor(**feature_extractor.to_dict() | {"padding_value": padding_value})
    features = extractor([chords(1.0, 8000), chords(0.5, 8000)], sampling_rate=8000, return_tensors="np")
    rows = [{"input_values": values, "labels": [4.0, 6.0]} for values in features["input_values"]]
    batch = DataCollatorWithPadding(extractor)(rows)
    np.testing.assert_array_equal(batch["input_values"], features["input_values"])
    np.testing.assert_array_equal(batch["labels"], [[4, 6], [4, 6]])


def test_padding_of_different_lengths_needs_a_value(feature_extractor):
    features = {"input_values": [np.ones((3, 32), np.float32), np.ones((5, 32), np.float32)]}
    for kwargs in ({}, {"padding": "max_length", "max_length": 8}, {"pad_to_multiple_of": 4}):
        with pytest.raises(ValueError, match="does not have a padding value"):
            feature_extractor.pad(dict(features), **kwargs)
    extractor = ASTVAFeatureExtractor(**feature_extractor.to_dict() | {"padding_value": -80.0})
    padded = extractor.pad(features, return_attention_mask=True, return_tensors="np")
    assert (padded["input_values"][0, 3:] == -80).all()
    np.testing.assert_array_equal(padded["attention_mask"].sum(axis=1), [3, 5])


def test_the_feature_size_is_that_of_the_mel_bins_unless_given(feature_extractor):
    assert feature_extractor.feature_size == 32
    extractor = ASTVAFeatureExtractor(feature_size=1)  # for `pad` of waveforms
    assert (extractor.feature_size, extractor.num_mel_bins) == (1, 128)
    assert ASTVAFeatureExtractor.from_dict(extractor.to_dict()).feature_size == 1
