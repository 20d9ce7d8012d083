# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
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


def test_refuses_another_folder_and_names_what_it_expected_and_found(tmp_path):
    (tmp_path / "holiday pictures").mkdir()
    with pytest.raises(ValueError, match=r"Expected the folder 'DEAM_Annotations/.*but got 'holiday pictures'"):
        find_deam(tmp_path)


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
        ("3.5, 4.5, 1, 4.5, 1.0", "line 3: expected song_id to be a whole number, but got '3.5'"),
        (", 4.5, 1, 4.5, 1.0", "line 3: expected song_id to be a whole number, but got ''"),
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
    "content", [b"", b"song_id, valence_mean, valence_std, arousal_std\n2,5,1,1\n", bytes(range(256))]
)
def test_refuses_a_file_without_a_needed_column_and_names_those_found(tmp_path, content):
    path = tmp_path / "ratings.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"(?s)ratings.csv: expected columns .*'arousal_mean'.*, but got "):
        read_ratings([path])


def test_averages_dynamic_annotations_over_the_existing_samples(tmp_path):
    (tmp_path / "v.csv").write_text(
        "song_id, sample_15000ms,sample_15500ms,sample_16000ms\n3,0.5,-0.1,\n2,1,0,-.4\n4,,,\n"
    )
    (tmp_path / "a.csv").write_text("song_id,sample_15000ms\n2,0.25\n3,-1\n4,1\n")
    means = read_dynamic_means({"valence": tmp_path / "v.csv", "arousal": tmp_path / "a.csv"})
    assert means["song_id"].tolist() == [2, 3]  # song 4 has no valence
    np.testing.assert_allclose(means[["valence", "arousal"]], [[0.2, 0.25], [0.2, -1]], atol=1e-12)


def test_refuses_a_dynamic_sample_that_is_not_a_number(deam):
    _replace_line(deam / DYNAMIC / "arousal.csv", 2, "2,0.1,x")
    with pytest.raises(ValueError, match=r"arousal.csv line 2: expected sample_15500ms to be a number, but got 'x'"):
        read_dynamic_means(find_deam(deam).dynamic)


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


def _replace_line(path, number, line):
    lines = path.read_text().splitlines()
    lines[number - 1] = line
    path.write_text("\r\n".join(lines) + "\r\n", newline="")
