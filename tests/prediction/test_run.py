# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Prediction over a library: its tables, and that they are the same for any number of processes and after any end."""

import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from deam_folder import write_song

from modeling_ast_va import ASTVAForRegression
from modeling_ast_va.hub.folder import save_hub_folder
from modeling_ast_va.prediction import run as prediction
from modeling_ast_va.prediction.audio_files import find_audio
from modeling_ast_va.prediction.run import (
    SEGMENT_COLUMNS,
    hear,
    in_threads,
    load_pipeline,
    predict,
    song_columns,
    split_models,
)
from modeling_ast_va.processes import Process, this_process

ROOT = Path(__file__).parents[2]
SCRIPT = str(ROOT / "scripts" / "predict.py")
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
    """Seven short songs and a file that is none."""
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
def heard(monkeypatch):
    """Names of the songs that are heard, in order; a number set as its `limit` stops the run before the next one."""

    class Heard(list):
        limit = None

    songs = Heard()

    def spy(music_emotion, path, **options):
        if songs.limit is not None and len(songs) >= songs.limit:
            raise RuntimeError("The power is gone.")
        songs.append(Path(path).name)
        return hear(music_emotion, path, **options)

    monkeypatch.setattr(prediction, "hear", spy)
    return songs


@pytest.fixture
def as_process(monkeypatch):
    """Makes this process one of several, which do not wait for each other."""
    monkeypatch.setattr(Process, "meet", lambda self: None)

    def set_process(index, count):
        monkeypatch.setattr(prediction, "this_process", lambda: Process(index, count, index, count))

    return set_process


@pytest.fixture
def no_model(monkeypatch):
    monkeypatch.setattr(prediction, "load_pipeline", lambda *args: pytest.fail("The model is loaded."))


def damage(library):
    damaged = library / "damaged.mp3"
    damaged.write_bytes(b"not music")
    return damaged


def read(output: Path) -> pd.DataFrame:
    """The table, of which no part may be left."""
    assert sorted(path.name for path in output.parent.glob(f"*{output.name}*")) == [output.name]
    return READERS[output.suffix](output)


def interrupt(heard, limit, *arguments, **options):
    """Runs `predict` in one thread until so many songs are heard."""
    heard.limit = limit
    with pytest.raises(RuntimeError, match="power"):
        predict(*arguments, device="cpu", num_workers=1, **options)
    heard.limit = None
    done = list(heard)
    heard.clear()
    return done


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
    assert f"3 of 3 songs are in {output}; 0 could not be heard." in capsys.readouterr().out


@pytest.mark.parametrize("ending", READERS)
def test_the_course_over_time_has_a_row_a_segment(saved, library, tmp_path, ending):
    output = tmp_path / f"course{ending}"
    predict(saved, [library], output, segments=True, device="cpu")
    table = read(output)
    assert table.columns.tolist() == list(SEGMENT_COLUMNS)
    assert table["path"].value_counts(sort=False).tolist() == list(NUM_SEGMENTS.values())
    assert table["start"].tolist() == [0.0, 1.5, 0.0, 0.0, 1.5, 3.0]
    predict(saved, [library], tmp_path / "songs.csv", device="cpu")
    songs = read(tmp_path / "songs.csv").set_index("path")
    for path, course in table.groupby("path"):
        weighted = np.average(course["valence"], weights=course["end"] - course["start"])
        assert weighted == pytest.approx(songs.loc[path, "valence"], abs=ROUNDING)


def test_a_hop_makes_segments_overlap(saved, library, tmp_path):
    output = tmp_path / "course.csv"
    options = {"segments": True, "segment_hop_seconds": 0.5, "batch_size": 1, "device": "cpu"}
    predict(saved, [library / "a.mp3"], output, **options)
    assert read(output)["start"].tolist() == [0.0, 0.5, 1.0]


