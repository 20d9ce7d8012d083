# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from deam_folder import write_song

from modeling_ast_va import prediction
from modeling_ast_va.hub import save_hub_folder
from modeling_ast_va.prediction import SEGMENT_COLUMNS, SONG_COLUMNS, find_audio, load_pipeline, predict

ROOT = Path(__file__).parents[1]
SCRIPT = str(ROOT / "scripts" / "predict.py")
READERS = {".csv": pd.read_csv, ".jsonl": lambda path: pd.read_json(path, lines=True), ".parquet": pd.read_parquet}
NUM_SEGMENTS = {"a.mp3": 2, "b.MP3": 1, "rock/c.mp3": 3}  # of 1.5 s


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Three songs, one in a folder of its own, and a text file."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "rock").mkdir()
    for name, seconds in {"a.mp3": 2.5, "b.MP3": 1.2, "rock/c.mp3": 4.0}.items():
        write_song(folder / name, seconds, frequency=200 * seconds)
    (folder / "cover.txt").write_text("not music")
    return folder


@pytest.fixture
def saved(model, feature_extractor, tmp_path):
    save_hub_folder(model, feature_extractor, tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def no_model(monkeypatch):
    monkeypatch.setattr(prediction, "load_pipeline", lambda *args: pytest.fail("The model is loaded."))


def damage(library):
    damaged = library / "damaged.mp3"
    damaged.write_bytes(b"not music")
    return damaged


# Which files


def test_a_folder_is_searched_at_any_depth_in_a_stable_order(library):
    assert find_audio([library]) == [str(library / name) for name in NUM_SEGMENTS]
    assert find_audio([library / "rock", library]) == [str(library / name) for name in ("rock/c.mp3", "a.mp3", "b.MP3")]


def test_files_and_addresses_are_taken_as_they_are_each_once(library):
    text, url = str(library / "cover.txt"), "https://example.org/song?id=1"
    assert find_audio([url, text, Path(text), url]) == [url, text]


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "oga", "opus", "aiff", "aif", "MP3", "au", "w64", "caf"])
def test_endings_of_libsndfile_are_known(tmp_path, ending):
    (tmp_path / f"song.{ending}").touch()
    (tmp_path / f"not_{ending}").touch()
    (tmp_path / f"folder.{ending}").mkdir()
    assert find_audio([tmp_path]) == [str(tmp_path / f"song.{ending}")]


def test_missing_paths_and_folders_without_audio_are_refused(library, tmp_path):
    with pytest.raises(ValueError, match=r"there is no 'missing\.mp3'"):
        find_audio([library, "missing.mp3"])
    with pytest.raises(ValueError, match=f"found none in .*{tmp_path.name}"):
        find_audio([tmp_path])


# Tables


@pytest.mark.parametrize("ending", READERS)
def test_the_table_holds_what_the_pipeline_says_in_every_format(saved, library, tmp_path, ending, capsys):
    output = tmp_path / "new" / f"songs{ending}"
    table = predict(saved, [library], output, device="cpu")
    assert table.columns.tolist() == SONG_COLUMNS
    assert table["path"].tolist() == [str(library / name) for name in NUM_SEGMENTS]
    assert table["num_segments"].tolist() == list(NUM_SEGMENTS.values())
    assert table["error"].isna().all()
    music_emotion = load_pipeline(saved, device="cpu")
    for row in table.to_dict("records"):
        expected = music_emotion(row["path"])
        assert row["quadrant"] == expected["quadrant"]
        for name in ("valence", "arousal", "valence_std", "arousal_std"):
            assert row[name] == pytest.approx(expected[name], abs=1e-5)  # other batches
    assert table["valence"].nunique() == 3
    read = READERS[ending](output)
    pd.testing.assert_frame_equal(read, table, check_dtype=False, rtol=0, atol=1e-9)
    assert f"3 of 3 songs are in {output}; 0 could not be heard." in capsys.readouterr().out


