# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tests of the pipeline: inputs, predictions compared with those of its parts, batches, errors, memory, ensembles."""

from __future__ import annotations

import io
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from datasets import Dataset
from music import chords
from transformers import ASTFeatureExtractor, pipeline
from transformers.pipelines.pt_utils import KeyDataset

from modeling_ast_va import ASTVAConfig, ASTVAForRegression, AudioError, MusicEmotionPipeline, pipeline_ast_va
from modeling_ast_va.hub.folder import save_hub_folder
from modeling_ast_va.pipeline_ast_va import predict_log_mels

RATE = 8000
TOLERANCE = 1e-5
MIB = 2**20


@pytest.fixture
def music_emotion(model, feature_extractor) -> MusicEmotionPipeline:
    return pipeline("music-emotion", model=model, feature_extractor=feature_extractor)


@pytest.fixture(scope="module")
def songs(tmp_path_factory) -> list[Path]:
    """Songs of several lengths, rates and formats; the first is stereo."""
    folder = tmp_path_factory.mktemp("songs")
    written = []
    for i, (seconds, rate, name) in enumerate([(7.4, 22050, "a.wav"), (0.7, 8000, "b.flac"), (3.0, 44100, "c.ogg")]):
        written.append(folder / name)
        soundfile.write(written[-1], chords(seconds, rate, seed=i, num_channels=2 if i == 0 else 1), rate)
    return written


def mono(path: Path) -> np.ndarray:
    """The song at 8 kHz, `(num_samples,)`."""
    waveform, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return soxr.resample(waveform.mean(axis=1), rate, RATE)


def numbers(result: dict) -> np.ndarray:
    """All numbers of a result, in one array."""
    segments = [[segment[key] for key in ("start", "end", "valence", "arousal")] for segment in result["segments"]]
    return np.concatenate([[result[f"{d}{s}"] for d in ("valence", "arousal") for s in ("", "_std")], *segments])


def assert_same(result: dict, expected: dict, tolerance: float = TOLERANCE) -> None:
    stds = ["valence_std", "arousal_std", "valence_segment_std", "arousal_segment_std"]
    assert list(result) == ["valence", "arousal", *stds, "quadrant", "segments"]
    assert [result[name] for name in stds[:2]] == [result[name] for name in stds[2:]]
    np.testing.assert_allclose(numbers(result), numbers(expected), rtol=0, atol=tolerance)
    assert result["quadrant"] == expected["quadrant"]


def by_hand(model, feature_extractor, waveform: np.ndarray, hop_samples: int = 12_000) -> dict:
    """Segments of 1.5 s, one by one through feature extractor and model, averaged by numpy."""
    starts = list(range(0, max(1, len(waveform) - 12_000 + 1), hop_samples))
    weights = [min(hop_samples, len(waveform))] * len(starts)
    rest = len(waveform) - starts[-1] - 12_000
    if rest >= 4000:  # half a second that is in no segment yet
        starts.append(len(waveform) - 12_000)
        weights.append(rest)
    pieces = [waveform[start : start + 12_000] for start in starts]
    with torch.no_grad():
        predictions = [
            model(**feature_extractor(piece, sampling_rate=RATE, return_tensors="pt")).logits[0].double().tolist()
            for piece in pieces
        ]
    mean = np.average(predictions, axis=0, weights=weights)
    std = np.sqrt(np.average((predictions - mean) ** 2, axis=0, weights=weights))
    high = ("valence" if mean[0] >= 5 else "", "arousal" if mean[1] >= 5 else "")
    names = {("valence", "arousal"): "Excited", ("valence", ""): "Calm", ("", "arousal"): "Distressed"}
    return {
        **dict(zip(("valence", "arousal", "valence_std", "arousal_std"), (*mean, *std))),
        "quadrant": names.get(high, "Sad"),
        "weights": weights,
        "segments": [
            {"start": start / RATE, "end": (start + len(piece)) / RATE, "valence": v, "arousal": a}
            for start, piece, (v, a) in zip(starts, pieces, predictions)
        ],
    }


@pytest.mark.parametrize("index", [0, 1, 2])
def test_predictions_equal_those_of_the_parts(music_emotion, model, feature_extractor, songs, index):
    expected = by_hand(model, feature_extractor, mono(songs[index]))
    result = music_emotion(songs[index])
    assert_same(result, expected)
    assert len(result["segments"]) == (5, 1, 2)[index]
    assert all(type(value) is float for value in numbers(result).tolist())
    if len(result["segments"]) > 2:  # the predictions differ
        assert np.ptp([segment["valence"] for segment in result["segments"]]) > 0.01