def test_files_that_cannot_be_heard_are_counted_and_keep_a_row_with_the_reason(
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
    assert "2 of 3 songs are in" in (printed := capsys.readouterr().out)
    assert "1 could not be heard" in printed
    assert [record.getMessage() for record in caplog.records if record.name == prediction.__name__] == [
        f"Not heard: {table['error'][1]}"
    ]


def test_nothing_that_can_be_heard_is_an_error_and_the_reasons_are_kept(saved, tmp_path):
    damaged = damage(tmp_path)
    for output, segments in ((tmp_path / "songs.csv", False), (tmp_path / "course.csv", True)):
        with pytest.raises(ValueError, match="Not one of 1 files could be heard"):
            predict(saved, [damaged], output, segments=segments, device="cpu")
    assert read(tmp_path / "songs.csv")["error"].notna().all()


@pytest.mark.skipif(sys.platform != "linux", reason="file names of any bytes")
@pytest.mark.parametrize("ending", READERS)
def test_a_name_that_is_no_text_spoils_no_table(saved, library, tmp_path, ending):
    songs = tmp_path / "songs"
    songs.mkdir()
    odd = os.path.join(os.fsencode(songs), b"caf\xe9.wav")
    Path(os.fsdecode(odd)).write_bytes(b"no music")
    predict(saved, [songs, library / "a.mp3"], tmp_path / f"table{ending}", device="cpu")
    assert read(tmp_path / f"table{ending}")["path"].tolist() == [f"{songs}/caf\ufffd.wav", str(library / "a.mp3")]


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
    with pytest.raises(ValueError, match="there is no"):
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


# Several processes and interruptions


def test_the_table_is_the_same_for_any_number_of_processes_and_threads(saved, shelf, tmp_path, as_process, heard):
    tables = set()
    for count, num_workers in ((1, 1), (1, 4), (3, 2), (11, 1)):
        heard.clear()
        for index in range(count):
            assert not (tmp_path / "songs.csv").exists()
            as_process(index, count)
            predict(saved, [shelf], tmp_path / "songs.csv", num_workers=num_workers, device="cpu")
        assert sorted(heard) == [*(f"{i}.wav" for i in range(7)), "damaged.mp3"]
        read(tmp_path / "songs.csv")
        tables.add((tmp_path / "songs.csv").read_bytes())
        (tmp_path / "songs.csv").unlink()
    assert len(tables) == 1


def test_an_interrupted_run_is_resumed_by_another_number_of_processes(
    saved, shelf, tmp_path, as_process, heard, capsys
):
    expected, output = tmp_path / "expected.csv", tmp_path / "songs.csv"
    predict(saved, [shelf], expected, segments=True, device="cpu")
    heard.clear()
    as_process(1, 2)  # the other one dies before it hears anything
    done = interrupt(heard, 2, saved, [shelf], output, segments=True)
    as_process(0, 1)
    done += interrupt(heard, 3, saved, [shelf], output, segments=True)
    for index in range(3):
        as_process(index, 3)
        predict(saved, [shelf], output, segments=True, device="cpu")
    assert sorted(done + heard) == [*(f"{i}.wav" for i in range(7)), "damaged.mp3"]
    assert "songs were heard before" in capsys.readouterr().out
    read(output)
    assert output.read_bytes() == expected.read_bytes()


def test_a_process_that_died_holds_nobody_up_and_its_songs_are_not_lost(saved, shelf, tmp_path, as_process, heard):
    output = tmp_path / "songs.csv"
    for _ in range(2):  # the second time there is nothing to do
        as_process(0, 2)
        predict(saved, [shelf], output, device="cpu")
        assert not output.exists()
    assert len(heard) == 4
    predict(saved, [shelf], tmp_path / "other.csv", device="cpu")  # another table is not concerned
    as_process(1, 2)
    predict(saved, [shelf], output, device="cpu")
    assert len(read(output)) == 8


@pytest.mark.parametrize("torn", [b'{"path": "0.wav", "vers', b"\0\0\0\n", b"[1]\n", b""])
def test_half_a_line_is_no_song(saved, shelf, tmp_path, heard, torn):
    expected, output = tmp_path / "expected.csv", tmp_path / "songs.csv"
    predict(saved, [shelf], expected, device="cpu")
    heard.clear()
    done = interrupt(heard, 3, saved, [shelf], output)
    part = tmp_path / "songs.csv.parts" / "part-00000.jsonl"
    part.write_bytes(part.read_bytes() + torn)
    done += interrupt(heard, 2, saved, [shelf], output)
    *_, last = part.read_bytes().splitlines()
    part.write_bytes(part.read_bytes()[:-20])  # half of the last song, which counts no more
    done.remove(Path(json.loads(last)["path"]).name)
    predict(saved, [shelf], output, device="cpu")
    assert sorted(done + heard) == [*(f"{i}.wav" for i in range(7)), "damaged.mp3"]
    read(output)
    assert output.read_bytes() == expected.read_bytes()


def test_a_part_whose_first_line_is_torn_holds_no_song(saved, shelf, tmp_path, heard):
    output = tmp_path / "songs.csv"
    interrupt(heard, 1, saved, [shelf], output)
    part = tmp_path / "songs.csv.parts" / "part-00000.jsonl"
    part.write_bytes(part.read_bytes()[:30])
    predict(saved, [shelf], output, device="cpu")
    assert len(heard) == len(read(output)) == 8


def test_a_file_that_changed_is_heard_again(saved, shelf, tmp_path, heard):
    songs, output = tmp_path / "songs", tmp_path / "songs.csv"
    songs.mkdir()
    for i in range(5):
        (songs / f"{i}.wav").write_bytes((shelf / f"{i}.wav").read_bytes())
    interrupt(heard, 4, saved, [songs], output)
    (songs / "1.wav").write_bytes((shelf / "6.wav").read_bytes())
    os.utime(songs / "2.wav", ns=(0, 0))  # another file of the same size, and older
    predict(saved, [songs], output, device="cpu")
    assert sorted(heard) == ["1.wav", "2.wav", "4.wav"]
    valence = read(output)["valence"]
    predict(saved, [shelf / f"{i}.wav" for i in (0, 6, 2, 3, 4)], output, device="cpu")
    assert valence.tolist() == read(output)["valence"].tolist()


def test_a_download_that_failed_is_tried_again(saved, shelf, tmp_path, heard, monkeypatch):
    output, url = tmp_path / "songs.csv", "http://127.0.0.1:9/song.mp3"  # nobody listens there
    interrupt(heard, 1, saved, [url, shelf / "0.wav"], output)
    predict(saved, [url, shelf / "0.wav"], output, device="cpu")
    assert heard == ["song.mp3", "0.wav"]
    assert read(output)["error"].str.contains("cannot be downloaded").tolist()[0]


def test_parts_of_another_model_or_other_settings_are_refused(saved, model, feature_extractor, shelf, tmp_path, heard):
    output = tmp_path / "songs.csv"
    interrupt(heard, 2, saved, [shelf], output)
    other = tmp_path / "other"
    with torch.no_grad():
        model.head.out_proj.bias += 1
    save_hub_folder(model, feature_extractor, other)
    for chosen, options, said in (
        (other, {}, "models"),
        ([saved, other], {}, "models"),
        (saved, {"segments": True}, "segments False in place of True"),
        (saved, {"segment_hop_seconds": 0.75}, "segment_hop_seconds None in place of 0.75"),
    ):
        with pytest.raises(ValueError, match=rf"songs\.csv\.parts holds an unfinished run with .*{said}.*delete"):
            predict(chosen, [shelf], output, device="cpu", **options)
    assert heard == []
    copy = tmp_path / "copy"
    saved.rename(copy)  # the same model is the same wherever it lies
    predict(copy, [shelf], output, device="cpu")
    assert len(heard) == 6


def test_as_many_songs_are_under_way_as_there_are_threads():
    under_way, most, drawn, lock = set(), [], [], threading.Lock()

    def listen(path):
        with lock:
            under_way.add(path)
            most.append((len(under_way), torch.get_num_threads()))
        time.sleep(0.01)
        with lock:
            under_way.remove(path)
        return {"path": path}

    def library():
        for i in range(40):
            drawn.append(i)
            yield str(i)

    before = torch.get_num_threads()
    songs = in_threads(listen, library(), num_threads=3)
    first = next(songs)
    assert len(drawn) <= 9
    assert sorted([first["path"], *(song["path"] for song in songs)]) == sorted(map(str, range(40)))
    assert max(most) == (3, 1)
    assert torch.get_num_threads() == before


def test_processes_are_those_of_the_launcher_and_share_cores_and_accelerators(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert this_process() == Process(index=0, count=1, local_index=0, local_count=1)
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert this_process() == Process(index=2, count=3, local_index=0, local_count=3)
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    process = this_process()
    assert process == Process(index=2, count=3, local_index=1, local_count=2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(5)), raising=False)
    assert [Process(local_count=count).num_cores for count in (1, 2, 8)] == [5, 2, 1]
    assert process.device == "cpu"
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    assert [Process(local_index=index).device for index in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]


# The script


WORKER = """
import os, runpy, signal, sys

import torch.distributed
from modeling_ast_va.prediction import journal as parts
    from modeling_ast_va.prediction import run as prediction

hear, write, barrier, written = prediction.hear, parts._line, torch.distributed.barrier, []

def spy(music_emotion, path, **options):
    print(f"heard {{path}}\\n", end="", flush=True)  # at once: the processes write to one pipe
    return hear(music_emotion, path, **options)

def meet():
    print(f"processes: {{torch.distributed.get_world_size()}}\\n", end="", flush=True)
    barrier()

def killed(song):
    line = write(song)
    written.append(line)
    if len(written) == 1 + int(os.environ.get("SONGS_UNTIL_KILL", 100)):
        part, = parts.Path(os.environ["PARTS"]).glob("part-*")
        with part.open("ab") as file:
            file.write(line[:40])
        os.kill(os.getpid(), signal.SIGKILL)
    return line

prediction.hear, parts._line, torch.distributed.barrier = spy, killed, meet
runpy.run_path({script!r}, run_name="__main__")
"""


def environment(**variables):
    python_path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": python_path, **variables}


def test_killed_and_resumed_by_two_processes(saved, shelf, tmp_path):
    expected, output = tmp_path / "expected.csv", tmp_path / "songs.csv"
    predict(saved, [shelf], expected, device="cpu")
    worker = tmp_path / "worker.py"
    worker.write_text(WORKER.format(script=SCRIPT))
    arguments = [str(worker), "--model", str(saved), str(shelf), "--output", str(output)]
    options = {"capture_output": True, "text": True, "timeout": 300, "check": False}
    killed = subprocess.run(
        [sys.executable, *arguments], env=environment(SONGS_UNTIL_KILL="4", PARTS=f"{output}.parts"), **options
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (part,) = (tmp_path / "songs.csv.parts").iterdir()
    _, *lines, torn = part.read_text().split("\n")
    done = [json.loads(line)["path"] for line in lines]
    assert len(done) == 3
    assert torn
    assert not output.exists()
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    resumed = subprocess.run([*launch, *arguments], env=environment(ACCELERATE_USE_CPU="true"), **options)
    assert resumed.returncode == 0, resumed.stderr[-4000:]
    printed = resumed.stdout.splitlines()
    assert printed.count("processes: 2") == 2
    heard = [line.removeprefix("heard ") for line in printed if line.startswith("heard ")]
    assert sorted(done + heard) == find_audio([shelf])
    assert printed.count(f"7 of 8 songs are in {output}; 1 could not be heard.") == 1
    assert f"WARNING modeling_ast_va.prediction.run: Not heard: {shelf / 'damaged.mp3'}" in resumed.stderr
    read(output)
    assert output.read_bytes() == expected.read_bytes()


def run_script(monkeypatch, *flags):
    monkeypatch.setattr("sys.argv", [SCRIPT, *map(str, flags)])
    runpy.run_path(SCRIPT, run_name="__main__")


def test_models_and_songs_in_any_order(saved, library, tmp_path, monkeypatch):
    song, output = library / "a.mp3", tmp_path / "songs.csv"
    for flags in (
        ["--model", saved, song, "--output", output],
        [song, "--model", saved, "--output", output],
        ["--model", saved, "--output", output, song],
        ["--model", saved, saved, song, "--output", output, "--dtype", "bfloat16", "--num_workers", 1],
        ["--model", saved, "--model", saved, "--output", output, song],
    ):
        run_script(monkeypatch, *flags, "--device", "cpu")
        table = read(output)
        assert table["path"].tolist() == [str(song)]
        assert ("valence_spread" in table.columns) == (flags.count(saved) == 2)
    assert split_models([["me/a", "me/b"], [saved, saved]]) == (["me/a", saved, saved], ["me/b"])


@pytest.mark.parametrize("flags", [["--help"], ["song.mp3"], ["--model", "m", "--output", "o.csv"]])
def test_the_script_explains_itself(monkeypatch, capsys, flags):
    with pytest.raises(SystemExit) as stopped:
        run_script(monkeypatch, *flags)
    assert stopped.value.code == (0 if flags == ["--help"] else 2)
    printed = capsys.readouterr()
    assert "FILE_OR_FOLDER" in printed.out + printed.err
