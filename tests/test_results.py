# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Results of songs, from segments and from audio, against direct computation (1e-5)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from music import chords
from scipy.stats import multivariate_normal

from modeling_ast_va import ASTVAConfig, ASTVAForRegression, MusicEmotionPipeline
from modeling_ast_va.course_ast_va import centre_course, frame_seconds, overlap_add
from modeling_ast_va.hub.folder import save_hub_folder
from modeling_ast_va.results_ast_va import ResultSettings, SongSegments, song_result
from modeling_ast_va.uncertainty_ast_va import COVERAGE_LEVELS

RATE = 8000
HEADS = {"use_frame_head": True, "use_spread_head": True}
KNOWN = {
    "conformal_quantiles": [COVERAGE_LEVELS.tolist(), (2 * COVERAGE_LEVELS).tolist()],
    "error_correlation": 0.25,
    "label_quantiles": [np.linspace(1, 9, 101).tolist(), np.linspace(3, 7, 101).tolist()],
}
OTHERS = {"conformal_quantiles": [(3 * COVERAGE_LEVELS).tolist()] * 2, "error_correlation": 0.75}
DIMENSIONS = ("valence", "arousal")


def config_with(config, **settings) -> ASTVAConfig:
    return ASTVAConfig(**{**config.to_diff_dict(), **settings})


def result_of(segments, configs, **options):
    return song_result(segments, [ResultSettings.of(config) for config in configs], **options)


@pytest.fixture
def configs(config):
    """Of two models with all heads, whose errors differ."""
    return [config_with(config, **HEADS, **KNOWN), config_with(config, **HEADS, **{**KNOWN, **OTHERS})]


@pytest.fixture
def segments(configs):
    """Three segments of a song of 4 s, rated by two models."""
    rng = np.random.default_rng(0)
    num_steps = len(configs[0].step_seconds(48))
    starts = np.array([0.0, 1.5, 2.5])
    ratings = rng.uniform([6.5, 3.5], [7.5, 4.5], (3, 2, 2))
    stds = rng.uniform(0.5, 1.5, (2, 3, 2, 2))
    frames = ratings[:, :, None] + rng.normal(size=(3, 2, num_steps, 2))
    return SongSegments(starts, starts + 1.5, np.array([1.5, 1.5, 1.0]), ratings, *stds, frames)


def pair(result, ending):
    return np.array([result[f"{dimension}{ending}"] for dimension in DIMENSIONS])


def by_hand(segments, configs, coverage):
    """Everything that spreads add to a result."""
    weights = segments.weights / segments.weights.sum()
    rating = np.einsum("s,smd->d", weights, segments.ratings) / len(configs)
    stds = np.exp(np.einsum("s,smd->md", weights, np.log(segments.error_stds)))
    quantiles = [[np.interp(coverage, COVERAGE_LEVELS, row) for row in one.conformal_quantiles] for one in configs]
    ends = [np.clip([rating - reach, rating + reach], 1, 9).T for reach in quantiles * stds]
    correlation, std = np.mean([one.error_correlation for one in configs]), stds.mean(axis=0)
    covariance = np.diag(std) @ [[1, correlation], [correlation, 1]] @ np.diag(std)
    # Calm: pleasant, and not excited.
    calm = multivariate_normal([-rating[0], rating[1]], covariance * [[1, -1], [-1, 1]]).cdf([-5, 5])
    return rating, np.mean(ends, axis=0), calm


@pytest.mark.parametrize("coverage", [0.5, 0.9])
@pytest.mark.parametrize("num_models", [1, 2])
def test_spreads_become_intervals_and_probabilities(segments, configs, coverage, num_models):
    of_models = {name: getattr(segments, name)[:, :num_models] for name in ("ratings", "error_stds", "rater_stds")}
    segments, configs = replace(segments, **of_models), configs[:num_models]
    result = result_of(segments, configs, coverage=coverage)
    rating, interval, calm = by_hand(segments, configs, coverage)
    np.testing.assert_allclose(pair(result, ""), rating)
    np.testing.assert_allclose(pair(result, "_interval"), interval, atol=1e-9)
    assert result["quadrant"] == "Calm"
    assert result["quadrant_probability"] == pytest.approx(calm, abs=1e-5)
    assert 0.5 < calm < 0.99
    weights = np.array([1.5, 1.5, 1.0])
    raters = np.average(segments.rater_stds.mean(axis=1), axis=0, weights=weights)
    np.testing.assert_allclose(pair(result, "_rater_std"), raters)
    np.testing.assert_allclose(pair(result, "_percentile"), [100 * (rating[0] - 1) / 8, 100 * (rating[1] - 3) / 4])
    assert ("valence_spread" in result) == (num_models == 2)
    assert "frames" not in result


def test_a_wider_coverage_is_a_wider_interval_and_90_percent_the_default(segments, configs):
    narrow, usual, wide = (
        result_of(segments, configs, **kwargs) for kwargs in ({"coverage": 0.5}, {}, {"coverage": 0.99})
    )
    widths = [np.diff(pair(one, "_interval"), axis=1) for one in (narrow, usual, wide)]
    assert (widths[0] < widths[1]).all()
    assert (widths[1] < widths[2]).all()
    np.testing.assert_array_equal(
        pair(usual, "_interval"), pair(result_of(segments, configs, coverage=0.9), "_interval")
    )


