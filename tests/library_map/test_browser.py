# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The page in a browser: it loads without errors and network, and its controls do what they say."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from map_pages import failed_song, frames_of, quadrant_of, rated_song, write_rows

from modeling_ast_va.library_map import make_map

pytest.importorskip("plotly", reason="plotly is in the extra map")
api = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    pytest.skip("needs an installed Chromium", allow_module_level=True)

PLANE = "document.getElementById('plane')"
MILLISECONDS = 300_000  # for machines that do much else
SCREEN = {"width": 1280, "height": 800}
SCRIPT = "</script><script>window.wasRun = true</script>"
SONGS = [
    rated_song("music/one tone.wav", 6.5, 7.0, title="Träume & <b>more</b>", artist="Ada", album="First"),
    rated_song("music/two.wav", 7.5, 3.0, title=SCRIPT, artist="Bo"),
    rated_song("music/أغنية.mp3", 2.5, 2.0, title="أغنية", artist="فيروز"),
    rated_song("music/emoji \U0001f389.mp3", 2.0, 8.0, artist='O"Neil'),
    rated_song("https://a.invalid/five.mp3?x=1", 3.0, 7.5, title="Five", artist="Ada"),
    rated_song("s3://bucket/six.mp3", 8.0, 6.0, title="Six", artist="Adam"),
    rated_song("music/line\nbreak.mp3", 4.0, 4.0, title="Seven"),
    failed_song("music/<i>broken</i>.mp3", "no <audio>"),
]


class Page:
    """A page in a browser, with what it has requested and the errors of its console."""

    def __init__(self, browser, file: Path, script: str = "", **options):
        self.context = browser.new_context(**{"viewport": SCREEN, **options})
        self.context.set_default_timeout(MILLISECONDS)
        self.page, self.errors, self.requests = self.context.new_page(), [], []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._note)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.route(re.compile("^https?:"), lambda route: route.abort())
        self.page.add_init_script(script)
        self.page.goto(file.as_uri())
        self.page.wait_for_selector("[data-drawn]", state="attached")
        self.first_errors, self.first_requests = list(self.errors), list(self.requests)

    def _note(self, message):
        if message.type == "error":
            self.errors.append(message.text)

    def point(self, valence, arousal):
        """Where a place of the plane is on the screen."""
        script = f"""([valence, arousal]) => {{
            const {{xaxis, yaxis}} = {PLANE}._fullLayout, box = {PLANE}.getBoundingClientRect();
            return [box.left + xaxis._offset + xaxis.d2p(valence), box.top + yaxis._offset + yaxis.d2p(arousal)];
        }}"""
        return self.page.evaluate(script, [valence, arousal])

    def move_to(self, valence, arousal):
        x, y = self.point(valence, arousal)
        self.page.mouse.move(x + 3, y + 3)
        self.page.mouse.move(x, y)

    def drag(self, corners):
        for step, corner in enumerate(corners):
            self.page.mouse.move(*self.point(*corner), steps=3)
            if step == 0:
                self.page.mouse.down()
        self.page.mouse.up()

    def expect_shown(self, text):
        api.expect(self.page.locator("#shown")).to_have_text(text, timeout=MILLISECONDS)

    def titles(self):
        return self.page.locator("#songs .title").all_inner_texts()


