# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import logging

import numpy as np
import pandas as pd
import pytest
from deam_folder import true_ratings, write_deam

from modeling_ast_va.data.annotations import find_deam, read_dynamic_means, read_ratings
from modeling_ast_va.data.label_audit import audit_labels, exchange_labels, format_audit, read_corrected_ratings

EARLY, MIDDLE, LATE = range(2, 22), range(1001, 1021), range(2001, 2016)
SONG_IDS = [*EARLY, *MIDDLE, *LATE]


def write(root, song_ids=SONG_IDS, **options):
    return write_deam(root / "deam", dict.fromkeys(song_ids, 0), **options)


def read(root, labels="corrected"):
    ratings, _ = read_corrected_ratings(find_deam(root), labels)
    return ratings.set_index("song_id")


def audit(root):
    folder = find_deam(root)
    return audit_labels(read_ratings(folder.song_level), read_dynamic_means(folder.dynamic))


@pytest.fixture(scope="module")
def deam(tmp_path_factory):
    return write(tmp_path_factory.mktemp("audit"))


def test_correlations_equal_numpys(deam):
    folder = find_deam(deam)
    both = read_ratings(folder.song_level).merge(read_dynamic_means(folder.dynamic), on="song_id")
    for row in audit(deam):
        songs = both[both["song_id"].between(row["first_id"], row["last_id"])]
        for name, static, dynamic in (
            ("valence_valence", "valence_mean", "valence"),
            ("valence_arousal", "valence_mean", "arousal"),
            ("arousal_arousal", "arousal_mean", "arousal"),
            ("arousal_valence", "arousal_mean", "valence"),
        ):
            assert row[name] == pytest.approx(np.corrcoef(songs[static], songs[dynamic])[0, 1], abs=1e-12)


def test_finds_the_exchange_in_the_songs_up_to_1000_only(deam):
    table = audit(deam)
    assert [(row["first_id"], row["last_id"], row["num_songs"], row["num_rated"]) for row in table] == [
        (2, 21, 20, 20),
        (1001, 1020, 20, 20),
        (2001, 2015, 15, 15),
    ]
    assert [row["verdict"] for row in table] == ["exchanged", "as named", "as named"]


def test_the_table_prints_each_range_with_its_verdict(deam):
    _title, columns, *lines = format_audit(audit(deam)).splitlines()
    assert [line.split()[0] for line in lines] == ["2-21", "1001-1020", "2001-2015"]
    assert lines[0].endswith("exchanged")
    assert len({len(line) for line in [columns, *lines]}) == 1  # aligned


def test_corrected_labels_are_the_true_ones(deam, caplog):
    assert read(deam).to_dict("index") == {song: true_ratings(song) for song in SONG_IDS}
    assert not caplog.records


def test_published_labels_are_those_of_the_files(deam):
    folder = find_deam(deam)
    ratings, table = read_corrected_ratings(folder, "published")
    pd.testing.assert_frame_equal(ratings, read_ratings(folder.song_level))
    assert table == read_corrected_ratings(folder)[1] == audit(deam)


def test_exchange_concerns_means_and_stds_of_songs_up_to_1000():
    columns = ["song_id", "valence_mean", "valence_std", "arousal_mean", "arousal_std"]
    ratings = pd.DataFrame([[1000, 1.0, 0.1, 2.0, 0.2], [1001, 3.0, 0.3, 4.0, 0.4]], columns=columns)
    exchanged = exchange_labels(ratings)
    assert exchanged.to_numpy().tolist() == [[1000, 2.0, 0.2, 1.0, 0.1], [1001, 3.0, 0.3, 4.0, 0.4]]
    assert ratings.loc[0, "valence_mean"] == 1.0
    pd.testing.assert_frame_equal(exchange_labels(exchanged), ratings)


def test_exchange_where_all_songs_are_exchanged():
    columns = ["song_id", "valence_mean", "valence_std", "arousal_mean", "arousal_std"]
    ratings = pd.DataFrame([[2, 1.0, 0.1, 2.0, 0.2], [3, 3.0, 0.3, 4.0, 0.4]], columns=columns)
    assert exchange_labels(ratings).to_numpy().tolist() == [[2, 2.0, 0.2, 1.0, 0.1], [3, 4.0, 0.4, 3.0, 0.3]]


def test_unknown_labels_are_refused(deam):
    with pytest.raises(ValueError, match="labels to be one of corrected, published, but got 'right'"):
        read(deam, "right")


def test_a_copy_that_is_corrected_already_stops_the_load(tmp_path):
    deam = write(tmp_path, exchanged_up_to=0)
    with pytest.raises(ValueError, match=r"songs 2-21 whose columns agree .* Load it with labels='published'"):
        read(deam)
    assert read(deam, "published").loc[2].to_dict() == true_ratings(2)


def test_a_copy_that_is_exchanged_above_1000_too_stops_the_load(tmp_path):
    deam = write(tmp_path, exchanged_up_to=2000)
    with pytest.raises(ValueError, match="songs 1001-1020 whose columns are exchanged too"):
        read(deam)


@pytest.mark.parametrize(
    ("options", "songs"),
    [
        ({"song_ids": [*range(2, 11), *MIDDLE]}, "2-10"),  # nine songs are one too few
        ({"dynamic": False}, "2-21, 1001-1020, 2001-2015"),
    ],
)
def test_songs_that_cannot_be_checked_are_reported_and_exchanged(tmp_path, caplog, options, songs):
    deam = write(tmp_path, **options)
    with caplog.at_level(logging.WARNING):
        ratings = read(deam)
    assert f"Could not check whether valence and arousal of songs {songs} are exchanged" in caplog.text
    assert ratings.loc[2].to_dict() == true_ratings(2)


def test_constant_dynamic_annotations_leave_the_audit_undecided(tmp_path):
    deam = write(tmp_path)
    for path in find_deam(deam).dynamic.values():
        path.write_text("song_id,sample_15000ms\n" + "".join(f"{song},0.5\n" for song in SONG_IDS))
    assert {row["verdict"] for row in audit(deam)} == {"undecided"}
    assert all(np.isnan(row["valence_valence"]) for row in audit(deam))
