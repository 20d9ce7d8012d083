# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import subprocess
import sys

import pytest
from deam_folder import write_deam

from modeling_ast_va.audio_ast_va import RATING_SCALE
from modeling_ast_va.data import sources
from modeling_ast_va.data.sources import DataSource


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data_dir": "deam", "data_csv": "mine.csv"}, "either data_dir or data_csv, but got 'deam' and 'mine.csv'"),
        ({"data_dir": "deam", "labels": "right"}, "labels to be one of corrected, published, but got 'right'"),
        ({"data_csv": "mine.csv", "labels": "published"}, "no labels with data_csv, which has its own"),
        ({"data_csv": "mine.csv", "label_range": (1, 1)}, "from the lowest to the highest rating, but got 1 1"),
        ({"data_dir": "deam", "audio_dir": "songs"}, "audio_dir and label_range with data_csv only"),
        ({"data_dir": "deam", "label_range": (0, 1)}, "audio_dir and label_range with data_csv only"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        DataSource(**arguments)


def test_a_source_is_read_by_its_kind(tmp_path):
    deam = write_deam(tmp_path / "deam", {2: 1.0, 1001: 1.0})
    corrected, published = (DataSource(deam, labels).read().table for labels in (None, "published"))
    assert corrected["valence"][0] == published["arousal"][0]
    path = deam / "DEAM_audio/MEMD_audio/2.mp3"
    (tmp_path / "mine.csv").write_text(f"path,valence,arousal\n{path},0.5,1\n")
    songs = DataSource(data_csv=str(tmp_path / "mine.csv"), label_range=(0, 1)).read()
    assert songs.table[["valence", "arousal"]].to_numpy().tolist() == [[5.0, 9.0]]
    with pytest.raises(ValueError, match="Expected data_dir or data_csv, but got neither"):
        DataSource().read()


def test_a_source_is_checked_without_torch(tmp_path):
    (tmp_path / "mine.csv").write_text("path,valence,arousal\ngone.mp3,5,5\n")
    code = (
        "import sys; from modeling_ast_va.data.sources import DataSource\n"
        "try: DataSource(data_csv='mine.csv').check()\n"
        "except ValueError as error: print(error)\n"
        "print('torch' in sys.modules, 'transformers' in sys.modules, 'datasets' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "mine.csv line 2: expected an audio file" in run.stdout
    assert run.stdout.splitlines()[-1] == "False False False"


def test_the_default_scale_is_that_of_the_package():
    assert sources.RATING_SCALE == RATING_SCALE
