# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""The app in a browser: upload, playback, comparison, batch and errors, without traces and without a network."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hub_folder import tiny_model
from music import chords

from modeling_ast_va.demo.songs import draw_song
from modeling_ast_va.demo.synthesis import SAMPLING_RATE, synthesise
from modeling_ast_va.hub.folder import save_hub_folder

pytest.importorskip("gradio", reason="the app needs the packages of the extra app")
sync_api = pytest.importorskip("playwright.sync_api", reason="a browser is driven by playwright")
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,  # the start of gradio takes ten seconds
    pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on the path"),
]
TIMEOUT_MILLISECONDS = 60_000
NAME = "<script>document.title='x'<\u2215script> ${1} {{value}} أغنية 🎵.mp3"  # a slash is not in names of files
# The app, whose ratings have everything that a later model predicts where the name of the song begins with "later".
APP = """
import sys
from modeling_ast_va.app.ratings import Rater
from modeling_ast_va.cli import main
from rated_songs import MOST

rate = Rater.rate

def rate_more(self, upload):
    rating = rate(self, upload)
    if upload.name.startswith("later"):
        added = {name: value for name, value in MOST.items() if name not in rating.result}
        rating.result.update(added)
    return rating

Rater.rate = rate_more
sys.exit(main(["app", *sys.argv[1:]]))
"""


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """Demo songs of eight seconds by their names, and a file that is no audio."""
    folder = tmp_path_factory.mktemp("songs")
    for i, name in enumerate((NAME, "later.mp3", "second.mp3")):
        song = draw_song(i)
        waveform = synthesise(song.cues, song.style, 8, np.random.default_rng(i))
        soundfile.write(folder / name, waveform, SAMPLING_RATE)
    (folder / "cover.mp3").write_text("no audio")
    return folder


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The address of a running app, and the folder of its temporary files, which is empty after its end."""
    folder, temporary = tmp_path_factory.mktemp("model"), tmp_path_factory.mktemp("temporary")
    save_hub_folder(*tiny_model(), folder)
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", APP, "--model", str(folder), "--device", "cpu"]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = server.stdout.readline()  # it is empty if the app has ended
    address = re.search(r"http://127\.0\.0\.1:\d+/", line)
    if address is None:
        server.kill()
        pytest.fail(server.communicate()[1])
    yield address[0], temporary
    server.send_signal(signal.SIGTERM)
    errors = server.communicate(timeout=60)[1]
    assert server.returncode == 0
    assert "Traceback" not in errors
    assert list(temporary.iterdir()) == []


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        # A browser lets pages play after a click only; containers have no sandbox.
        arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        started = playwright.chromium.launch(executable_path=BROWSER, args=arguments)
        yield started
        started.close()


@pytest.fixture
def page(app, browser):
    """The page of the app, which then has neither logged errors nor asked another host."""
    opened = browser.new_page()
    opened.set_default_timeout(TIMEOUT_MILLISECONDS)
    logged, requested = [], []
    opened.on("console", lambda message: logged.append(message.text) if message.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: logged.append(str(error)))
    opened.on("request", lambda request: requested.append(request.url))
    opened.goto(app[0])
    opened.wait_for_selector(".va-zone")
    title = opened.title()
    yield opened
    assert opened.title() == title, "the name of a song ran as a script"
    assert logged == []
    assert [url for url in requested if not url.startswith((app[0], "blob:", "data:"))] == []
    opened.close()


def drop(page, *files, zone=0):
    page.locator(".va-zone:visible input").nth(zone).set_input_files(files)


def uploads(app):
    """Files that the app keeps, once it has answered."""
    for _ in range(50):
        found = [path for path in app[1].rglob("*") if path.is_file() and "ast-va-app" in str(path)]
        if not found:
            break
        time.sleep(0.1)
    return found


def test_a_song_is_rated_and_a_point_moves_while_it_plays(app, page, songs):
    drop(page, songs / NAME)
    page.wait_for_selector(".va-card audio")
    assert page.inner_text(".va-card h3") == NAME
    assert uploads(app) == []
    assert page.get_attribute(".va-now", "visibility") == "hidden"
    page.wait_for_function("document.querySelector('.va-card audio').duration > 7")  # plays the copy of the page
    page.evaluate("document.querySelector('.va-card audio').muted = true")
    page.evaluate("document.querySelector('.va-card audio').play()")
    places = set()
    for _ in range(40):
        page.wait_for_timeout(250)
        places.add((page.get_attribute(".va-now", "transform"), page.get_attribute(".va-cursor", "transform")))
        if len(places) > 4:
            break
    assert len({plane for plane, _ in places} - {None}) > 2
    assert len({cursor for _, cursor in places} - {None}) > 2
    page.evaluate("document.querySelector('.va-card audio').pause()")


def test_a_click_in_the_course_is_a_moment_of_the_song(page, songs):
    drop(page, songs / "later.mp3")
    page.wait_for_function("document.querySelector('.va-card audio')?.duration > 7")
    text = page.inner_text(".va-card")
    assert "90 % interval 4.9–7.3. More pleasant than 81 % of the songs of the data set." in text
    assert "73 % likely" in text
    frame = page.locator(".va-course .va-frame")
    # Playwright scrolls to the place, which may lie below the window; a line of the course may lie over the frame.
    frame.click(position={"x": frame.bounding_box()["width"] / 2, "y": 10}, force=True)
    page.wait_for_function("document.querySelector('.va-card audio').currentTime > 3.5")
    page.wait_for_function("document.querySelector('.va-moment').textContent.startsWith('At 0:0')")
    assert page.evaluate("document.querySelector('.va-card audio').currentTime") == pytest.approx(4, abs=0.3)
    # half a second after a frame and before the next
    assert page.inner_text(".va-moment").endswith("valence 6.4, arousal 3.6")


def test_errors_are_messages(app, page, songs, tmp_path):
    drop(page, songs / "cover.mp3")
    page.wait_for_selector(".va-error")
    assert page.inner_text(".va-error").startswith("Not rated: cover.mp3")
    assert "Expected an audio file, but" in page.inner_text(".va-error")
    assert uploads(app) == []
    large = tmp_path / "large.wav"
    with large.open("wb") as file:
        file.truncate(10**8 + 10**6)
    drop(page, large)
    page.wait_for_selector(".va-state.va-failed")
    expected = "large.wav: expected a file of at most 100 MB, but got 101.0 MB."
    assert page.inner_text(".va-state") == expected
    drop(page, songs / "second.mp3")  # the next song is rated as ever
    page.wait_for_selector(".va-card audio")
    assert page.inner_text(".va-state") == ""


def test_two_songs_are_compared(page, songs):
    page.get_by_role("tab", name="Compare").click()
    drop(page, songs / NAME)
    page.wait_for_selector(".va-card audio")
    assert page.locator(".va-comparison").count() == 0
    drop(page, songs / "later.mp3", zone=1)
    page.wait_for_selector(".va-comparison")
    assert page.inner_text(".va-comparison h3").startswith("Compared with A, B is ")
    assert page.locator(".va-comparison .va-point").count() == 2
    page.wait_for_function("[...document.querySelectorAll('audio')].filter((one) => one.duration > 7).length == 2")
    for i in range(2):  # one song at a time plays
        page.evaluate(f"document.querySelectorAll('audio')[{i}].play()")
        assert page.evaluate("[...document.querySelectorAll('audio')].map((one) => !one.paused)") == [i == 0, i == 1]


def test_several_songs_are_a_table_a_map_and_a_file(app, page, songs):
    page.get_by_role("tab", name="Several").click()
    drop(page, *sorted(songs.iterdir()))
    page.wait_for_selector(".va-batch a")
    assert page.inner_text(".va-batch h3") == "3 of 4 songs rated"
    assert page.locator(".va-batch tbody tr").count() == 4
    assert page.locator(".va-batch .va-point").count() == 3
    assert uploads(app) == []
    with page.expect_download() as download:
        page.click(".va-batch a")
    assert download.value.suggested_filename == "emotions.csv"
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 5
    assert any(NAME in line for line in lines)


def test_people_who_wait_see_their_place(app, browser, songs):
    """Twenty people at a time are served in turn, also if they bring the same song."""
    script = (
        "for (const type of ['processing', 'queue']) if (document.body.innerText.includes(type)) window.seen.add(type)"
    )
    soundfile.write(songs / "long.wav", chords(600.0, 8000), 8000)  # takes longer to rate than to drop
    pages = [browser.new_page() for _ in range(20)]
    for one in pages:
        one.set_default_timeout(4 * TIMEOUT_MILLISECONDS)
        one.goto(app[0])
        one.wait_for_selector(".va-zone")
        one.evaluate(f"window.seen = new Set(); setInterval(() => {{ {script} }}, 20)")
    for one in pages:
        drop(one, songs / "long.wav")
    for one in pages:
        one.wait_for_selector(".va-card audio")
        assert one.inner_text(".va-card h3") == "long.wav"
    assert any("queue" in one.evaluate("[...window.seen]") for one in pages)
    assert uploads(app) == []
    for one in pages:
        one.close()