def test_overlap(music_emotion, model, feature_extractor, songs):
    expected = by_hand(model, feature_extractor, mono(songs[0]), hop_samples=4000)
    assert_same(music_emotion(songs[0], segment_hop_seconds=0.5), expected)
    prepared = pipeline("music-emotion", model=model, feature_extractor=feature_extractor, segment_hop_seconds=0.5)
    assert_same(prepared(songs[0]), expected)


def test_forms_of_a_song(music_emotion, songs):
    path = songs[0]
    expected = music_emotion(str(path))
    waveform, rate = soundfile.read(path, dtype="float32")
    with path.open("rb") as file:
        for song in (path, path.read_bytes(), file, io.BytesIO(path.read_bytes())):
            assert_same(music_emotion(song), expected, 0.0)
    for song in (
        {"path": str(path)},
        {"bytes": path.read_bytes()},
        {"bytes": path.read_bytes(), "path": "lost.wav"},
        {"bytes": None, "path": str(path)},
        {"array": waveform, "sampling_rate": rate},
        {"array": waveform.T, "sampling_rate": torch.tensor(rate)},
        {"raw": torch.from_numpy(waveform), "sampling_rate": rate},
        {"array": waveform.mean(axis=1).tolist(), "sampling_rate": rate},
        mono(path),
        torch.from_numpy(mono(path)),
        mono(path).astype(np.float64),
        np.stack([mono(path)] * 2),
    ):
        assert_same(music_emotion(song), expected)


def test_several_songs(music_emotion, songs):
    expected = [music_emotion(path) for path in songs]

    def assert_all_same(results, kind=None):
        assert kind is None or isinstance(results, kind)
        for result, one in zip(list(results), expected, strict=True):
            assert_same(result, one)

    paths = [str(path) for path in songs]
    assert_all_same(music_emotion(paths), list)
    assert_all_same(music_emotion(tuple(paths)), list)
    assert_all_same(music_emotion(path for path in paths))
    assert_all_same(music_emotion(paths, batch_size=1))
    assert_all_same(music_emotion(paths, batch_size=3))
    assert_all_same(music_emotion([songs[0].read_bytes(), {"array": mono(songs[1]), "sampling_rate": RATE}, paths[2]]))
    dataset = Dataset.from_dict({"path": paths, "audio": [{"array": mono(p), "sampling_rate": RATE} for p in songs]})
    assert_all_same(music_emotion(dataset["path"]))
    assert_all_same(music_emotion(dataset["audio"]))
    assert_all_same(music_emotion(KeyDataset(dataset, "path")))
    assert_all_same(music_emotion(KeyDataset(dataset, "path"), num_workers=1))
    assert_all_same(music_emotion(paths, num_workers=1), list)
    assert music_emotion([]) == []
    (result,) = music_emotion([songs[0]])
    assert_same(result, expected[0])


def test_generators_are_processed_as_a_stream(music_emotion, songs):
    """The first result does not wait for the end of the generator."""
    drawn = []

    def many():
        for i in range(100):
            drawn.append(i)
            yield songs[1]

    results = music_emotion(many(), batch_size=1)
    assert_same(next(iter(results)), music_emotion(songs[1]))
    assert len(drawn) < 10


def test_progress(music_emotion, songs, capsys):
    quiet = music_emotion(songs)
    assert "song" not in capsys.readouterr().err
    for result, expected in zip(music_emotion(songs, progress=True), quiet, strict=True):
        assert_same(result, expected)
    assert "3/3" in capsys.readouterr().err


def test_files_that_cannot_be_decoded(music_emotion, songs, tmp_path):
    (tmp_path / "text.mp3").write_text("no music" * 100)
    bad = [tmp_path / "text.mp3", tmp_path / "missing.wav", np.zeros(3000, np.float32)]
    for song, message in zip(
        bad, ("expected an audio file", "No such file", "at least 0.5 s of audio, but got 0.375 s")
    ):
        with pytest.raises(AudioError, match=message):
            music_emotion(song)
        assert message in music_emotion(song, on_error="return")["error"]
        with pytest.raises(AudioError, match=message):
            music_emotion([songs[0], song])
    mixed = [bad[0], songs[0], bad[1], bad[2], songs[2]]
    for batch_size in (1, 4):
        results = music_emotion(mixed, on_error="return", batch_size=batch_size)
        assert [list(result) == ["error"] for result in results] == [True, False, True, True, False]
        assert_same(results[1], music_emotion(songs[0]))
        assert_same(results[4], music_emotion(songs[2]))