@pytest.mark.parametrize("ending", READERS)
def test_the_course_over_time_has_a_row_a_segment(saved, library, tmp_path, ending):
    output = tmp_path / f"course{ending}"
    table = predict(saved, [library], output, segments=True, device="cpu")
    assert table.columns.tolist() == SEGMENT_COLUMNS
    assert table["path"].value_counts(sort=False).tolist() == list(NUM_SEGMENTS.values())
    assert table["start"].tolist() == [0.0, 1.5, 0.0, 0.0, 1.5, 3.0]
    songs = predict(saved, [library], tmp_path / "songs.csv", device="cpu").set_index("path")
    for path, course in table.groupby("path"):
        weighted = np.average(course["valence"], weights=course["end"] - course["start"])
        assert weighted == pytest.approx(songs.loc[path, "valence"], abs=1e-6)
    pd.testing.assert_frame_equal(READERS[ending](output), table, check_dtype=False, rtol=0, atol=1e-9)


def test_a_hop_makes_segments_overlap(saved, library, tmp_path):
    table = predict(
        saved,
        [library / "a.mp3"],
        tmp_path / "course.csv",
        segments=True,
        segment_hop_seconds=0.5,
        batch_size=1,
        device="cpu",
    )
    assert table["start"].tolist() == [0.0, 0.5, 1.0]


def test_files_that_cannot_be_heard_are_counted_and_keep_a_row_with_the_reason(
    saved, library, tmp_path, capsys, caplog
):
    damaged = damage(tmp_path)
    table = predict(saved, [library / "a.mp3", damaged, library / "b.MP3"], tmp_path / "songs.csv", device="cpu")
    assert table["path"].tolist() == [str(library / "a.mp3"), str(damaged), str(library / "b.MP3")]
    assert table["error"].isna().tolist() == [True, False, True]
    assert str(damaged) in table["error"][1]
    assert table["num_segments"].tolist() == [2, 0, 1]
    assert table.loc[1, ["valence", "arousal", "valence_std", "arousal_std", "quadrant"]].isna().all()
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "songs.csv"), table, check_dtype=False, atol=1e-9)
    assert "2 of 3 songs are in" in (printed := capsys.readouterr().out)
    assert "1 could not be heard" in printed
    assert [record.getMessage() for record in caplog.records if record.name == prediction.__name__] == [
        f"Not heard: {table['error'][1]}"
    ]


def test_nothing_that_can_be_heard_is_an_error_and_the_reasons_are_kept(saved, tmp_path):
    with pytest.raises(ValueError, match="Not one of 1 files could be heard"):
        predict(saved, [damage(tmp_path)], tmp_path / "songs.csv", device="cpu")
    assert pd.read_csv(tmp_path / "songs.csv")["error"].notna().all()
    with pytest.raises(ValueError, match="Not one of 1 files could be heard"):
        predict(saved, [tmp_path / "damaged.mp3"], tmp_path / "course.csv", segments=True, device="cpu")


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("output", ["songs.xlsx", "songs", "songs.csv.gz"])
def test_another_ending_is_refused_before_the_model_is_loaded(library, tmp_path, output):
    with pytest.raises(ValueError, match=f"ending in .csv, .jsonl, .parquet, but got '.*{output}'"):
        predict("missing", [library], tmp_path / output)


@pytest.mark.usefixtures("no_model")
def test_an_output_that_cannot_be_written_and_missing_songs_are_found_before_the_model_is_loaded(library, tmp_path):
    with pytest.raises(FileExistsError):
        predict("missing", [library], library / "cover.txt" / "songs.csv")
    with pytest.raises(ValueError, match="there is no"):
        predict("missing", [tmp_path / "missing.mp3"], tmp_path / "songs.csv")


# The script


def test_the_script_predicts_and_says_what_it_did(saved, library, tmp_path):
    output = tmp_path / "songs.csv"
    python_path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, SCRIPT, str(library), str(damage(tmp_path)), "--model", str(saved), "--output", str(output)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": python_path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "3 of 4 songs are in" in done.stdout
    assert f"WARNING modeling_ast_va.prediction: Not heard: {tmp_path / 'damaged.mp3'}" in done.stderr
    assert len(pd.read_csv(output)) == 4


@pytest.mark.parametrize("flags", [["--help"], ["song.mp3"], ["--model", "m", "--output", "o.csv"]])
def test_the_script_explains_itself(monkeypatch, capsys, flags):
    monkeypatch.setattr("sys.argv", [SCRIPT, *flags])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(SCRIPT, run_name="__main__")
    assert stopped.value.code == (0 if flags == ["--help"] else 2)
    printed = capsys.readouterr()
    assert "FILE_OR_FOLDER" in printed.out + printed.err
