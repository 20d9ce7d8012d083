# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import os
import sys

import numpy as np
import pytest
from deam_folder import DYNAMIC, SONGS_1_2000, SONGS_2000_2058, true_ratings, write_deam

from modeling_ast_va.data.annotations import find_deam, read_dynamic_means, read_metadata, read_ratings

SONG_IDS = [2, 3, 1000, 1001, 2000, 2001, 2058]


@pytest.fixture
def deam(tmp_path):
    return write_deam(
        tmp_path / "deam", dict.fromkeys(SONG_IDS, 0), artists={song: f"Band {song}" for song in SONG_IDS}
    )


def test_finds_every_part(deam):
    folder = find_deam(deam)
    assert [path.name[-13:] for path in folder.song_level] == ["gs_1_2000.csv", "2000_2058.csv"]
    assert folder.audio.name == "MEMD_audio"
    assert set(folder.dynamic) == {"valence", "arousal"}
    assert len(folder.metadata) == 3


def test_finds_the_folders_of_the_unpacked_archives(deam):
    (deam / "DEAM_Annotations/annotations").rename(deam / "annotations")
    (deam / "DEAM_audio/MEMD_audio").rename(deam / "MEMD_audio")
    folder = find_deam(str(deam))
    assert folder.audio == deam / "MEMD_audio"
    assert len(read_ratings(folder.song_level)) == len(SONG_IDS)


def test_dynamic_annotations_and_metadata_are_optional(tmp_path):
    folder = find_deam(write_deam(tmp_path / "deam", {2: 0}, dynamic=False))
    assert folder.dynamic == {}
    assert folder.metadata == ()
    assert len(read_metadata(folder.metadata)) == len(read_dynamic_means(folder.dynamic)) == 0


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_refuses_a_path_that_is_not_a_folder(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=f"{name}.*is not a folder"):
        find_deam(tmp_path / name)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_refuses_a_folder_whose_name_is_not_utf_8(tmp_path):
    folder = tmp_path / os.fsdecode(b"d\xff")
    folder.mkdir()
    with pytest.raises(ValueError, match="Expected data_dir to have a name in UTF-8"):
        find_deam(folder)


def test_refuses_another_folder_and_names_what_it_expected_and_found(tmp_path):
    (tmp_path / "holiday pictures").mkdir()
    with pytest.raises(ValueError, match=r"Expected the folder 'DEAM_Annotations/.*but got 'holiday pictures'"):
        find_deam(tmp_path)


def test_hidden_files_are_no_metadata(deam):
    (deam / "metadata/._metadata_2013.csv").write_bytes(bytes(100))
    assert len(find_deam(deam).metadata) == 3


def test_refuses_a_folder_without_one_of_the_files(deam):
    (deam / SONGS_2000_2058).unlink()
    with pytest.raises(ValueError, match=r"static_annotations_averaged_songs_2000_2058.csv' in .* no such file"):
        find_deam(deam)


def test_reads_ratings_by_column_name_despite_blanks_and_crlf(deam):
    assert b" valence_ max_mean" in (deam / SONGS_2000_2058).read_bytes()
    assert b"\r\n" in (deam / SONGS_1_2000).read_bytes()
    ratings = read_ratings(find_deam(deam).song_level)
    assert ratings["song_id"].tolist() == SONG_IDS
    late = ratings[ratings["song_id"] > 1000].set_index("song_id")
    assert late.to_dict("index") == {song: true_ratings(song) for song in SONG_IDS if song > 1000}
    assert ratings.dtypes.tolist() == [int, float, float, float, float]


