# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Prediction over a library: its tables do not depend on the number of threads, nor on interruptions."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from deam_folder import write_song

from modeling_ast_va import ASTVAForRegression
from modeling_ast_va.cli import main
from modeling_ast_va.hub.folder import save_hub_folder
from modeling_ast_va.pipeline_ast_va import MusicEmotionPipeline
from modeling_ast_va.prediction import load_pipeline, loading, predict
from modeling_ast_va.prediction import run as prediction
from modeling_ast_va.prediction import songs as song_lines
from modeling_ast_va.prediction.songs import predict_song
from modeling_ast_va.prediction.tables import COURSES, song_columns

READERS = {".csv": pd.read_csv, ".jsonl": lambda path: pd.read_json(path, lines=True), ".parquet": pd.read_parquet}
NUM_SEGMENTS = {"a.mp3": 2, "b.MP3": 1, "rock/c.mp3": 3}  # of 1.5 s
NUMBERS = ["valence", "arousal", "valence_std", "arousal_std"]
ROUNDING = 1e-6  # half a unit of the sixth decimal, in two numbers


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Three songs, one in a folder of its own, and a text file."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "rock").mkdir()
    for name, seconds in {"a.mp3": 2.5, "b.MP3": 1.2, "rock/c.mp3": 4.0}.items():
        write_song(folder / name, seconds, frequency=200 * seconds)
    (folder / "cover.txt").write_text("not music")
    return folder


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Seven short songs and a file that cannot be decoded."""
    folder = tmp_path_factory.mktemp("shelf")
    for i in range(7):
        write_song(folder / f"{i}.wav", 0.6 + 0.4 * i, frequency=150 + 90 * i)
    damage(folder)
    return folder


@pytest.fixture
def saved(model, feature_extractor, tmp_path):
    save_hub_folder(model, feature_extractor, tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def predicted(monkeypatch):
    """Names of the songs that are predicted, in order; the attribute `limit` stops the run after so many."""

    class Predicted(list):
        limit = None

    songs = Predicted()

    def spy(music_emotion, path, **options):
        if songs.limit is not None and len(songs) >= songs.limit:
            raise RuntimeError("interrupted")
        songs.append(Path(path).name)
        return predict_song(music_emotion, path, **options)

    monkeypatch.setattr(prediction, "predict_song", spy)
    return songs


@pytest.fixture
def copies(library, tmp_path):
    """A library of its own, to change: `0.mp3`, `1.mp3` and `2.mp3`."""
    folder = tmp_path / "copies"
    folder.mkdir()
    for i, name in enumerate(NUM_SEGMENTS):
        shutil.copy(library / name, folder / f"{i}.mp3")
    return folder


@pytest.fixture
def no_model(monkeypatch):
    monkeypatch.setattr(prediction, "load_raters", lambda *args: pytest.fail("The model is loaded."))


def damage(library):
    damaged = library / "damaged.mp3"
    damaged.write_bytes(b"not music")
    return damaged


def read(output: Path) -> pd.DataFrame:
    """The table; no other file than its journal may be left."""
    assert sorted(path.name for path in output.parent.glob(f"*{output.name}*")) == [
        output.name,
        f"{output.name}.journal",
    ]
    return READERS[output.suffix](output)


def interrupt(predicted, limit, *arguments, **options):
    """Run `predict` in one thread until so many songs are predicted."""
    predicted.limit = limit
    with pytest.raises(RuntimeError, match="interrupted"):
        predict(*arguments, device="cpu", num_workers=1, **options)
    predicted.limit = None
    done = list(predicted)
    predicted.clear()
    return done


# Tables


@pytest.mark.parametrize("ending", READERS)
def test_the_table_has_the_predictions_of_the_pipeline_in_every_format(saved, library, tmp_path, ending, capsys):
    output = tmp_path / "new" / f"songs{ending}"
    predict(saved, [library], output, device="cpu")
    table = read(output)
    assert table.columns.tolist() == list(song_columns())
    assert table["path"].tolist() == [str(library / name) for name in NUM_SEGMENTS]
    assert table["num_segments"].tolist() == list(NUM_SEGMENTS.values())
    assert table["error"].isna().all()
    music_emotion = load_pipeline(saved, device="cpu")
    for row in table.to_dict("records"):
        expected = music_emotion(row["path"])
        assert row["quadrant"] == expected["quadrant"]
        assert [row[name] for name in NUMBERS] == pytest.approx([expected[name] for name in NUMBERS], abs=ROUNDING)
    assert table["valence"].nunique() == 3
    printed = capsys.readouterr().out
    assert f"Songs in {output}: 3 (3 new, 0 changed, 0 kept; 0 removed).\nNot rated" in printed
    assert "Skipped 1 file that is not audio: 1 .txt." in printed


@pytest.mark.parametrize("ending", READERS)
def test_the_course_over_time_has_one_row_per_segment(saved, library, tmp_path, ending):
    output = tmp_path / f"course{ending}"
    predict(saved, [library], output, course="segments", device="cpu")
    table = read(output)
    assert table.columns.tolist() == list(COURSES["segments"])
    assert table["path"].value_counts(sort=False).tolist() == list(NUM_SEGMENTS.values())
    assert table["start"].round(1).tolist() == [0.0, 1.0, 0.0, 0.0, 1.5, 2.5]  # the last ends with the song
    predict(saved, [library], tmp_path / "songs.csv", device="cpu")
    songs = read(tmp_path / "songs.csv").set_index("path")
    for path, course in table.groupby("path"):
        weighted = np.average(course["valence"], weights=np.diff(course["end"], prepend=0))
        assert weighted == pytest.approx(songs.loc[path, "valence"], abs=ROUNDING)


def test_a_hop_makes_segments_overlap(saved, library, tmp_path):
    output = tmp_path / "course.csv"
    options = {"course": "segments", "segment_hop_seconds": 0.5, "batch_size": 1, "device": "cpu"}
    predict(saved, [library / "a.mp3"], output, **options)
    assert read(output)["start"].tolist() == [0.0, 0.5, 1.0]


def test_files_that_cannot_be_decoded_are_counted_and_keep_a_row_with_the_reason(
    saved, library, tmp_path, capsys, caplog
):
    damaged, output = damage(tmp_path), tmp_path / "songs.csv"
    predict(saved, [library / "a.mp3", damaged, library / "b.MP3"], output, device="cpu")
    table = read(output)
    assert table["path"].tolist() == [str(library / "a.mp3"), str(damaged), str(library / "b.MP3")]
    assert table["error"].isna().tolist() == [True, False, True]
    assert str(damaged) in table["error"][1]
    assert table["num_segments"].tolist() == [2, 0, 1]
    assert table.loc[1, [*NUMBERS, "quadrant"]].isna().all()
    assert "column error: 1. With a warning in the column warning: 0." in capsys.readouterr().out
    assert [record.getMessage() for record in caplog.records] == [f"Cannot be rated: {table['error'][1]}"]


def test_nothing_that_can_be_decoded_is_an_error_and_the_reasons_are_kept(saved, tmp_path):
    damaged = damage(tmp_path)
    for output, course in ((tmp_path / "songs.csv", None), (tmp_path / "course.csv", "segments")):
        with pytest.raises(ValueError, match="got none in 1 files"):
            predict(saved, [damaged], output, course=course, device="cpu")
        assert str(damaged) in read(output)["error"].item()


@pytest.mark.skipif(sys.platform != "linux", reason="file names of any bytes")
@pytest.mark.parametrize("ending", READERS)
def test_a_file_name_that_is_not_valid_text_is_written_with_its_bytes(saved, library, tmp_path, ending):
    songs = tmp_path / "songs"
    songs.mkdir()
    odd = os.path.join(os.fsencode(songs), b"caf\xe9.wav")
    Path(os.fsdecode(odd)).write_bytes(b"no music")
    predict(saved, [songs, library / "a.mp3"], tmp_path / f"table{ending}", device="cpu")
    assert read(tmp_path / f"table{ending}")["path"].tolist() == [f"{songs}/caf\\xe9.wav", str(library / "a.mp3")]


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("output", ["songs.xlsx", "songs", "songs.csv.gz", "folder.csv"])
def test_another_ending_is_refused_before_the_model_is_loaded(library, tmp_path, output):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ValueError, match=f"ending in .csv, .jsonl, .parquet, but got '.*{output}'"):
        predict("missing", [library], tmp_path / output)


@pytest.mark.usefixtures("no_model")
def test_an_output_that_cannot_be_written_and_missing_songs_are_found_before_the_model_is_loaded(library, tmp_path):
    with pytest.raises(FileExistsError):
        predict("missing", [library], library / "cover.txt" / "songs.csv")
    with pytest.raises(ValueError, match="does not exist"):
        predict("missing", [tmp_path / "missing.mp3"], tmp_path / "songs.csv")


# Ensembles


def test_an_ensemble_is_the_average_of_its_models_with_their_spread(
    saved, config, feature_extractor, library, tmp_path
):
    models = [saved]
    for seed in (1, 2):
        torch.manual_seed(seed)
        models.append(tmp_path / f"model_{seed}")
        feature_extractor.mean -= 10 * seed  # each split of the data has its own statistics
        save_hub_folder(ASTVAForRegression(config), feature_extractor, models[-1])
    tables = []
    for chosen in (models, *([model] for model in models)):
        predict(chosen, [library], tmp_path / "songs.csv", device="cpu")
        tables.append(read(tmp_path / "songs.csv").set_index("path"))
    ensemble, singles = tables[0], tables[1:]
    assert ["path", *ensemble.columns] == list(song_columns(num_models=3))
    for dimension in ("valence", "arousal"):
        by_model = np.stack([table[dimension] for table in singles])  # (models, songs)
        assert np.ptp(by_model, axis=0).min() > 0.01
        np.testing.assert_allclose(ensemble[dimension], by_model.mean(axis=0), rtol=0, atol=ROUNDING)
        np.testing.assert_allclose(ensemble[f"{dimension}_spread"], by_model.std(axis=0), rtol=0, atol=ROUNDING)


# Threads and interruptions


def test_the_table_does_not_depend_on_the_number_of_threads(saved, shelf, tmp_path, predicted):
    tables = set()
    for num_workers in (1, 4):
        predicted.clear()
        output = tmp_path / f"{num_workers}.csv"
        predict(saved, [shelf], output, num_workers=num_workers, device="cpu")
        assert sorted(predicted) == [*(f"{i}.wav" for i in range(7)), "damaged.mp3"]
        read(output)
        tables.add(output.read_bytes())
    assert len(tables) == 1


def test_an_interrupted_run_is_resumed_by_another_number_of_threads(saved, shelf, tmp_path, predicted, capsys):
    expected, output = tmp_path / "expected.csv", tmp_path / "songs.csv"
    predict(saved, [shelf], expected, course="segments", device="cpu")
    predicted.clear()
    done = interrupt(predicted, 2, saved, [shelf], output, course="segments")
    done += interrupt(predicted, 3, saved, [shelf], output, course="segments")
    predict(saved, [shelf], output, course="segments", device="cpu", num_workers=3)
    assert sorted(done + predicted) == [*(f"{i}.wav" for i in range(7)), "damaged.mp3"]
    assert f"5 of 8 songs are already in {output}.journal." in capsys.readouterr().out
    read(output)
    assert output.read_bytes() == expected.read_bytes()


def test_a_file_that_changed_is_predicted_again(saved, shelf, tmp_path, predicted):
    songs, output = tmp_path / "songs", tmp_path / "songs.csv"
    songs.mkdir()
    for i in range(5):
        (songs / f"{i}.wav").write_bytes((shelf / f"{i}.wav").read_bytes())
    interrupt(predicted, 4, saved, [songs], output)
    (songs / "1.wav").write_bytes((shelf / "6.wav").read_bytes())
    os.utime(songs / "2.wav", ns=(0, 0))  # the size stays
    predict(saved, [songs], output, device="cpu")
    assert sorted(predicted) == ["1.wav", "2.wav", "4.wav"]
    valence = read(output)["valence"]
    predict(saved, [shelf / f"{i}.wav" for i in (0, 6, 2, 3, 4)], output, device="cpu")
    assert valence.tolist() == read(output)["valence"].tolist()


def test_a_download_that_failed_is_tried_again(saved, shelf, tmp_path, predicted):
    output, url = tmp_path / "songs.csv", "http://127.0.0.1:9/song.mp3"  # nothing is served there
    interrupt(predicted, 1, saved, [url, shelf / "0.wav"], output)
    predict(saved, [url, shelf / "0.wav"], output, device="cpu")
    assert predicted == ["song.mp3", "0.wav"]
    assert "cannot be downloaded" in read(output)["error"][0]


def test_a_journal_of_another_model_or_other_settings_is_refused(
    saved, model, feature_extractor, shelf, tmp_path, predicted
):
    output = tmp_path / "songs.csv"
    interrupt(predicted, 2, saved, [shelf], output)
    other = tmp_path / "other"
    with torch.no_grad():
        model.head.out_proj.bias += 1
    save_hub_folder(model, feature_extractor, other)
    for chosen, options, difference in (
        (other, {}, "models"),
        ([saved, other], {}, "models"),
        (saved, {"course": "segments"}, "course None instead of segments"),
        (saved, {"coverage": 0.5}, "coverage 0.9 instead of 0.5"),
        (saved, {"segment_hop_seconds": 0.75}, "segment_hop_seconds None instead of 0.75"),
    ):
        with pytest.raises(ValueError, match=rf"songs\.csv\.journal' has .*{difference}.*delete"):
            predict(chosen, [shelf], output, device="cpu", **options)
    assert predicted == []
    copy = tmp_path / "copy"
    saved.rename(copy)  # the place of a model does not matter
    predict(copy, [shelf], output, device="cpu")
    assert len(predicted) == 6


@pytest.mark.usefixtures("no_model")
def test_a_launcher_and_a_number_of_workers_below_one_are_refused(library, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="num_workers of at least 1, but got 0"):
        predict("missing", [library], tmp_path / "songs.csv", num_workers=0)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match=r"single process, but got 2.*accelerate launch is for training"):
        predict("missing", [library], tmp_path / "songs.csv")


def test_each_accelerator_has_a_pipeline(saved, shelf, tmp_path, monkeypatch):
    devices = []

    def load(model, device, **options):
        devices.append(device)
        return load_pipeline(model, "cpu", **options)

    monkeypatch.setattr(loading, "load_pipeline", load)
    monkeypatch.setattr(loading, "accelerators", lambda: ["cuda:0", "cuda:1", "cuda:2"])
    tables = set()
    for num_workers, expected in ((None, 3), (2, 2)):
        devices.clear()
        output = tmp_path / f"{expected}.csv"
        predict(saved, [shelf], output, num_workers=num_workers)
        assert devices == [f"cuda:{i}" for i in range(expected)]
        tables.add(output.read_bytes())
    predict(saved, [shelf], tmp_path / "songs.csv", device="cpu")
    assert tables == {(tmp_path / "songs.csv").read_bytes()}


KILLED = """
import os, signal, sys
from modeling_ast_va.cli import main
from modeling_ast_va.prediction import journal

