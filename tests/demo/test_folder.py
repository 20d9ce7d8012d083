# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
import csv
from dataclasses import astuple, replace

import numpy as np
import pytest
import soundfile

from modeling_ast_va import make_demo_deam
from modeling_ast_va.data.label_audit import audit_labels
from modeling_ast_va.demo.folder import MAX_SONGS, draw_song, rate
from modeling_ast_va.demo.synthesis import INSTRUMENTS, MAJOR, MINOR, SAMPLING_RATE, Cues, Style, note, synthesise

NUM_SONGS, SONG_SECONDS = 100, 1.0  # ten songs with ids above 2000, as many as an audit needs
AUDIO = "DEAM_audio/MEMD_audio"
ANNOTATIONS = "DEAM_Annotations/annotations/annotations averaged per song"
SONGS_1_2000 = f"{ANNOTATIONS}/song_level/static_annotations_averaged_songs_1_2000.csv"
SONGS_2000_2058 = f"{ANNOTATIONS}/song_level/static_annotations_averaged_songs_2000_2058.csv"
DYNAMIC = f"{ANNOTATIONS}/dynamic (per second annotations)"

NEUTRAL = Cues(MAJOR, tempo=0.0, register=0.0, articulation=0.0, brightness=0.0, loudness=0.0)
IN_C = Style(0, "organ", "reed", "piano", "rock")
CUES = tuple(vars(NEUTRAL))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_demo_deam(tmp_path_factory.mktemp("demo") / "new" / "deam", NUM_SONGS, song_seconds=SONG_SECONDS)


@pytest.fixture(scope="module")
def songs():
    """What the folder holds, by id, drawn on its own."""
    return {song.song_id: song for song in map(draw_song, range(NUM_SONGS))}


@pytest.fixture(scope="module")
def drawn():
    """Cues (n, 6), mean ratings (n, 2) and artists of many songs."""
    songs = [draw_song(index, seed) for seed in range(6) for index in range(MAX_SONGS)]
    cues = np.array([astuple(song.cues) for song in songs])
    return cues, np.array([song.ratings.mean(axis=0) for song in songs]), [song.artist for song in songs]


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# Layout and files


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


def test_ids_lie_in_all_three_parts_of_deam():
    for num_songs, parts in ((5, [2, 2, 1]), (NUM_SONGS, [40, 50, 10]), (MAX_SONGS, [232, 290, 58])):
        song_ids = sorted(draw_song(index).song_id for index in range(num_songs))
        assert len(set(song_ids)) == num_songs
        assert song_ids[0] == 2
        assert song_ids[-1] <= 2058
        assert np.histogram(song_ids, [0, 1001, 2001, 2059])[0].tolist() == parts


def test_songs_are_mono_mp3_of_the_asked_length(folder):
    for path in (folder / AUDIO).iterdir():
        waveform, sampling_rate = soundfile.read(path)
        assert soundfile.info(path).format == "MP3"
        assert (sampling_rate, waveform.shape) == (44_100, (44_100,))
        assert 0.05 < np.abs(waveform).max() < 1
        assert np.isfinite(waveform).all()


def test_ratings_are_written_as_published_with_valence_and_arousal_exchanged_up_to_1000(folder, songs):
    for file, first, last in ((SONGS_1_2000, 2, 2000), (SONGS_2000_2058, 2001, 2058)):
        rows = read(folder / file)
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
    for row in read(folder / SONGS_2000_2058):
        assert len(row) == 13
        for name, blank in (("valence", " "), ("arousal", "")):
            low, mean, high = (row[f" {name}_{kind}mean"] for kind in ("min_", "", f"{blank}max_"))
            assert 1 <= float(low) <= float(mean) <= float(high) <= 9


def test_dynamic_annotations_follow_the_ratings_under_their_own_names(folder, songs):
    for column, name in enumerate(("valence", "arousal")):
        rows = read(folder / DYNAMIC / f"{name}.csv")
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


def test_dynamic_annotations_go_on_to_the_end_of_longer_songs(tmp_path):
    folder = make_demo_deam(tmp_path / "deam", 5, song_seconds=22.2)
    last = read(folder / DYNAMIC / "arousal.csv")[-1]
    assert (last["song_id"], list(last)[-1]) == ("2001", "sample_22000ms")
    assert all(last.values())


def test_the_audit_finds_the_exchange(folder):
    table = audit_labels(folder)
    assert [(row["first_id"], row["num_songs"], row["verdict"]) for row in table] == [
        (2, 40, "exchanged"),
        (1001, 50, "as named"),
        (2001, 10, "as named"),
    ]


def test_metadata_has_the_disorder_of_each_year(folder, songs):
    files = {year: read(folder / f"metadata/metadata_{year}.csv") for year in (2013, 2014, 2015)}
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
        ({"num_songs": 0}, "1 to 580, got 0"),
        ({"num_songs": 581}, "1 to 580, got 581"),
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