def test_order_of_rows_and_columns_line_ends_and_byte_order_mark_are_ignored(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(
        b"\xef\xbb\xbfarousal_std,ARTIST,song_id , arousal_ mean,valence_std,valence_mean,,\n"
        b"\n.4,x,7,3,.2,1,,\n.5,x, 5 ,9,.1,2\n,,,,,,,\n"
    )
    assert read_ratings([path]).to_numpy().tolist() == [[5, 2, 0.1, 9, 0.5], [7, 1, 0.2, 3, 0.4]]


def test_a_blank_rating_is_not_a_number(deam):
    _replace_line(deam / SONGS_1_2000, 3, "3, 4.5, 1.0, , 1.0")
    ratings = read_ratings(find_deam(deam).song_level).set_index("song_id")
    assert np.isnan(ratings.loc[3, "arousal_mean"])
    assert ratings.isna().sum().sum() == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("3, 4.5, 1.0, loud, 1.0", "songs_1_2000.csv line 3: expected arousal_mean to be a number, but got 'loud'"),
        ("3, nan, 1.0, 4.5, 1.0", "line 3: expected valence_mean to be a number, but got 'nan'"),
        ("3, 0.9, 1.0, 4.5, 1.0", "line 3: expected valence_mean from 1 to 9, but got 0.9"),
        ("3, 4.5, 1.0, 9.5, 1.0", "line 3: expected arousal_mean from 1 to 9, but got 9.5"),
        ("3, 4.5, -1, 4.5, 1.0", "line 3: expected valence_std from 0 to 8, but got -1"),
        ("3.5, 4.5, 1, 4.5, 1.0", "line 3: expected song_id to be a whole number of up to 18 digits, but got '3.5'"),
        (", 4.5, 1, 4.5, 1.0", "line 3: expected song_id to be a whole number of up to 18 digits, but got ''"),
        (f"{10**18}, 4.5, 1, 4.5, 1.0", f"line 3: expected song_id .* of up to 18 digits, but got '{10**18}'"),
        (f"{'9' * 5000}, 4.5, 1, 4.5, 1.0", f"song_id .* of up to 18 digits, but got '{'9' * 100}...'"),
        ("3, 4.5, 1.0, 4.5, 1.0, 7", "line 3: expected 5 values as in the header, but got 6"),
        ("3, 4.5, 1.0, 4.5", "line 3: expected 5 values as in the header, but got 4"),
        ("3, 4.5, 1.0, 4,5, 1.0", "line 3: expected 5 values as in the header, but got 6"),
        ('3, 4.5, 1.0,"4.5, 1.0', r"line \d+: expected no line break in a value, but got one"),
        ("3, 4.5, 1.0, 4.\0005, 1.0", "line 3: expected text in UTF-8, but got a NUL byte"),
        ("2, 4.5, 1, 4.5, 1.0", "line 3: expected song_id 2 once, but got it in .*songs_1_2000.csv line 2"),
    ],
)
def test_refuses_a_bad_row_with_file_and_line(deam, line, message):
    _replace_line(deam / SONGS_1_2000, 3, line)
    with pytest.raises(ValueError, match=message):
        read_ratings(find_deam(deam).song_level)


def test_refuses_a_song_that_both_files_rate(deam):
    _replace_line(deam / SONGS_2000_2058, 2, "2" + ",5" * 12)
    with pytest.raises(ValueError, match=r"2000_2058.csv line 2: expected song_id 2 once, .* in .*1_2000.csv line 2"):
        read_ratings(find_deam(deam).song_level)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"song_id, valence_mean, valence_std, arousal_std\n2,5,1,1\n",
        bytes(range(1, 256)),
        b"song_id;valence_mean;valence_std;arousal_mean;arousal_std\n2;5;1;5;1\n",
    ],
)
def test_refuses_a_file_without_a_needed_column_and_names_those_found(tmp_path, content):
    path = tmp_path / "ratings.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"(?s)ratings.csv: expected columns .*'arousal_mean'.*, but got "):
        read_ratings([path])