write = journal.Journal._write

def killed(self, content):
    position = write(self, content)
    if len(self.positions) == 3:
        with self.path.open("ab") as file:
            file.write(b'{"path": "')
        os.kill(os.getpid(), signal.SIGKILL)
    return position

journal.Journal._write = killed
main(["predict", *sys.argv[1:]])
"""


def test_a_killed_run_is_resumed(saved, shelf, tmp_path, predicted):
    expected, output = tmp_path / "expected.csv", tmp_path / "songs.csv"
    predict(saved, [shelf], expected, device="cpu")
    predicted.clear()
    arguments = ["--model", str(saved), str(shelf), "--output", str(output), "--num_workers", "1"]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not output.exists()
    predict(saved, [shelf], output, device="cpu")
    assert len(predicted) == 4  # the fourth line was whole too
    read(output)
    assert output.read_bytes() == expected.read_bytes()


def test_a_lock_of_a_killed_run_does_not_block(saved, shelf, tmp_path):
    output = tmp_path / "songs.csv"
    locking = "import sys, os, filelock; filelock.FileLock(sys.argv[1]).acquire(); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", locking, f"{output}.journal.lock"], timeout=60, check=False)
    assert Path(f"{output}.journal.lock").exists()
    predict(saved, [shelf / "0.wav"], output, device="cpu")
    read(output)


def test_control_c_ends_a_run_within_a_batch_and_says_what_is_kept(saved, tmp_path, capsys):
    songs, output, journal = tmp_path / "songs", tmp_path / "songs.csv", tmp_path / "songs.csv.journal"
    songs.mkdir()
    write_song(songs / "0.wav", 0.6)
    soundfile.write(songs / "1.wav", np.zeros(8000 * 3600), 8000)  # takes minutes with a step this short

    def interrupt_after_a_song():
        while not (journal.exists() and journal.read_bytes().count(b"\n") == 2):
            time.sleep(0.02)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    def waited_for():
        return {thread for thread in threading.enumerate() if not thread.daemon}

    threading.Thread(target=interrupt_after_a_song, daemon=True).start()
    arguments = ["--model", str(saved), str(songs), "--output", str(output), "--num_workers", "1", "--device", "cpu"]
    threads, start = waited_for(), time.monotonic()
    assert main(["predict", *arguments, "--segment_hop_seconds", "0.01"]) == 130
    assert time.monotonic() - start < 20
    assert waited_for() == threads
    errors = capsys.readouterr().err
    assert errors.endswith("\nInterrupted: 1 songs are kept; the same command continues.\n")
    assert "Traceback" not in errors
    assert not output.exists()


# Libraries that change


def test_a_second_run_rates_what_is_new_or_changed_and_drops_what_is_removed(
    saved, library, copies, tmp_path, predicted, capsys
):
    output = tmp_path / "songs.csv"
    predict(saved, [copies], output, device="cpu")
    table = output.read_bytes()
    predict(saved, [copies], output, device="cpu")
    assert sorted(predicted) == ["0.mp3", "1.mp3", "2.mp3"]
    assert output.read_bytes() == table
    predicted.clear()
    (copies / "0.mp3").unlink()
    shutil.copy(library / "rock" / "c.mp3", copies / "1.mp3")
    write_song(copies / "3.mp3", 0.8)
    capsys.readouterr()
    predict(saved, [copies], output, device="cpu")
    assert sorted(predicted) == ["1.mp3", "3.mp3"]
    assert "3 (1 new, 1 changed, 1 kept; 1 removed)" in capsys.readouterr().out
    changed = read(output)
    assert [Path(path).name for path in changed["path"]] == ["1.mp3", "2.mp3", "3.mp3"]
    assert changed.iloc[0, 1:].equals(changed.iloc[1, 1:].rename(0))
    predict(saved, [copies], tmp_path / "afresh.csv", device="cpu")
    assert output.read_bytes() == (tmp_path / "afresh.csv").read_bytes()


def test_a_finished_table_is_started_over_with_other_settings(saved, copies, tmp_path, predicted, caplog):
    output = tmp_path / "songs.csv"
    predict(saved, [copies], output, device="cpu")
    predict(saved, [copies], output, course="segments", device="cpu")
    assert len(predicted) == 6
    assert "All songs are predicted again: the finished table has course None instead of segments." in caplog.text
    assert read(output).columns.tolist() == list(COURSES["segments"])


def test_an_error_is_tried_again_where_ffmpeg_is_new_or_the_file_can_be_read(
    saved, copies, tmp_path, predicted, monkeypatch, capsys
):
    damage(copies)
    (copies / "list.m3u").write_text("missing.mp3\n")
    output, arguments = tmp_path / "songs.csv", [copies, copies / "list.m3u"]
    monkeypatch.setattr(song_lines, "find_ffmpeg", lambda: None)
    monkeypatch.setattr(prediction, "find_ffmpeg", lambda: None)
    predict(saved, arguments, output, device="cpu")
    assert "No such file" in read(output)["error"].iloc[-1]
    for ffmpeg, expected in ((None, ["missing.mp3"]), ("PyAV", ["damaged.mp3", "missing.mp3"])):
        monkeypatch.setattr(song_lines, "find_ffmpeg", lambda ffmpeg=ffmpeg: ffmpeg)
        monkeypatch.setattr(prediction, "find_ffmpeg", lambda ffmpeg=ffmpeg: ffmpeg)
        predicted.clear()
        capsys.readouterr()
        predict(saved, arguments, output, device="cpu")
        assert sorted(predicted) == expected
        assert f"0 changed, {len(expected)} tried again, {5 - len(expected)} kept" in capsys.readouterr().out


# Files that cannot be rated


def test_whatever_is_wrong_with_one_file_is_a_row(saved, copies, tmp_path, monkeypatch):
    (copies / "headerless.raw").write_bytes(bytes(4000))
    soundfile.write(copies / "loud.wav", np.full(16000, 1e37), 8000, subtype="FLOAT")
    os.mkfifo(copies / "pipe")
    (copies / "list.m3u").write_text("0.mp3\npipe\n")
    for name in ("broken_disk.mp3", "memory.mp3"):
        (copies / name).write_bytes(b"")
    call = MusicEmotionPipeline.__call__

    def fail(self, path, **options):
        if path.endswith("broken_disk.mp3"):
            raise OSError(5, "Input/output error")
        if path.endswith("memory.mp3"):
            raise MemoryError("Unable to allocate 1 TiB")
        return call(self, path, **options)

    monkeypatch.setattr(MusicEmotionPipeline, "__call__", fail)
    output = tmp_path / "songs.csv"
    predict(saved, [copies, copies / "list.m3u"], output, device="cpu")
    errors = {
        Path(row["path"]).name: row["error"] for row in read(output).to_dict("records") if row["error"] == row["error"]
    }
    assert errors.keys() == {"headerless.raw", "loud.wav", "pipe", "broken_disk.mp3", "memory.mp3"}
    for name, reason in (("broken_disk.mp3", "Input/output error"), ("memory.mp3", "1 TiB"), ("loud.wav", "1e+37")):
        assert reason in errors[name]
    monkeypatch.undo()
    predict(saved, [copies, copies / "list.m3u"], output, device="cpu")  # what was no fault of the file is tried again
    again = read(output).set_index("path")["error"]
    assert all("it is empty" in again[str(copies / name)] for name in ("broken_disk.mp3", "memory.mp3"))


def test_a_file_without_permission_says_so(saved, copies, tmp_path, monkeypatch, predicted):
    real_open, real_access = open, os.access

    def refuse(file, *arguments, **options):  # a superuser can read every file
        if file == str(copies / "1.mp3"):
            raise PermissionError(13, "Permission denied", file)
        return real_open(file, *arguments, **options)

    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr(os, "access", lambda path, mode: path != str(copies / "1.mp3") and real_access(path, mode))
    output = tmp_path / "songs.csv"
    predict(saved, [copies], output, device="cpu")
    assert "Permission denied" in read(output)["error"][1]
    predicted.clear()
    monkeypatch.undo()
    predict(saved, [copies], output, device="cpu")
    assert read(output)["error"].isna().all()


def test_a_file_that_ends_early_has_a_warning(saved, copies, tmp_path, capsys, caplog):
    soundfile.write(copies / "whole.wav", np.random.default_rng(0).normal(scale=0.1, size=40_000), 8000)
    (copies / "early.wav").write_bytes((copies / "whole.wav").read_bytes()[:48_044])
    output = tmp_path / "songs.jsonl"
    predict(saved, [copies / "early.wav"], output, device="cpu")
    assert read(output)["warning"].tolist() == ["ends at 3.00 s of 5.00 s"]
    assert "column warning: 1." in capsys.readouterr().out
    assert "early.wav ends at 3.00 s of 5.00 s" in caplog.text
    predict(saved, [copies / "early.wav"], output, course="segments", device="cpu")
    assert read(output)["warning"].tolist() == ["ends at 3.00 s of 5.00 s"] * 2


def test_an_output_folder_that_vanishes_is_named_within_a_song(saved, copies, tmp_path, monkeypatch):
    folder, done = tmp_path / "out", []
    for i in range(3, 10):
        shutil.copy(copies / "0.mp3", copies / f"{i}.mp3")

    def vanish(music_emotion, path, **options):
        done.append(path)
        shutil.rmtree(folder, ignore_errors=True)
        return predict_song(music_emotion, path, **options)

    monkeypatch.setattr(prediction, "predict_song", vanish)
    with pytest.raises(FileNotFoundError, match=r"out/songs\.csv\.journal', but it or its folder has been removed"):
        predict(saved, [copies], folder / "songs.csv", num_workers=1, device="cpu")
    assert len(done) <= 3  # two are taken in advance


# Plots


def test_the_course_of_one_song_is_plotted_beside_its_row(saved, library, tmp_path, monkeypatch):
    predict(saved, [library / "rock"], tmp_path / "songs.csv", plot=tmp_path / "course.png", device="cpu")
    assert (tmp_path / "course.png").read_bytes().startswith(b"\x89PNG")
    assert read(tmp_path / "songs.csv").columns.tolist() == list(song_columns())
    monkeypatch.setattr(prediction, "load_raters", lambda *args: pytest.fail("The model is loaded."))
    with pytest.raises(ValueError, match="single song to plot, but got 3"):
        predict(saved, [library], tmp_path / "songs.csv", plot=tmp_path / "course.png")