def test_an_error_late_in_a_song_returns_no_partial_result(music_emotion, songs):
    waveform = chords(25.0, RATE)
    waveform[-100] = np.nan
    results = music_emotion([waveform, songs[0]], on_error="return", batch_size=2)
    assert "finite samples" in results[0]["error"]
    assert_same(results[1], music_emotion(songs[0]))


SECOND = np.zeros(RATE, np.float32)
FORM = 'Expected a dict with "bytes" or "path", or with a waveform'
TYPE = "Expected a path, URL, bytes, binary file or waveform, but got"
RATES = "expected a sampling rate from 1,000 to 1,000,000 Hz, but got"
BAD_SONGS = [
    (np.zeros((0, RATE), np.float32), "(0, 8000)"),
    (np.zeros((RATE, 0), np.float32), "(8000, 0)"),
    (np.zeros((1, 2, RATE), np.float32), "(1, 2, 8000)"),
    (np.array(0.5), "float64 of shape ()"),
    (SECOND.astype(complex), "complex128"),
    (SECOND.astype(object), "object"),
    (SECOND.astype(bool), "bool"),
    (SECOND.astype(str), "but got <U"),
    (SECOND.astype(np.int64), "int64"),
    (np.full(RATE, np.nan, np.float32), "finite samples"),
    (np.full(RATE, 1e300), "finite samples"),
    (torch.zeros(RATE, dtype=torch.bfloat16), "a dense tensor of float16, float32, float64, uint8, int8, int16, int32"),
    (torch.zeros(RATE, dtype=torch.complex64), "torch.complex64"),
    (torch.zeros(RATE).to_sparse(), "torch.sparse_coo"),
    (torch.zeros(RATE, device="meta"), "torch.float32, torch.strided, on meta"),
    ([[0.1, 0.2], [0.1]], "Expected a list of samples, but got [[0.1, 0.2], [0.1]]"),
    (["loud", "quiet"], "<U5 of shape (2,)"),
    ([0, 1, -1], "int64 of shape (3,)"),
    ([10**400], "object of shape (1,)"),
    ([], "(0,)"),
    (None, f"{TYPE} NoneType"),
    (5, f"{TYPE} int"),
    (io.StringIO("text"), f"{TYPE} StringIO"),
    (b"", "it is empty"),
    ("", "No such file"),
    ({}, f'{FORM} as "array" or "raw" and with "sampling_rate", but got {{}}.'),
    ({"audio": SECOND}, "{'audio': 'ndarray'}"),
    ({"array": SECOND}, "{'array': 'ndarray'}"),
    ({"raw": None, "sampling_rate": RATE}, "{'raw': 'NoneType', 'sampling_rate': 'int'}"),
    ({"array": "song.wav", "sampling_rate": RATE}, "{'array': 'str', 'sampling_rate': 'int'}"),
    ({"bytes": b"", "path": None}, "{'bytes': 'bytes', 'path': 'NoneType'}"),
    ({"path": 5}, "{'path': 'int'}"),
    ({"role": "user", "content": "song.wav"}, "{'role': 'str', 'content': 'str'}"),
    *(({"array": SECOND, "sampling_rate": rate}, f"{RATES} {rate!r}") for rate in ("8000", 0, -1, 1, 1e18)),
    *(({"array": SECOND, "sampling_rate": rate}, f"{RATES} {rate!r}") for rate in (float("nan"), float("inf"))),
]


@pytest.mark.parametrize(("song", "message"), BAD_SONGS, ids=[message for _, message in BAD_SONGS])
def test_songs_that_are_refused(music_emotion, songs, song, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        music_emotion([song])
    expected = music_emotion(songs[1])
    first, error, last = music_emotion([songs[1], song, songs[1]], on_error="return", batch_size=2)
    assert (first, last) == (expected, expected)
    assert list(error) == ["error"]
    assert message in error["error"]
    if not isinstance(song, list):  # which would be several songs
        assert message in music_emotion(song, on_error="return")["error"]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32])
