# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import csv

import numpy as np
import pytest
import soundfile

from modeling_ast_va import make_demo_deam
from modeling_ast_va.data.annotations import find_deam
from modeling_ast_va.data.label_audit import read_corrected_ratings
from modeling_ast_va.demo.songs import draw_song

NUM_SONGS, SONG_SECONDS = 100, 1.0  # ten songs with ids above 2000, as many as an audit needs
AUDIO = "DEAM_audio/MEMD_audio"
ANNOTATIONS = "DEAM_Annotations/annotations/annotations averaged per song"
SONGS_1_2000 = f"{ANNOTATIONS}/song_level/static_annotations_averaged_songs_1_2000.csv"
SONGS_2000_2058 = f"{ANNOTATIONS}/song_level/static_annotations_averaged_songs_2000_2058.csv"
DYNAMIC = f"{ANNOTATIONS}/dynamic (per second annotations)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_demo_deam(tmp_path_factory.mktemp("demo") / "new" / "deam", NUM_SONGS, song_seconds=SONG_SECONDS)


@pytest.fixture(scope="module")
def songs():
    """The songs of the folder by id, drawn again."""
    return {song.song_id: song for song in map(draw_song, range(NUM_SONGS))}


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_folder_is_laid_out_as_deam(folder, songs):
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {f"{AUDIO}/{song_id}.mp3" for song_id in songs} | {
        SONGS_1_2000,
        SONGS_2000_2058,
        f"{DYNAMIC}/arousal.csv",
        f"{DYNAMIC}/valence.csv",
        *(f"metadata/metadata_{year}.csv" for year in (2013, 2014, 2015)),
    }
    assert list(folder.parent.iterdir()) == [folder]


def test_songs_are_mono_mp3_of_the_requested_length(folder):
    for path in (folder / AUDIO).iterdir():
        waveform, sampling_rate = soundfile.read(path)
        assert soundfile.info(path).format == "MP3"
        assert (sampling_rate, waveform.shape) == (44_100, (44_100,))
        assert 0.05 < np.abs(waveform).max() < 1
        assert np.isfinite(waveform).all()


def test_ratings_are_written_as_published_with_valence_and_arousal_exchanged_up_to_1000(folder, songs):
    for file, first, last in ((SONGS_1_2000, 2, 2000), (SONGS_2000_2058, 2001, 2058)):
        rows = read_csv(folder / file)
        assert [int(row["song_id"]) for row in rows] == sorted(song_id for song_id in songs if first <= song_id <= last)
        for row in rows:
            song = songs[int(row["song_id"])]
            moments = np.stack([song.ratings.mean(axis=0), song.ratings.std(axis=0)], axis=1).ravel()
            if song.song_id <= 1000:
                moments = np.roll(moments, 2)
            columns = (" valence_mean", " valence_std", " arousal_mean", " arousal_std")
            np.testing.assert_allclose([float(row[column]) for column in columns], moments, atol=0.0051)


def test_song_level_files_have_the_headers_and_line_ends_of_deam(folder):
    header = b"song_id, valence_mean, valence_std, arousal_mean, arousal_std\r\n"
    assert (folder / SONGS_1_2000).read_bytes().startswith(header)
    content = (folder / SONGS_2000_2058).read_bytes()
    assert content.startswith(
        b"song_id, valence_mean, valence_std, valence_ max_mean, valence_max_std, valence_min_mean,"
    )
    assert content.count(b"\r\n") == content.count(b"\n") == 11
    for row in read_csv(folder / SONGS_2000_2058):
        assert len(row) == 13
        for name, blank in (("valence", " "), ("arousal", "")):
            low, mean, high = (row[f" {name}_{kind}mean"] for kind in ("min_", "", f"{blank}max_"))
            assert 1 <= float(low) <= float(mean) <= float(high) <= 9