@pytest.fixture(scope="module")
def browser():
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, timeout=MILLISECONDS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a map of a few songs, two of which can be played."""
    folder = tmp_path_factory.mktemp("map")
    (folder / "music").mkdir()
    for name in ("one tone", "two"):
        soundfile.write(folder / "music" / f"{name}.wav", 0.1 * np.sin(np.arange(16_000) / 9), 8000)
    rows = [{**song, "path": absolute(folder, song["path"])} for song in SONGS]
    course = frames_of(rows[0]["path"], [(6.0, 7.0), (6.5, 7.0), (7.0, 7.0), (6.5, 7.0)])
    table = write_rows(folder / "songs.parquet", rows)
    make_map(table, folder / "map.html", course=write_rows(folder / "frames.parquet", course))
    return folder


def absolute(folder, path):
    return path if "://" in path else str(folder / path)


@pytest.fixture(scope="module")
def opened(browser, folder):
    page = Page(browser, folder / "map.html")
    yield page
    page.context.close()


@pytest.fixture
def page(opened):
    """The map without filters; no test may leave an error."""
    opened.page.mouse.move(0, 0)
    opened.page.get_by_role("button", name="Move").click()
    if opened.page.locator("#clear").is_visible():
        opened.page.locator("#clear").click()
    opened.expect_shown("All 7 songs")
    opened.errors.clear()
    yield opened
    assert opened.errors == []


def test_it_loads_without_errors_and_requests_nothing_else(page, folder):
    assert page.first_errors == []
    assert page.first_requests == [(folder / "map.html").as_uri()]
    assert page.page.locator("#plane .point").count() == 7


def test_names_are_text(page):
    assert page.titles() == ["Träume & <b>more</b>", SCRIPT, "أغنية", "emoji \U0001f389", "Five", "Six", "Seven"]
    labels = page.page.locator("#plane .textpoint").all_text_contents()
    assert {"Träume & <b>more</b>", f"{SCRIPT[:27]}…", "أغنية"} <= set(labels)
    assert page.page.evaluate("window.wasRun") is None
    assert page.page.locator("#songs b, #songs script, #unrated i").count() == 0
    page.page.locator("#unrated summary").click()
    assert page.page.locator("#unrated summary").inner_text() == "1 song could not be rated"
    assert page.page.locator("#unrated li").inner_text().split("\n")[0].endswith("<i>broken</i>.mp3")
    assert page.page.locator("#unrated small").inner_text() == "no <audio>"
    page.page.locator("#unrated summary").click()


def test_the_point_under_the_pointer_is_described(page):
    page.move_to(6.5, 7.0)
    card = page.page.locator("#hover")
    card.wait_for(state="visible")
    expected = [
        "Träume & <b>more</b>",
        "Ada",
        "First",
        "6.5",
        "6.0 to 7.0",
        "more pleasant than 68 % of the data set",
        "7.0",
    ]
    expected += ["6.3 to 7.8", "more excited than 12 % of the data set", "Excited, probability 81 %"]
    text = card.inner_text()
    assert [part for part in expected if part not in text] == []
    page.move_to(5.0, 5.0)
    card.wait_for(state="hidden")


def test_search_finds_words_without_case_and_accents(page):
    for words, titles in (
        ("TRAUME", ["Träume & <b>more</b>"]),
        ("ada five", ["Five"]),
        ("first", ["Träume & <b>more</b>"]),  # the album
        ("bucket", ["Six"]),  # the path
        ("أغنية", ["أغنية"]),
        ("nothing like it", []),
    ):
        page.page.fill("#search", words)
        api.expect(page.page.locator("#songs .title")).to_have_text(titles, timeout=MILLISECONDS)
        page.expect_shown(f"{len(titles)} of 7 songs")
    assert page.page.locator("#download").is_disabled()


def test_artists_are_chosen_by_name_or_a_part_of_it(page):
    page.page.fill("#artist", "ada")
    page.expect_shown("2 of 7 songs")
    assert page.titles() == ["Träume & <b>more</b>", "Five"]  # not those of Adam
    page.page.fill("#artist", "neil")
    page.expect_shown("1 of 7 songs")
    options = page.page.locator("#artists option").evaluate_all("all => all.map(one => one.value)")
    assert sorted(options) == sorted({song["artist"] for song in SONGS[:6]})


def test_quadrants_and_ranges_by_keyboard(page):
    calm = page.page.get_by_role("button", name="Calm")
    calm.focus()
    page.page.keyboard.press("Space")
    page.expect_shown("1 of 7 songs")
    assert page.titles() == [SCRIPT]
    assert calm.get_attribute("aria-pressed") == "true"
    page.page.get_by_role("button", name="Distressed").click()
    page.expect_shown("3 of 7 songs")
    lowest = page.page.get_by_role("slider", name="Lowest arousal")
    lowest.focus()
    page.page.keyboard.press("End")
    page.page.keyboard.press("ArrowLeft")
    page.expect_shown("0 of 7 songs")
    assert page.page.locator(".range[data-dimension=arousal] output").inner_text() == "8.9 to 9.0"
    lowest.fill("7.6")
    page.expect_shown("1 of 7 songs")
    page.page.get_by_role("slider", name="Highest arousal").fill("2")  # does not pass the other one
    page.expect_shown("0 of 7 songs")
    assert page.page.locator(".range[data-dimension=arousal] output").inner_text() == "7.6 to 7.6"


def test_a_box_and_a_lasso_select_songs_for_a_playlist(page, folder):
    page.page.get_by_role("button", name="Box").click()
    page.drag([(6.0, 7.5), (8.5, 2.5)])
    page.expect_shown("3 of 7 songs in the selection")
    with page.page.expect_download() as download:
        page.page.locator("#download").click()
    assert download.value.suggested_filename == "music-map.m3u8"
    assert download.value.path().read_text("utf-8").splitlines() == [
        "#EXTM3U",
        "#EXTINF:-1,Ada - Träume & <b>more</b>",
        str(folder / "music" / "one tone.wav"),
        f"#EXTINF:-1,Bo - {SCRIPT}",
        str(folder / "music" / "two.wav"),
        "#EXTINF:-1,Adam - Six",
        "s3://bucket/six.mp3",
    ]
    page.page.get_by_role("button", name="Lasso").click()
    page.drag([(1.5, 1.5), (3.5, 1.5), (3.5, 3.0), (1.5, 3.0), (1.5, 1.6)])
    page.expect_shown("4 of 7 songs in the selection")
    page.page.get_by_role("button", name="Sad").click()
    page.expect_shown("1 of 7 songs in the selection")


def test_the_playlist_of_a_filter_names_what_it_leaves_out(page):
    page.page.fill("#artist", "")
    page.page.get_by_role("button", name="Sad").click()
    page.expect_shown("2 of 7 songs")
    with page.page.expect_download() as download:
        page.page.locator("#download").click()
    lines = download.value.path().read_text("utf-8").splitlines()
    assert lines[1:2] + lines[3:] == ["#EXTINF:-1,فيروز - أغنية"]
    assert page.page.locator("#left-out").inner_text().endswith("line breaks or last spaces in names: 1.")


def test_a_click_plays_the_file_and_draws_its_course(page):
    page.move_to(6.5, 7.0)
    page.page.mouse.down()
    page.page.mouse.up()
    page.page.wait_for_function("document.getElementById('audio').duration > 1.9")
    assert page.page.locator("#audio").get_attribute("src") == "music/one%20tone.wav"
    assert page.page.locator("#playing-title").inner_text() == "Träume & <b>more</b>"
    assert page.page.locator("#problem").is_hidden()
    valence = page.page.locator("#course").evaluate("course => Array.from(course.data[0].y)")
    np.testing.assert_allclose(valence, [6.0, 6.5, 7.0, 6.5], atol=0.02)
    page.page.locator("#songs button").nth(1).focus()
    page.page.keyboard.press("Enter")
    page.page.wait_for_function("document.getElementById('audio').src.endsWith('/music/two.wav')")
    assert page.page.locator("#course-figure").is_hidden()
    assert page.page.locator("#songs [aria-current]").inner_text().startswith(SCRIPT)


@pytest.mark.parametrize(
    ("title", "problem"),
    [
        ("أغنية", "This file cannot be played. .* does not support its format: /.*/music/أغنية.mp3"),
        ("emoji \U0001f389", "This file cannot be played. .*: /.*/music/emoji \U0001f389.mp3"),
        ("Six", "A browser cannot play from this address: s3://bucket/six.mp3"),
    ],
)
def test_a_file_that_cannot_be_played_is_named(page, title, problem):
    page.page.locator("#songs button", has_text=title).click()
    api.expect(page.page.locator("#problem")).to_have_text(re.compile(problem), timeout=MILLISECONDS)
    page.errors.clear()  # the browser logs a file that is not there


def test_addresses_of_the_web_are_played_as_they_are(page):
    with page.page.expect_request("https://a.invalid/five.mp3?x=1"):
        page.page.locator("#songs button", has_text="Five").click()
    page.page.locator("#problem").wait_for(state="visible")
    page.errors.clear()  # there is no such server


def test_the_map_is_zoomed_and_shown_whole(page):
    def ranges():
        return page.page.evaluate(f"[{PLANE}.layout.xaxis.range, {PLANE}.layout.yaxis.range]")

    whole = [[1, 9], [1, 9]]
    assert ranges() == whole
    page.page.get_by_role("button", name="Zoom in").click()
    assert ranges()[0] == pytest.approx([5 - 4 / 1.4, 5 + 4 / 1.4])
    page.page.get_by_role("button", name="Fit").click()
    assert ranges()[0] == pytest.approx([2.0 - 0.36, 8.0 + 0.36])
    page.page.get_by_role("button", name="All").click()
    assert ranges() == whole


def test_dark_colours_and_a_phone(browser, folder):
    page = Page(browser, folder / "map.html", viewport={"width": 390, "height": 844}, color_scheme="dark")
    assert page.page.evaluate(f"{PLANE}.data[3].marker.color") == "#56b4e9"
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 390
    page.page.emulate_media(color_scheme="light")
    page.page.wait_for_function(f"{PLANE}.data[3].marker.color === '#0072b2'")
    assert page.errors == []
    page.context.close()


@pytest.fixture(scope="module")
def large_map(tmp_path_factory):
    """A map of 20,000 songs with courses."""
    folder = tmp_path_factory.mktemp("large")
    generator = np.random.default_rng(0)
    ratings = np.clip(generator.normal(5, 1.2, (20_000, 2)), 1, 9)
    rows = [
        rated_song(f"/music/artist {i // 9}/song {i}.mp3", *pair, title=f"Song {i}", artist=f"Artist {i // 9}")
        for i, pair in enumerate(ratings)
    ]
    frames = {"path": np.repeat([row["path"] for row in rows], 40), "time": np.tile(np.arange(40) / 2, len(rows))}
    frames |= dict(zip(("valence", "arousal"), np.repeat(ratings, 40, axis=0).T))
    course = write_rows(folder / "frames.parquet", frames)
    make_map(write_rows(folder / "songs.parquet", rows), folder / "map.html", course=course)
    return folder / "map.html", ratings


@pytest.mark.slow
def test_twenty_thousand_songs(browser, large_map):
    file, ratings = large_map
    assert file.stat().st_size < 10_000_000
    page = Page(browser, file)
    kinds = page.page.evaluate(f"{PLANE}.data.map(one => one.type)")
    assert kinds == [*["scattergl"] * 5, "contour"]
    page.expect_shown("All 20,000 songs")
    page.page.get_by_role("button", name="Excited").click()
    page.page.fill("#artist", "Artist 1002")
    of_artist = range(9 * 1002, 9 * 1003)
    expected = [f"Song {i}" for i in of_artist if quadrant_of(*ratings[i]) == "Excited"]
    page.expect_shown(f"{len(expected)} of 20,000 songs")
    assert page.titles() == expected
    assert page.errors == []
    page.context.close()


def test_without_webgl_the_points_are_drawn_all_the_same(browser, tmp_path):
    rows = [rated_song(f"{i}.mp3", 1 + 8 * i / 1100, 5.5) for i in range(1100)]
    make_map(write_rows(tmp_path / "songs.parquet", rows), tmp_path / "map.html")
    page = Page(browser, tmp_path / "map.html", "HTMLCanvasElement.prototype.getContext = () => null")
    assert page.page.locator("#plane .point").count() == 1100
    assert page.errors == []
    page.context.close()