def test_a_folder_that_holds_something_is_refused_and_an_empty_one_filled(tmp_path):
    (tmp_path / "deam").mkdir()
    assert make_demo_deam(tmp_path / "deam", 1, song_seconds=1.0) == tmp_path / "deam"
    with pytest.raises(ValueError, match=r"new or empty folder, but .*deam"):
        make_demo_deam(tmp_path / "deam", 1, song_seconds=1.0)
    with pytest.raises(ValueError, match="new or empty folder"):
        make_demo_deam(tmp_path / "deam" / AUDIO / "2.mp3", 1, song_seconds=1.0)


# Cues, ratings, artists


def test_ratings_are_whole_numbers_of_ten_raters_and_of_five_from_2001(songs):
    for song in songs.values():
        assert song.ratings.shape == (10 if song.song_id <= 2000 else 5, 2)
        assert np.isin(song.ratings, range(1, 10)).all()


def test_ratings_spread_as_those_of_deam(drawn):
    _, means, _ = drawn
    np.testing.assert_allclose(means.mean(axis=0), 5, atol=0.15)
    np.testing.assert_allclose(means.std(axis=0), 1.2, atol=0.08)  # DEAM: 1.17 and 1.29
    assert 0.25 < np.corrcoef(means.T)[0, 1] < 0.45


def test_ratings_follow_the_cues_with_the_weights_of_the_literature(drawn):
    cues, means, _ = drawn
    slopes, residuals, *_ = np.linalg.lstsq(np.column_stack([np.ones(len(cues)), cues]), means, rcond=None)
    # Standardised weights of Eerola, Friberg and Bresin's data: happy minus sad, and the reverse of peaceful.
    valence = np.array([0.76, 0.43, 0.21, 0.18, 0.05, 0.03])
    arousal = np.array([0, 0.40, 0, 0.10, 0.40, 0.37])
    for column, weights in enumerate((valence, arousal)):
        np.testing.assert_allclose(slopes[1:, column], 1.2 * weights / np.linalg.norm(weights), atol=0.04)
    # What the cues leave open is rater noise and its rounding to whole numbers, (1 + 1/12) / 10, and / 5 for a tenth.
    np.testing.assert_allclose(residuals / len(cues), 1.1 * (1 + 1 / 12) / 10, rtol=0.1)


def test_rating_is_neutral_for_neutral_cues_and_highest_for_high_ones():
    rng = np.random.default_rng(0)
    high = Cues(MAJOR, 2.0, 2.0, 2.0, 2.0, 2.0)
    assert rate(replace(NEUTRAL, mode=0), 4000, rng).mean(axis=0) == pytest.approx([5, 5], abs=0.07)
    assert (rate(high, 4000, rng).mean(axis=0) > 7).all()
    assert rate(replace(high, loudness=50.0), 9, rng).max() == 9


