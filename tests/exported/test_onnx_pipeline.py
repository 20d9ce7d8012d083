# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Songs in onnxruntime: the results of the pipeline (1e-4), when it is used, and that torch is not imported for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
import soundfile
from music import chords
from onnx_models import RATE, SEGMENT_SECONDS, save_small_model

from modeling_ast_va import processes
from modeling_ast_va.exported import OnnxPipeline
from modeling_ast_va.hub.files import CONFIG_FILE, ONNX_FILE
from modeling_ast_va.prediction import load_pipeline, loading, predict
from modeling_ast_va.prediction.loading import fingerprints, load_rater, load_raters

pytestmark = pytest.mark.usefixtures("few_descriptors")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Songs of whole segments, with a rest, with one that is too short to count, and of less than a segment."""
    library = tmp_path_factory.mktemp("library")
    for index, seconds in enumerate((6.0, 7.9, 4.6, 0.9)):
        soundfile.write(library / f"{index}.wav", chords(seconds, 22_050, seed=index, num_channels=2), 22_050)
    return library


@pytest.fixture(scope="module")
def in_torch(folder, few_descriptors):
    return load_pipeline(folder, device="cpu")


def assert_same_result(result, expected):
    assert list(result) == list(expected)
    for name, value in expected.items():
        if name in ("segments", "frames"):
            pd.testing.assert_frame_equal(pd.DataFrame(result[name]), pd.DataFrame(value), atol=1e-4)
        elif isinstance(value, str):
            assert result[name] == value
        else:  # percentiles change by 25 for a point of arousal
            np.testing.assert_allclose(result[name], value, atol=25e-4 if "percentile" in name else 1e-4)


@pytest.mark.parametrize("options", [{}, {"frames": True, "coverage": 0.5}, {"segment_hop_seconds": 0.4}])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_results_are_those_of_the_pipeline(exported, in_torch, library, options, batch_size):
    in_onnxruntime = OnnxPipeline(exported, batch_size)
    for path in sorted(library.iterdir()):
        assert_same_result(in_onnxruntime(str(path), **options), in_torch(str(path), **options))


FORMS = {
    "array": lambda waveform: waveform,
    "dict": lambda waveform: {"array": waveform, "sampling_rate": 16_000},
    "pcm": lambda waveform: (waveform * 2**15).astype(np.int16),
}


@pytest.mark.parametrize("form", FORMS)
def test_waveforms_in_the_forms_of_the_pipeline(exported, in_torch, form):
    song = FORMS[form](chords(4.0, RATE, seed=1).astype(np.float32))
    assert_same_result(OnnxPipeline(exported)(song), in_torch(song))


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_silence_and_a_constant(exported, in_torch, value):
    waveform = np.full(4 * RATE, value, np.float32)
    result, expected = OnnxPipeline(exported)(waveform), in_torch(waveform)
    assert [result["valence"], result["arousal"]] == pytest.approx([expected["valence"], expected["arousal"]], abs=2e-3)


def test_a_file_that_ends_early_has_its_warning(exported, in_torch, library, tmp_path):
    path = tmp_path / "cut.wav"
    path.write_bytes((library / "1.wav").read_bytes()[:-100_000])
    result = OnnxPipeline(exported, batch_size=16)(str(path))
    assert "ends at" in result["warning"]
    assert_same_result(result, in_torch(str(path)))


def test_songs_that_cannot_be_rated(exported, in_torch, tmp_path):
    in_onnxruntime = OnnxPipeline(exported)
    (tmp_path / "song.mp3").write_bytes(b"not music")
    for song in (str(tmp_path / "song.mp3"), np.zeros(100, np.float32), np.full(RATE, np.nan, np.float32), 7):
        error = in_onnxruntime(song, on_error="return")["error"]
        assert error == in_torch(song, on_error="return")["error"]
        with pytest.raises((ValueError, TypeError)) as caught:
            in_onnxruntime(song)
        assert str(caught.value) == error
    with pytest.raises(ValueError, match="hop_seconds in"):
        in_onnxruntime("song.mp3", on_error="return", segment_hop_seconds=SEGMENT_SECONDS + 1)
    with pytest.raises(ValueError, match=r"coverage from 0\.01 to 0\.99, but got 2"):
        in_onnxruntime(np.zeros(RATE, np.float32), coverage=2)


def test_a_damaged_model_is_an_error_of_the_song(tmp_path, monkeypatch, exported):
    in_onnxruntime = OnnxPipeline(exported)
    monkeypatch.setattr(in_onnxruntime._settings, "label_range", (100, 101))
    assert "the model is damaged" in in_onnxruntime(np.zeros(RATE, np.float32), on_error="return")["error"]


def test_another_file_is_refused(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(ValueError, match=r"a file that ast-va export of this version wrote in .*model\.onnx"):
        OnnxPipeline(tmp_path / "model.onnx")


# When it is used


@pytest.fixture
def model(folder, tmp_path):
    """A copy of the folder, to change."""
    return shutil.copytree(folder, tmp_path / "model")


@pytest.mark.parametrize(
    ("options", "is_used"),
    [
        ({}, True),
        ({"device": None}, True),
        ({"dtype": "bfloat16"}, False),
    ],
)
def test_the_file_is_used_for_one_model_on_the_cpu_in_single_precision(model, monkeypatch, options, is_used):
    monkeypatch.setattr(loading, "may_have_accelerators", lambda: False)
    options = {"device": "cpu", "batch_size": None, "dtype": "float32"} | options
    for given, expected in ((model, is_used), (str(model), is_used), ([model], is_used), ([model, model], False)):
        raters, num_workers = load_raters(given, 3, **options)
        assert [isinstance(rater, OnnxPipeline) for rater in raters] == [expected]
        assert num_workers == 3
    (model / ONNX_FILE).unlink()
    assert not isinstance(load_rater(model), OnnxPipeline)


def test_a_machine_with_accelerators_uses_them(model, monkeypatch):
    monkeypatch.setattr(loading, "may_have_accelerators", lambda: True)
    monkeypatch.setattr(loading, "accelerators", lambda: ["cpu"])  # there is no other here
    assert not isinstance(load_rater(model), OnnxPipeline)
    assert isinstance(load_rater(model, "cpu"), OnnxPipeline)
    monkeypatch.setattr(loading, "accelerators", lambda: [])
    assert isinstance(load_rater(model), OnnxPipeline)


@pytest.mark.parametrize(
    ("version", "platform", "files", "expected"),
    [
        ("2.13.0+cpu", "linux", {"/dev/nvidiactl"}, False),
        ("2.13.0", "linux", set(), False),
        ("2.13.0", "linux", {"/dev/nvidiactl"}, True),
        ("2.13.0+rocm6.4", "linux", {"/dev/kfd"}, True),
        ("2.13.0", "darwin", set(), True),
    ],
)
def test_accelerators_are_looked_for_where_there_may_be_some(monkeypatch, version, platform, files, expected):
    monkeypatch.setattr("modeling_ast_va.processes.metadata.version", lambda name: version)
    monkeypatch.setattr("modeling_ast_va.processes.sys.platform", platform)
    monkeypatch.setattr("modeling_ast_va.processes.os.path.exists", lambda path: path in files)
    assert processes.may_have_accelerators() == expected


def test_the_file_of_other_weights_or_settings_is_not_used_and_that_is_said(model, caplog):
    save_small_model(model, seed=1)
    assert not isinstance(load_rater(model), OnnxPipeline)
    expected = f"{model / ONNX_FILE} is of another model.safetensors, and is not used. Export the model again: "
    assert caplog.messages == [f"{expected}ast-va export --model {model} --output {model / ONNX_FILE}"]
    save_small_model(model, seed=0, error_correlation=0.5)
    assert not isinstance(load_rater(model), OnnxPipeline)
    assert f"is of another {CONFIG_FILE}, and" in caplog.messages[-1]


def test_the_fingerprint_is_that_of_the_model_in_torch(folder, in_torch):
    assert fingerprints(load_rater(folder)) == fingerprints(in_torch)


@pytest.mark.parametrize("course", [None, "segments", "frames"])
def test_tables_are_the_same_for_any_number_of_threads_and_those_of_torch(folder, model, library, tmp_path, course):
    tables = set()
    for num_workers in (1, 3):
        predict(folder, [library], output := tmp_path / f"{num_workers}.csv", num_workers=num_workers, course=course)
        tables.add(output.read_bytes())
    assert len(tables) == 1
    (model / ONNX_FILE).unlink()
    predict(model, [library], in_torch := tmp_path / "torch.csv", device="cpu", course=course)
    pd.testing.assert_frame_equal(pd.read_csv(output), pd.read_csv(in_torch), atol=25e-4, check_dtype=False)


def test_a_song_in_work_ends_at_its_next_batch(exported):
    rater, stopped = OnnxPipeline(exported, batch_size=1), threading.Event()
    loading.stop_between_batches([rater], stopped)
    song = chords(4.0, RATE).astype(np.float32)
    assert len(rater(song)["segments"]) == 3
    stopped.set()
    with pytest.raises(KeyboardInterrupt):
        rater(song)


def test_neither_torch_nor_transformers_is_imported(folder, library, tmp_path):
    program = (
        "import sys; from modeling_ast_va.cli import main; from modeling_ast_va.prediction import loading; "
        "loading.may_have_accelerators = lambda: False; "
        f"assert main(['predict', '--model', {str(folder)!r}, {str(library)!r}, "
        f"'--output', {str(tmp_path / 'songs.csv')!r}]) == 0; "
        "print(sorted({'torch', 'transformers', 'pandas', 'scipy', 'librosa'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"
    assert len(pd.read_csv(tmp_path / "songs.csv")) == 4
