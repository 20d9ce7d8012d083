# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Prediction over a data set: each form of it, with what cannot be rated, and where it is written."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from datasets import Audio, Dataset, DatasetDict, Features, Value, load_dataset, load_from_disk
from datasets import config as datasets_config
from deam_folder import write_song
from huggingface_hub import constants
from loopback_hub import LoopbackHub

from modeling_ast_va.cli import main
from modeling_ast_va.hub.folder import save_hub_folder
from modeling_ast_va.prediction import load_pipeline, predict_dataset
from modeling_ast_va.prediction.tables import song_columns

OF_FILES = ("path", "title", "artist", "album", "num_segments")
RATINGS = [name for name in song_columns() if name not in OF_FILES]


@pytest.fixture
def saved(model, feature_extractor, tmp_path) -> Path:
    save_hub_folder(model, feature_extractor, tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture(scope="module")
def music(tmp_path_factory) -> Path:
    """A folder of audio: three songs and a file that cannot be decoded."""
    folder = tmp_path_factory.mktemp("music")
    for i in range(3):
        write_song(folder / f"{i}.mp3", 0.7 + i, frequency=200 + 100 * i)
    (folder / "damaged.mp3").write_bytes(b"no music")
    return folder


@pytest.fixture
def encoded(music) -> Dataset:
    """The songs as encoded bytes in a column of the type `Audio`, with their names."""
    files = sorted(music.iterdir())
    songs = [{"bytes": file.read_bytes(), "path": file.name} for file in files]
    table = Dataset.from_dict({"audio": songs, "name": [file.name for file in files]})
    return table.cast(Features({"audio": Audio(), "name": Value("string")}))


def save_parquet(data, folder):
    data.to_parquet(str(folder / "songs.parquet"))
    return folder / "songs.parquet"


def save_parquet_folder(data, folder):
    save_parquet(data, folder)
    return folder


def save_to_disk(data, folder):
    data.save_to_disk(str(folder))
    return folder


def save_splits(data, folder):
    DatasetDict({"test": data.select([0]), "train": data}).save_to_disk(str(folder))
    return folder


def rows(data: Dataset) -> list[dict]:
    return data.with_format("arrow")[:].to_pylist()


def check(rated: Dataset, music: Path, saved: Path) -> None:
    """The ratings are those of the files, and the damaged one has the reason."""
    music_emotion = load_pipeline(saved, device="cpu")
    assert rated.column_names[-len(RATINGS) :] == RATINGS
    assert isinstance(rated.features["audio"], Audio)
    *songs, damaged = rows(rated)
    for i, song in enumerate(songs):
        expected = music_emotion(str(music / f"{i}.mp3"))
        assert song["valence"] == pytest.approx(expected["valence"], abs=1e-6)
        assert [song["quadrant"], song["warning"], song["error"]] == [expected["quadrant"], None, None]
    assert len({song["valence"] for song in songs}) == 3
    assert damaged["error"].startswith("expected an audio file, but ")
    assert [damaged[name] for name in RATINGS[:-1]] == [None] * (len(RATINGS) - 1)


@pytest.mark.parametrize("write", [save_parquet, save_parquet_folder, save_to_disk, save_splits])
def test_every_form_is_rated_without_torchcodec(saved, music, encoded, tmp_path, write, monkeypatch):
    monkeypatch.setattr("modeling_ast_va.prediction.datasets.SONGS_PER_WORKER", 1)  # two at a time
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    (tmp_path / "data").mkdir()
    data = write(encoded, tmp_path / "data")
    predict_dataset(saved, data, tmp_path / "rated", device="cpu", num_workers=2)
    rated = load_from_disk(tmp_path / "rated")
    check(rated, music, saved)
    assert [(row["audio"], row["name"]) for row in rows(rated)] == [
        (row["audio"], row["name"]) for row in rows(encoded)
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "model", "rated"]


def test_files_that_datasets_leaves_out_are_counted(saved, music, tmp_path, caplog):
    folder = tmp_path / "music"
    shutil.copytree(music, folder)
    for name in ("a.m4a", "b.m4a", "c.ac3", "notes.txt"):
        (folder / name).write_bytes(b"of a format that datasets does not know")
    predict_dataset(saved, folder, tmp_path / "rated", device="cpu")
    assert f"datasets leaves out audio files of {folder}: 1 .ac3, 2 .m4a" in caplog.text
    assert len(load_from_disk(tmp_path / "rated")) == 4


@pytest.mark.parametrize("flags", [[], ["--streaming"]])
def test_a_folder_of_audio_becomes_a_parquet_file(saved, music, tmp_path, flags, capsys, caplog, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    encode, output = Audio.encode_example, tmp_path / "rated.parquet"
    arguments = ["--dataset", str(music), "--output", str(output), "--model", str(saved), "--device", "cpu"]
    assert main(["predict", *arguments, *flags]) == 0
    check(Dataset.from_parquet(str(output)), music, saved)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        f"Songs in {output}: 4.",
        "Not rated, with the reason in the column error: 1. With a warning in the column warning: 0.",
    ]
    assert "Cannot be rated: row 3: expected an audio file" in caplog.text
    assert Audio.encode_example is encode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "rated.parquet"]