def test_integer_samples_are_scaled_by_their_type(music_emotion, dtype):
    waveform, limits = chords(1.5, RATE), np.iinfo(dtype)
    middle = (limits.max + limits.min + 1) / 2  # 128 in unsigned 8 bits
    pcm = (waveform * (limits.max - middle) + middle).astype(dtype)
    expected = music_emotion(((pcm - middle) / (limits.max + 1 - middle)).astype(np.float32))
    for song in (pcm, torch.from_numpy(pcm), {"array": pcm, "sampling_rate": RATE}):
        assert_same(music_emotion(song), expected)


@pytest.mark.parametrize(
    ("bias", "message"),
    [(17.5, "expected ratings from -7 to 17, but got 17.5 at 0.0 s"), (-7.5, "-7.5"), (float("nan"), "nan at 0.0 s")],
)
def test_ratings_far_beyond_the_scale_are_errors(music_emotion, songs, bias, message):
    head = music_emotion.model.head.out_proj
    with torch.no_grad():
        head.weight.zero_()
        head.bias.copy_(torch.tensor([5.0, bias]))
    with pytest.raises(ValueError, match=f"a.wav: .*{message}"):
        music_emotion(songs[0])
    for result in music_emotion(songs, on_error="return"):
        assert list(result) == ["error"]
        assert message in result["error"]
    with torch.no_grad():
        head.bias.copy_(torch.tensor([16.9, -6.9]))  # off the scale, as a model that extrapolates may be
    assert music_emotion(songs[0])["valence"] == pytest.approx(16.9)


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_weights_that_are_not_finite_are_refused(model, feature_extractor, value):
    with torch.no_grad():
        model.ast_va.layers[1].mlp.fc1.weight[3, 5] = value
    with pytest.raises(ValueError, match=r"got 1 of 2048 in ast_va\.layers\.1\.mlp\.fc1\.weight that are not"):
        MusicEmotionPipeline(model=model, feature_extractor=feature_extractor)


def test_large_weights_are_finite(model, feature_extractor):
    with torch.no_grad():
        model.ast_va.layers[1].mlp.fc1.weight.fill_(3e38)  # the sum is not
    MusicEmotionPipeline(model=model, feature_extractor=feature_extractor)


@pytest.mark.parametrize(
    "settings",
    [{"sampling_rate": 7999}, {"segment_seconds": 1.0}, {"num_mel_bins": 40}, {"max_length": 64}, {"hop_length": 300}],
)
def test_a_feature_extractor_that_does_not_fit_is_refused_at_load(model, feature_extractor, settings, tmp_path):
    model.save_pretrained(tmp_path)
    type(feature_extractor)(**feature_extractor.to_dict() | settings).save_pretrained(tmp_path)
    ((name, value),) = settings.items()
    with pytest.raises(ValueError, match=f"Expected {name}=.* for the model, but got {value} from the feature"):
        pipeline(model=str(tmp_path))


@pytest.mark.parametrize("extractor", [None, ASTFeatureExtractor(num_mel_bins=40)])
def test_another_feature_extractor_is_refused(model, extractor):
    with pytest.raises(ValueError, match=f"an ASTVAFeatureExtractor, but got {type(extractor).__name__}"):
        MusicEmotionPipeline(model=model, feature_extractor=extractor)


@pytest.mark.parametrize("batch_size", [0, -1, 4097, 10**9, True, 2.0, "8"])
def test_batch_sizes_that_are_refused(model, feature_extractor, music_emotion, songs, batch_size):
    message = f"batch_size to be an integer from 1 to 4096, but got {batch_size!r}"
    with pytest.raises(ValueError, match=message):
        music_emotion(songs, batch_size=batch_size)
    with pytest.raises(ValueError, match=message):
        MusicEmotionPipeline(model=model, feature_extractor=feature_extractor, batch_size=batch_size)


def test_a_file_that_ends_early_has_a_warning(music_emotion, songs, tmp_path):
    path = tmp_path / "song.flac"
    soundfile.write(path, chords(9.0, RATE), RATE)
    (tmp_path / "cut.flac").write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    whole, cut = music_emotion([path, tmp_path / "cut.flac"])
    assert "warning" not in whole
    assert re.fullmatch(r"ends at [34]\.\d\d s of 9\.00 s", cut["warning"])
    assert list(cut)[-2:] == ["warning", "segments"]


