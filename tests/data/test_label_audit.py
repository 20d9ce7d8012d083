# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import logging

import numpy as np
import pandas as pd
import pytest
from deam_folder import true_ratings, write_deam

from modeling_ast_va.data import label_audit
from modeling_ast_va.data.annotations import DYNAMIC_FILES, find_deam, read_dynamic_means, read_ratings
from modeling_ast_va.data.label_audit import (
    audit_labels,
    column_orders,
    exchange_labels,
    format_audit,
    read_corrected_ratings,
)

EARLY, MIDDLE, LATE = range(2, 22), range(1001, 1021), range(2001, 2016)
SONG_IDS = [*EARLY, *MIDDLE, *LATE]


def write(root, song_ids=SONG_IDS, **options):
    return write_deam(root / "deam", dict.fromkeys(song_ids, 0), **options)


def read(root, labels="corrected"):
    ratings, _ = read_corrected_ratings(find_deam(root), labels)
    return ratings.set_index("song_id")


def audit(root):
    return audit_of(read_ratings(find_deam(root).song_level), root)


def audit_of(ratings, root):
    return audit_labels(ratings, read_dynamic_means(find_deam(root).dynamic))


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
    assert [(row["num_exchanged"], row["num_as_named"]) for row in table] == [(14, 0), (0, 14), (0, 12)]
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


def test_a_copy_that_is_corrected_already_stops_the_load(tmp_path, caplog):
    deam = write(tmp_path, exchanged_up_to=0)
    with pytest.raises(
        ValueError, match=r"songs 2-21 .* exchanged, .* 14 corrected already \(4, .*labels='published'\.$"
    ):
        read(deam)
    assert read(deam, "published").loc[2].to_dict() == true_ratings(2)
    assert not caplog.records


def test_a_copy_that_is_exchanged_above_1000_too_stops_the_load(tmp_path, caplog):
    deam = write(tmp_path, exchanged_up_to=2000)
    message = r"songs 1001-1020 with their columns as named, .* got 14 exchanged \(1001, .* Restore the published files"
    with pytest.raises(ValueError, match=message):
        read(deam)
    read(deam, "published")
    assert "got 14 exchanged" in caplog.text


@pytest.mark.parametrize("num_corrected", [3, 8, 12])
def test_a_copy_that_is_corrected_in_part_stops_the_load(tmp_path, monkeypatch, caplog, num_corrected):
    deam = write(tmp_path)
    published = read_ratings(find_deam(deam).song_level)
    orders = column_orders(published, read_dynamic_means(find_deam(deam).dynamic))
    assert (orders.loc[:1000] == "exchanged").all()
    songs = orders.index[:num_corrected]
    assert songs[-1] <= 1000
    ratings = published.where(~published["song_id"].isin(songs), exchange_labels(published))
    monkeypatch.setattr(label_audit, "read_ratings", lambda _: ratings)
    message = (
        rf"got {14 - num_corrected} exchanged \(.*\) and {num_corrected} corrected already \(4, .* of the 14 songs"
    )
    with pytest.raises(ValueError, match=message + ".* Restore the published files"):
        read(deam)
    read(deam, "published")
    assert f"{num_corrected} corrected already" in caplog.text


def test_one_song_in_the_other_order_is_a_warning(tmp_path, monkeypatch, caplog):
    deam = write(tmp_path)
    published = read_ratings(find_deam(deam).song_level)
    ratings = published.where(published["song_id"] != 4, exchange_labels(published))
    monkeypatch.setattr(label_audit, "read_ratings", lambda _: ratings)
    read(deam)
    assert "Could not check song 4, whose columns the dynamic annotations show in the other order" in caplog.text
    assert [row["verdict"] for row in audit_of(ratings, deam)] == ["exchanged", "as named", "as named"]


def test_only_songs_with_clearly_different_valence_and_arousal_show_an_order():
    columns = ["song_id", "valence_mean", "valence_std", "arousal_mean", "arousal_std"]
    ratings = pd.DataFrame([[2, 5, 1, 4, 1], [3, 5, 1, 4.1, 1], [4, 4, 1, 6, 1], [5, 4, 1, 6, 1]], columns=columns)
    means = pd.DataFrame([[2, 0.25, 0.5], [3, 0, 0.5], [4, 0, 0.3], [5, 0, 0.2]], columns=["song_id", *DYNAMIC_FILES])
    assert column_orders(ratings, means).to_dict() == {2: "exchanged", 4: "as named"}


@pytest.mark.parametrize(
    ("options", "songs"),
    [
        ({"song_ids": [2, 3, 4, *MIDDLE]}, "2-4"),  # one song that shows an order is one too few
        ({"dynamic": False}, "2-21, 1001-1020, 2001-2015"),
    ],
)
def test_songs_that_cannot_be_checked_are_reported_and_exchanged(tmp_path, caplog, options, songs):
    deam = write(tmp_path, **options)
    with caplog.at_level(logging.WARNING):
        ratings = read(deam)
    assert f"Could not check whether valence and arousal of songs {songs} are exchanged" in caplog.text
    assert ratings.loc[2].to_dict() == true_ratings(2)


def test_songs_without_dynamic_annotations_are_reported(tmp_path, caplog):
    deam = write(tmp_path)
    for path in find_deam(deam).dynamic.values():
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:-3]))  # the file is cut short
    read(deam)
    assert "Could not check 3 of songs 2001-2015, which have no dynamic annotations" in caplog.text


def test_constant_dynamic_annotations_leave_the_audit_undecided(tmp_path):
    deam = write(tmp_path)
    for path in find_deam(deam).dynamic.values():
        path.write_text("song_id,sample_15000ms\n" + "".join(f"{song},0.5\n" for song in SONG_IDS))
    assert {row["verdict"] for row in audit(deam)} == {"undecided"}
    assert all(np.isnan(row["valence_valence"]) for row in audit(deam))
