# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Songs as lines of the journal, and tables of models with heads: frames, intervals, coverage."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from deam_folder import write_song

from modeling_ast_va import ASTVAConfig, ASTVAForRegression
from modeling_ast_va.cli import main
from modeling_ast_va.hub.folder import save_hub_folder
from modeling_ast_va.prediction import load_pipeline
from modeling_ast_va.prediction.songs import predict_song
from modeling_ast_va.prediction.tables import COURSES, song_columns
from modeling_ast_va.uncertainty_ast_va import COVERAGE_LEVELS

READERS = {".csv": pd.read_csv, ".jsonl": lambda path: pd.read_json(path, lines=True), ".parquet": pd.read_parquet}
SECONDS = {"a.wav": 2.2, "b.wav": 4.0}
ROUNDING = 1e-6
OF_HEADS = ["low", "high", "percentile", "rater_std"]


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("songs")
    for name, seconds in SECONDS.items():
        write_song(folder / name, seconds, frequency=200 * seconds)
    (folder / "damaged.mp3").write_bytes(b"no music")
    return folder


@pytest.fixture
def headed(config, feature_extractor, tmp_path):
    """The folder of a model with heads of the course and of spreads."""
    settings = {
        "use_frame_head": True,
        "use_spread_head": True,
        "label_quantiles": [np.linspace(1, 9, 101).tolist()] * 2,
    }
    settings["conformal_quantiles"] = [COVERAGE_LEVELS.tolist()] * 2
    torch.manual_seed(0)
    model = ASTVAForRegression(ASTVAConfig(**{**config.to_diff_dict(), **settings})).eval()
    save_hub_folder(model, feature_extractor, tmp_path / "headed")
    return tmp_path / "headed"


@pytest.fixture
def plain(model, feature_extractor, tmp_path):
    save_hub_folder(model, feature_extractor, tmp_path / "plain")
    return tmp_path / "plain"


def run(model, songs, *flags):
    return main(["predict", str(songs), "--model", str(model), "--device", "cpu", *map(str, flags)])


@pytest.mark.parametrize("ending", READERS)
def test_a_table_of_frames_has_a_row_each_half_second(headed, songs, tmp_path, ending):
    output = tmp_path / f"frames{ending}"
    assert run(headed, songs, "--frames", "--output", output) == 0
    table = READERS[ending](output)
    assert table.columns.tolist() == list(COURSES["frames"])
    music_emotion = load_pipeline(headed, device="cpu")
    for name, num_frames in (("a.wav", 5), ("b.wav", 8)):
        rows = table[table["path"] == str(songs / name)]
        expected = music_emotion(str(songs / name), frames=True)
        assert rows["time"].tolist() == [0.5 * i for i in range(num_frames)]
        for column in ("valence", "arousal"):
            frames = [frame[column] for frame in expected["frames"]]
            np.testing.assert_allclose(rows[column], frames, atol=ROUNDING)
            assert rows[column].mean() == pytest.approx(expected[column], abs=ROUNDING)
    (damaged,) = table[table["path"] == str(songs / "damaged.mp3")].to_dict("records")
    assert "expected an audio file" in damaged["error"]
    assert np.isnan([damaged[name] for name in ("time", "valence", "arousal")]).all()


@pytest.mark.parametrize("ending", READERS)
def test_a_table_of_songs_has_the_intervals_of_a_coverage(headed, songs, tmp_path, ending):
    tables = {}
    for coverage, flags in (("default", []), (0.9, ["--coverage", 0.9]), (0.5, ["--coverage", 0.5])):
        output = tmp_path / f"{coverage}{ending}"
        assert run(headed, songs, *flags, "--output", output) == 0
        tables[coverage] = READERS[ending](output).iloc[:2]
        assert tables[coverage].columns.tolist() == list(song_columns())
    pd.testing.assert_frame_equal(tables["default"], tables[0.9])
    music_emotion = load_pipeline(headed, device="cpu")
    for coverage in (0.9, 0.5):
        for row in tables[coverage].to_dict("records"):
            expected = music_emotion(row["path"], coverage=coverage)
            assert row["quadrant_probability"] == pytest.approx(expected["quadrant_probability"], abs=ROUNDING)
            for name in ("valence", "arousal"):
                given = [row[f"{name}_{end}"] for end in OF_HEADS]
                ends = [*expected[f"{name}_interval"], *(expected[f"{name}_{end}"] for end in OF_HEADS[2:])]
                assert given == pytest.approx(ends, abs=ROUNDING)
    assert (tables[0.5]["valence_low"] > tables[0.9]["valence_low"]).all()


def test_columns_of_a_model_without_heads_are_empty(plain, songs, tmp_path):
    assert run(plain, songs, "--output", tmp_path / "songs.csv") == 0
    table = pd.read_csv(tmp_path / "songs.csv")
    of_heads = [f"{name}_{end}" for name in ("valence", "arousal") for end in OF_HEADS]
    assert table[[*of_heads, "quadrant_probability"]].isna().all(axis=None)
    assert table["valence_segment_std"][1] == table["valence_std"][1] > 0


def test_frames_of_a_model_without_a_head_are_an_error(plain, songs, capsys):
    assert run(plain, songs, "--frames") == 2
    assert "Expected a model with a head of the course (use_frame_head) for frames" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--frames", "--segments"], "not allowed with argument"),
        (["--coverage", "1.5"], "expected a number from 0.01 to 0.99, but got '1.5'"),
        (["--dataset", "me/songs", "--frames"], "--segments and --frames"),
    ],
)
def test_flags_that_cannot_be_are_refused(flags, message, capsys):
    with pytest.raises(SystemExit) as raised:
        raise SystemExit(main(["predict", *flags, *([] if "--dataset" in flags else ["a.mp3"])]))
    assert raised.value.code == 2
    assert message in capsys.readouterr().err


def test_a_line_has_the_course_that_is_asked_for(headed, songs):
    music_emotion = load_pipeline(headed, device="cpu")
    lines = {
        name: predict_song(music_emotion, str(songs / "b.wav"), course=name) for name in (None, "segments", "frames")
    }
    assert [len(line.get("segments", [])) for line in lines.values()] == [0, 3, 0]
    assert [len(line.get("frames", [])) for line in lines.values()] == [0, 0, 8]
    assert {line["num_segments"] for line in lines.values()} == {3}
    assert "valence_interval" not in lines[None]
    assert lines[None]["valence_low"] == round(music_emotion(str(songs / "b.wav"))["valence_interval"][0], 6)