def test_arguments_that_are_refused(music_emotion, songs):
    with pytest.raises(TypeError, match="top_k"):
        music_emotion(songs[0], top_k=1)
    with pytest.raises(ValueError, match=r"on_error.*'ignore'"):
        music_emotion(songs[0], on_error="ignore")
    for hop in (0.0, 2.0):
        with pytest.raises(ValueError, match=str(hop)):
            music_emotion(songs[0], segment_hop_seconds=hop)


def test_labels_are_found_by_name(config, feature_extractor, songs):
    def predict(**labels):
        torch.manual_seed(0)
        model = ASTVAForRegression(ASTVAConfig(**config.to_diff_dict() | labels)).eval()
        return pipeline("music-emotion", model=model, feature_extractor=feature_extractor)(songs[0])

    expected = predict()
    exchanged = predict(id2label={0: "arousal", 1: "valence"}, label2id={"arousal": 0, "valence": 1})
    assert (exchanged["valence"], exchanged["arousal"]) == (expected["arousal"], expected["valence"])
    with pytest.raises(ValueError, match="tension"):
        predict(id2label={0: "tension", 1: "energy"}, label2id={"tension": 0, "energy": 1})


def test_quadrants_are_split_at_the_middle_of_the_scale(config, feature_extractor, songs):
    config.label_range = (-1, 1)
    model = ASTVAForRegression(config).eval()
    with torch.no_grad():
        model.head.out_proj.weight.zero_()
        model.head.out_proj.bias.copy_(torch.tensor([0.1, -0.1]))
    assert pipeline("music-emotion", model=model, feature_extractor=feature_extractor)(songs[1])["quadrant"] == "Calm"


def test_half_precision(model, feature_extractor, songs):
    expected = by_hand(model, feature_extractor, mono(songs[0]))
    half = pipeline("music-emotion", model=model.to(torch.bfloat16), feature_extractor=feature_extractor)
    assert_same(half(songs[0]) | {"quadrant": expected["quadrant"]}, expected, tolerance=0.3)


def test_a_saved_pipeline_predicts_the_same(music_emotion, songs, tmp_path):
    music_emotion.save_pretrained(tmp_path)
    for name in ("preprocessor_config.json", "pipeline_ast_va.py", "audio_ast_va.py"):
        assert (tmp_path / name).is_file()
    # This package is imported, so `trust_remote_code` is not needed.
    for loaded in (pipeline("music-emotion", model=str(tmp_path)), pipeline(model=str(tmp_path))):
        assert type(loaded) is MusicEmotionPipeline
        assert_same(loaded(songs[0]), music_emotion(songs[0]), 0.0)


class Ensemble:
    """Folders of three models. The second has other statistics, the third another front end."""

    def __init__(self, folder: Path, config: ASTVAConfig, feature_extractor):
        self.models, self.addresses, self.extractors = [], [], []
        for seed, changes in enumerate(({}, {"mean": -30.0, "std": 15.0}, {"ref": 1.0, "n_fft": 1024})):
            torch.manual_seed(seed)
            self.models.append(ASTVAForRegression(config).eval())
            self.extractors.append(type(feature_extractor)(**feature_extractor.to_dict() | changes))
            self.addresses.append(folder / str(seed))
            save_hub_folder(self.models[-1], self.extractors[-1], self.addresses[-1])

    def by_hand(self, waveform: np.ndarray) -> dict:
        """Predictions of each model, averaged by numpy."""
        results = [by_hand(*parts, waveform) for parts in zip(self.models, self.extractors)]
        courses = [[[segment["valence"], segment["arousal"]] for segment in r["segments"]] for r in results]
        segments = np.mean(courses, axis=0)  # (num_segments, 2)
        weights = results[0]["weights"]
        mean = np.average(segments, axis=0, weights=weights)
        std = np.sqrt(np.average((segments - mean) ** 2, axis=0, weights=weights))
        spread = np.std([[result["valence"], result["arousal"]] for result in results], axis=0)
        suffixes = {"": mean, "_std": std, "_spread": spread, "_segments": segments.T}
        return {f"{d}{s}": v[i] for i, d in enumerate(("valence", "arousal")) for s, v in suffixes.items()}