def test_artists_have_four_songs_each_with_the_same_instruments():
    songs = [draw_song(index) for index in range(MAX_SONGS // 16 * 16)]
    instruments = {}
    for song in songs:
        style = song.style
        instruments.setdefault(song.artist, []).append(
            (style.chord_instrument, style.melody_instrument, style.bass_instrument)
        )
    assert len(instruments) == len(songs) // 4
    assert all(len(played) == 4 and len(set(played)) == 1 for played in instruments.values())
    assert len({song.title for song in songs}) == len(songs)


def test_cues_vary_as_much_between_artists_as_between_their_songs(drawn):
    cues, _, artists = drawn
    songs = np.flatnonzero(np.arange(len(artists)) % MAX_SONGS < MAX_SONGS // 16 * 16)  # whole blocks of artists
    pairs = cues[songs].reshape(-1, 4, 4, 6)  # blocks, rounds, artists, cues
    for cue in range(1, 6):
        r = np.corrcoef(pairs[:, 0, :, cue].ravel(), pairs[:, 1, :, cue].ravel())[0, 1]
        assert r == pytest.approx(0.5, abs=0.07), CUES[cue]
    assert np.abs(cues).max() <= 2


# Sound


def power_spectrum(waveform):
    return np.abs(np.fft.rfft(waveform * np.hanning(len(waveform)))) ** 2, np.fft.rfftfreq(
        len(waveform), 1 / SAMPLING_RATE
    )


def pitch_class_power(waveform, pitch_class):
    """Power within a quarter tone of a pitch class from 250 Hz to 2 kHz, as a share of the power there."""
    power, frequency = power_spectrum(waveform)
    heard = (frequency > 250) & (frequency < 2000)
    pitch = 69 + 12 * np.log2(frequency[heard] / 440)
    near = np.abs((pitch - pitch_class + 6) % 12 - 6) < 0.5
    return power[heard][near].sum() / power[heard].sum()


def play(seconds=8.0, style=IN_C, **cues):
    return synthesise(replace(NEUTRAL, **cues), style, seconds, np.random.default_rng(3))


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_note_has_the_pitch_and_the_spectrum_asked_for(name):
    instrument = replace(INSTRUMENTS[name], decay_seconds=1e6, sustain=1.0)  # the spectrum of the onset, held
    slope = 1.5
    waveform = note(instrument, 69, 1.0, slope)
    assert waveform.dtype == np.float32
    assert len(waveform) == pytest.approx((1 + instrument.release_seconds) * SAMPLING_RATE, abs=1)
    power, frequency = power_spectrum(waveform[: SAMPLING_RATE // 2 * 2])
    assert frequency[power.argmax()] == pytest.approx(440, abs=1.5)
    for k in (2, 3, 4):
        level = np.sqrt(power[np.abs(frequency - 440 * k) < 5].sum() / power[np.abs(frequency - 440) < 5].sum())
        expected = instrument.harmonics[(k - 1) % len(instrument.harmonics)] * k**-slope / instrument.harmonics[0]
        assert level == pytest.approx(expected, rel=0.05)
    assert power[frequency > 440 * 24.5].sum() < 1e-5 * power.sum()


def test_high_notes_do_not_alias():
    power, frequency = power_spectrum(note(INSTRUMENTS["lead"], 100, 1.0, 0.8))
    fundamental = 440 * 2 ** (31 / 12)
    off_pitch = np.abs(frequency / fundamental - np.rint(frequency / fundamental)) > 0.05
    assert power[off_pitch].sum() < 1e-4 * power.sum()


def test_songs_do_not_clip_and_loud_ones_are_louder():
    waveforms = [play(2.0, loudness=loudness) for loudness in (-2.0, 0.0, 2.0)]
    peaks_db = [20 * np.log10(np.abs(waveform).max()) for waveform in waveforms]
    np.testing.assert_allclose(peaks_db, [-19, -11, -3], atol=0.01)
    assert all(waveform.dtype == np.float32 and waveform.shape == (2 * SAMPLING_RATE,) for waveform in waveforms)


@pytest.mark.parametrize("tonic", [0, 5, 7])
def test_mode_is_heard_in_the_third_of_the_key(tonic):
    for seed in range(3):
        style = replace(IN_C, tonic=tonic)
        shares = {}
        for mode in (MAJOR, MINOR):
            waveform = synthesise(replace(NEUTRAL, mode=mode), style, 8.0, np.random.default_rng(seed))
            shares[mode] = [pitch_class_power(waveform, tonic + third) for third in (4, 3)]
        assert shares[MAJOR][0] > 4 * shares[MAJOR][1]
        assert shares[MINOR][1] > 4 * shares[MINOR][0]


def brightness(waveform):
    """Power from 1.5 to 6 kHz as a share of that from 250 Hz on."""
    power, frequency = power_spectrum(waveform)
    return power[(frequency > 1500) & (frequency < 6000)].sum() / power[frequency > 250].sum()


def silence(waveform):
    """Share of frames of 10 ms that are 40 dB below the loudest."""
    level = np.abs(waveform[: len(waveform) // 441 * 441].reshape(-1, 441)).max(axis=1)
    return (level < level.max() / 100).mean()


def pitch_height(waveform):
    """Median frequency of the power between 250 Hz and 2 kHz, where chords and melody lie."""
    power, frequency = power_spectrum(waveform)
    heard = (frequency > 250) & (frequency < 2000)
    cumulated = np.cumsum(power[heard])
    return frequency[heard][np.searchsorted(cumulated, cumulated[-1] / 2)]


@pytest.mark.parametrize(
    ("cue", "feature", "ratio"),
    [
        ("brightness", brightness, 2.0),
        ("loudness", brightness, 1.5),
        ("articulation", silence, 2.0),
        ("register", pitch_height, 1.3),
    ],
)
def test_each_cue_is_heard(cue, feature, ratio):
    low, high = (feature(play(**{cue: value})) for value in (-1.5, 1.5))
    assert high > ratio * low


@pytest.mark.parametrize("tempo", [-2.0, -0.7, 0.0, 0.7, 2.0])
def test_tempo_is_the_period_of_the_onsets(tempo):
    waveform = play(20.0, tempo=tempo)
    level = np.abs(waveform[: len(waveform) // 441 * 441].reshape(-1, 441)).sum(axis=1)
    onsets = np.convolve(np.maximum(np.diff(level), 0), np.ones(3))  # a beat is no whole number of frames
    onsets -= onsets.mean()
    autocorrelation = np.correlate(onsets, onsets, "full")[len(onsets) - 1 :]
    beat = 6000 / (104 * 2 ** (0.4 * tempo))  # frames of 10 ms
    lags = np.arange(round(0.6 * beat), round(1.4 * beat))
    assert lags[autocorrelation[lags].argmax()] == pytest.approx(beat, abs=1)