def test_dynamic_annotations_follow_the_ratings_under_their_own_names(folder, songs):
    for column, name in enumerate(("valence", "arousal")):
        rows = read_csv(folder / DYNAMIC / f"{name}.csv")
        assert [int(row["song_id"]) for row in rows] == sorted(songs)
        assert list(rows[0])[:3] == ["song_id", "sample_15000ms", "sample_15500ms"]
        assert list(rows[0])[-1] == "sample_19500ms"
        for row in rows:
            samples = [float(value) for key, value in row.items() if key != "song_id" and value]
            song = songs[int(row["song_id"])]
            assert len(samples) == (8 if song.song_id <= 2000 else 10)
            assert np.abs(samples).max() <= 1
            assert np.mean(samples) == pytest.approx((song.ratings[:, column].mean() - 5) / 4, abs=0.051)
            assert np.abs(np.diff(samples)).max() < 0.025  # a smooth course


def test_dynamic_annotations_continue_to_the_end_of_longer_songs(tmp_path):
    folder = make_demo_deam(tmp_path / "deam", 5, song_seconds=22.2)
    last = read_csv(folder / DYNAMIC / "arousal.csv")[-1]
    assert (last["song_id"], list(last)[-1]) == ("2001", "sample_22000ms")
    assert all(last.values())


def test_the_audit_finds_the_exchange(folder):
    _, table = read_corrected_ratings(find_deam(folder))
    assert [(row["first_id"], row["num_songs"], row["verdict"]) for row in table] == [
        (2, 40, "exchanged"),
        (1001, 50, "as named"),
        (2001, 10, "as named"),
    ]


def test_metadata_has_the_irregularities_of_each_year(folder, songs):
    files = {year: read_csv(folder / f"metadata/metadata_{year}.csv") for year in (2013, 2014, 2015)}
    assert list(files[2013][0]) == ["song_id", "album", "artist", "title", "Genre"]
    assert list(files[2014][0])[:5] == ["song_id", "artist", "album", "title", "Genre"]
    assert list(files[2015][0])[:5] == ["song_id", "title", "artist", "album", "Genre"]
    assert '2,"\t2.mp3","' in (folder / "metadata/metadata_2013.csv").read_text()
    assert {len(line.split(",")) for line in (folder / "metadata/metadata_2014.csv").read_text().splitlines()} == {105}
    rows = [row for file in files.values() for row in file]
    assert {int(row["song_id"]) for row in rows} == set(songs)
    for row in rows:
        song = songs[int(row["song_id"])]
        assert (row["artist"].strip(), row["title"].strip()) == (song.artist, song.title)


def test_same_seed_gives_the_same_bytes_in_a_set_of_any_size(folder, tmp_path):
    small = make_demo_deam(tmp_path / "small", 12, song_seconds=SONG_SECONDS)
    for path in (small / AUDIO).iterdir():
        assert path.read_bytes() == (folder / AUDIO / path.name).read_bytes()
    for path in small.rglob("*.csv"):
        assert set(path.read_bytes().splitlines()) <= set((folder / path.relative_to(small)).read_bytes().splitlines())
    other = make_demo_deam(tmp_path / "other", 12, seed=1, song_seconds=SONG_SECONDS)
    for path in [*other.rglob("*.mp3"), *(other / ANNOTATIONS).rglob("*.csv")]:
        assert path.read_bytes() != (small / path.relative_to(other)).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_songs": 0}, "1 to 580, but got 0"),
        ({"num_songs": 581}, "1 to 580, but got 581"),
        ({"seed": -1}, "got -1"),
        ({"song_seconds": 0.5}, "got 0.5"),
        ({"song_seconds": float("nan")}, "got nan"),
        ({"song_seconds": float("inf")}, "got inf"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_written(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        make_demo_deam(tmp_path / "deam", **arguments)
    assert not any(tmp_path.iterdir())


def test_a_folder_that_is_not_empty_is_refused_and_an_empty_one_filled(tmp_path):
    (tmp_path / "deam").mkdir()
    assert make_demo_deam(tmp_path / "deam", 1, song_seconds=1.0) == tmp_path / "deam"
    with pytest.raises(ValueError, match=r"new or empty folder, but .*deam.* is not empty"):
        make_demo_deam(tmp_path / "deam", 1, song_seconds=1.0)
    with pytest.raises(ValueError, match="new or empty folder"):
        make_demo_deam(tmp_path / "deam" / AUDIO / "2.mp3", 1, song_seconds=1.0)