def test_log_mels_are_normalised_and_predicted(model, feature_extractor):
    """The function that the pipeline and the evaluation share, with and without normalisation."""
    waveforms = [chords(1.5, RATE, seed=seed) for seed in range(2)]
    for do_normalize in (True, False):
        feature_extractor.do_normalize = do_normalize
        inputs = feature_extractor(waveforms, sampling_rate=RATE, return_tensors="pt")
        log_mels = feature_extractor(waveforms, sampling_rate=RATE, return_tensors="pt", do_normalize=False)
        with torch.no_grad():
            predictions = predict_log_mels(model, feature_extractor, log_mels["input_values"]).ratings
            torch.testing.assert_close(predictions, model(**inputs).logits, rtol=0, atol=0)
            half = predict_log_mels(model.bfloat16(), feature_extractor, log_mels["input_values"].bfloat16()).ratings
        assert (half.shape, half.dtype) == ((2, 2), torch.float32)
        model.float()


@pytest.fixture
def ensemble(config, feature_extractor, tmp_path) -> Ensemble:
    return Ensemble(tmp_path, config, feature_extractor)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_an_ensemble_is_the_average_of_its_models(ensemble, songs, batch_size):
    first, *others = ensemble.addresses
    together = pipeline("music-emotion", model=str(first), ensemble=others, batch_size=batch_size)
    for song, result in zip(songs, together(songs), strict=True):
        expected = ensemble.by_hand(mono(song))
        assert expected["valence_spread"] > 0.01
        for dimension in ("valence", "arousal"):
            given = [segment[dimension] for segment in result["segments"]]
            np.testing.assert_allclose(given, expected.pop(f"{dimension}_segments"), rtol=0, atol=TOLERANCE)
        assert {name: result[name] for name in expected} == pytest.approx(expected, abs=TOLERANCE)


def test_an_ensemble_decodes_once_and_shares_the_log_mel(ensemble, songs, monkeypatch):
    together = pipeline("music-emotion", model=str(ensemble.addresses[0]), ensemble=ensemble.addresses[1:])
    calls, extractor = [], type(together.feature_extractor)
    decoded, transformed = pipeline_ast_va.stream_segments, extractor.__call__

    def stream_segments(*args, **kwargs):
        calls.append("decode")
        return decoded(*args, **kwargs)

    def transform(self, *args, **kwargs):
        calls.append(self.ref)
        return transformed(self, *args, **kwargs)

    monkeypatch.setattr(pipeline_ast_va, "stream_segments", stream_segments)
    monkeypatch.setattr(extractor, "__call__", transform)
    together(songs[0])
    assert sorted(map(str, calls)) == ["1.0", "decode", "max"]  # three models, two front ends


@pytest.mark.parametrize(
    ("changes", "scale", "message"),
    [
        ({"segment_seconds": 1.0}, (1, 9), "same segment_seconds.*1.5 and 1.0"),
        ({"sampling_rate": 7999}, (1, 9), "same sampling_rate.*8000 and 7999"),
        ({}, (0, 1), r"same label_range.*\[1, 9\] and \[0, 1\]"),
    ],
)
def test_models_that_cannot_be_averaged_are_refused(
    model, feature_extractor, config, tmp_path, changes, scale, message
):
    config = ASTVAConfig(**config.to_diff_dict() | {"label_range": scale} | changes)
    save_hub_folder(
        ASTVAForRegression(config), type(feature_extractor)(**feature_extractor.to_dict() | changes), tmp_path
    )
    with pytest.raises(ValueError, match=message):
        MusicEmotionPipeline(model=model, feature_extractor=feature_extractor, ensemble=tmp_path)


def test_an_ensemble_cannot_be_saved(ensemble, tmp_path):
    together = pipeline("music-emotion", model=str(ensemble.addresses[0]), ensemble=ensemble.addresses[1:])
    with pytest.raises(ValueError, match="ensemble of 3"):
        together.save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


@pytest.mark.parametrize("hop", [None, 0.75])
def test_memory_does_not_grow_with_the_length(music_emotion, tmp_path, hop):
    def peak(seconds: int) -> int:
        path = tmp_path / "song.wav"
        with soundfile.SoundFile(path, "w", RATE, 1) as file:
            for _ in range(seconds // 30):
                file.write(chords(30.0, RATE))
        tracemalloc.start()
        result = music_emotion(path, segment_hop_seconds=hop)
        traced = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert result["segments"][-1]["end"] == seconds
        return traced

    peak(30)
    short, long = peak(30), peak(300)
    assert long < short + MIB  # the waveform of 300 s is 9.2 MiB