def test_a_column_of_paths_keeps_rows_without_a_file(saved, music, tmp_path):
    paths = [str(music / "0.mp3"), None, str(music / "missing.mp3"), f"file://{music}/1.mp3"]
    data = Dataset.from_dict({"song": paths}, features=Features({"song": Value("string")}))
    for given in (data, data.cast_column("song", Audio(decode=False))):
        output = tmp_path / type(given.features["song"]).__name__
        predict_dataset(saved, given, output, column="song", device="cpu", num_workers=1)
        rated = load_from_disk(output)
        assert [valence is None for valence in rated["valence"]] == [False, True, True, False]
        assert "No such file" in rated["error"][2]
    assert rows(rated)[2]["song"] == {"bytes": b"", "path": "missing.mp3"}


@pytest.fixture
def hub(monkeypatch):
    with LoopbackHub() as hub:
        for module, name, value in (
            (constants, "ENDPOINT", hub.address),
            (constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{hub.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"),
            (constants, "HF_HUB_OFFLINE", False),
            (constants, "HF_HUB_DISABLE_XET", True),
            (datasets_config, "HF_ENDPOINT", hub.address),
            (datasets_config, "HF_HUB_OFFLINE", False),
        ):
            monkeypatch.setattr(module, name, value)
        monkeypatch.setenv("HF_TOKEN", "hf_none")
        yield hub


def test_a_data_set_of_the_hub_is_rated_and_published(hub, saved, encoded, music, tmp_path, capsys):
    missing = Dataset.from_dict({"audio": ["missing.mp3"]}).cast_column("audio", Audio())
    with pytest.raises(ValueError, match="got none in 1 files"):
        predict_dataset(saved, missing, push_to_hub="me/missing", device="cpu")
    encoded.push_to_hub("me/songs", split="test")
    flags = ["--dataset", "me/songs", "--split", "test", "--model", str(saved), "--device", "cpu"]
    assert main(["predict", *flags, "--push_to_hub", "me/rated", "--private"]) == 0
    assert "Songs in me/rated: 4.\n" in capsys.readouterr().out
    assert hub.repositories["me/rated"].private
    check(load_dataset("me/rated", split="test"), music, saved)
    assert main(["predict", *flags, "--output", str(tmp_path / "streamed"), "--streaming"]) == 0
    check(load_from_disk(tmp_path / "streamed"), music, saved)


def test_nothing_that_can_be_rated_is_an_error_and_the_reasons_are_kept(saved, encoded, tmp_path):
    with pytest.raises(ValueError, match="got none in 1 files"):
        predict_dataset(saved, encoded.select([3]), tmp_path / "rated", device="cpu")
    assert load_from_disk(tmp_path / "rated")["error"][0].startswith("expected an audio file")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "test"}, "a split out of train of .*, but got 'test'"),
        ({"column": "sound"}, "a column out of audio, number, but got 'sound'"),
        ({"column": "number"}, r"a column of Audio, .*, but 'number' is of Value: Value\('int64'\)"),
        ({"dataset": "./missing"}, "a Hub id, folder or .parquet file, but './missing' does not exist"),
        ({"output": "."}, "a new folder or .parquet file, but '.' exists"),
        ({"push_to_hub": "me/a"}, "either output or push_to_hub"),
        ({"output": None}, "either output or push_to_hub, but got None and None"),
    ],
)
def test_what_cannot_work_is_refused_before_the_model_is_loaded(tmp_path, options, message):
    Dataset.from_dict({"audio": [b""], "number": [1]}).to_parquet(str(tmp_path / "songs.parquet"))
    arguments = {"dataset": tmp_path / "songs.parquet", "output": tmp_path / "new", **options}
    with pytest.raises(ValueError, match=message):
        predict_dataset("missing", **arguments)


def test_columns_of_the_same_names_are_refused(saved, encoded, tmp_path):
    data = encoded.add_column("valence", [5.0] * len(encoded))
    with pytest.raises(ValueError, match=r"without the columns .*, but got valence\. Rename them\."):
        predict_dataset(saved, data, tmp_path / "rated", device="cpu")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--dataset d", "either --output or --push_to_hub with --dataset"),
        ("--dataset d --output o --push_to_hub me/a", "either --output or --push_to_hub with --dataset"),
        ("--dataset d --output o a.mp3 --json", "a.mp3, --json: expected without --dataset only"),
        ("a.mp3 --split train --streaming", "--split, --streaming: expected together with --dataset only"),
        ("--dataset d --output o --private", "--private: expected together with --push_to_hub only"),
        ("--dataset d --push_to_hub a/b/c", "Expected repo_id"),
    ],
)
def test_flags_that_do_not_go_together(line, message, capsys):
    try:
        code = main(["predict", *line.split()])
    except SystemExit as stopped:
        code = stopped.code
    assert (code, message in capsys.readouterr().err) == (2, True)
