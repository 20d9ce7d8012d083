# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Tests of downloads, from a web server on this machine."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import soundfile
from music import chords

from modeling_ast_va import download_ast_va
from modeling_ast_va.audio_ast_va import decode
from modeling_ast_va.decoding_ast_va import AudioError

RATE = 22_050
SENT_SLOWLY = [0]  # bytes that the server has sent to the last client of /slow


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("audio") / "song.flac"
    soundfile.write(path, chords(3.0, RATE), RATE)
    return path.read_bytes()


@pytest.fixture(scope="module")
def server(content):
    """Address of a web server whose answers depend on the path."""
    redirects = {
        "/redirect": "/song.flac",
        "/file": "file:///etc/hostname",
        "/ftp": "ftp://127.0.0.1/song.flac",
        "/local": "http://10.1.2.3/song.flac",
        "/circle": "/circle",
    }

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def do_GET(self):
            if self.path in redirects:
                self.send_response(302)
                self.send_header("Location", redirects[self.path])
                self.end_headers()
                return
            self.send_response(404 if self.path == "/missing" else 200)
            if self.path != "/endless":
                self.send_header("Content-Length", str(len(content) * (2 if self.path == "/half" else 1)))
            self.end_headers()
            try:
                if self.path == "/slow":
                    for position in range(0, len(content), 10):
                        self.wfile.write(content[position : position + 10])
                        SENT_SLOWLY[0] = position
                        time.sleep(0.05)
                while self.path == "/endless":
                    self.wfile.write(bytes(2**16))
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the client has left

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        threading.Thread(target=http_server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http_server.server_port}"
        http_server.shutdown()


@pytest.mark.parametrize("path", ["/song.flac", "/redirect"])
def test_a_song_is_downloaded(server, content, path):
    np.testing.assert_array_equal(decode(server + path, RATE), decode(content, RATE))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/missing", "cannot be downloaded .*404"),
        ("/half", r"states \d+ bytes and sends \d+"),
        ("/file", "cannot be downloaded .*file:///etc/hostname"),
        ("/ftp", "redirects to ftp://127.0.0.1/song.flac, which is neither http nor https"),
        ("/circle", "cannot be downloaded .*redirect"),
        ("/endless", "exceeds the limit of a download, 0.00195312 GiB and 1 s"),
    ],
)
def test_downloads_that_are_refused(server, monkeypatch, path, message):
    monkeypatch.setattr(download_ast_va, "MAX_DOWNLOAD_BYTES", 2**21)
    monkeypatch.setattr(download_ast_va, "MAX_DOWNLOAD_SECONDS", 1.0)
    with pytest.raises(AudioError, match=f"^{server}{path}: expected an audio file, but .*{message}"):
        decode(server + path, RATE)


def test_the_limit_of_time_does_not_wait_for_a_chunk(server, monkeypatch):
    monkeypatch.setattr(download_ast_va, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(download_ast_va, "MAX_DOWNLOAD_SECONDS", 0.2)
    with pytest.raises(AudioError, match="exceeds the limit"):
        decode(f"{server}/slow", RATE)
    assert SENT_SLOWLY[0] < download_ast_va.CHUNK_BYTES / 2


def test_a_file_that_is_announced_too_large_is_not_downloaded(server, monkeypatch, content):
    monkeypatch.setattr(download_ast_va, "MAX_DOWNLOAD_BYTES", len(content) - 1)
    with pytest.raises(AudioError, match="exceeds the limit"):
        decode(f"{server}/song.flac", RATE)


def test_a_redirect_from_the_internet_into_a_local_network_is_refused(server, monkeypatch):
    original = download_ast_va._is_local
    monkeypatch.setattr(download_ast_va, "_is_local", lambda url: not url.startswith(server) and original(url))
    with pytest.raises(AudioError, match=f"^{server}/local: .* redirects to http://10.1.2.3/song.flac, in a local"):
        decode(f"{server}/local", RATE)
    local = ("http://127.0.0.1:80/", "http://10.0.0.1/", "http://192.168.1.1/", "http://[::1]/", "http://169.254.1.1/")
    assert [original(url) for url in (*local, "http://8.8.8.8/")] == [True] * 5 + [False]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/song.mp3", "http://127.0.0.1:port/song.mp3", "http://", "http://a b/"]
)
def test_addresses_without_a_server(url):
    with pytest.raises(AudioError, match="cannot be downloaded"):
        decode(url, RATE)