def test_refuses_a_repeated_column_and_names_both_positions(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("song_id,valence_mean, valence_ std,,arousal_mean,arousal_std,valence_std,\n2,5,1,,5,1,1,\n")
    with pytest.raises(ValueError, match=r"ratings.csv: expected column 'valence_std' once, .* as columns 3 and 7"):
        read_ratings([path])


def test_refuses_utf_16(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("song_id,valence_mean,valence_std,arousal_mean,arousal_std\n2,5,1,5,1\n", encoding="utf-16")
    with pytest.raises(ValueError, match=r"ratings.csv line 1: expected text in UTF-8, but got a NUL byte"):
        read_ratings([path])


def test_names_a_file_that_cannot_be_read(tmp_path):
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    with pytest.raises(ValueError, match=r"Expected to read '.*folder.csv', but the system reports: .*irectory"):
        read_metadata([folder])


def test_averages_dynamic_annotations_over_the_existing_samples(tmp_path):
    (tmp_path / "v.csv").write_text(
        "song_id, sample_15000ms,sample_15500ms,sample_16000ms\n3,0.5,-0.1,\n2,1,0,-.4\n4,,,\n"
    )
    (tmp_path / "a.csv").write_text("song_id,sample_15000ms\n2,0.25\n3,-1\n4,1\n")
    means = read_dynamic_means({"valence": tmp_path / "v.csv", "arousal": tmp_path / "a.csv"})
    assert means["song_id"].tolist() == [2, 3]  # song 4 has no valence
    np.testing.assert_allclose(means[["valence", "arousal"]], [[0.2, 0.25], [0.2, -1]], atol=1e-12)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2,0.1,x", "expected sample_15500ms to be a number, but got 'x'"),
        ("2,0.1,1.5", "expected sample_15500ms from -1 to 1, but got 1.5"),
        ("2,1,1,1,1,1,1,1", "expected 7 values as in the header, but got 8"),
    ],
)
def test_refuses_a_bad_row_of_dynamic_annotations(deam, line, message):
    _replace_line(deam / DYNAMIC / "arousal.csv", 2, line)
    with pytest.raises(ValueError, match=f"arousal.csv line 2: {message}"):
        read_dynamic_means(find_deam(deam).dynamic)


def test_refuses_dynamic_annotations_of_one_dimension(deam):
    (deam / DYNAMIC / "arousal.csv").unlink()
    with pytest.raises(ValueError, match=r"Expected 'valence.csv' and 'arousal.csv' in .*, but got 'valence.csv' only"):
        find_deam(deam)


def test_refuses_a_song_that_is_annotated_twice(deam):
    _replace_line(deam / DYNAMIC / "valence.csv", 3, "2,0.1")
    with pytest.raises(ValueError, match=r"valence.csv line 3: expected song_id 2 once"):
        read_dynamic_means(find_deam(deam).dynamic)


def test_reads_metadata_in_each_order_of_columns(deam):
    metadata = read_metadata(find_deam(deam).metadata)
    assert metadata["song_id"].tolist() == SONG_IDS
    assert metadata["artist"].tolist() == [f"Band {song}" for song in SONG_IDS]
    assert metadata["title"].tolist() == [f"Song {song}" for song in SONG_IDS]


def test_reads_metadata_that_is_not_utf_8(tmp_path):
    (tmp_path / "m.csv").write_bytes('song_id,artist,title\n2,Björk,"Ænima, live"\n'.encode("latin-1"))
    assert read_metadata([tmp_path / "m.csv"]).to_numpy().tolist() == [[2, "Björk", "Ænima, live"]]


def test_refuses_an_open_quote_that_hides_songs(tmp_path):
    (tmp_path / "m.csv").write_text('song_id,artist,title\n2,"A,B\n3,C,D\n4,"E",F\n')
    with pytest.raises(
        ValueError, match=r"m.csv line 4: expected no line break in a value, but got one: a quote is open"
    ):
        read_metadata([tmp_path / "m.csv"])


def _replace_line(path, number, line):
    lines = path.read_text().splitlines()
    lines[number - 1] = line
    path.write_text("\r\n".join(lines) + "\r\n", newline="")
