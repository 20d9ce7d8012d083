# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Music without labels: segments of the files of a folder, without those that have ratings."""

from __future__ import annotations

import numpy as np
import pytest
from deam_folder import small_feature_extractor, write_song

from modeling_ast_va.training.unlabeled import describe_unlabeled, load_unlabeled


@pytest.fixture
def music(tmp_path):
    (tmp_path / "music" / "album").mkdir(parents=True)
    for name, seconds in (("a.mp3", 5.0), ("album/b.mp3", 3.5), ("album/short.mp3", 1.0), ("rated.mp3", 5.0)):
        write_song(tmp_path / "music" / name, seconds)
    (tmp_path / "music" / "cover.jpg").write_bytes(b"")
    return tmp_path / "music"


def load(music, log_mels="cached"):
    rated = [str(music.parent / "link.mp3")]  # another path of a file in the folder
    if not (music.parent / "link.mp3").exists():
        (music.parent / "link.mp3").symlink_to(music / "rated.mp3")
    cache_dir = music.parent / "cache"
    return load_unlabeled(music, small_feature_extractor(), rated, num_proc=1, cache_dir=cache_dir, log_mels=log_mels)


def test_segments_overlap_by_half(music, caplog):
    rows = load(music)
    columns = rows.with_format(None).select_columns(["song_id", "start_seconds"])[:]
    of_song = {song: [] for song in columns["song_id"]}
    for song, start in zip(columns["song_id"], columns["start_seconds"]):
        of_song[song].append(round(start, 2))
    assert list(of_song) == [str(music / "a.mp3"), str(music / "album/b.mp3")]
    assert of_song[str(music / "a.mp3")][:4] == [0, 1, 2, 3]
    assert "too short" in caplog.text
    assert str(music / "album/short.mp3") in caplog.text
    assert rows[0]["input_values"].shape == (96, 16)


def test_log_mels_on_the_fly_are_those_of_the_cache(music):
    cached, computed = load(music), load(music, log_mels="on_the_fly")
    assert "input_values" not in computed.column_names
    rows = computed.__getitems__([1, 4])
    for row, index in zip(rows, (1, 4)):
        np.testing.assert_allclose(row["input_values"], cached[index]["input_values"], atol=1e-2)


def test_the_record_does_not_depend_on_the_folder(music, tmp_path):
    record = describe_unlabeled(load(music))
    assert (record["num_songs"], record["num_segments"]) == (2, len(load(music)))
    moved = music.rename(tmp_path / "moved")
    (tmp_path / "link.mp3").unlink()
    assert describe_unlabeled(load(moved)) == record
    (moved / "a.mp3").rename(moved / "c.mp3")
    assert describe_unlabeled(load(moved))["fingerprint"] != record["fingerprint"]


def test_a_folder_without_usable_files_is_refused(tmp_path):
    (tmp_path / "music").mkdir()
    with pytest.raises(ValueError, match=r"Expected audio files without ratings in .*music', but got none"):
        load(tmp_path / "music")
    write_song(tmp_path / "music" / "short.mp3", 1.0)
    (tmp_path / "music" / "rated.mp3").write_bytes(b"")
    with pytest.raises(ValueError, match=r"that can be decoded in .*music', but got none"):
        load(tmp_path / "music")