def test_frames_are_the_centred_course_of_the_mean_of_the_models(segments, configs):
    result = result_of(segments, configs, frames=True)
    times = frame_seconds(4.0)
    steps = np.array(configs[0].step_seconds(48))
    course = overlap_add(segments.starts, segments.ends, steps, segments.frames.mean(axis=1), times)
    expected = centre_course(course, pair(result, ""))
    given = np.array([[frame["time"], frame["valence"], frame["arousal"]] for frame in result["frames"]])
    np.testing.assert_allclose(given, np.column_stack([times, expected]))
    np.testing.assert_allclose(given[:, 1:].mean(axis=0), pair(result, ""))
    assert np.ptp(given[:, 1:], axis=0).min() > 0.05


def test_what_the_models_lack_is_left_out(segments, configs, config):
    plain = replace(segments, error_stds=None, rater_stds=None, frames=None)
    result = result_of(plain, [config, config])
    stds = [f"{dimension}{ending}" for ending in ("_std", "_segment_std", "_spread") for dimension in DIMENSIONS]
    assert list(result) == [*DIMENSIONS, *stds, "quadrant", "segments"]
    with pytest.raises(ValueError, match="Expected a model with a head of the course"):
        result_of(plain, [config, config], frames=True)
    # Spreads of a model that is not calibrated: no interval, but those of raters.
    result = result_of(segments, [configs[0], config_with(config, **HEADS)])
    assert "valence_rater_std" in result
    assert not {"valence_interval", "quadrant_probability"} & set(result)


# From audio


def model_with(config, seed=0, **settings):
    torch.manual_seed(seed)
    return ASTVAForRegression(config_with(config, **settings)).eval()


@pytest.fixture
def waveform():
    return chords(4.0, RATE, seed=0).astype(np.float32)


@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_the_pipeline_returns_the_result_of_the_outputs(config, feature_extractor, waveform, batch_size):
    model = model_with(config, **HEADS, **KNOWN)
    music_emotion = MusicEmotionPipeline(model=model, feature_extractor=feature_extractor)
    result = music_emotion(waveform, coverage=0.8, frames=True, batch_size=batch_size)
    starts = np.array([0.0, 1.5, 2.5])
    pieces = [waveform[round(start * RATE) :][:12_000] for start in starts]
    with torch.no_grad():
        outputs = model(**feature_extractor(pieces, sampling_rate=RATE, return_tensors="pt"))
    of_model = (outputs.logits, outputs.error_std, outputs.rater_std, outputs.frame_logits)
    arrays = [one[:, None].numpy() for one in of_model]
    expected = result_of(
        SongSegments(starts, starts + 1.5, np.array([1.5, 1.5, 1.0]), *arrays),
        [model.config],
        coverage=0.8,
        frames=True,
    )
    assert list(result) == list(expected)
    for name, value in expected.items():
        if name in ("segments", "frames"):
            for given, moment in zip(result[name], value, strict=True):
                assert given == pytest.approx(moment, abs=1e-5)
        else:
            assert result[name] == (value if isinstance(value, str) else pytest.approx(value, abs=1e-5))
    assert len(result["frames"]) == 8
    assert result["valence_interval"][0] < result["valence"] < result["valence_interval"][1]


def test_an_ensemble_has_what_all_its_models_have(config, feature_extractor, waveform, tmp_path):
    settings = {"with": {**HEADS, **KNOWN}, "too": {**HEADS, **KNOWN, **OTHERS}, "without": {}}
    for seed, (name, of_model) in enumerate(settings.items()):
        save_hub_folder(model_with(config, seed, **of_model), feature_extractor, tmp_path / name)

    def ensemble(first, second):
        model = ASTVAForRegression.from_pretrained(tmp_path / first)
        return MusicEmotionPipeline(model=model, feature_extractor=feature_extractor, ensemble=tmp_path / second)

    together, alone = ensemble("with", "too"), [ensemble(name, name) for name in ("with", "too")]
    result, *single = (one(waveform, frames=True) for one in (together, *alone))
    means = {f"{name}{end}" for name in DIMENSIONS for end in ("", "_rater_std")}
    for name in means:
        assert result[name] == pytest.approx(np.mean([one[name] for one in single]), abs=1e-5)
    lengths = [np.diff(pair(one, "_interval"), axis=1) for one in (result, *single)]
    np.testing.assert_allclose(lengths[0], np.mean(lengths[1:], axis=0), atol=1e-5)
    for first, second in (("with", "without"), ("without", "with")):
        mixed = ensemble(first, second)
        assert not [name for name in mixed(waveform) if name.endswith(("_interval", "_rater_std", "_probability"))]
        with pytest.raises(ValueError, match="Expected a model with a head of the course"):
            mixed(waveform, frames=True)


@pytest.mark.parametrize("coverage", [0.0, 0.009, 1.0, 90])
def test_a_coverage_that_is_no_share_is_refused(model, feature_extractor, waveform, coverage):
    music_emotion = MusicEmotionPipeline(model=model, feature_extractor=feature_extractor)
    with pytest.raises(ValueError, match=f"Expected coverage from 0.01 to 0.99, but got {coverage}"):
        music_emotion(waveform, coverage=coverage)
