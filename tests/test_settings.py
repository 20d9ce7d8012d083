# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""A configuration and a feature extractor that fit each other."""

import pytest

from modeling_ast_va.configuration_ast_va import SPECTROGRAM_SETTINGS
from modeling_ast_va.settings import build_new, split_settings


@pytest.mark.parametrize(
    ("settings", "frames"),
    [
        ({}, 432),  # 1 + 220500 // 512 = 431 frames of 5 s, in patches of 16: 27 * 16
        ({"segment_seconds": 10.0}, 864),  # 862 frames
        ({"time_stride": 10}, 436),  # 16 + 42 * 10
        ({"sampling_rate": 8000, "n_fft": 256, "hop_length": 160, "segment_seconds": 2.0}, 112),  # 101 frames
        ({"sampling_rate": 16000, "hop_length": 160, "n_fft": 512, "win_length": 400, "frontend": "kaldi"}, 512),  # 498
        ({"segment_seconds": 0.01}, 16),  # one patch
        ({"stem_channels": [8, 16]}, 431),  # no patches to fill
        ({"max_length": 500}, 500),
    ],
)
def test_a_spectrogram_holds_one_segment(settings, frames):
    config, feature_extractor = build_new(settings)
    assert config.max_length == feature_extractor.max_length == frames


def test_settings_of_both_reach_both():
    config, feature_extractor = build_new({"num_mel_bins": 64, "hidden_size": 64, "ref": "1.0", "n_fft": 1024})
    assert (config.num_mel_bins, feature_extractor.num_mel_bins) == (64, 64)
    assert (config.hidden_size, feature_extractor.ref, feature_extractor.n_fft) == (64, 1.0, 1024)
    assert not hasattr(config, "n_fft")


def test_the_reference_power_is_max_or_a_number():
    assert split_settings({"ref": "max"}) == ({}, {"ref": "max"})
    assert split_settings({"ref": "0.5"}) == ({}, {"ref": 0.5})
    with pytest.raises(ValueError, match="'loud'"):
        build_new({"ref": "loud"})


@pytest.mark.parametrize("settings", [{"num_attention_heads": 3}, {"max_length": 100}, {"n_fft": 0}])
def test_settings_that_do_not_work_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        build_new(settings)


def test_the_configuration_records_what_it_needs_of_the_feature_extractor():
    settings = {"sampling_rate": 16000, "hop_length": 320, "f_min": 20.0, "f_max": 7000.0, "segment_seconds": 3.0}
    config, feature_extractor = build_new(settings)
    for name in (*SPECTROGRAM_SETTINGS, "segment_seconds"):
        assert getattr(config, name) == getattr(feature_extractor, name) == settings.get(name, getattr(config, name))
    assert build_new({})[0].segment_seconds == 5.0
    with pytest.raises(ValueError, match="Expected frontend='librosa' for the model, but got 'kaldi'"):
        build_new({"descriptor_hidden_size": 8, "frontend": "kaldi"})
